// SPDX-License-Identifier: Apache-2.0
// SIGTERM: what is acknowledged is delivered, all clients are notified, and the process ends with 0.

import assert from 'node:assert/strict';
import { until } from './lib/deadline.js';
import { free_port } from './lib/free_port.js';
import { suite } from './lib/runner.js';

suite('drain', { server: false }, (test) => {
  test('a WebSocket gets reconnect and 1001, a stream retry and its end, a poll its answer', async (t) => {
    const server = await t.start_server({ drain_delay: '0s', drain_period: '200ms' });
    const room = t.name('room');
    const socket = await t.ws({ user: 'a', rooms: [room] }, {}, server);
    const stream = await t.sse({ user: 'b', rooms: [room] }, {}, server);
    await stream.next('(retry)');
    const { cursor } = await t.poll({ user: 'c', rooms: [room] }, { at: server });
    const polls = (count) => until(async () => ((await t.get('/users/c', {}, { at: server })).json.connections ?? 0) === count, `${count} polls`);
    await polls(0);  // the one that is answered is gone
    const waiting = t.get('/poll', { user: 'c', rooms: [room], since: cursor, timeout: 120 }, { at: server });
    waiting.catch(() => {});  // when the test has failed meanwhile
    await polls(1);
    server.signal('SIGTERM');
    const reconnect = await socket.next('reconnect');
    assert.ok(Number.isInteger(reconnect.after_ms) && reconnect.after_ms >= 0);
    assert.equal((await socket.close_code()).code, 1001);
    assert.ok((await stream.next('(retry)')).retry > 0);
    assert.equal(await stream.end(), 'end');
    const answer = await waiting;
    assert.equal(answer.status, 200);
    assert.equal(answer.json.cursor, cursor);
    assert.deepEqual(await server.exited, { code: 0, signal: null });
  });

  test('ready says 503 while connections are still accepted', async (t) => {
    const server = await t.start_server({ drain_delay: '6s', drain_period: '100ms' });
    assert.equal((await t.get('/ready', {}, { at: server })).status, 200);
    server.signal('SIGTERM');
    await until(async () => (await t.get('/ready', {}, { at: server })).status === 503, '/ready to be 503');
    assert.equal((await t.get('/health', {}, { at: server })).status, 200);
    await t.ws({ user: 'late' }, {}, server);
    assert.deepEqual(await server.exited, { code: 0, signal: null });
  });

  test('the admin port answers until everybody else has gone, then it goes', async (t) => {
    const admin_port = await free_port();
    const server = await t.start_server({ drain_delay: '0s', drain_period: '100ms', close_timeout: '10min', admin_listen: `127.0.0.1:${admin_port}` });
    const admin = { at: { url: `http://127.0.0.1:${admin_port}` } };
    const socket = t.raw(server);  // it never answers a close frame
    await socket.upgrade('/ws?user=a&rooms=r');
    server.signal('SIGTERM');
    assert.equal(await socket.close_code(), 1001);
    await until(() => t.get('/health', {}, { at: server }).then(() => false, () => true), 'the main port to be closed');
    assert.equal((await t.get('/ready', {}, admin)).status, 503);
    const phase = Number(/^ringcast_draining (\d)$/m.exec((await t.get('/metrics', {}, admin)).text)[1]);
    assert.ok(phase >= 2, `draining ${phase}`);
    assert.equal((await t.read('/stats', {}, admin)).draining, true);
    socket.destroy();
    assert.deepEqual(await server.exited, { code: 0, signal: null });
    await assert.rejects(t.get('/health', {}, admin));
  });

  test('every acknowledged publish arrives before the end', async (t) => {
    const server = await t.start_server({ drain_delay: '300ms', drain_period: '100ms' });
    const room = t.name('room');
    const client = await t.ws({ user: 'a', rooms: [room] }, {}, server);
    await client.next('joined');
    const acknowledged = [];
    let refused = 0;
    for (let i = 0; i < 100000; i++) {
      if (i === 20) server.signal('SIGTERM');
      const answer = await t.http('POST', '/messages', { body: { room, content: String(i) }, at: server }).catch(() => null);
      if (!answer) break;
      if (answer.status === 200) acknowledged.push(answer.json.event_id);
      else {
        assert.equal(answer.status, 503, answer.text);
        assert.equal(answer.json.error.code, 'draining');
        refused++;
      }
    }
    assert.equal((await client.close_code()).code, 1001);
    assert.deepEqual(client.events.all('message').map(({ id }) => id), acknowledged);
    assert.ok(acknowledged.length >= 20, `${acknowledged.length} acknowledged, ${refused} refused`);
    await server.exited;
  });

  test('a client that reads nothing does not hold the end up', async (t) => {
    const server = await t.start_server({ drain_delay: '0s', drain_period: '100ms', close_timeout: '300ms' });
    const socket = t.raw(server);
    await socket.upgrade('/ws?user=a&rooms=r');
    socket.socket.pause();
    server.signal('SIGTERM');
    assert.deepEqual(await server.exited, { code: 0, signal: null });
  });

  test('SIGINT ends it like SIGTERM', async (t) => {
    const server = await t.start_server();
    server.signal('SIGINT');
    assert.deepEqual(await server.exited, { code: 0, signal: null });
  });

  test('after a restart a resuming client gets a gap', async (t) => {
    const room = t.name('room');
    const first = await t.start_server();
    const { event_id } = (await t.http('POST', '/messages', { body: { room, content: 'old' }, at: first })).json;
    await first.stop_cleanly();
    const second = await t.start_server();
    const client = await t.ws({ user: 'a', rooms: [room], since: `${room}=${event_id}` }, {}, second);
    const joined = await client.next('joined');
    assert.equal(joined.recovered, false);
    await client.next('gap');
    const next = (await t.http('POST', '/messages', { body: { room, content: 'new' }, at: second })).json.event_id;
    assert.ok(next > event_id, 'ids rise over a restart');
    assert.equal((await client.next('message')).id, next);
  });
});
