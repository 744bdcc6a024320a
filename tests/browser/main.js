// SPDX-License-Identifier: Apache-2.0
// The command line of the browser tests. They use the runner of the integration tests.

import { command_line, run_tests } from '../integration/lib/command_line.js';
import { close_browser, use_screenshots } from './browser.js';

const kHelp = `Usage: tests/browser/run [BINARY] [options]

  BINARY             the server under test; else from RINGCAST_BIN
  --io LIST          engines                     (RINGCAST_IO, default uring)
  --reactors LIST    reactor counts              (RINGCAST_REACTORS, default 2)
  --file TEXT        only test files whose name has TEXT in it
  --only TEXT        only tests whose "suite: title" has TEXT in it
  --screenshots DIR  keep pictures of the page there
  --jobs N           suites at once            (default 3)
  --at-once N        tests of a suite at once  (default 6)
  --shuffle SEED     the tests of a suite in an order that is this seed's
  RINGCAST_CHROMIUM  the browser (default /usr/bin/chromium); without it the tests are skipped`;

// Each tab is a process that has to start.
const kTestMs = 240000;

const given = command_line(kHelp, { io: 'uring', reactors: '2', jobs: 3, test_ms: kTestMs }, { screenshots: { type: 'string', default: '' } });
use_screenshots(given.values.screenshots);
await run_tests(import.meta.url, given, close_browser);
