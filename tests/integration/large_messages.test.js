// SPDX-License-Identifier: Apache-2.0
// Messages far beyond the default size, where the setting allows them.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { suite } from './lib/runner.js';

const kMiB = 1 << 20;
const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');

suite('large messages', {
  at_once: 2,
  settings: { message_size_max: '17MiB', body_size_max: '40MiB', outbox_size_max: '64MiB', history_size_max: '64MiB', inflated_size_max: '17MiB', request_timeout: '30s' },
}, (test) => {
  test('text of 16 MiB over WebSocket reaches WebSocket and SSE', async (t) => {
    const room = t.name('room');
    const content = randomBytes(12 * kMiB).toString('base64');
    const sender = await t.member(room, { user: t.name('a') });
    const reader = await t.member(room, { user: t.name('b') });
    const stream = await t.sse({ user: t.name('c'), rooms: [room] });
    sender.send({ action: 'message', content });
    for (const client of [sender, reader, stream]) {
      const event = await client.next('message', { ms: 60000 });
      assert.equal(event.content.length, content.length);
      assert.equal(digest(event.content), digest(content));
    }
  });

  test('binary of 16 MiB, in one frame and in fragments', async (t) => {
    const room = t.name('room');
    const bytes = randomBytes(16 * kMiB);
    const sender = await t.member(room, { user: t.name('a') });
    sender.send_binary(bytes);
    assert.equal(digest((await sender.next('(frame)', { ms: 60000 })).bytes), digest(bytes));
    const piece = 100000;
    for (let at = 0; at < bytes.length; at += piece) sender.socket.send(bytes.subarray(at, at + piece), { binary: true, fin: at + piece >= bytes.length });
    assert.equal(digest((await sender.next('(frame)', { ms: 60000 })).bytes), digest(bytes));
  });

  test('a post of 16 MiB, and its replay', async (t) => {
    const room = t.name('room');
    const content = 'z'.repeat(16 * kMiB);
    const { event_id } = await t.publish({ room, user: 'S', content });
    const client = await t.ws({ user: t.name('a'), rooms: [room], since: `${room}=${event_id - 1}` });
    assert.equal((await client.next('message', { ms: 60000 })).content.length, content.length);
  });

  test('200 KiB through every path, between small ones, in order', async (t) => {
    const room = t.name('room');
    const sender = await t.member(room, { user: t.name('a') });
    const reader = await t.member(room, { user: t.name('b') });
    const sizes = [10, 200 * 1024, 20, 70000, 65536, 65535, 30, 1];
    for (const size of sizes) sender.send({ action: 'message', content: 'y'.repeat(size) });
    assert.deepEqual((await reader.take(sizes.length, 'message')).map(({ content }) => content.length), sizes);
  });
});
