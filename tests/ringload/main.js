// SPDX-License-Identifier: Apache-2.0
// The command line of the load generator's tests. They use the runner of the integration tests.

import { dirname } from 'node:path';
import { command_line, run_tests } from '../integration/lib/command_line.js';
import { use_ringload } from './lib/ringload.js';

const kHelp = `Usage: tests/ringload/run [BINARY] [options]

  BINARY             the server that load is put on; else from RINGCAST_BIN
  --ringload BINARY  the generator under test  (RINGLOAD_BIN, default: of the same build)
  --io LIST          engines of both           (RINGCAST_IO, default uring,epoll)
  --reactors LIST    reactor counts            (RINGCAST_REACTORS, default 2)
  --file TEXT        only test files whose name has TEXT in it
  --only TEXT        only tests whose "suite: title" has TEXT in it
  --jobs N           suites at once          (default 3)
  --at-once N        tests of a suite at once (default 6)
  --shuffle SEED     the tests of a suite in an order that is this seed's`;

const given = command_line(kHelp, { io: 'uring,epoll', reactors: '2', jobs: 3 }, {
  ringload: { type: 'string', default: process.env.RINGLOAD_BIN ?? '' },
});
use_ringload(given.values.ringload || `${dirname(given.bin)}/../../tools/ringload/ringload`);
await run_tests(import.meta.url, given);
