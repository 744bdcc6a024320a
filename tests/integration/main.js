// The command line of the integration tests.

import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Runner } from './lib/runner.js';

const kHelp = `Usage: tests/integration/run [BINARY] [options]

  BINARY             the server under test; else from RINGCAST_BIN
  --io LIST          engines, e.g. uring,epoll   (RINGCAST_IO, default uring,epoll)
  --reactors LIST    reactor counts, e.g. 1,2,4  (RINGCAST_REACTORS, default 1,2,4)
  --file TEXT        only test files whose name has TEXT in it
  --only TEXT        only tests whose "suite: title" has TEXT in it
  --jobs N           suites at once              (default 3)
  --junit FILE       write the results as JUnit XML too
  --verbose          say how long each test took`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    io: { type: 'string', default: process.env.RINGCAST_IO ?? 'uring,epoll' },
    reactors: { type: 'string', default: process.env.RINGCAST_REACTORS ?? '1,2,4' },
    file: { type: 'string', default: '' },
    only: { type: 'string', default: '' },
    jobs: { type: 'string', default: '3' },
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

const folder = dirname(fileURLToPath(import.meta.url));
for (const file of readdirSync(folder).filter((name) => name.endsWith('.test.js') && name.includes(values.file)).sort()) {
  await import(`./${file}`);
}
const combinations = values.io.split(',').flatMap((io) => values.reactors.split(',').map((reactors) => ({ io, reactors: Number(reactors) })));
const runner = new Runner({ bin, suites_at_once: Number(values.jobs), only: values.only, verbose: values.verbose, junit: values.junit });
// The exit is said explicitly: a client that a failed test left behind must not keep the runner alive.
process.exit(await runner.run(combinations) ? 0 : 1);
