// SPDX-License-Identifier: Apache-2.0
// The command line of the client's tests. They use the runner of the integration tests.

import { close_browser } from '../browser/browser.js';
import { command_line, run_tests } from '../integration/lib/command_line.js';

const kHelp = `Usage: tests/client/run [BINARY] [options]

  BINARY             the server under test; else from RINGCAST_BIN
  --io LIST          engines                     (RINGCAST_IO, default uring)
  --reactors LIST    reactor counts              (RINGCAST_REACTORS, default 2)
  --file TEXT        only test files whose name has TEXT in it
  --only TEXT        only tests whose "suite: title" has TEXT in it
  --jobs N           suites at once            (default 2)
  --at-once N        tests of a suite at once  (default 6)
  --shuffle SEED     the tests of a suite in an order that is this seed's
  RINGCAST_CHROMIUM  the browser (default /usr/bin/chromium); without it the tests of scripts and pages are skipped`;

await run_tests(import.meta.url, command_line(kHelp, { io: 'uring', reactors: '2', jobs: 2 }), close_browser);
