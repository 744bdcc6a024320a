// SPDX-License-Identifier: Apache-2.0
// The command line of the integration tests.

import { command_line, run_tests } from './lib/command_line.js';

const kHelp = `Usage: tests/integration/run [BINARY] [options]

  BINARY             the server under test; else from RINGCAST_BIN
  --io LIST          engines, e.g. uring,epoll   (RINGCAST_IO, default uring,epoll)
  --reactors LIST    reactor counts, e.g. 1,2,4  (RINGCAST_REACTORS, default 1,2,4)
  --file TEXT        only test files whose name has TEXT in it
  --only TEXT        only tests whose "suite: title" has TEXT in it
  --jobs N           suites at once              (default 6)
  --at-once N        tests of a suite at once    (default 6)
  --shuffle SEED     the tests of a suite in an order that is this seed's`;

await run_tests(import.meta.url, command_line(kHelp, { io: 'uring,epoll', reactors: '1,2,4', jobs: 6 }));
