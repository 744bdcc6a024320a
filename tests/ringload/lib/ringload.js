// SPDX-License-Identifier: Apache-2.0
// One run of the load generator, as a process of its own. Owned by a test, which waits for its end.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { until, within } from '../../integration/lib/deadline.js';

const kRunMs = 80000;
let binary = '';

export function use_ringload(path) { binary = path; }
export function ringload_path() { return binary; }

// Short runs: nothing is measured here, so that nothing has to settle or warm up.
const kShort = ['--settle', '0', '--warmup', '0', '--duration', '1s', '--connect-timeout', '20s'];

export class Ringload {
  // `before`: a command in front of it, such as nice.
  constructor(t, args, { before = [] } = {}) {
    this.args = [...args.slice(0, 1), '--io', t.combination.io, ...kShort, ...args.slice(1)];
    const command = [...before, binary, ...this.args];
    this.process = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
    this.out = '';
    this.err = '';
    this.process.stdout.setEncoding('utf8').on('data', (text) => { this.out += text; });
    this.process.stderr.setEncoding('utf8').on('data', (text) => { this.err += text; });
    this.closed = once(this.process, 'close').then(([code, signal]) => { this.code = code ?? signal; });
    this.closed.catch(() => {});
    t.after(() => { if (this.code === undefined) this.process.kill('SIGKILL'); });
  }

  // Has said this on standard error, where the progress goes.
  async says(pattern) {
    await until(() => pattern.test(this.err) || this.code !== undefined, `ringload to say ${pattern}`);
    assert.match(this.err, pattern);
  }

  signal(name) { this.process.kill(name); }

  async ended() {
    await within(this.closed, `the end of ringload ${this.args.join(' ')}`, { ms: kRunMs, describe: () => this.err });
    return this;
  }
}

// Runs it to its end; exit code, summary and what it wrote as JSON.
export async function ringload(t, args, options = {}) {
  const run = await new Ringload(t, [...args, '--json', '-', '--quiet'], options).ended();
  return results_of(run);
}

export function results_of(run) {
  let json;
  try {
    json = JSON.parse(run.out);
  } catch (error) {
    assert.fail(`${error.message}; exit ${run.code}, ${run.err}${run.out}`);
  }
  assert.equal(json.valid, json.invalid.length === 0);
  return { code: run.code, json, summary: run.err };
}

// Every message reached each of its `members` once and in order.
export function assert_exact({ json, summary }, members) {
  const { received, lost, duplicates, reordered } = json;
  assert.deepEqual({ received, lost, duplicates, reordered }, { received: json.published_in_all * members, lost: 0, duplicates: 0, reordered: 0 }, summary);
  assert.ok(json.published_in_all > 0, summary);
  assert.deepEqual(json.errors, {}, summary);
}
