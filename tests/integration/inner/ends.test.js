// SPDX-License-Identifier: Apache-2.0
// How tests can end, for those of the runner.

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { suite } from '../lib/runner.js';

suite('order', { server: false, at_once: 1 }, (test) => {
  for (const title of 'abcdefgh') test(title, { alone: title === 'c' }, async () => {});
});

suite('ends', { server: false }, (test) => {
  test('it skips', async (t) => t.skip('not here'));

  test('its server breaks off', async (t) => {
    const server = await t.start_server();
    process.kill(server.process.pid, 'SIGKILL');
    await server.exited;
    assert.fail('no answer');
  });

  test('its server breaks off with a report', async (t) => {
    const server = await t.start_server();
    const filler = (count, text) => Array.from({ length: count }, (_, i) => `${text} ${i}`);
    server.log.push(...filler(50, 'before'), '==1==ERROR: AddressSanitizer: heap-use-after-free', ...filler(100, 'frame'));
    process.kill(server.process.pid, 'SIGKILL');
    await server.exited;
    assert.fail('no answer');
  });

  test('its server was asked to go', async (t) => {
    const server = await t.start_server();
    await server.stop_cleanly();
    assert.fail('for another reason');
  });

  test('its server still answers', async (t) => {
    await t.start_server();
    assert.fail('for another reason');
  });

  test('it never ends', { deadline_ms: 50 }, () => new Promise(() => {}));
  test('what it has to clean up fails', async (t) => t.after(() => assert.fail('while cleaning up')));
  test('it leaves a socket behind', async () => new Promise((resolve) => createServer().listen(0, '127.0.0.1', resolve)));
});

suite('without a server', { settings: { io: 'neither' } }, (test) => {
  test('it does not run', async () => {});
});

suite('late', { server: false }, (test) => {
  test('it throws after its end', async () => {
    setTimeout(() => { throw new Error('too late'); }, 1);
  });
  test('it is beside that', () => new Promise((resolve) => setTimeout(resolve, 100)));
});
