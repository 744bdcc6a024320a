// SPDX-License-Identifier: Apache-2.0
// The runner itself: a server that ends without having been asked to is shown with what it said.

import assert from 'node:assert/strict';
import { Runner, suite } from './lib/runner.js';

async function outcome_of(t, body) {
  const runner = new Runner({ bin: t.bin });
  const reports = [];
  runner.report = (name, outcome, ms, error, told) => reports.push({ outcome, error, told });
  await runner.run_test({ title: 'inner', body }, 'inner', { settings: t.settings, combination: t.combination, bin: t.bin });
  assert.equal(reports.length, 1);
  return reports[0];
}

suite('runner', { server: false }, (test) => {
  test('a seed gives an order of its own, and the same again; those that want to be alone come last', async (t) => {
    const tests = [...'abcdefgh'].map((title) => ({ title, body: () => {}, alone: title === 'c' }));
    const order = async (shuffle) => {
      const runner = new Runner({ bin: t.bin, shuffle, tests_at_once: 1 });
      const ran = [];
      runner.report = (name) => ran.push(name.at(-1));
      await runner.run_suite({ name: 'inner', server: false, tests }, t.combination);
      return ran.join('');
    };
    const [one, again, other] = [await order('one'), await order('one'), await order('other')];
    assert.equal(await order(''), 'abdefghc');
    assert.equal(again, one);
    assert.equal(new Set(['abdefghc', one, other]).size, 3);
    for (const each of [one, other]) assert.deepEqual([[...each].sort().join(''), each.at(-1)], ['abcdefgh', 'c']);
  });

  test('a server that breaks off is shown with the end of its log', async (t) => {
    const { outcome, error, told } = await outcome_of(t, async (inner) => {
      const server = await inner.start_server();
      process.kill(server.process.pid, 'SIGKILL');
      await inner.read('/stats');
      await server.exited;
      assert.fail('nobody answered');
    });
    assert.equal(outcome, 'failed');
    assert.ok(error);
    assert.match(told, /the server is gone \(SIGKILL\)/);
    assert.match(told, /\| listening on http/);
  });

  test('a report is shown from its beginning, however long the log goes on', async (t) => {
    const { told } = await outcome_of(t, async (inner) => {
      const server = await inner.start_server();
      const filler = (count, text) => Array.from({ length: count }, (_, i) => `${text} ${i}`);
      server.log.push(...filler(50, 'before'), '==1==ERROR: AddressSanitizer: heap-use-after-free', ...filler(100, 'frame'));
      process.kill(server.process.pid, 'SIGKILL');
      await server.exited;
      assert.fail('gone');
    });
    assert.match(told, /heap-use-after-free/);
    assert.match(told, /frame 99/);
    assert.doesNotMatch(told, /before 30/);
  });

  test('one that was asked to go, or still answers, has nothing to say', async (t) => {
    const asked = await outcome_of(t, async (inner) => {
      const server = await inner.start_server();
      await server.stop_cleanly();
      assert.fail('for another reason');
    });
    const serving = await outcome_of(t, async (inner) => {
      await inner.start_server();
      assert.fail('for another reason');
    });
    assert.deepEqual([asked.outcome, asked.told, serving.outcome, serving.told], ['failed', '', 'failed', '']);
  });
});
