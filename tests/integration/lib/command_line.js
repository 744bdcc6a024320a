// SPDX-License-Identifier: Apache-2.0
// What the command lines of all test runners share: options, the files of tests, engines times reactors, the end.

import { readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { define_tests } from './runner.js';

// What the reporter waits for, and calls before the process ends.
export const end_of_run = { groups: Infinity, finish: async () => {} };

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

// Gives the test files beside `url` (a module's import.meta.url) to node's test runner; `finish` is called at the end.
export async function run_tests(url, { bin, values, test_ms }, finish = async () => {}) {
  const files = readdirSync(new URL('.', url)).filter((name) => name.endsWith('.test.js') && name.includes(values.file));
  for (const file of files.sort()) await import(new URL(file, url));
  const combinations = values.io.split(',').flatMap((io) => values.reactors.split(',').map((reactors) => ({ io, reactors: Number(reactors) })));
  Object.assign(end_of_run, { groups: combinations.length, finish });
  const { only, shuffle } = values;
  define_tests(combinations, { bin, suites_at_once: Number(values.jobs), tests_at_once: values['at-once'] && Number(values['at-once']), only, shuffle, test_ms });
}
