// SPDX-License-Identifier: Apache-2.0
// The push gateway: connection_id, heartbeats that scripts see, pushes to users, the page's chat, reconnect.

import assert from 'node:assert/strict';
import { until } from './lib/deadline.js';
import { suite } from './lib/runner.js';

suite('push gateway', {}, (test) => {
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

  test('data without a name is a message, and text leaves as it is', async (t) => {
    const user = t.name('a');
    const stream = await open(t, user);
    await t.publish({ to: user, data: '{"title":"t"}' });
    const event = await stream.next('message');
    assert.deepEqual([event.sse_event, event.raw_data], ['message', '{"title":"t"}']);
    await t.publish({ to: user, event: 'note', data: 'plain' });
    assert.equal((await stream.next({ sse_event: 'note' })).raw_data, 'plain');
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
    for (const type of types) assert.ok(['(retry)', '(comment)', 'connection_id', 'heartbeat', 'chat', 'fence', 'message', 'note'].includes(type), type);
  });

  test('a slow reader loses the newest messages and stays', async (t) => {
    const server = await t.start_server({ send_buffer_size: '16KiB' });
    const slow = t.raw(server);
    slow.write('GET /woolive/sse?user=slow HTTP/1.1\r\nHost: x\r\n\r\n');
    const shows = (text) => slow.read((bytes) => (bytes.includes(text) ? { value: bytes.toString('latin1'), used: 0 } : null), text);
    await shows('"initial"');
    slow.socket.pause();
    const dropped = async () => [...(await t.get('/metrics', {}, { at: server })).text.matchAll(/^ringcast_dropped_total\S* (\d+)/gm)]
      .reduce((sum, [, n]) => sum + Number(n), 0);
    let sent = 0;
    while (await dropped() === 0) {
      await t.publish(Array.from({ length: 20 }, () => ({ to: 'slow', event: 'n', data: [sent++, 'x'.repeat(8000)] })), { at: server });
    }
    slow.socket.resume();
    const seen = () => [...slow.bytes.toString('latin1').matchAll(/data: \[(\d+)[,\]]/g)].map(([, n]) => Number(n));
    // Nothing is lost that was not counted, and then there is room for newer ones.
    await until(async () => {
      const lost = await dropped();
      return seen().length + lost === sent;
    }, 'all that is not dropped');
    await t.publish({ to: 'slow', event: 'n', data: [sent] }, { at: server });
    await shows(`data: [${sent}]`);
    const events = seen();
    assert.deepEqual(events.slice(0, 50), [...Array(50).keys()]);
    assert.ok(events.every((n, i) => i === 0 || n > events[i - 1]), events.join());
    await until(() => server.log.some((line) => /slow_client/.test(line) && /dropped=/.test(line)), 'the log line');
  });

  test('reconnect is said before a restart', async (t) => {
    const server = await t.start_server();
    const stream = await open(t, t.name('user'), server);
    server.signal('SIGTERM');
    assert.ok((await stream.next('reconnect')).after_ms > 0);
    await stream.end();
  });
});

suite('push gateway: heartbeats', {}, (test) => {
  test('periodic and healthcheck', async (t) => {
    const config = t.config_file('[[routes]]\npath = "/push"\ndialect = "gateway"\njoin = ["@me", "*"]\nheartbeat_interval = "1s"\n');
    const server = await t.start_server({ config });
    const stream = t.stream('/push?user=alice', {}, server);
    const periodic = JSON.parse((await stream.next({ event_type: 'heartbeat', type: 'periodic' })).raw_data);
    assert.deepEqual(Object.keys(periodic), ['type', 'timestamp', 'data']);
    assert.ok(periodic.timestamp > 1.7e12);
    assert.equal(Date.parse(periodic.data), periodic.timestamp);
    const check = JSON.parse((await stream.next({ event_type: 'heartbeat', type: 'healthcheck' })).raw_data);
    assert.deepEqual(Object.keys(check), ['type', 'client_id', 'user_id', 'timestamp', 'data']);
    const { connection_id } = stream.events.seen.find(({ event_type }) => event_type === 'connection_id');
    assert.deepEqual([check.client_id, check.user_id], [connection_id, 'alice']);
    assert.equal(Date.parse(check.data), check.timestamp);
  });
});
