// SPDX-License-Identifier: Apache-2.0
// The SSE broker: bare payloads under the publisher's event names, topics, users that are UUIDs, its figures.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { suite } from './lib/runner.js';
import { until, within } from './lib/deadline.js';
import { Server } from './lib/server.js';

suite('SSE broker', { settings: { preset: 'sse_broker' } }, (test) => {
  const open = async (t, user, more = '', at = t.server) => {
    const stream = t.stream(`/sse/stream?user_id=${user}${more}`, {}, at);
    const response = await within(stream.response, 'the head');
    assert.equal(response.statusCode, 200);
    const tenant = /tenant_id=([^&]*)/.exec(more)?.[1];
    await until(async () => (await t.get(`/users/${user}`, { tenant }, { at })).json?.online, 'the user to be online');
    return stream;
  };
  const send = (t, body, headers = {}) => t.http('POST', '/api/test/send', { body: JSON.stringify(body), headers });

  test('the transcript: POST /api/test/send reaches every stream of the user, bare', async (t) => {
    const user = randomUUID();
    const streams = [await open(t, user), await open(t, user)];
    const sent = await send(t, { user_id: user, event: 'order', data: { id: 7, lines: ['a'] } });
    assert.equal(sent.status, 200, sent.text);
    for (const stream of streams) {
      const event = await stream.next({ event_type: 'order' });
      assert.equal(event.raw_data, '{"id":7,"lines":["a"]}');
    }
    await send(t, { user_id: user, data: 'plain' });
    assert.equal((await streams[0].next({ event_type: 'message' })).raw_data, 'plain');
    const types = new Set(streams[0].events.seen.map((event) => event.event_type));
    types.delete('heartbeat');  // it may come at any time
    assert.deepEqual([...types].sort(), ['(retry)', 'message', 'order']);
    const { retry } = streams[0].events.seen.find((event) => event.event_type === '(retry)');
    assert.ok(retry >= 1500 && retry <= 4500);
  });

  test('the other path is the same', async (t) => {
    const user = randomUUID();
    const stream = t.stream(`/api/v1/notifications/stream?user_id=${user}`);
    await until(async () => (await t.get(`/users/${user}`)).json?.online, 'the user to be online');
    await send(t, { user_id: user, event: 'note', data: 1 });
    assert.equal((await stream.next({ event_type: 'note' })).raw_data, '1');
  });

  test('topics and broadcast', async (t) => {
    const server = await t.start_server();  // a broadcast would reach the streams of other tests
    const [a, b] = [t.name('a'), t.name('b')];
    const both = await open(t, randomUUID(), `&topics=${a},,${b},`, server);
    const one = await open(t, randomUUID(), `&topics=${a}`, server);
    await t.publish({ topic: b, event: 'news', data: { n: 1 } }, { at: server });
    await t.publish({ topic: a, event: 'news', data: { n: 2 } }, { at: server });
    await t.publish({ broadcast: true, event: 'all', data: { n: 3 } }, { at: server });
    assert.equal((await both.next({ event_type: 'news', n: 1 })).n, 1);
    for (const stream of [both, one]) {
      assert.equal((await stream.next({ event_type: 'news', n: 2 })).n, 2);
      assert.equal((await stream.next({ event_type: 'all' })).n, 3);
    }
    assert.ok(!one.events.seen.some((event) => event.n === 1));
  });

  test('a stream over several channels resumes by Last-Event-ID alone', async (t) => {
    const user = randomUUID();
    const topic = t.name('topic');
    const stream = await open(t, user, `&topics=${topic}`);
    await send(t, { user_id: user, event: 'first', data: 1 });
    const { cursor_line } = await stream.next({ event_type: 'first' });
    stream.close();
    await send(t, { user_id: user, event: 'second', data: 2 });
    await t.publish({ topic, event: 'third', data: 3 });
    const again = t.stream(`/sse/stream?user_id=${user}&topics=${topic}`, { headers: { 'Last-Event-ID': cursor_line } });
    const events = await again.take(2, (event) => 'sse_event' in event && event.sse_event !== 'heartbeat');
    assert.deepEqual(events.map((event) => event.sse_event).sort(), ['second', 'third']);
  });

  test('errors: invalid user ID, invalid topic', async (t) => {
    for (const path of ['/sse/stream', '/sse/stream?user_id=', '/sse/stream?user_id=alice', '/sse/stream?user_id=123e4567-e89b-12d3-a456-42661417400g']) {
      const answer = await t.get(path);
      t.refused(answer, 400, 'invalid_user_id');
      assert.equal(answer.json.error.message, 'invalid user ID');
    }
    for (const topics of ['@somebody', '*', 'a,@b']) {
      const topic = await t.get(`/sse/stream?user_id=${randomUUID()}&topics=${encodeURIComponent(topics)}`);
      assert.deepEqual([topic.status, topic.json.error.message], [400, 'invalid topic'], topics);
    }
    t.refused(await send(t, { user_id: 'alice', data: 1 }), 400, 'invalid_user_id');
    t.refused(await send(t, { user_id: randomUUID(), data: 1 }, { Origin: 'https://evil.example' }), 403);
  });

  test('who is online: one, and all of them', async (t) => {
    // With a grace that no test waits for: there is none here.
    const at = await t.start_server({ preset: 'sse_broker', presence_leave_grace: '1h' });
    const [user, tenant_id] = [randomUUID(), randomUUID()];
    assert.equal((await t.get(`/users/${user}`, { tenant_id }, { at })).json.online, false);
    const stream = await open(t, user, `&tenant_id=${tenant_id}`, at);
    const { users } = await t.read('/users', { tenant_id }, { at });
    assert.deepEqual(users.map((each) => each.user), [user]);
    stream.close();
    await until(async () => !(await t.get(`/users/${user}`, { tenant_id }, { at })).json.online, 'the user to be offline');
  });

  test('publishers name events as they like', async (t) => {
    const user = randomUUID();
    const stream = await open(t, user);
    for (const event of ['error', 'close', 'heartbeat', 'status', 'member_joined', 'neue Bestellung', 'a"b']) {
      assert.equal((await send(t, { user_id: user, event, data: event })).status, 200, event);
      const seen = await stream.next(({ sse_event, raw_data }) => sse_event === event && raw_data === event);
      assert.equal(seen.raw_data, event);
    }
    await t.publish({ to: user, event: 'close', data: 'via messages' });
    await stream.next(({ sse_event, raw_data }) => sse_event === 'close' && raw_data === 'via messages');
    // A native client sees a message, and the name beside it: nothing that could be taken for the server's own.
    const native = await t.ws({ user });
    await send(t, { user_id: user, event: 'reconnect', data: 'now' });
    const { event_type, event, data } = await native.next({ event: 'reconnect' });
    assert.deepEqual([event_type, event, data], ['direct', 'reconnect', 'now']);
  });

  test('an end by an administrator is an error, then close', async (t) => {
    const user = randomUUID();
    const stream = await open(t, user);
    await t.http('DELETE', `/users/${user}/connections`);
    assert.equal((await stream.next({ sse_event: 'error' })).code, 'kicked');
    await stream.next({ sse_event: 'close' });
    await stream.end();
  });

  test('tenants are kept apart', async (t) => {
    const user = randomUUID();
    const [left, right] = [randomUUID(), randomUUID()];
    const a = await open(t, user, `&tenant_id=${left}`);
    const b = await open(t, user, `&tenant_id=${right}`);
    await t.publish({ to: user, event: 'secret', data: 1 }, { query: { tenant: left } });
    await a.next({ event_type: 'secret' });
    await t.publish({ to: user, event: 'fence', data: 2 }, { query: { tenant: right } });
    await b.next({ event_type: 'fence' });
    assert.ok(!b.events.seen.some((event) => event.event_type === 'secret'));
  });

  test('its figures', async (t) => {
    const user = randomUUID();
    const stream = await open(t, user, `&topics=${t.name('counted')}`);
    await send(t, { user_id: user, event: 'x', data: 1 });
    await stream.next({ event_type: 'x' });
    const stats = await t.read('/sse/stats');
    assert.deepEqual(Object.keys(stats), ['TotalClients', 'TotalUsers', 'TotalTopics', 'IsRunning']);
    assert.ok(stats.TotalClients >= 1 && stats.TotalUsers >= 1 && stats.TotalTopics >= 1 && stats.IsRunning);
    const { text } = await t.get('/metrics');
    for (const name of ['active_connections', 'messages_sent', 'messages_dropped', 'client_connect', 'client_disconnect']) {
      assert.match(text, new RegExp(`^sse_${name}_total \\d+$`, 'm'));
    }
    assert.equal((await t.get(`/users/${user}`)).json.online, true);
  });

  test('its figures count what they say', async (t) => {
    const at = await t.start_server({ preset: 'sse_broker' });
    const figures = async () => Object.fromEntries([...(await t.get('/metrics', {}, { at })).text.matchAll(/^sse_(\w+)_total (\d+)$/gm)].map(([, name, n]) => [name, Number(n)]));
    const users = [randomUUID(), randomUUID()];
    const streams = [await open(t, users[0], '&topics=a,b', at), await open(t, users[1], '&topics=a', at), await open(t, users[1], '', at)];
    const topics = async () => (await t.read('/sse/stats', {}, { at })).TotalTopics;
    await until(async () => (await topics()) === 2, 'both topics');
    assert.deepEqual(await t.read('/sse/stats', {}, { at }), { TotalClients: 3, TotalUsers: 2, TotalTopics: 2, IsRunning: true });
    await t.http('POST', '/api/test/send', { body: { user_id: users[1], event: 'x', data: 1 }, at });
    for (const stream of streams.slice(1)) await stream.next({ event_type: 'x' });
    streams[2].close();
    await until(async () => (await figures()).client_disconnect === 1, 'the end of one');
    assert.deepEqual(await figures(), { active_connections: 2, messages_sent: 2, messages_dropped: 0, client_connect: 3, client_disconnect: 1 });
  });
});

suite('SSE broker: settings', { settings: {} }, (test) => {
  const configured = async (t, lines) => {
    const config = t.config_file(`[[routes]]\npath = "/mine"\ndialect = "broker"\njoin = ["@me", "*"]\n${lines}\n`);
    return config;
  };

  test('topics that are not enabled', async (t) => {
    const server = await t.start_server({ config: await configured(t, 'enable_topics = false') });
    const answer = await t.get('/mine', { user_id: randomUUID(), topics: 'a' }, { at: server });
    t.refused(answer, 500, 'topics_not_enabled');
    assert.equal(answer.json.error.message, 'topics not enabled');
  });

  test('[sse_broker] has the names of that module, and its preset takes them', async (t) => {
    const text = 'presets = ["sse_broker"]\n[sse_broker]\nenable_topics = false\nmax_connections = 1\nhistory_size = 7\n'
      + 'client_buffer_size = 9\nclient_timeout = "10min"\nheartbeat_interval = "60s"\n';
    const server = await t.start_server({ config: t.config_file(text) });
    const by_topic = [await t.get('/sse/stream', { user_id: randomUUID(), topics: 'a' }, { at: server }),
      await t.http('POST', '/messages', { body: { topic: 'a', data: 1 }, at: server })];
    for (const answer of by_topic) {
      t.refused(answer, 500, 'topics_not_enabled');
      assert.equal(answer.json.error.message, 'topics not enabled');
    }
    const user = randomUUID();
    for (let i = 0; i < 9; ++i) await t.publish({ to: user, event: 'n', data: i }, { at: server });
    const history = await t.read('/history', { room: `@${user}` }, { at: server });
    assert.deepEqual(history.messages.map(({ data }) => data), [2, 3, 4, 5, 6, 7, 8], 'history_size');
    const one = t.stream(`/sse/stream?user_id=${user}`, {}, server);
    assert.equal((await within(one.response, 'the head')).statusCode, 200);
    t.refused(await t.get('/sse/stream', { user_id: randomUUID() }, { at: server }), 503, 'full');
  });

  test('heartbeats are events', async (t) => {
    const server = await t.start_server({ config: await configured(t, 'heartbeat_interval = "5s"') });
    const stream = t.stream(`/mine?user_id=${randomUUID()}`, {}, server);
    const heartbeat = await stream.next({ event_type: 'heartbeat' });
    const { type, timestamp, ...more } = JSON.parse(heartbeat.raw_data);
    assert.deepEqual([type, more], ['periodic', {}]);
    assert.ok(timestamp > 1.7e12 && timestamp < 1e14, `${timestamp} is not in ms`);
  });

  test('max_connections of a route: one more is refused with the reason, and a place is free again when somebody has gone', async (t) => {
    const server = await t.start_server({ config: await configured(t, 'max_connections = 2') });
    const at = (path) => t.get(path, { user_id: randomUUID() }, { at: server });
    const streams = [];
    for (let i = 0; i < 2; ++i) {
      const stream = t.stream(`/mine?user_id=${randomUUID()}`, {}, server);
      assert.equal((await within(stream.response, 'the head')).statusCode, 200);
      streams.push(stream);
    }
    const refused = await at('/mine');
    t.refused(refused, 503, 'full');
    assert.ok(Number(refused.headers['retry-after']) >= 1);
    const elsewhere = t.stream(`/sse/stream?user_id=${randomUUID()}`, {}, server);
    assert.equal((await within(elsewhere.response, 'the head')).statusCode, 200);
    t.refused(await t.get('/mine', { user_id: 'alice' }, { at: server }), 400, 'invalid_user_id');
    streams[0].close();
    await until(async () => {
      const next = t.stream(`/mine?user_id=${randomUUID()}`, { headers: { Accept: '*/*' } }, server);
      return (await next.response).statusCode === 200;
    }, 'a place');
  });

  test('connections are counted by dialect', async (t) => {
    const server = await t.start_server();
    const count = async () => {
      const { text } = await t.get('/metrics', {}, { at: server });
      return [...text.matchAll(/^ringcast_clients_by_dialect\{[^}]*dialect="broker"[^}]*\} (\d+)$/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
    };
    assert.equal(await count(), 0);
    const stream = t.stream(`/sse/stream?user_id=${randomUUID()}`, {}, server);
    await until(async () => (await count()) === 1, 'the stream to be counted');
    stream.close();
    await until(async () => (await count()) === 0, 'its end to be counted');
  });

  test('each is refused with a clear error outside its range', async (t) => {
    for (const [lines, said] of [
      ['heartbeat_interval = "4s"', /heartbeat_interval of a broker must be 5s or more/],
      ['max_connections = -1', /max_connections = -1: .*must be a whole number from 1 to \d+, or 0 \(unlimited\)/],
      ['client_buffer_size = 0', /client_buffer_size = 0: must be/],
      ['client_timeout = "59s"', /client_timeout of a broker must be two heartbeats or more/],
      ['enable_topics = "yes"', /enable_topics = .*must be true or false/],
      ['dialect = 7', /./],
      ['fly = true', /unknown setting of \[\[routes\]\] "fly"/],
    ]) {
      const server = new Server(t.bin, { config: await configured(t, lines) });
      const { code } = await within(server.exited, 'the server to refuse to start');
      assert.notEqual(code, 0, lines);
      assert.match(server.log.join('\n'), said);
    }
  });
});
