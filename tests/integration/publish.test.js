// SPDX-License-Identifier: Apache-2.0
// POST /messages: every form of target, batches, idempotency, and what is refused.

import assert from 'node:assert/strict';
import { until } from './lib/deadline.js';
import { suite } from './lib/runner.js';

suite('publish', { settings: { message_size_max: '4KiB', body_size_max: '64KiB' } }, (test) => {
  test('to a room: status, event_id and the number of receivers', async (t) => {
    const room = t.name('room');
    const members = await Promise.all([1, 2, 3].map(() => t.member(room, { user: t.name('u') })));
    const answer = await t.publish({ room, user: 'System', content: 'Welcome!' });
    assert.equal(answer.status, 'sent');
    assert.equal(answer.receivers, 3);
    for (const member of members) {
      const event = await member.next('message');
      assert.equal(event.id, answer.event_id);
      assert.equal(event.user, 'System');
      assert.equal(event.content, 'Welcome!');
    }
  });

  test('to a room where nobody is: kept, no receivers', async (t) => {
    const room = t.name('room');
    const answer = await t.publish({ room, content: 'early' });
    assert.equal(answer.receivers, 0);
    assert.equal((await t.read('/history', { room })).messages[0].id, answer.event_id);
  });

  test('without a target it goes to general', async (t) => {
    const text = t.name('text');
    const client = await t.member('general', { user: t.name('a') });
    await t.publish({ user: 'S', content: text });
    await client.next({ room: 'general', content: text });
  });

  test('to several rooms: results in order', async (t) => {
    const rooms = [t.name('r'), t.name('r'), t.name('r')];
    const client = await t.member(rooms[1], { user: t.name('a') });
    const { status, results } = await t.publish({ rooms, user: 'S', data: { n: 1 } });
    assert.equal(status, 'sent');
    assert.deepEqual(results.map(({ room }) => room), rooms);
    assert.deepEqual(results.map(({ receivers }) => receivers), [0, 1, 0]);
    assert.equal((await client.next('message')).id, results[1].event_id);
  });

  test('to a user and to several users', async (t) => {
    const [alice, bob] = [t.name('alice'), t.name('bob')];
    const client = await t.ws({ user: alice });
    const one = await t.publish({ to: alice, user: 'S', content: 'one' });
    assert.equal(one.receivers, 1);
    assert.equal((await client.next('direct')).id, one.event_id);
    const { results } = await t.publish({ users: [bob, alice], user: 'S', content: 'two' });
    assert.deepEqual(results.map(({ user, receivers }) => [user, receivers]), [[bob, 0], [alice, 1]]);
    assert.equal((await client.next('direct')).content, 'two');
  });

  test('to one connection: no id, no history', async (t) => {
    const user = t.name('a');
    const [one, two] = [await t.ws({ user }), await t.ws({ user })];
    const answer = await t.publish({ to_connection: one.id, user: 'S', content: 'only you' });
    assert.equal(answer.event_id, undefined);
    assert.equal(answer.receivers, 1);
    const event = await one.next({ content: 'only you' });
    assert.ok(!('id' in event));
    await two.fence();
    assert.equal(two.events.all({ content: 'only you' }).length, 0);
  });

  test('exclude spares one connection', async (t) => {
    const room = t.name('room');
    const [one, two] = [await t.member(room, { user: t.name('a') }), await t.member(room, { user: t.name('b') })];
    await t.say(room, 'not you', { exclude: one.id });
    await t.say(room, 'all');
    await two.next({ content: 'not you' });
    await one.next({ content: 'all' });
    assert.equal(one.events.all('message').length, 1);
  });

  test('an idempotency key answers the first id and duplicate', async (t) => {
    const room = t.name('room');
    const body = { room, user: 'S', content: 'once', idempotency_key: 'k' };
    const first = await t.publish(body);
    const second = await t.publish({ ...body, content: 'again' });
    assert.equal(second.event_id, first.event_id);
    assert.equal(second.duplicate, true);
    assert.ok(!first.duplicate);
    const { messages } = await t.read('/history', { room });
    assert.deepEqual(messages.map(({ content }) => content), ['once']);
  });

  test('an idempotency key is scoped by room and publisher', async (t) => {
    const [one, two] = [t.name('r'), t.name('r')];
    const base = { user: 'S', content: 'x', idempotency_key: 'same' };
    assert.ok(!(await t.publish({ ...base, room: one })).duplicate);
    assert.ok(!(await t.publish({ ...base, room: two })).duplicate);
    assert.ok(!(await t.publish({ ...base, room: one, user: 'T' })).duplicate);
  });

  test('who is anonymous is the same author over every transport', async (t) => {
    const room = t.name('room');
    const client = await t.ws({ rooms: [room] });
    await client.next('joined');
    const ack = await client.ask({ action: 'message', room, content: 'once', idempotency_key: 'k' });
    const answer = await t.publish({ room, content: 'once', idempotency_key: 'k' });
    assert.equal(answer.duplicate, true);
    assert.equal(answer.event_id, ack.id);
    await t.publish({ room, content: 'twice' });
    const { messages } = await t.read('/history', { room });
    assert.deepEqual(messages.map(({ user, content }) => [user, content]), [['anonymous', 'once'], ['anonymous', 'twice']]);
  });

  test('twenty at once with one key are one message', async (t) => {
    const room = t.name('room');
    const answers = await Promise.all(Array.from({ length: 20 }, () => t.publish({ room, user: 'S', content: 'x', idempotency_key: 'k' })));
    assert.equal(new Set(answers.map(({ event_id }) => event_id)).size, 1);
    assert.equal(answers.filter(({ duplicate }) => !duplicate).length, 1);
    assert.equal((await t.read('/history', { room })).messages.length, 1);
  });

  test('a batch answers each item in order', async (t) => {
    const rooms = [t.name('r'), t.name('r')];
    const user = t.name('a');
    const answer = await t.http('POST', '/messages', { body: [
      { room: rooms[0], user: 'S', content: 'a' }, { to: user, user: 'S', content: 'b' },
      { rooms, user: 'S', content: 'c' }, { room: rooms[0], user: 'S', content: 'd' }] });
    assert.equal(answer.status, 200, answer.text);
    const results = Array.isArray(answer.json) ? answer.json : answer.json.results;
    assert.equal(results.length, 4);
    assert.equal(results[2].results.length, 2);
    const { messages } = await t.read('/history', { room: rooms[0] });
    assert.deepEqual(messages.map(({ content }) => content), ['a', 'c', 'd']);
    assert.deepEqual(messages.map(({ id }) => id), [results[0].event_id, results[2].results[0].event_id, results[3].event_id]);
  });

  test('a batch with one bad item publishes nothing and names the index', async (t) => {
    const room = t.name('room');
    const answer = await t.http('POST', '/messages', { body: [
      { room, content: 'a' }, { room, content: 'b' }, { room, content: 'c', event: 'joined' }] });
    t.refused(answer, 400);
    assert.match(answer.json.error.message, /2/);
    assert.equal((await t.read('/history', { room })).messages.length, 0);
  });

  test('what is wrong is refused, and nothing is published', async (t) => {
    const room = t.name('room');
    const bad = [
      [400, { room }], [400, { room, content: 'a', data: 1 }], [400, { room, content: 1 }], [400, { room: '', content: 'a' }],
      [400, { room: 'a,b', content: 'a' }], [400, { room: 17, content: 'a' }], [400, { room, to: 'x', content: 'a' }],
      [400, { room, rooms: [room], content: 'a' }], [400, { rooms: [], content: 'a' }], [400, { rooms: 'r', content: 'a' }],
      [400, { to: '', content: 'a' }], [400, { to: 'me', content: 'a' }], [400, { broadcast: true, room, content: 'a' }],
      [400, { room, content: 'a', event: 'connection_id' }], [400, { room, content: 'a', event: 'has space' }],
      [400, { room, content: 'a', event: 'x'.repeat(65) }], [400, { broadcast: true, content: 'a', final: true }],
      [400, { to: 'x', content: 'a', final: true }], [400, { room, content: 'a', idempotency_key: 'x'.repeat(129) }],
      [400, { rom: room, content: 'a' }], [400, { room, content: 'a', ttl: 5 }], [400, [{ room, content: 'a' }, { room, content: 'b', x: null }]],
      [400, []], [400, [[]]], [400, 'text'], [400, null], [413, { room, content: 'x'.repeat(5000) }],
    ];
    for (const [status, body] of bad) {
      const answer = await t.http('POST', '/messages', { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } });
      assert.equal(answer.status, status, `${JSON.stringify(body).slice(0, 100)}: ${answer.status} ${answer.text}`);
      t.refused(answer, status);
    }
    const { error } = (await t.http('POST', '/messages', { body: { rom: room, content: 'a' } })).json;
    assert.equal(error.code, 'unknown_field');
    assert.match(error.message, /"rom".*"room"/);
    for (const text of ['', '{', '{"room":"a" "content":"b"}', '{"room":"r","content":"\\ud800"}', Buffer.from('{"room":"r","content":"\xff"}', 'latin1')]) {
      t.refused(await t.http('POST', '/messages', { body: text, headers: { 'Content-Type': 'application/json' } }), 400);
    }
    assert.equal((await t.read('/history', { room })).messages.length, 0);
  });

  test('a body that is not declared JSON is answered 415', async (t) => {
    const body = JSON.stringify({ room: t.name('room'), content: 'a' });
    t.refused(await t.http('POST', '/messages', { body, headers: { 'Content-Type': 'text/plain' } }), 415);
    t.refused(await t.http('POST', '/messages', { body }), 415);
    const answer = await t.http('POST', '/messages', { body, headers: { 'Content-Type': 'Application/JSON; charset=utf-8' } });
    assert.equal(answer.status, 200);
  });

  test('a message of exactly the size is taken, one byte more is not', async (t) => {
    const room = t.name('room');
    const of_size = (size) => t.http('POST', '/messages', { body: { room, content: 'x'.repeat(size - 2) } });  // two quotes
    const sizes = [];
    for (const size of [4094, 4096, 4097, 4099]) sizes.push((await of_size(size)).status);
    assert.equal(sizes[0], 200);
    assert.equal(sizes.at(-1), 413);
    assert.deepEqual([...sizes].sort(), sizes);
  });

  test('exclude or to_connection that is no connection', async (t) => {
    const room = t.name('room');
    t.refused(await t.http('POST', '/messages', { body: { room, content: 'a', exclude: 'not/an id' } }), 400);
    const answer = await t.http('POST', '/messages', { body: { to_connection: '0.0.0', content: 'a' } });
    assert.ok(answer.status === 404 || answer.json.receivers === 0, answer.text);
  });
});

suite('broadcast', { at_once: 1 }, (test) => {
  test('reaches every WebSocket, and the streams that name *', async (t) => {
    await until(async () => (await t.read('/stats')).total_clients === 0, 'those of other tests to be gone');
    const sockets = await Promise.all([t.ws({ user: 'a' }), t.ws({ user: 'b' }), t.ws()]);
    const named = await t.sse({ user: 'c', rooms: ['*'] });
    const unnamed = await t.sse({ user: 'd', rooms: ['r'] });
    const answer = await t.publish({ broadcast: true, user: 'S', content: 'to all' });
    assert.equal(answer.receivers, 4);
    for (const client of [...sockets, named]) {
      const event = await client.next({ content: 'to all' });
      assert.equal(event.room, '*');
      assert.equal(event.id, answer.event_id);
    }
    await t.say('r', 'end');
    await unnamed.next({ content: 'end' });
    assert.equal(unnamed.events.all({ content: 'to all' }).length, 0);
  });

  test('is resumed over WebSocket and SSE', async (t) => {
    const first = await t.ws({ user: 'a' });
    const stream = await t.sse({ user: 'b', rooms: ['*'] });
    await first.close();
    stream.close();
    const { event_id } = await t.publish({ broadcast: true, user: 'S', content: 'missed' });
    const again = await t.ws({ user: 'a', since: `*=${first.hello.positions['*']}` });
    assert.equal((await again.next({ content: 'missed' })).id, event_id);
    const resumed = await t.sse({ user: 'b', rooms: ['*'] }, { headers: { 'Last-Event-ID': stream.last_id } });
    assert.equal((await resumed.next({ content: 'missed' })).id, event_id);
  });

  test('a room named * is the broadcast', async (t) => {
    const client = await t.ws({ user: 'a' });
    await t.publish({ room: '*', user: 'S', content: 'star' });
    assert.equal((await client.next({ content: 'star' })).room, '*');
  });
});

suite('final', {}, (test) => {
  test('a WebSocket is taken out of the room and stays', async (t) => {
    const room = t.name('room');
    const client = await t.member(room, { user: t.name('a') });
    await t.say(room, 'the end', { final: true });
    await client.next({ content: 'the end' });
    const left = await client.next('left');
    assert.equal(left.room, room);
    assert.equal(left.reason, 'final');
    await client.fence();
    await t.say(room, 'after');
    await client.fence();
    assert.equal(client.events.all({ content: 'after' }).length, 0);
  });

  test('a stream ends, its reconnect is answered 204 until something newer comes', async (t) => {
    const room = t.name('room');
    const stream = await t.sse({ user: t.name('a'), rooms: [room] });
    await t.say(room, 'the end', { final: true });
    await stream.next({ content: 'the end' });
    await stream.end();
    const reconnect = () => t.sse_raw({ user: 'a', rooms: [room] }, { headers: { 'Last-Event-ID': stream.last_id } });
    assert.equal((await reconnect().response).statusCode, 204);
    await t.say(room, 'a new one');
    const again = reconnect();
    assert.equal((await again.response).statusCode, 200);
    await again.next({ content: 'a new one' });
  });

  test('a final message that is replayed ends the stream as well', async (t) => {
    const room = t.name('room');
    const { event_id } = await t.say(room, 'before');
    await t.say(room, 'the end', { final: true });
    const stream = await t.sse({ user: t.name('a'), rooms: [room] }, { headers: { 'Last-Event-ID': String(event_id) } });
    await stream.next({ content: 'the end' });
    await stream.end();
  });

  test('a final message that is replayed takes a WebSocket out as well', async (t) => {
    const room = t.name('room');
    const { event_id } = await t.say(room, 'before');
    await t.say(room, 'the end', { final: true });
    const client = await t.ws({ user: t.name('a'), rooms: [room], since: `${room}=${event_id}` });
    await client.next({ content: 'the end' });
    assert.equal((await client.next('left')).reason, 'final');
  });

  test('a room that went on after a final message replays past it', async (t) => {
    const room = t.name('room');
    const { event_id } = await t.say(room, 'before');
    await t.say(room, 'not the end', { final: true });
    await t.say(room, 'more');
    const stream = await t.sse({ user: t.name('a'), rooms: [room] }, { headers: { 'Last-Event-ID': String(event_id) } });
    await stream.next({ content: 'more' });
    await t.say(room, 'live');
    await stream.next({ content: 'live' });
  });

  test('a stream over several rooms ends with the last of them', async (t) => {
    const rooms = [t.name('r'), t.name('r')];
    const stream = await t.sse({ user: t.name('a'), rooms });
    await t.say(rooms[0], 'end 1', { final: true });
    await stream.next({ event_type: 'left', room: rooms[0] });
    await t.say(rooms[1], 'still');
    await stream.next({ content: 'still' });
    await t.say(rooms[1], 'end 2', { final: true });
    await stream.next({ content: 'end 2' });
    await stream.end();
  });
});
