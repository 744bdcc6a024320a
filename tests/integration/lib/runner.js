// SPDX-License-Identifier: Apache-2.0
// Suites, tests and how they run: one server per suite, suites side by side, tests of a suite side by side unless they
// ask to be alone. Every combination of engine and reactors runs the whole again. Writes TAP, and JUnit on request.

import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
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

async function pool(items, width, run) {
  const queue = [...items];
  await Promise.all(Array.from({ length: width }, async () => {
    while (queue.length) await run(queue.shift());
  }));
}

// An order that is the seed's. What a test takes for granted about those before and beside it shows in some of these.
function shuffled(tests, seed) {
  const place = ({ title }) => createHash('sha256').update(`${seed} ${title}`).digest('hex');
  return seed ? [...tests].sort((a, b) => (place(a) < place(b) ? -1 : 1)) : tests;
}

export class Runner {
  constructor({ bin, suites_at_once = 3, tests_at_once = kTestsAtOnce, only = '', shuffle = '', verbose = false, junit = '', test_ms = kTestMs }) {
    Object.assign(this, { bin, suites_at_once, tests_at_once, only, shuffle, verbose, junit, test_ms });
    this.results = [];
    this.counts = { passed: 0, failed: 0, skipped: 0 };
  }

  async run(combinations) {
    console.log('TAP version 13');
    for (const combination of combinations) {
      const began = performance.now();
      console.log(`# --io=${combination.io} --reactors=${combination.reactors}`);
      await pool(suites, this.suites_at_once, (one) => this.run_suite(one, combination));
      console.log(`# took ${((performance.now() - began) / 1000).toFixed(1)} s`);
    }
    console.log(`1..${this.results.length}`);
    if (this.junit) writeFileSync(this.junit, this.junit_text());
    const failed = this.results.filter(({ outcome }) => outcome === 'failed');
    for (const { name } of failed) console.log(`# failed: ${name}`);
    console.log(`${this.counts.passed} passed, ${this.counts.failed} failed, ${this.counts.skipped} skipped`);
    return failed.length === 0;
  }

  async run_suite(one, combination) {
    const tests = shuffled(one.tests, this.shuffle).filter(({ title }) => `${one.name}: ${title}`.includes(this.only));
    if (!tests.length) return;
    const label = `${one.name} [${combination.io} ${combination.reactors}]`;
    const given = typeof one.settings === 'function' ? one.settings(combination) : one.settings;
    const settings = { io: combination.io, reactors: combination.reactors, ...given };
    let server = null;
    if (one.server) {
      try {
        server = await Server.start(this.bin, settings);
      } catch (error) {
        for (const { title } of tests) this.report(`${label}: ${title}`, 'failed', 0, error);
        return;
      }
    }
    const run = (test) => this.run_test(test, label, { server, settings, combination, bin: this.bin });
    await pool(tests.filter(({ alone }) => !alone), one.at_once ?? this.tests_at_once, run);
    await pool(tests.filter(({ alone }) => alone), 1, run);
    if (!server) return;
    const began = performance.now();
    const error = await server.stop_cleanly().then(() => null, (problem) => problem);
    this.report(`${label}: the server stops with exit status 0 on SIGTERM`, error ? 'failed' : 'passed', performance.now() - began, error);
  }

  async run_test({ title, body, deadline_ms = this.test_ms }, label, world) {
    const began = performance.now();
    const context = new TestContext(world);
    let outcome = 'passed';
    let error = null;
    try {
      await within(Promise.resolve().then(() => body(context)), `the test "${title}"`, { ms: deadline_ms });
    } catch (problem) {
      outcome = problem instanceof Skip ? 'skipped' : 'failed';
      error = problem;
    }
    const reports = outcome === 'failed' ? await Promise.all(context.servers.map((server) => server.post_mortem())) : [];
    try {
      await context.clean_up();
    } catch (problem) {
      if (outcome === 'passed') [outcome, error] = ['failed', problem];
    }
    this.report(`${label}: ${title}`, outcome, performance.now() - began, error, reports.filter(Boolean).join('\n'));
  }

  // `told`: what a server said before it ended without having been asked to.
  report(name, outcome, ms, error, told = '') {
    this.results.push({ name, outcome, ms, error, told });
    this.counts[outcome]++;
    const number = this.results.length;
    if (outcome === 'failed') {
      console.log(`not ok ${number} - ${name}`);
      const lines = String(error?.stack ?? error).split('\n').slice(0, 40).concat(told ? told.split('\n') : []);
      console.log(lines.map((line) => `#   ${line}`).join('\n'));
    } else {
      console.log(`ok ${number} - ${name}${outcome === 'skipped' ? ` # SKIP ${error.message}` : ''}${this.verbose ? ` (${ms.toFixed(0)} ms)` : ''}`);
    }
  }

  junit_text() {
    const escape = (text) => String(text).replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`).replace(/[^\t\n\x20-\x7e]/g, '?');
    const cases = this.results.map(({ name, outcome, ms, error, told }) => {
      const inside = outcome === 'failed' ? `<failure>${escape(`${error?.stack ?? error}\n${told}`)}</failure>` : outcome === 'skipped' ? '<skipped/>' : '';
      return `<testcase name="${escape(name)}" time="${(ms / 1000).toFixed(3)}">${inside}</testcase>`;
    });
    const { failed, skipped } = this.counts;
    return `<?xml version="1.0"?>\n<testsuite name="ringcast" tests="${cases.length}" failures="${failed}" skipped="${skipped}">\n${cases.join('\n')}\n</testsuite>\n`;
  }
}
