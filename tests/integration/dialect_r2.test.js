// SPDX-License-Identifier: Apache-2.0
// R2, the token hub over WebSocket: rooms, the others in the room, pushes of any JSON to every connection of a user.

import assert from 'node:assert/strict';
import { suite } from './lib/runner.js';
import { until } from './lib/deadline.js';

const anything = ({ event_type }) => event_type !== '(ping)';

suite('dialect R2', {}, (test) => {
  const hub = (t) => t.foreign_ws('/ws?token=let-me-in');
  const members = async (t, room) => (await t.read('/members', { room })).count;

  test('the transcript: join-room, send-message, new-message to the others and not to the sender', async (t) => {
    const room = t.name('room');
    const [alice, bob, carol] = [await hub(t), await hub(t), await hub(t)];
    for (const client of [alice, bob, carol]) client.send({ type: 'join-room', roomId: room });
    await until(async () => (await members(t, room)) === 3, 'three members');
    const before = Date.now();
    alice.send({ type: 'send-message', roomId: room, content: 'hello "you"' });
    for (const client of [bob, carol]) {
      const message = await client.next(anything);
      assert.deepEqual(Object.keys(message), ['type', 'from', 'content', 'timestamp']);
      assert.equal(message.type, 'new-message');
      assert.equal(message.content, 'hello "you"');
      assert.ok(Math.abs(message.timestamp - before) < 60_000, `${message.timestamp} is not in ms`);
    }
    bob.send({ type: 'send-message', roomId: room, content: 'two' });
    assert.equal((await alice.next(anything)).content, 'two');
    assert.equal(alice.events.all(anything).length, 1, `alice saw ${alice.events.tail()}`);
  });

  test('any JSON is pushed as it is', async (t) => {
    const server = await t.start_server();  // everybody on it is this test's
    const room = t.name('room');
    const client = await t.foreign_ws('/ws?token=let-me-in', {}, server);
    client.send({ type: 'join-room', roomId: room });
    await until(async () => (await t.read('/members', { room }, { at: server })).count === 1, 'the member');
    await t.publish({ room, event: 'order', data: { type: 'order-update', lines: [1, { a: null }] } }, { at: server });
    assert.deepEqual(await client.next(anything), { type: 'order-update', lines: [1, { a: null }] });
    await t.publish({ broadcast: true, data: ['to', 'everyone'] }, { at: server });
    assert.deepEqual(Object.values(await client.next(anything)), ['to', 'everyone']);
  });

  test('what is not its spelling is ignored and the connection stays', async (t) => {
    const room = t.name('room');
    const client = await hub(t);
    for (const text of ['{', '[]', '{"type":"fly"}', '{"type":"join-room"}', '{"type":"join-room","roomId":"*"}', '{"type":"join-room","roomId":7}', '{"action":"join","room":"a"}']) client.send(text);
    client.send({ type: 'join-room', roomId: room });
    await until(async () => (await members(t, room)) === 1, 'the member');
    assert.deepEqual(client.events.all(anything), []);
  });

  test('after leave-room nothing comes', async (t) => {
    const room = t.name('room');
    const client = await hub(t);
    client.send({ type: 'join-room', roomId: room });
    await until(async () => (await members(t, room)) === 1, 'the member');
    client.send({ type: 'leave-room', roomId: room });
    await until(async () => (await members(t, room)) === 0, 'nobody');
  });

  test('it is pinged', async (t) => {
    const config = t.config_file('[[routes]]\npath = "/hub"\ndialect = "token-hub"\njoin = ["@me", "*"]\nheartbeat_interval = "1s"\n');
    const server = await t.start_server({ config });
    const client = await t.foreign_ws('/hub', {}, server);
    for (let i = 0; i < 2; ++i) await client.next('(ping)');
    assert.ok(client.events.seen.every(({ event_type }) => event_type === '(ping)'));
  });

  test('who offers ringcast.v1 or names a user speaks native', async (t) => {
    const native = t.ws_raw('/ws?token=let-me-in');
    await native.ready();
    const named = t.ws_raw('/ws?token=let-me-in&user=alice', { protocol: false });
    await named.ready();
    assert.equal(named.hello.user, 'alice');
  });

  test('native members and R2 members share a room', async (t) => {
    const room = t.name('room');
    const native = await t.member(room, { user: 'alice' });
    const client = await hub(t);
    client.send({ type: 'join-room', roomId: room });
    await until(async () => (await members(t, room)) === 2, 'both');
    native.send({ action: 'message', content: 'hi' });
    const message = await client.next(anything);
    assert.equal(message.from, 'alice');
    client.send({ type: 'send-message', roomId: room, content: 'back' });
    assert.equal((await native.next({ content: 'back' })).event_type, 'message');
  });
});
