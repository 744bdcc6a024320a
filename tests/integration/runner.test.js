// SPDX-License-Identifier: Apache-2.0
// The runner itself: which tests run in which order, how each end is reported, and that the whole ends.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { suite } from './lib/runner.js';

const file = (name) => fileURLToPath(new URL(name, import.meta.url));

async function run(t, ...options) {
  const { io, reactors } = t.combination;
  const program = ['--test-reporter', file('lib/reporter.js'), file('inner/main.js'), t.bin, '--io', io, '--reactors', reactors, ...options];
  const child = spawn(process.execPath, program, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => { output += text; });
  const code = await new Promise((resolve) => child.once('close', resolve));
  const lines = output.trimEnd().split('\n');
  return { code, output, last: lines.at(-1), ran: lines.filter((line) => /^(not )?ok /.test(line)).map((line) => line.replace(/ \d+ - /, ' ').replace(/ \(\d+ ms\)$/, '')) };
}

// What the failed test of that title is shown with.
const shown = (output, title) => output.split(/^(?:not )?ok /m).find((part) => part.includes(`: ${title}\n`));

suite('runner', { server: false }, (test) => {
  test('a seed gives an order of its own, and the same again; those that want to be alone come last', async (t) => {
    const order = async (...options) => {
      const { code, last, ran } = await run(t, '--only', 'order: ', ...options);
      assert.deepEqual([code, last], [0, '8 passed, 0 failed, 0 skipped']);
      return ran.map((line) => line.at(-1)).join('');
    };
    const [one, again, other] = [await order('--shuffle', 'one'), await order('--shuffle', 'one'), await order('--shuffle', 'other')];
    assert.equal(await order(), 'abdefghc');
    assert.equal(again, one);
    assert.equal(new Set(['abdefghc', one, other]).size, 3);
    for (const each of [one, other]) assert.deepEqual([[...each].sort().join(''), each.at(-1)], ['abcdefgh', 'c']);
  });

  test('each end is reported, a server that breaks off with the end of its log, and what is left open does not keep it', async (t) => {
    const { code, output, last, ran } = await run(t, '--only', 'ends: ');
    assert.deepEqual([code, last], [1, '1 passed, 6 failed, 1 skipped']);
    assert.deepEqual(ran.map((line) => line.replace(/ends \[.*?\]: /, '')), [
      'ok it skips # SKIP not here', 'not ok its server breaks off', 'not ok its server breaks off with a report', 'not ok its server was asked to go',
      'not ok its server still answers', 'not ok it never ends', 'not ok what it has to clean up fails', 'ok it leaves a socket behind']);
    assert.equal(output.match(/^# failed: /gm).length, 6);
    assert.match(shown(output, 'its server breaks off'), /no answer[^]*the server is gone \(SIGKILL\)[^]*\| listening on http/);
    // A report is shown from its beginning, however long the log goes on.
    const reported = shown(output, 'its server breaks off with a report');
    assert.match(reported, /heap-use-after-free[^]*frame 99/);
    assert.doesNotMatch(reported, /before 30/);
    for (const title of ['its server was asked to go', 'its server still answers']) assert.doesNotMatch(shown(output, title), /\|/);
    assert.match(shown(output, 'it never ends'), /waited 50 ms for the test "it never ends"/);
    assert.match(shown(output, 'what it has to clean up fails'), /while cleaning up/);
  });

  test('a server that does not start is one failure, and its tests do not run', async (t) => {
    const { code, output, last, ran } = await run(t, '--only', 'without a server: ');
    assert.deepEqual([code, last, ran.length], [1, '0 passed, 1 failed, 0 skipped', 1]);
    assert.match(output, /--io/);
  });

  test('what is thrown after the end of a test is a failure, and the others go on', async (t) => {
    const { code, output, last } = await run(t, '--only', 'late: ');
    assert.deepEqual([code, last], [1, '2 passed, 1 failed, 0 skipped']);
    assert.match(output, /too late/);
  });
});
