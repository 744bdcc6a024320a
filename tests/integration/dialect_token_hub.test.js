// SPDX-License-Identifier: Apache-2.0
// The token hub over WebSocket: rooms, the others in the room, pushes of any JSON to every connection of a user.

import assert from 'node:assert/strict';
import { suite } from './lib/runner.js';
import { until } from './lib/deadline.js';

const anything = ({ event_type }) => event_type !== '(ping)';

suite('token hub', { settings: { preset: 'token_hub' } }, (test) => {
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
    const server = await t.start_server({ preset: 'token_hub' });  // everybody on it is this test's
    const room = t.name('room');
    const client = await t.foreign_ws('/ws?token=let-me-in', {}, server);
    client.send({ type: 'join-room', roomId: room });
    await until(async () => (await t.read('/members', { room }, { at: server })).count === 1, 'the member');
    await t.publish({ room, event: 'order', data: { type: 'order-update', lines: [1, { a: null }] } }, { at: server });
    assert.deepEqual(await client.next(anything), { type: 'order-update', lines: [1, { a: null }] });
    const frames = [];
    client.socket.on('message', (bytes) => frames.push(bytes.toString()));
    for (const data of [['to', 'everyone'], 'text', 7, true, { a: { b: [] } }]) await t.publish({ broadcast: true, data }, { at: server });
    await until(() => frames.length === 5, 'all frames', { describe: () => frames.join() });
    assert.deepEqual(frames, ['["to","everyone"]', '"text"', '7', 'true', '{"a":{"b":[]}}']);
  });

  test('what is refused is answered by an error, and the connection stays', async (t) => {
    const room = t.name('room');
    const client = await hub(t);
    const wrong = ['{', '[]', '{"type":"fly"}', '{"type":"join-room"}', '{"type":"join-room","roomId":"*"}', '{"action":"join","room":"a"}'];
    for (const text of wrong) {
      client.send(text);
      const error = await client.next(anything);
      assert.deepEqual(Object.keys(error).filter((key) => key !== 'event_type'), ['type', 'message'], text);
      assert.equal(error.type, 'error');
    }
    for (let i = 0; i < 2; ++i) client.send({ type: 'join-room', roomId: room });  // the second is no mistake
    await until(async () => (await members(t, room)) === 1, 'the member');
    assert.equal(client.events.all(anything).length, wrong.length);
  });

  test('numbers are rooms, objects are content, and JSON may come in binary frames', async (t) => {
    const number = 1_000_000 + Number(t.name('').slice(1));
    const [alice, bob] = [await hub(t), await hub(t)];
    for (const client of [alice, bob]) client.send({ type: 'join-room', roomId: number });
    await until(async () => (await members(t, String(number))) === 2, 'both');
    alice.send({ type: 'send-message', roomId: number, content: { text: 'hi', lines: [1] } });
    const { type, content } = await bob.next(anything);
    assert.deepEqual([type, content], ['new-message', { text: 'hi', lines: [1] }]);
    alice.send_binary(Buffer.from(JSON.stringify({ type: 'send-message', roomId: number, content: 'two' })));
    assert.equal((await bob.next(anything)).content, 'two');
  });

  test('binary frames of native members are not shown', async (t) => {
    const room = t.name('room');
    const native = await t.member(room, { user: 'alice' });
    const client = await hub(t);
    client.send({ type: 'join-room', roomId: room });
    await until(async () => (await members(t, room)) === 2, 'both');
    native.send_binary(Buffer.alloc(100, 7));
    native.send({ action: 'message', content: 'after' });
    assert.equal((await client.next(anything)).content, 'after');
    assert.equal(client.events.all(anything).length, 1);
  });

  test('no token is refused by 4001, on any path where that is set, unless ringcast.v1 is offered', async (t) => {
    const server = await t.start_server({ preset: 'token_hub', token_hub_any_path: true });
    for (const path of ['/ws', '/', '/any/path?x=1']) {
      const client = t.ws_raw(path, { protocol: false }, server);
      assert.deepEqual(await client.close_code(), { code: 4001, reason: 'Unauthorized' }, path);
      assert.equal(client.events.seen.length, 0);
      const joiner = await t.foreign_ws(`${path}${path.includes('?') ? '&' : '?'}token=x`, {}, server);
      joiner.send({ type: 'fly' });
      assert.equal((await joiner.next(anything)).type, 'error');
    }
    await t.ws({ user: 'alice' }, {}, server);
    assert.equal((await t.get('/', {}, { at: server })).status, 200);
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
    const client = await t.foreign_ws('/hub?token=x', {}, server);
    for (let i = 0; i < 2; ++i) await client.next('(ping)');
    assert.ok(client.events.seen.every(({ event_type }) => event_type === '(ping)'));
  });

  test('who offers ringcast.v1 speaks native, and so does everybody without the preset', async (t) => {
    const native = t.ws_raw('/ws?token=let-me-in&user=alice');
    await native.ready();
    assert.equal(native.hello.user, 'alice');
    const plain = await t.start_server();
    const other = t.ws_raw('/ws?token=let-me-in&user=bob', { protocol: false }, plain);
    await other.ready();
    assert.equal(other.hello.user, 'bob');
  });

  test('native members and members of the hub share a room', async (t) => {
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
