// SPDX-License-Identifier: Apache-2.0
// Readers that do not keep up: 4008 or drops with `lagged`, others undisturbed, memory bounded.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { within } from './lib/deadline.js';
import { suite } from './lib/runner.js';

const kSmallBuffers = { presence_leave_grace: '0s', send_buffer_size: '32KiB', outbox_size_max: '128KiB', outbox_messages_max: 64, close_timeout: '500ms', history_messages: 1000 };
const kText = 'x'.repeat(2000);  // twenty of them are well below the outbox of a reader that keeps up

// Publishes until `done`, or throws after far more than any buffer can hold; no faster than `reader` reads, which could
// be too slow itself on a busy machine. Gives what the reader got.
async function flood(t, room, at, reader, done) {
  const got = [];
  let sent = 0;
  const finished = done.then(() => true);
  for (; sent < 20000; sent += 20) {
    const body = Array.from({ length: 20 }, (_, i) => ({ room, user: 's', content: `${sent + i} ${kText}` }));
    const answer = await t.http('POST', '/messages', { body, at });
    assert.equal(answer.status, 200, answer.text);
    got.push(...await reader.take(20, 'message'));
    if (await Promise.race([finished, new Promise((resolve) => setImmediate(resolve, false))])) return got;
  }
  throw new Error('never disconnected');
}

suite('slow consumers', { server: false }, (test) => {
  test('a WebSocket that reads nothing is closed with 4008, the rest hear everything', async (t) => {
    const server = await t.start_server({ ...kSmallBuffers });
    const room = t.name('room');
    const slow = t.raw(server);
    await slow.upgrade(`/ws?user=slow&rooms=${room}`);
    await slow.event('joined');
    const quick = await t.ws({ user: 'quick', rooms: [room] }, {}, server);
    await quick.next('joined');
    slow.socket.pause();
    const gone = quick.next({ event_type: 'member_left', user: 'slow' }, { ms: 60000 });
    const got = await flood(t, room, server, quick, gone);
    assert.deepEqual(got.map(({ content }) => parseInt(content, 10)), got.map((_, i) => i));
    await quick.fence();
  });

  test('one that reads again late finds whole frames, then 4008', async (t) => {
    // Presence is off so that its own events cannot be among the frames that are counted.
    const server = await t.start_server({ ...kSmallBuffers, close_timeout: '10min' });
    const room = t.name('room');
    const slow = t.raw(server);
    await slow.upgrade(`/ws?user=slow&rooms=${room}`);
    await slow.event('joined');
    slow.socket.pause();
    for (let i = 0; i < 400; i++) {
      const body = Array.from({ length: 10 }, (_, n) => ({ room, user: 's', content: `${i * 10 + n} ${kText}` }));
      assert.equal((await t.http('POST', '/messages', { body, at: server })).status, 200);
    }
    slow.socket.resume();
    let next = 0;
    for (;;) {
      const { opcode, payload } = await slow.frame();
      if (opcode === 8) {
        assert.equal(payload.readUInt16BE(0), 4008);
        break;
      }
      const event = JSON.parse(payload.toString());
      if (event.event_type === 'message') assert.equal(parseInt(event.content, 10), next++);
    }
    assert.ok(next > 0 && next < 4000, `${next} messages`);
  });

  test('with its cursor it comes back and has lost nothing', async (t) => {
    const server = await t.start_server({ ...kSmallBuffers, history_size_max: '64MiB' });
    const room = t.name('room');
    const client = await t.ws({ user: 'slow', rooms: [room] }, {}, server);
    const { id: start } = await client.next('joined');
    client.socket.pause();
    const watcher = await t.ws({ user: 'w', rooms: [room] }, {}, server);
    await watcher.next('joined');
    const { length: sent } = await flood(t, room, server, watcher, watcher.next({ event_type: 'member_left', user: 'slow' }, { ms: 60000 }));
    client.socket.resume();
    await client.close_code();
    const before = client.events.all('message');
    const position = before.at(-1)?.id ?? start;
    const again = await t.ws({ user: 'slow', rooms: [room], since: `${room}=${position}` }, {}, server);
    const rest = await again.take(Math.min(sent - before.length, 900), 'message');
    if (sent <= 1000) assert.equal(rest[0].id, position + 1);
    assert.deepEqual(rest.map(({ id }) => id - rest[0].id), rest.map((_, i) => i));
  });

  test('an SSE reader that reads nothing is ended as well', async (t) => {
    const server = await t.start_server(kSmallBuffers);
    const room = t.name('room');
    const slow = t.raw(server);
    slow.write(`GET /events?rooms=${room}&user=slow HTTP/1.1\r\nHost: x\r\n\r\n`);
    await slow.response({ head_only: true });
    const watcher = await t.ws({ user: 'w', rooms: [room] }, {}, server);
    await watcher.next('joined');
    slow.socket.pause();
    await flood(t, room, server, watcher, watcher.next({ event_type: 'member_left', user: 'slow' }, { ms: 60000 }));
  });

  for (const policy of ['drop_oldest', 'drop_newest']) test(`${policy} drops, says lagged with the exact range, and goes on`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'ringcast-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const config = join(folder, 'ringcast.toml');
    writeFileSync(config, `[[rooms]]\nmatch = "feed-*"\nslow_consumer = "${policy}"\n`);
    const server = await t.start_server({ ...kSmallBuffers, config });
    const room = t.name('feed');
    const slow = await t.ws({ user: 'slow', rooms: [room] }, {}, server);
    const { id: start } = await slow.next('joined');
    slow.socket.pause();
    for (let i = 0; i < 400; i++) {
      const body = Array.from({ length: 10 }, (_, n) => ({ room, user: 's', content: `${i * 10 + n} ${kText}` }));
      assert.equal((await t.http('POST', '/messages', { body, at: server })).status, 200);
    }
    slow.socket.resume();
    // Of the newest it has none before the outbox is empty, which ends with the notice.
    if (policy === 'drop_newest') await slow.next('lagged');
    await t.http('POST', '/messages', { body: { room, content: 'last' }, at: server });
    await slow.next({ content: 'last' });
    const seen = [];
    const lagged = slow.events.all('lagged');
    let newest = start;
    for (const event of slow.events.seen) {
      if (event.event_type === 'lagged') {
        assert.equal(event.room, room);
        assert.equal(event.missed, event.to - event.from + 1);
        for (let id = event.from; id <= event.to; id++) seen.push(id);
      } else if (event.event_type === 'message') {
        assert.ok(event.id > newest, `${event.id} after ${newest}`);
        newest = event.id;
        seen.push(event.id);
      }
    }
    // Every id was either delivered or said to be missed, exactly once.
    assert.deepEqual(seen.sort((a, b) => a - b), Array.from({ length: newest - start }, (_, i) => start + 1 + i));
    assert.ok(lagged.length > 0, 'nothing was dropped');
    assert.ok(lagged.length <= kSmallBuffers.outbox_messages_max, `${lagged.length} notices were waiting: they are not bounded`);
  });

  test('many that read nothing keep memory bounded', async (t) => {
    const server = await t.start_server({ ...kSmallBuffers, history_messages: 10 });
    const room = t.name('room');
    const slow = [];
    for (let i = 0; i < 40; i++) {
      const socket = t.raw(server);
      await socket.upgrade(`/ws?user=slow${i}&rooms=${room}`);
      socket.socket.pause();
      slow.push(socket);
    }
    const before = server.resident_bytes();
    for (let i = 0; i < 600; i++) {
      const body = Array.from({ length: 20 }, (_, n) => ({ room, user: 's', content: `${n} ${kText}` }));
      assert.equal((await t.http('POST', '/messages', { body, at: server })).status, 200);
    }
    // 24 MB went through; each reader may hold 128 KiB, of bytes that they share.
    t.grown_less_than(48 << 20, before, server);
  });

  test('a publisher that never reads its acks is held back or closed, not buffered', async (t) => {
    const server = await t.start_server({ ...kSmallBuffers, history_messages: 10 });
    const socket = t.raw(server);
    await socket.upgrade('/ws?user=a');
    await socket.event('connection_id');
    socket.socket.pause();
    const { text_frame } = await import('./lib/raw_socket.js');
    const burst = Buffer.concat(Array.from({ length: 2000 }, (_, i) => text_frame({ action: 'ping', ref: `${i} ${'r'.repeat(100)}` })));
    const before = server.resident_bytes();
    for (let i = 0; i < 40; i++) socket.socket.write(burst, () => {});
    const other = await t.ws({ user: 'b' }, {}, server);
    for (let i = 0; i < 200; i++) await other.fence();
    t.grown_less_than(32 << 20, before, server);
    socket.destroy();
    await within(other.fence(), 'the server to be well');
  });
});
