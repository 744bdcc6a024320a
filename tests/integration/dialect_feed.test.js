// SPDX-License-Identifier: Apache-2.0
// The resumable stream over SSE: the room `general`, ids, Last-Event-ID, /stats, and the sentence for those that fell behind.

import assert from 'node:assert/strict';
import { suite } from './lib/runner.js';

suite('resumable stream', {}, (test) => {
  const say = (t, content, at = t.server) => t.http('POST', '/messages', { body: { user: 'Alice', content }, at });

  test('the transcript: POST /messages, GET /events, resumption without loss or duplicate', async (t) => {
    const server = await t.start_server();  // `general` is this test's
    const stream = t.stream('/events', {}, server);
    await stream.next('connection_id');
    const sent = await say(t, 'one', server);
    assert.equal(sent.status, 200);
    assert.equal(sent.json.status, 'sent');
    assert.equal(sent.json.receivers, 1);
    const event = await stream.next('message');
    assert.equal(event.sse_event, 'message');
    assert.equal(event.cursor_line, String(sent.json.event_id));
    assert.deepEqual(Object.keys(JSON.parse(event.raw_data)).filter((key) => key !== 'room'), ['id', 'event_type', 'user', 'content', 'timestamp']);
    stream.close();
    for (let i = 0; i < 20; ++i) await say(t, `missed ${i}`, server);
    const { id, event_type, room, user, content, timestamp, ...more } = JSON.parse(event.raw_data);
    assert.deepEqual([id, event_type, room, user, content, more], [sent.json.event_id, 'message', 'general', 'Alice', 'one', {}]);
    assert.match(timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    const again = t.stream('/events', { headers: { 'Last-Event-ID': event.cursor_line } }, server);
    await again.next('connection_id');
    for (let i = 0; i < 20; ++i) assert.equal((await again.next('message')).content, `missed ${i}`);
    await say(t, 'live', server);
    assert.equal((await again.next('message')).content, 'live');
  });

  test('the ring keeps 1,000: the oldest of them is replayed, what went before is said to be lost', async (t) => {
    const server = await t.start_server();
    const { json: first } = await say(t, 'first', server);
    const batch = (count) => Array.from({ length: count }, (_, i) => ({ user: 'Alice', content: `${i}` }));
    await t.publish(batch(1000), { at: server });
    const whole = t.stream('/events', { headers: { 'Last-Event-ID': String(first.event_id) } }, server);
    for (let i = 0; i < 1000; ++i) assert.equal((await whole.next('message')).content, `${i}`);
    assert.ok(!whole.events.seen.some(({ event_type }) => event_type === 'gap'));
    await t.publish(batch(1), { at: server });
    const late = t.stream('/events', { headers: { 'Last-Event-ID': String(first.event_id) } }, server);
    assert.equal((await late.next('gap')).oldest, first.event_id + 2);
    assert.equal((await late.next('message')).content, '1');
  });

  test('nothing is lost or doubled at the seam, however often the stream is cut while messages come', async (t) => {
    const server = await t.start_server();
    const kMessages = 150;
    const { json } = await say(t, 'start', server);
    const source = (async () => {
      for (let i = 0; i < kMessages; ++i) await say(t, `${i}`, server);
    })();
    source.catch(() => {});  // when the test has failed meanwhile
    let cursor = json.event_id;
    while (cursor < json.event_id + kMessages) {
      const stream = t.stream('/events', { headers: { 'Last-Event-ID': String(cursor) } }, server);
      for (let i = 0; i < 15; ++i) {
        const event = await stream.next('message');
        assert.equal(event.id, cursor + 1);
        assert.equal(event.content, `${cursor - json.event_id}`);
        cursor = event.id;
      }
      stream.close();
    }
    await source;
  });

  test('/stats has the numbers of that system', async (t) => {
    const server = await t.start_server();
    const stream = t.stream('/events', {}, server);
    await stream.next('connection_id');
    const { json } = await say(t, 'counted', server);
    await stream.next({ id: json.event_id });
    const stats = await t.read('/stats', {}, { at: server });
    assert.equal(stats.active_connections, 1);
    assert.equal(stats.buffered_events, 1);
    assert.equal(stats.next_event_id, json.event_id + 1);
  });

  test('the heartbeat of this route is announced, and another than that of native streams', async (t) => {
    const stream = t.stream('/events');
    assert.equal((await stream.next('connection_id')).heartbeat_interval_ms, 15000);
    const native = await t.sse({ rooms: ['general'] });
    assert.equal(native.hello.heartbeat_interval_ms, 25000);
  });
});

suite('resumable stream: a slow reader', { settings: { outbox_size_max: '128KiB', send_buffer_size: '16KiB', message_size_max: '64KiB' } }, (test) => {
  test('is notified in one sentence how much it has missed', async (t) => {
    const socket = t.raw();
    socket.write('GET /events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n');
    await socket.read((bytes) => (bytes.includes('connection_id') ? { value: true, used: 0 } : null), 'connection_id');
    socket.socket.pause();
    let dropped = 0;
    while (dropped === 0) {
      await t.publish(Array.from({ length: 10 }, () => ({ room: 'general', user: 'Alice', content: 'x'.repeat(60000) })));
      dropped = [...(await t.get('/metrics')).text.matchAll(/^ringcast_dropped_total\S* (\d+)/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
    }
    socket.socket.resume();
    await socket.read((bytes) => (/event: system\ndata: \{"warning":"missed \d+ events due to lag"\}/.test(bytes.toString('latin1')) ? { value: true, used: 0 } : null), 'the warning');
    assert.ok(!socket.bytes.includes('event: lagged'));
  });
});
