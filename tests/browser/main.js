// The command line of the browser tests. They use the runner of the integration tests.

import { parseArgs } from 'node:util';
import { Runner } from '../integration/lib/runner.js';
import { close_browser, use_screenshots } from './browser.js';
import './chat_page.test.js';
import './dashboard.test.js';
import './files.test.js';
import './report_page.test.js';
import './shared_client.test.js';

const kHelp = `Usage: tests/browser/run [BINARY] [options]

  BINARY             the server under test; else from RINGCAST_BIN
  --io LIST          engines                     (RINGCAST_IO, default uring)
  --reactors LIST    reactor counts              (RINGCAST_REACTORS, default 2)
  --only TEXT        only tests whose "suite: title" has TEXT in it
  --screenshots DIR  keep pictures of the page there
  --junit FILE       write the results as JUnit XML too
  RINGCAST_CHROMIUM  the browser (default /usr/bin/chromium); without it the tests are skipped`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    io: { type: 'string', default: process.env.RINGCAST_IO ?? 'uring' },
    reactors: { type: 'string', default: process.env.RINGCAST_REACTORS ?? '2' },
    only: { type: 'string', default: '' },
    screenshots: { type: 'string', default: '' },
    junit: { type: 'string', default: '' },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const bin = positionals[0] ?? process.env.RINGCAST_BIN;
if (values.help || !bin) {
  console.log(kHelp);
  process.exit(values.help ? 0 : 2);
}
use_screenshots(values.screenshots);
const combinations = values.io.split(',').flatMap((io) => values.reactors.split(',').map((reactors) => ({ io, reactors: Number(reactors) })));
const runner = new Runner({ bin, suites_at_once: 1, only: values.only, verbose: values.verbose, junit: values.junit });
const passed = await runner.run(combinations);
await close_browser();
process.exit(passed ? 0 : 1);
