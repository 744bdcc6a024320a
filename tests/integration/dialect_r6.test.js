// SPDX-License-Identifier: Apache-2.0
// R6, the push gateway: connection_id, heartbeats that scripts see, pushes to users, the page's chat, reconnect.

import assert from 'node:assert/strict';
import { suite } from './lib/runner.js';

suite('dialect R6', {}, (test) => {
  const open = async (t, user, at) => {
    const stream = t.stream(`/woolive/sse?user=${user}`, {}, at);
    stream.hello = await stream.next((event) => event.event_type !== '(retry)');
    return stream;
  };

  test('the transcript: connection_id first, then the initial heartbeat', async (t) => {
    const user = t.name('user');
    const stream = await open(t, user);
    assert.equal(stream.hello.event_type, 'connection_id');
    assert.deepEqual(Object.keys(JSON.parse(stream.hello.raw_data)), ['connection_id']);
    const initial = JSON.parse((await stream.next('heartbeat')).raw_data);
    assert.deepEqual(Object.keys(initial), ['type', 'client_id', 'user_id', 'timestamp', 'data']);
    assert.equal(initial.type, 'initial');
    assert.equal(initial.client_id, stream.hello.connection_id);
    assert.equal(initial.user_id, user);
    assert.ok(initial.timestamp > 1.7e12);
    assert.equal(Date.parse(initial.data), initial.timestamp);
  });

  test('a push to users arrives under its event name, bare', async (t) => {
    const [a, b, c] = [t.name('a'), t.name('b'), t.name('c')];
    const [one, two, other] = [await open(t, a), await open(t, b), await open(t, c)];
    await t.publish({ users: [a, b], event: 'order.paid', data: { amount: 5 } });
    for (const stream of [one, two]) assert.equal((await stream.next('order.paid')).raw_data, '{"amount":5}');
    await t.publish({ to: c, event: 'fence', data: 1 });
    await other.next('fence');
    assert.ok(!other.events.seen.some((event) => event.event_type === 'order.paid'));
  });

  test('the page posts /api/send, and everybody gets chat', async (t) => {
    const [a, b] = [t.name('a'), t.name('b')];
    const [one, two] = [await open(t, a), await open(t, b)];
    const text = t.name('hi');
    const sent = await t.http('POST', `/api/send?user=${a}`, { body: { text } });
    assert.equal(sent.status, 200, sent.text);
    for (const stream of [one, two]) {
      assert.deepEqual(JSON.parse((await stream.next({ event_type: 'chat', text })).raw_data), { from: a, to: 'all', text });
    }
    await t.http('POST', `/api/send?user=${a}`, { body: { text: `${text} you`, to: b } });
    assert.equal((await two.next({ event_type: 'chat', text: `${text} you` })).to, b);
    t.refused(await t.http('POST', '/api/send', { body: { words: 1 } }), 400, 'missing_field');
  });

  test('a stream shows connection_id, heartbeat, chat and what back-ends push, nothing else', async (t) => {
    const a = t.name('a');
    const stream = await open(t, a);
    const other = await t.ws({ user: a });
    other.send({ action: 'status', status: 'away' });
    await other.fence();
    await t.publish({ to: a, event: 'fence', data: 1 });
    await stream.next('fence');
    const types = new Set(stream.events.seen.map((event) => event.event_type));
    for (const type of types) assert.ok(['(retry)', '(comment)', 'connection_id', 'heartbeat', 'chat', 'fence'].includes(type), type);
  });

  test('reconnect is said before a restart', async (t) => {
    const server = await t.start_server();
    const stream = await open(t, t.name('user'), server);
    server.signal('SIGTERM');
    assert.ok((await stream.next('reconnect')).after_ms > 0);
    await stream.end();
  });
});

suite('dialect R6: heartbeats', {}, (test) => {
  test('periodic and healthcheck', async (t) => {
    const config = t.config_file('[[routes]]\npath = "/push"\ndialect = "gateway"\njoin = ["@me", "*"]\nheartbeat_interval = "1s"\n');
    const server = await t.start_server({ config });
    const stream = t.stream('/push?user=alice', {}, server);
    const periodic = JSON.parse((await stream.next({ event_type: 'heartbeat', type: 'periodic' })).raw_data);
    assert.deepEqual(Object.keys(periodic), ['type', 'timestamp', 'data']);
    const check = await stream.next({ event_type: 'heartbeat', type: 'healthcheck' });
    assert.equal(check.user_id, 'alice');
  });
});
