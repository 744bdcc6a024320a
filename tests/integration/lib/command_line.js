// SPDX-License-Identifier: Apache-2.0
// What the command lines of all test runners share: options, the files of tests, engines times reactors, the end.

import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Runner } from './runner.js';

// `defaults`: io, reactors, jobs, test_ms (a test's deadline); `more`: a runner's own options, as parseArgs has them.
export function command_line(help, defaults, more = {}) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      io: { type: 'string', default: process.env.RINGCAST_IO ?? defaults.io },
      reactors: { type: 'string', default: process.env.RINGCAST_REACTORS ?? defaults.reactors },
      file: { type: 'string', default: '' },
      only: { type: 'string', default: '' },
      jobs: { type: 'string', default: String(defaults.jobs) },
      'at-once': { type: 'string' },
      shuffle: { type: 'string', default: '' },
      junit: { type: 'string', default: '' },
      verbose: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      ...more,
    },
  });
  const bin = positionals[0] ?? process.env.RINGCAST_BIN;
  if (values.help || !bin) {
    console.log(help);
    process.exit(values.help ? 0 : 2);
  }
  return { bin, values, test_ms: defaults.test_ms };
}

// Runs the test files beside `url` (a module's import.meta.url) and ends the process; `finish` is called before that.
export async function run_tests(url, { bin, values, test_ms }, finish = async () => {}) {
  const files = readdirSync(new URL('.', url)).filter((name) => name.endsWith('.test.js') && name.includes(values.file));
  for (const file of files.sort()) await import(new URL(file, url));
  const combinations = values.io.split(',').flatMap((io) => values.reactors.split(',').map((reactors) => ({ io, reactors: Number(reactors) })));
  const { only, shuffle, verbose, junit } = values;
  const runner = new Runner({ bin, suites_at_once: Number(values.jobs), tests_at_once: values['at-once'] && Number(values['at-once']), only, shuffle, verbose, junit, test_ms });
  // What a test left behind unheeded is a failure of its own; the others go on.
  for (const event of ['unhandledRejection', 'uncaughtException']) {
    process.on(event, (error) => {
      if (process.listenerCount(event) > 1) return;  // a test waits for it
      runner.report(`${event} outside of any test`, 'failed', 0, error);
    });
  }
  const passed = await runner.run(combinations);
  await finish();
  // The exit is said explicitly: a client that a failed test left behind must not keep the runner alive.
  process.exit(passed ? 0 : 1);
}
