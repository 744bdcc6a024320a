// SPDX-License-Identifier: Apache-2.0
// The chat hub over WebSocket: everybody in the lobby, the sender included, sees who says what.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { suite } from './lib/runner.js';

suite('chat hub', {}, (test) => {
  const chat = async (t, name) => {
    const client = await t.foreign_ws(`/ws?username=${encodeURIComponent(name)}`);
    return client;
  };

  test('the transcript: a message goes to everyone, the sender included', async (t) => {
    const [alice, bob] = [await chat(t, t.name('Alice')), await chat(t, t.name('Bob'))];
    const text = t.name('hello');
    alice.send({ type: 'message', content: text });
    const seen = [];
    for (const client of [alice, bob]) {
      const message = await client.next({ type: 'message', content: text });
      assert.deepEqual(Object.keys(message), ['type', 'user_id', 'username', 'content', 'timestamp']);
      assert.match(message.username, /^Alice/);
      assert.ok(!Number.isNaN(Date.parse(message.timestamp)));
      assert.notEqual(message.user_id, '');
      seen.push(message);
    }
    assert.deepEqual(seen[0], seen[1]);
    bob.send({ type: 'message', content: `${text} too` });
    const reply = await alice.next({ content: `${text} too` });
    assert.notEqual(reply.user_id, seen[0].user_id, 'user_id is the connection’s');
  });

  test('types are free', async (t) => {
    const [alice, bob] = [await chat(t, t.name('Alice')), await chat(t, t.name('Bob'))];
    for (const type of ['join', 'typing', 'leave', 'status', 'error', 'any thing']) {
      const content = t.name(type);
      alice.send({ type, content });
      for (const client of [alice, bob]) {
        const event = await client.next({ type, content });
        assert.match(event.username, /^Alice/);
      }
    }
  });

  test('who gives no name is Anonymous', async (t) => {
    const client = await chat(t, '');
    const content = t.name('who');
    client.send({ type: 'message', content });
    assert.equal((await client.next({ content })).username, 'Anonymous');
  });

  test('who comes and goes is reported', async (t) => {
    const alice = await chat(t, t.name('Alice'));
    const name = t.name('Late');
    const late = await chat(t, name);
    const lines = [await alice.next({ type: 'join', username: name })];
    assert.equal((await late.next({ type: 'join', username: name })).user_id, lines[0].user_id);
    late.socket.close(1000);
    lines.push(await alice.next({ type: 'leave', username: name }));
    for (const line of lines) {
      assert.deepEqual(Object.keys(line).filter((key) => key !== 'event_type'), ['type', 'user_id', 'username', 'content', 'timestamp']);
      assert.match(line.content, new RegExp(`^${name} (joined|left) the chat$`));
      assert.equal(line.user_id, lines[0].user_id);
    }
  });

  test('content may be missing, and rooms, private messages, lists and files have fields of their own', async (t) => {
    const [a, b] = [t.name('Alice'), t.name('Bob')];
    const [alice, bob] = [await chat(t, a), await chat(t, b)];
    alice.send({ type: 'wave' });
    assert.equal((await bob.next({ type: 'wave', username: a })).content, '');
    const room = t.name('room');
    for (const client of [alice, bob]) {
      client.send({ type: 'join_room', room });
      await client.next({ type: 'join_room', room });
    }
    alice.send({ type: 'message', room, content: 'here' });
    assert.equal((await bob.next({ content: 'here' })).room, room);
    alice.send({ type: 'history', room });
    assert.equal((await alice.next({ content: 'here' })).username, a);
    bob.send({ type: 'leave_room', room });
    assert.equal((await alice.next({ type: 'leave', username: b, room })).username, b);
    alice.send({ type: 'dm', to: b, content: 'psst' });
    const { type, from, to, content } = await bob.next({ type: 'dm' });
    assert.deepEqual({ type, from, to, content }, { type: 'dm', from: a, to: b, content: 'psst' });
    alice.send({ type: 'dm', to: t.name('nobody'), content: 'psst' });
    await alice.next({ type: 'error', content: 'nobody of that name is here' });
    alice.send({ type: 'online' });
    const { users } = await alice.next({ type: 'online' });
    assert.deepEqual(Object.keys(users[0]), ['ID', 'Username']);
    for (const name of [a, b]) assert.equal(users.filter(({ Username }) => Username === name).length, 1);
    alice.send({ type: 'join_room', room: `${room}2` });
    await alice.next({ type: 'join_room', room: `${room}2` });
    bob.send({ type: 'join_room', room: `${room}2` });
    await alice.next({ type: 'join', room: `${room}2`, username: b });
    const bytes = Buffer.alloc(300, 7);
    alice.send_binary(bytes);
    assert.ok((await bob.next('(frame)')).bytes.equals(bytes));
  });

  test('each message is a frame of its own, and messages of one connection keep their order', async (t) => {
    const [alice, bob] = [await chat(t, t.name('Alice')), await chat(t, t.name('Bob'))];
    const mark = t.name('m');
    for (let i = 0; i < 50; ++i) alice.send({ type: 'message', content: `${mark} ${i}` });
    for (let i = 0; i < 50; ++i) assert.equal((await bob.next((event) => event.content?.startsWith(mark))).content, `${mark} ${i}`);
  });

  test('the read limit is 512 bytes', async (t) => {
    const client = await chat(t, t.name('Alice'));
    const fits = { type: 'message', content: '' };
    fits.content = 'x'.repeat(512 - JSON.stringify(fits).length);
    client.send(fits);
    await client.next({ content: fits.content });
    client.send({ type: 'message', content: 'x'.repeat(600) });
    assert.equal((await client.close_code()).code, 1009);
  });

  test('who answers no ping within the pong wait is gone', async (t) => {
    const config = t.config_file('[[routes]]\npath = "/chat"\ndialect = "chat-hub"\njoin = ["lobby"]\nheartbeat_interval = "1s"\nheartbeat_timeout = "4s"\n');
    const server = await t.start_server({ config, presence_leave_grace: '0s' });
    const alice = await t.foreign_ws('/chat?username=Alice', {}, server);
    const mute = t.raw(server);
    await mute.upgrade('/chat?username=Mute', { 'Sec-WebSocket-Protocol': null });
    let frame;
    do frame = await mute.frame(); while (frame.opcode !== 9);
    await alice.next({ type: 'leave', username: 'Mute' });
    await alice.next('(ping)');
    assert.equal(alice.socket.readyState, 1);
  });

  test('in its preset every /ws is the hub’s, and the files of a directory are at / too', async (t) => {
    const folder = dirname(t.config_file(''));
    writeFileSync(join(folder, 'hello.txt'), 'hello');
    const server = await t.start_server({ preset: 'hub_chat', static_dir: folder });
    for (const path of ['/hello.txt', '/static/hello.txt']) assert.equal((await t.get(path, {}, { at: server })).text, 'hello', path);
    t.refused(await t.get('/none.txt', {}, { at: server }), 404);
    const client = await t.foreign_ws('/ws', { headers: { Origin: 'https://elsewhere.example' } }, server);
    client.send({ type: 'message', content: 'hi' });
    assert.equal((await client.next({ content: 'hi' })).username, 'Anonymous');
    await t.ws({ user: 'alice' }, {}, server);
  });

  test('/api/stats counts who is there', async (t) => {
    const name = t.name('Counted');
    await chat(t, name);
    const stats = await t.read('/api/stats');
    assert.deepEqual(Object.keys(stats), ['online_users']);
    assert.ok(stats.online_users >= 1);
  });

  test('native members of the lobby see the same messages', async (t) => {
    const native = await t.member('lobby', { user: t.name('native') });
    const alice = await chat(t, t.name('Alice'));
    const content = t.name('both');
    alice.send({ type: 'message', content });
    const event = await native.next({ content });
    assert.equal(event.event_type, 'message');
    native.send({ action: 'message', room: 'lobby', content: `${content} back` });
    const back = await alice.next({ content: `${content} back` });
    assert.equal(back.type, 'message');
    assert.equal(back.user_id, '');
  });
});
