// SPDX-License-Identifier: Apache-2.0
// Messages of WebSocket clients: to rooms, to users, binary; who gets them and what they look like.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { until } from './lib/deadline.js';
import { suite } from './lib/runner.js';

suite('messages', {}, (test) => {
  test('a message reaches everybody in the room, the sender included, as the same event', async (t) => {
    const room = t.name('room');
    const alice = t.name('alice');
    const sender = await t.member(room, { user: alice });
    const others = await Promise.all([1, 2, 3, 4].map(() => t.member(room, { user: t.name('u') })));
    sender.send({ action: 'message', content: 'Hello everyone!' });
    const own = await sender.next('message');
    assert.equal(own.room, room);
    assert.equal(own.user, alice);
    assert.equal(own.content, 'Hello everyone!');
    assert.equal(own.id, sender.joined.id + 1);
    assert.match(own.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.ok(Math.abs(Date.parse(own.timestamp) - Date.now()) < 60000);
    for (const other of others) assert.deepEqual(await other.next('message'), own);
  });

  test('data is any JSON and comes back equal', async (t) => {
    const room = t.name('room');
    const client = await t.member(room, { user: t.name('a') });
    for (const data of [{ a: [1, 2.5, -3e10, null, true], 'ü': { deep: [[[]]] } }, [], 'text', 0, false, null, '\u2028\n\t"\\/']) {
      client.send({ action: 'message', data });
      const event = await client.next('message');
      assert.deepEqual(event.data, data);
      assert.ok(!('content' in event));
    }
  });

  test('any text survives: emoji, quotes, line ends, NUL, markup', async (t) => {
    const room = t.name('room');
    const client = await t.member(room, { user: t.name('a') });
    for (const content of ['', '😀 é 漢字 \u{10FFFF}', 'a"b\\c/d', 'line\r\nline\u2029', 'nul\u0000 bell\u0007', '<script>&amp;</script>', ' ']) {
      client.send({ action: 'message', content });
      assert.equal((await client.next('message')).content, content);
    }
  });

  test('event names a type of the publisher\'s own', async (t) => {
    const room = t.name('room');
    const client = await t.member(room, { user: t.name('a') });
    client.send({ action: 'message', event: 'order.created', data: { n: 1 } });
    const event = await client.next('order.created');
    assert.equal(event.room, room);
    assert.deepEqual(event.data, { n: 1 });
  });

  test('with a ref the sender gets an ack with the id beside the message', async (t) => {
    const room = t.name('room');
    const client = await t.member(room, { user: t.name('a') });
    client.send({ action: 'message', content: 'x', ref: 'q' });
    const [ack, message] = await Promise.all([client.next('ack'), client.next('message')]);
    assert.equal(ack.ref, 'q');
    assert.equal(ack.id, message.id);
  });

  test('echo:false spares the sender the message and gives an ack', async (t) => {
    const room = t.name('room');
    const sender = await t.member(room, { user: t.name('a') });
    const other = await t.member(room, { user: t.name('b') });
    sender.send({ action: 'message', content: 'quiet', echo: false });
    const ack = await sender.next('ack');
    assert.equal((await other.next('message')).id, ack.id);
    await t.say(room, 'loud');
    assert.equal((await sender.next('message')).content, 'loud');
    assert.equal(sender.events.all('message').length, 1);
  });

  test('exclusion holds for live delivery, not for replay', async (t) => {
    const room = t.name('room');
    const user = t.name('a');
    const sender = await t.member(room, { user });
    sender.send({ action: 'message', content: 'quiet', echo: false });
    const { id } = await sender.next('ack');
    const again = await t.ws({ user, rooms: [room], since: `${room}=${sender.joined.id}` });
    assert.equal((await again.next('message')).id, id);
  });

  test('an idempotency key gives one message and two acks with one id', async (t) => {
    const room = t.name('room');
    const sender = await t.member(room, { user: t.name('a') });
    const first = await sender.ask({ action: 'message', content: 'once', idempotency_key: 'k1' });
    const second = await sender.ask({ action: 'message', content: 'once', idempotency_key: 'k1' });
    assert.equal(first.event_type, 'ack');
    assert.equal(second.id, first.id);
    assert.equal(second.duplicate, true);
    await t.say(room, 'end');
    await sender.next({ content: 'end' });
    assert.deepEqual(sender.events.all('message').map(({ content }) => content), ['once', 'end']);
  });

  test('messages of one connection keep their order', async (t) => {
    const room = t.name('room');
    const sender = await t.member(room, { user: t.name('a') });
    const reader = await t.member(room, { user: t.name('b') });
    for (let i = 0; i < 200; i++) sender.send({ action: 'message', room, content: String(i) });
    const got = await reader.take(200, 'message');
    assert.deepEqual(got.map(({ content }) => Number(content)), got.map((_, i) => i));
    assert.deepEqual(got.map(({ id }) => id - got[0].id), got.map((_, i) => i));
  });

  test('a message to a room that one has not joined is refused', async (t) => {
    const client = await t.ws({ user: t.name('a') });
    const answer = await client.ask({ action: 'message', content: 'x' });
    assert.equal(answer.event_type, 'error');
  });
});

suite('direct messages', {}, (test) => {
  test('direct reaches every connection of the user and acks with receivers', async (t) => {
    const [alice, bob] = [t.name('alice'), t.name('bob')];
    const sender = await t.ws({ user: alice });
    const tabs = await Promise.all([1, 2, 3].map(() => t.ws({ user: bob })));
    const ack = await sender.ask({ action: 'direct', to: bob, content: 'psst' });
    assert.equal(ack.event_type, 'ack');
    assert.equal(ack.receivers, 3);
    for (const tab of tabs) {
      const event = await tab.next('direct');
      assert.equal(event.user, alice);
      assert.equal(event.content, 'psst');
      assert.equal(event.room, `@${bob}`);
      assert.equal(event.id, ack.id);
    }
    await sender.fence();
    assert.equal(sender.events.all('direct').length, 0);
  });

  test('an offline user finds it later in the inbox', async (t) => {
    const [alice, bob] = [t.name('alice'), t.name('bob')];
    const before = await t.ws({ user: bob });
    const position = before.hello.positions[`@${bob}`];
    await before.close();
    const sender = await t.ws({ user: alice });
    const ack = await sender.ask({ action: 'direct', to: bob, data: { n: 1 } });
    const after = await t.ws({ user: bob, since: `@me=${position}` });
    const event = await after.next('direct');
    assert.equal(event.id, ack.id);
    assert.deepEqual(event.data, { n: 1 });
  });

  test('somebody else\'s inbox cannot be joined', async (t) => {
    const client = await t.ws({ user: t.name('a') });
    const answer = await client.ask({ action: 'join', room: `@${t.name('b')}` });
    assert.equal(answer.event_type, 'error');
    assert.equal(answer.code, 'forbidden');
    t.refused(await t.get('/events', { user: 'me2', rooms: ['@other'] }, { headers: { Accept: 'text/event-stream' } }), 403);
  });
});

suite('typing and status', {}, (test) => {
  test('typing reaches the others of the room, without id', async (t) => {
    const room = t.name('room');
    const user = t.name('a');
    const sender = await t.member(room, { user });
    const other = await t.member(room, { user: t.name('b') });
    sender.send({ action: 'typing', room });
    const event = await other.next('typing');
    assert.equal(event.user, user);
    assert.equal(event.room, room);
    assert.ok(!('id' in event));
    await t.say(room, 'end');
    await sender.next('message');
    assert.equal(sender.events.all('typing').length, 0);
  });

  test('typing takes no id from the room', async (t) => {
    const room = t.name('room');
    const client = await t.member(room, { user: t.name('a') });
    client.send({ action: 'typing', room });
    client.send({ action: 'message', content: 'x' });
    assert.equal((await client.next('message')).id, client.joined.id + 1);
  });

  test('status reaches the members of the user\'s rooms and stands in members', async (t) => {
    const room = t.name('room');
    const user = t.name('a');
    const client = await t.member(room, { user });
    const other = await t.member(room, { user: t.name('b') });
    for (const status of ['away', 'busy', 'online']) {
      client.send({ action: 'status', status });
      const event = await other.next({ event_type: 'status', user });
      assert.equal(event.status, status);
    }
    client.send({ action: 'status', status: 'away' });
    await other.next({ event_type: 'status', status: 'away' });
    const { members } = await other.ask({ action: 'members', room });
    assert.equal(members.find((member) => member.user === user).status, 'away');
    await until(async () => (await t.read(`/users/${user}`)).status === 'away', 'the status of the user');
  });

  test('a status set before a join is shown in the room from the beginning, also by another tab', async (t) => {
    const [room, second] = [t.name('room'), t.name('room')];
    const user = t.name('a');
    const watcher = await t.member(room, { user: t.name('b') });
    await watcher.join(second);
    const client = await t.ws({ user });
    await client.ask({ action: 'status', status: 'busy' });
    await client.join(room);
    assert.equal((await watcher.next({ event_type: 'member_joined', user })).status, 'busy');
    await t.member(second, { user });
    const shown = async () => (await watcher.ask({ action: 'members', room: second })).members.find((member) => member.user === user)?.status;
    await until(async () => await shown() === 'busy', 'the status in the second room');
  });
});

suite('binary', {}, (test) => {
  test('a binary frame is announced and follows at once, inseparable under load', async (t) => {
    const room = t.name('room');
    const sender = await t.member(room, { user: t.name('a') });
    const reader = await t.member(room, { user: t.name('b') });
    const frames = Array.from({ length: 40 }, (_, i) => randomBytes(1 + i * 37));
    for (const frame of frames) {
      sender.send_binary(frame);
      sender.send({ action: 'message', content: 'between' });
    }
    await reader.take(40, 'message');
    const seen = reader.events.seen;
    const announced = seen.map((event, i) => [event, i]).filter(([event]) => event.event_type === 'binary');
    assert.equal(announced.length, 40);
    announced.forEach(([event, i], n) => {
      assert.equal(event.room, room);
      assert.equal(event.bytes, frames[n].length);
      assert.ok(Number.isSafeInteger(event.id));
      assert.equal(seen[i + 1].event_type, '(frame)');
      assert.deepEqual(seen[i + 1].bytes, frames[n]);
    });
  });

  test('an empty frame is a message too', async (t) => {
    const room = t.name('room');
    const client = await t.member(room, { user: t.name('a') });
    client.send_binary(Buffer.alloc(0));
    assert.equal((await client.next('binary')).bytes, 0);
    assert.equal((await client.next('(frame)')).bytes.length, 0);
  });

  test('history shows its bytes as base64, over both ways to ask', async (t) => {
    const room = t.name('room');
    const client = await t.member(room, { user: 'a' });
    const bytes = Buffer.from([0, 1, 254, 255, 10]);
    client.send_binary(bytes);
    const { id } = await client.next('binary');
    const expected = { event_type: 'binary', id, room, user: 'a', bytes: bytes.length, data: bytes.toString('base64') };
    assert.deepEqual((await client.ask({ action: 'history', room })).messages, [expected]);
    assert.deepEqual((await t.read('/history', { room })).messages, [expected]);
  });

  test('?binary=raw gets the frame alone', async (t) => {
    const room = t.name('room');
    const sender = await t.member(room, { user: t.name('a') });
    const reader = await t.member(room, { user: t.name('b'), binary: 'raw' });
    sender.send_binary(Buffer.from([1, 2, 3]));
    assert.deepEqual((await reader.next('(frame)')).bytes, Buffer.from([1, 2, 3]));
    await reader.fence();
    assert.equal(reader.events.all('binary').length, 0);
  });

  test('SSE and poll members get base64 with the same id', async (t) => {
    const room = t.name('room');
    const bytes = randomBytes(301);
    const sender = await t.member(room, { user: t.name('a') });
    const stream = await t.sse({ user: t.name('b'), rooms: [room] });
    sender.send_binary(bytes);
    const { id } = await sender.next('binary');
    const event = await stream.next('binary');
    assert.equal(event.id, id);
    assert.deepEqual(Buffer.from(event.data, 'base64'), bytes);
    const { events } = await t.poll({ user: t.name('c'), rooms: [room], since: id - 1 });
    assert.equal(events[0].event_type, 'binary');
    assert.deepEqual(Buffer.from(events[0].data, 'base64'), bytes);
  });

  test('action binary names the room of the frames to come', async (t) => {
    const [one, two] = [t.name('room'), t.name('room')];
    const client = await t.member(one, { user: t.name('a') });
    await client.join(two);
    client.send({ action: 'binary', room: one });
    client.send_binary(Buffer.from('x'));
    assert.equal((await client.next('binary')).room, one);
  });

  test('a binary message is replayed as a pair', async (t) => {
    const room = t.name('room');
    const user = t.name('a');
    const client = await t.member(room, { user });
    client.send_binary(Buffer.from('kept'));
    await client.next('binary');
    const again = await t.ws({ user, rooms: [room], since: `${room}=${client.joined.id}` });
    await again.next('binary');
    assert.equal((await again.next('(frame)')).bytes.toString(), 'kept');
  });
});
