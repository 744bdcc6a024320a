// SPDX-License-Identifier: Apache-2.0
// R8, the hub chat over WebSocket: everybody in the lobby, the sender included, sees who says what.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { suite } from './lib/runner.js';

suite('dialect R8', {}, (test) => {
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

  test('join, leave and typing the same way', async (t) => {
    const [alice, bob] = [await chat(t, t.name('Alice')), await chat(t, t.name('Bob'))];
    for (const type of ['join', 'typing', 'leave']) {
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

  test('who comes and goes is told', async (t) => {
    const alice = await chat(t, t.name('Alice'));
    const name = t.name('Late');
    const late = await chat(t, name);
    assert.equal((await alice.next({ type: 'join', username: name })).type, 'join');
    late.socket.close(1000);
    assert.equal((await alice.next({ type: 'leave', username: name })).type, 'leave');
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

  test('files of a directory are served', async (t) => {
    const folder = dirname(t.config_file(''));
    writeFileSync(join(folder, 'hello.txt'), 'hello');
    const server = await t.start_server({ static_dir: folder });
    const answer = await t.get('/static/hello.txt', {}, { at: server });
    assert.equal(answer.status, 200);
    assert.equal(answer.text, 'hello');
    t.refused(await t.get('/static/none.txt', {}, { at: server }), 404);
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
