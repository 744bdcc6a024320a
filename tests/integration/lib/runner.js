// SPDX-License-Identifier: Apache-2.0
// Suites, tests and how node's test runner runs them: one server per suite, suites side by side, tests of a suite side
// by side unless they ask to be alone. Every combination of engine and reactors runs the whole again.

import { createHash } from 'node:crypto';
import { before, describe, test } from 'node:test';
import { Skip, TestContext } from './context.js';
import { within } from './deadline.js';
import { Server } from './server.js';

const kTestMs = 90000;
const kTestsAtOnce = 6;
const suites = [];

// options: settings (an object, or a function of the combination), server: false for suites that start their own.
// `define(test)` calls test(title, [options], body).
export function suite(name, options, define) {
  const tests = [];
  define((title, ...rest) => {
    const body = rest.pop();
    tests.push({ title, body, ...rest[0] });
  });
  suites.push({ name, tests, server: true, settings: {}, ...options });
}

// An order that is the seed's. What a test takes for granted about those before and beside it shows in some of these.
function shuffled(tests, seed) {
  const place = ({ title }) => createHash('sha256').update(`${seed} ${title}`).digest('hex');
  return seed ? [...tests].sort((a, b) => (place(a) < place(b) ? -1 : 1)) : tests;
}

async function run_body(t, { body, title, deadline_ms }, world) {
  const context = new TestContext(world);
  const problem = await within(Promise.resolve().then(() => body(context)), `the test "${title}"`, { ms: deadline_ms }).then(() => null, (error) => error);
  const failed = problem && !(problem instanceof Skip);
  const post_mortem = failed ? await Promise.all(context.servers.map((server) => server.post_mortem())) : [];
  const untidy = await context.clean_up().then(() => null, (error) => error);
  if (failed) throw Object.assign(problem, { post_mortem: post_mortem.filter(Boolean).join('\n') });
  if (untidy) throw untidy;
  if (problem) t.skip(problem.message);
}

function define_suite(one, combination, { bin, only, shuffle, tests_at_once = kTestsAtOnce, test_ms = kTestMs }) {
  const tests = shuffled(one.tests, shuffle).filter(({ title }) => `${one.name}: ${title}`.includes(only));
  if (!tests.length) return;
  const label = `${one.name} [${combination.io} ${combination.reactors}]`;
  const given = typeof one.settings === 'function' ? one.settings(combination) : one.settings;
  const world = { server: null, settings: { io: combination.io, reactors: combination.reactors, ...given }, combination, bin };
  const define = (some) => {
    for (const each of some) test(`${label}: ${each.title}`, (t) => run_body(t, { deadline_ms: test_ms, ...each }, world));
  };
  describe(label, { concurrency: 1 }, () => {
    if (one.server) before(async () => { world.server = await Server.start(bin, world.settings); });
    describe(`${label} side by side`, { concurrency: one.at_once ?? tests_at_once }, () => define(tests.filter(({ alone }) => !alone)));
    define(tests.filter(({ alone }) => alone));
    if (one.server) test(`${label}: the server stops with exit status 0 on SIGTERM`, () => world.server.stop_cleanly());
  });
}

export function define_tests(combinations, { suites_at_once = 3, ...options }) {
  for (const combination of combinations) {
    describe(`--io=${combination.io} --reactors=${combination.reactors}`, { concurrency: suites_at_once }, () => {
      for (const one of suites) define_suite(one, combination, options);
    });
  }
}
