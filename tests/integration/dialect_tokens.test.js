// SPDX-License-Identifier: Apache-2.0
// The dialects with tokens: whom they let connect, under which name, and what other clients get.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { until, within } from './lib/deadline.js';
import { suite } from './lib/runner.js';
import { Files, Key } from './lib/tokens.js';

const files = new Files();
const key = new Key('HS256');
const kServer = { 'X-API-Key': 'a-secret-of-some-length' };
// Without the rights that presets give to everybody.
const config = files.write('hub.toml', '[[routes]]\npath = "/ws"\ndialect = "token-hub"\nwith = ["token"]\nwithout = ["username"]\njoin = ["@me", "*"]\n');
const settings = { config, jwt_keys: [files.key(key)], api_keys: 'billing:a-secret-of-some-length' };
const rooms = [{ match: '**', allow: ['subscribe', 'publish', 'presence', 'history', 'broadcast'] }];
const token_of = (sub, permissions) => key.token({ sub, permissions });

suite('dialects with tokens', { settings }, (test) => {
  const push = (t, body) => t.publish(body, { headers: kServer });
  const online = (t, user, connections) => until(
    async () => (await t.get(`/users/${user}`, {}, { headers: kServer })).json?.connections === connections,
    `${connections} connections of ${user}`);
  const bad = new Key('HS256').token();

  test('token hub: a bad token is reported after the upgrade, by 4001 Unauthorized and nothing else', async (t) => {
    for (const token of [bad, 'nonsense']) {
      const client = t.ws_raw(`/ws?token=${token}`, { protocol: false });
      const { code, reason } = await client.close_code();
      assert.equal(code, 4001);
      assert.equal(reason, 'Unauthorized');
      assert.equal(client.events.seen.length, 0);
    }
  });

  test('token hub: several tabs of a user all receive what is pushed to the user', async (t) => {
    const [alice, bob] = [t.name('alice'), t.name('bob')];
    const tabs = [];
    for (let i = 0; i < 3; ++i) tabs.push(await t.foreign_ws(`/ws?token=${token_of(alice)}`));
    const other = await t.foreign_ws(`/ws?token=${token_of(bob)}`);
    await online(t, alice, 3);
    await online(t, bob, 1);
    await push(t, { to: alice, data: { type: 'order-update', id: 7 } });
    await push(t, { to: bob, data: { type: 'fence' } });
    for (const tab of tabs) assert.deepEqual(await tab.next({ type: 'order-update' }), { type: 'order-update', id: 7 });
    assert.deepEqual(await other.next({ type: 'fence' }), { type: 'fence' });
    assert.ok(!other.events.seen.some(({ type }) => type === 'order-update'));
  });

  test('token hub: messages are from the token’s user, and only those of rooms that it may join', async (t) => {
    const [alice, room] = [t.name('alice'), t.name('room')];
    const members = async () => (await t.get('/members', { room }, { headers: kServer })).json?.count;
    const sender = await t.foreign_ws(`/ws?token=${token_of(alice, rooms)}`);
    const reader = await t.foreign_ws(`/ws?token=${token_of(t.name('bob'), rooms)}`);
    const stranger = await t.foreign_ws(`/ws?token=${token_of(t.name('eve'))}`);
    for (const client of [stranger, sender, reader]) client.send({ type: 'join-room', roomId: room });
    await until(async () => (await members()) === 2, 'the two that may');
    stranger.send({ type: 'send-message', roomId: room, content: 'let me in' });
    sender.send({ type: 'send-message', roomId: room, content: room });
    const message = await reader.next({ content: room });
    assert.equal(message.from, alice);
    assert.ok(!reader.events.seen.some(({ content }) => content === 'let me in'));
    // To join and to send: each is answered, and the log names the setting.
    for (const { type, message, ...more } of await stranger.take(2, { type: 'error' })) {
      assert.deepEqual([type, more], ['error', {}]);
      assert.match(message, /no rule allows (subscribe|publish)/);
    }
    assert.equal(stranger.events.all({ type: 'error' }).length, 2);  // what is sent to all clients may come, too
    await until(() => t.server.log.some((line) => /refused/.test(line) && /code=forbidden /.test(line) && /\[\[permissions\]\]/.test(line)), 'the log line');
  });

  test('SSE broker: authentication failed is 401, and the user is the token’s', async (t) => {
    const [user, other] = [randomUUID(), randomUUID()];
    const refused = await t.get('/sse/stream', { user_id: user, token: bad });
    t.refused(refused, 401, 'unauthorized');
    assert.equal(refused.json.error.message, 'authentication failed');
    const stream = t.stream(`/sse/stream?user_id=${other}&token=${token_of(user)}`);
    assert.equal((await within(stream.response, 'the head')).statusCode, 200);
    await online(t, user, 1);
    assert.equal((await t.get(`/users/${other}`, {}, { headers: kServer })).json.online, false);
    const sent = await t.http('POST', '/api/test/send', { body: { user_id: user, event: 'order', data: 1 }, headers: kServer });
    assert.equal(sent.status, 200, sent.text);
    assert.equal((await stream.next({ event_type: 'order' })).raw_data, '1');
    t.refused(await t.get('/sse/stream', { token: token_of(t.name('alice')) }), 400, 'invalid_user_id');
    const topics = await t.get('/sse/stream', { token: token_of(user), topics: 'a' });
    t.refused(topics, 403, 'forbidden');
  });

  test('posted: what is posted needs a token, which says from whom and may not do everything', async (t) => {
    const [alice, bob] = [t.name('alice'), t.name('bob')];
    const post = (path, body, token) => t.http('POST', path, { body, headers: token ? { Authorization: `Bearer ${token}` } : {} });
    for (const [path, body] of [['/api/test/send', { user_id: randomUUID(), data: 1 }], ['/api/send', { text: 'x' }], ['/send', { from: alice, content: 'x' }]]) {
      t.refused(await post(path, body), 401, 'unauthorized');
      t.refused(await post(path, body, token_of(alice)), 403, 'forbidden');
    }
    const stream = t.stream(`/woolive/sse?token=${token_of(bob)}`);
    await stream.next('heartbeat');
    const text = t.name('hi');
    assert.equal((await post('/api/send', { text }, token_of(alice, rooms))).status, 200);
    assert.equal((await stream.next({ event_type: 'chat', text })).from, alice);
    const room = t.stream(`/sse?token=${token_of(bob, rooms)}`);
    await room.next('connection_id');
    assert.equal((await post('/send', { from: 'mallory', content: text }, token_of(alice, rooms))).status, 200);
    assert.equal((await room.next({ event_type: 'chat', content: text })).from, alice);
  });

  test('push gateway: the token says who it is; a bad one is refused', async (t) => {
    const user = t.name('user');
    const stream = t.stream(`/woolive/sse?token=${token_of(user)}`);
    assert.equal((await stream.next('heartbeat')).user_id, user);
    await push(t, { users: [user], event: 'order.paid', data: { amount: 5 } });
    assert.equal((await stream.next('order.paid')).raw_data, '{"amount":5}');
    t.refused(await t.get('/woolive/sse', { token: bad }), 401, 'unauthorized');
    assert.equal((await t.http('DELETE', `/users/${user}/tokens`, { headers: kServer })).status, 200);
    assert.equal((await stream.next('close')).code, 4001);
    await stream.end();
  });

  test('push gateway: first there must be a token, then its signature counts, then its user', async (t) => {
    const nobody = { sub: undefined };
    const other = new Key('HS256');
    for (const [token, why] of [[undefined, /^this needs a token/], [other.token(nobody), /not valid: .*(signature|key)/], [key.token(nobody), /"sub" does not name a user/]]) {
      const answer = await t.get('/woolive/sse', { token });
      t.refused(answer, 401, 'unauthorized');
      assert.match(answer.json.error.message, why);
    }
    const stream = t.stream(`/woolive/sse?token=${token_of(t.name('user'))}`);
    assert.equal((await within(stream.response, 'the head')).statusCode, 200);
  });

  test('push gateway: in its preset the page posts with the cookie or the token of its stream', async (t) => {
    const server = await t.start_server({ preset: 'push_gateway', jwt_keys: [files.key(key)] });
    const token = token_of('ann');
    const stream = t.stream('/woolive/sse', { headers: { Cookie: `a=b; token=${token}` } }, server);
    assert.equal((await stream.next('heartbeat')).user_id, 'ann');
    // What a page of somebody else's would send along.
    const open = await t.start_server({ preset: ['push_gateway', 'room_chat'], jwt_keys: [files.key(key)] });
    const foreign = { Cookie: `token=${token}`, Origin: 'https://evil.example' };
    t.refused(await t.http('POST', '/messages', { body: '{"content":"x"}', headers: foreign, at: open }), 401, 'unauthorized');
    assert.equal((await t.ws_raw('/ws', { protocol: false, headers: foreign }, open).close_code()).code, 4001);
    for (const [path, headers] of [['/api/send', { Cookie: `token=${token}` }], [`/api/send?token=${token}`, {}]]) {
      const text = t.name('hi');
      assert.equal((await t.http('POST', path, { body: JSON.stringify({ text }), headers, at: server })).status, 200);
      assert.equal((await stream.next({ event_type: 'chat', text })).from, 'ann');
    }
  });

  test('SSE chat: who may not ask who is there gets no list', async (t) => {
    const [a, b] = [t.name('ann'), t.name('ben')];
    const subscribe = [{ match: 'lobby', allow: ['subscribe'] }];
    const ann = t.stream(`/sse?token=${token_of(a, subscribe)}`);
    await ann.next({ event_type: 'system' });
    const ben = t.stream(`/sse?token=${token_of(b, rooms)}`);
    await ben.next((event) => event.event_type === 'online_list' && JSON.parse(event.raw_data).includes(b));
    await push(t, { room: 'lobby', user: 'System', content: a });
    await ann.next({ event_type: 'chat', content: a });
    assert.equal(ann.events.all('online_list').length, 0);
  });

  test('chat hub: the token’s user, whatever username says; the lobby is a room like others', async (t) => {
    const alice = t.name('alice');
    const client = await t.foreign_ws(`/ws?username=mallory&token=${token_of(alice, rooms)}`);
    const content = t.name('hello');
    client.send({ type: 'message', content });
    assert.equal((await client.next({ content })).username, alice);
    const stranger = t.ws_raw(`/ws?username=x&token=${token_of(alice)}`, { protocol: false });
    assert.equal((await stranger.close_code()).code, 4003);
  });

  test('notifications: notifications are those of the token’s user', async (t) => {
    const user = t.name('user');
    await push(t, { to: user, data: { title: 'one' } });
    const mine = await t.read('/notifications/poll', { since: 1, user: 'mallory', token: token_of(user) });
    assert.deepEqual(mine.notifications, [{ title: 'one' }]);
    t.refused(await t.get('/notifications/poll', { since: 1, user }), 401, 'unauthorized');
    t.refused(await t.get('/notifications/poll', { since: 1, token: bad }), 401, 'unauthorized');
  });
});
