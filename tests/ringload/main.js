// The command line of the load generator's tests. They use the runner of the integration tests.

import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Runner } from '../integration/lib/runner.js';
import { use_ringload } from './lib/ringload.js';

const kHelp = `Usage: tests/ringload/run [BINARY] [options]

  BINARY             the server that load is put on; else from RINGCAST_BIN
  --ringload BINARY  the generator under test  (RINGLOAD_BIN, default: of the same build)
  --io LIST          engines of both           (RINGCAST_IO, default uring,epoll)
  --reactors LIST    reactor counts            (RINGCAST_REACTORS, default 2)
  --file TEXT        only test files whose name has TEXT in it
  --only TEXT        only tests whose "suite: title" has TEXT in it
  --junit FILE       write the results as JUnit XML too
  --verbose          say how long each test took`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ringload: { type: 'string', default: process.env.RINGLOAD_BIN ?? '' },
    io: { type: 'string', default: process.env.RINGCAST_IO ?? 'uring,epoll' },
    reactors: { type: 'string', default: process.env.RINGCAST_REACTORS ?? '2' },
    file: { type: 'string', default: '' },
    only: { type: 'string', default: '' },
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
use_ringload(values.ringload || `${dirname(bin)}/../../tools/ringload/ringload`);
const folder = dirname(fileURLToPath(import.meta.url));
for (const file of readdirSync(folder).filter((name) => name.endsWith('.test.js') && name.includes(values.file)).sort()) {
  await import(`./${file}`);
}
const combinations = values.io.split(',').flatMap((io) => values.reactors.split(',').map((reactors) => ({ io, reactors: Number(reactors) })));
const runner = new Runner({ bin, suites_at_once: 3, only: values.only, verbose: values.verbose, junit: values.junit });
process.exit(await runner.run(combinations) ? 0 : 1);
