// SPDX-License-Identifier: Apache-2.0
// Server-Sent Events: the stream itself, resumption by Last-Event-ID over one and several rooms, and EventSource.

import assert from 'node:assert/strict';
import { EventSource } from 'eventsource';
import { within } from './lib/deadline.js';
import { suite } from './lib/runner.js';

suite('SSE', { settings: { history_messages: 50 } }, (test) => {
  test('the head says event-stream, no-cache, no-transform, no buffering', async (t) => {
    const stream = await t.sse({ user: t.name('a'), rooms: [t.name('room')] });
    const { headers } = await stream.response;
    assert.match(headers['content-type'], /^text\/event-stream/);
    assert.equal(headers['cache-control'], 'no-cache, no-transform');
    assert.equal(headers['x-accel-buffering'], 'no');
    assert.equal(headers['transfer-encoding'], 'chunked');
  });

  test('HEAD gives the head alone', async (t) => {
    const socket = t.raw();
    socket.write('HEAD /events?rooms=r HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n');
    const head = await socket.response({ head_only: true });
    assert.equal(head.status, 200);
    assert.match(head.headers['content-type'], /^text\/event-stream/);
    if (head.headers.connection === 'close') assert.equal((await socket.end()).length, 0);
    else assert.equal((await socket.response()).body.trim(), 'OK');
  });

  test('HTTP/1.0 gets the events bare, until close', async (t) => {
    const room = t.name('room');
    const socket = t.raw();
    socket.write(`GET /events?rooms=${room} HTTP/1.0\r\n\r\n`);
    const head = await socket.response({ head_only: true });
    assert.equal(head.status, 200);
    assert.equal(head.headers['transfer-encoding'], undefined);
    await socket.read((bytes) => (bytes.includes('connection_id') ? { value: true, used: 0 } : null), 'connection_id');
    await t.say(room, 'plain');
    await socket.read((bytes) => (bytes.includes('"content":"plain"') ? { value: true, used: 0 } : null), 'the message');
    assert.ok(!/^[0-9a-f]+\r$/m.test(socket.bytes.toString()), 'chunk headers in HTTP/1.0');
  });

  test('the first event is connection_id with the starting cursor; retry is near 3000', async (t) => {
    const stream = await t.sse({ user: t.name('a'), rooms: [t.name('room')] });
    assert.match(stream.hello.cursor_line, /^\d+$/);
    const { retry } = await stream.next('(retry)');
    assert.ok(retry >= 1500 && retry <= 4500, String(retry));
  });

  test('a message is one event: id, event and the JSON that WebSocket clients see', async (t) => {
    const room = t.name('room');
    const socket = await t.member(room, { user: t.name('a') });
    const stream = await t.sse({ user: t.name('b'), rooms: [room] });
    socket.send({ action: 'message', content: 'line\nline\r\nid: 7' });
    const own = await socket.next('message');
    const event = await stream.next('message');
    assert.deepEqual(JSON.parse(event.raw_data), own);
    assert.equal(event.cursor_line, String(own.id));
    assert.equal(event.sse_event, 'message');
  });

  test('own event types are the event name', async (t) => {
    const room = t.name('room');
    const stream = await t.sse({ user: t.name('b'), rooms: [room] });
    await t.say(room, 'x', { event: 'order.paid' });
    assert.equal((await stream.next('order.paid')).content, 'x');
  });

  test('Last-Event-ID resumes one room exactly', async (t) => {
    const room = t.name('room');
    const first = await t.sse({ user: t.name('a'), rooms: [room] });
    const ids = [];
    for (let i = 0; i < 3; i++) ids.push((await t.say(room, `m${i}`)).event_id);
    await first.take(3, 'message');
    first.close();
    for (let i = 3; i < 6; i++) ids.push((await t.say(room, `m${i}`)).event_id);
    const second = await t.sse({ user: t.name('a'), rooms: [room] }, { headers: { 'Last-Event-ID': first.last_id } });
    ids.push((await t.say(room, 'm6')).event_id);
    assert.deepEqual((await second.take(4, 'message')).map(({ id }) => id), ids.slice(3));
    assert.equal(second.events.all('gap').length, 0);
  });

  test('a stream that has received nothing resumes as well', async (t) => {
    const room = t.name('room');
    const first = await t.sse({ user: t.name('a'), rooms: [room] });
    first.close();
    const { event_id } = await t.say(room, 'missed');
    const second = await t.sse({ user: t.name('a'), rooms: [room] }, { headers: { 'Last-Event-ID': first.last_id } });
    assert.equal((await second.next('message')).id, event_id);
  });

  test('Last-Event-ID resumes several rooms, the inbox and the broadcast at once', async (t) => {
    const user = t.name('a');
    const rooms = [t.name('zebra'), t.name('apple'), '@me', '*'];
    const first = await t.sse({ user, rooms });
    await t.say(rooms[0], 'z1');
    await t.publish({ to: user, user: 'S', content: 'd1' });
    await first.next({ content: 'z1' });
    await first.next({ content: 'd1' });
    first.close();
    await t.say(rooms[0], 'z2');
    await t.say(rooms[1], 'a1');
    await t.publish({ to: user, user: 'S', content: 'd2' });
    const second = await t.sse({ user, rooms }, { headers: { 'Last-Event-ID': first.last_id } });
    await Promise.all(['z2', 'a1', 'd2'].map((content) => second.next({ content })));
    assert.deepEqual(second.events.all(({ content }) => ['z1', 'd1'].includes(content)), []);
    assert.equal(second.events.all('gap').length, 0);
  });

  test('the cursor stands after each event, wherever the stream is cut', async (t) => {
    const rooms = [t.name('r'), t.name('r'), t.name('r')];
    const first = await t.sse({ user: t.name('a'), rooms });
    for (let i = 0; i < 9; i++) await t.say(rooms[i % 3], `m${i}`);
    const seen = await first.take(9, 'message');
    first.close();
    for (const cut of [0, 3, 7]) {
      const again = await t.sse({ user: t.name('a'), rooms }, { headers: { 'Last-Event-ID': seen[cut].cursor_line } });
      const rest = await again.take(8 - cut, 'message');
      assert.deepEqual(rest.map(({ content }) => content).sort(), seen.slice(cut + 1).map(({ content }) => content).sort());
      again.close();
    }
  });

  test('a cursor of another room list is a gap for each room', async (t) => {
    const rooms = [t.name('r'), t.name('r')];
    const first = await t.sse({ user: t.name('a'), rooms });
    first.close();
    await t.say(rooms[0], 'x');
    const second = await t.sse({ user: t.name('a'), rooms: [rooms[0], t.name('r')] }, { headers: { 'Last-Event-ID': first.hello.cursor_line } });
    await second.take(2, 'gap');
  });

  test('the order of rooms= does not matter to a cursor', async (t) => {
    const rooms = [t.name('b'), t.name('a')];
    const first = await t.sse({ user: t.name('a'), rooms });
    first.close();
    await t.say(rooms[1], 'x');
    const second = await t.sse({ user: t.name('a'), rooms: [...rooms].reverse() }, { headers: { 'Last-Event-ID': first.hello.cursor_line } });
    await second.next({ content: 'x' });
    assert.equal(second.events.all('gap').length, 0);
  });

  test('Last-Event-ID wins over last_event_id=', async (t) => {
    const room = t.name('room');
    const ids = [];
    for (let i = 0; i < 4; i++) ids.push((await t.say(room, `m${i}`)).event_id);
    const stream = await t.sse({ user: t.name('a'), rooms: [room], last_event_id: ids[0] }, { headers: { 'Last-Event-ID': String(ids[2]) } });
    assert.equal((await stream.next('message')).id, ids[3]);
    const by_query = await t.sse({ user: t.name('a'), rooms: [room], last_event_id: ids[1] });
    assert.deepEqual((await by_query.take(2, 'message')).map(({ id }) => id), ids.slice(2));
  });

  test('a cursor that cannot be read: a gap, and live from there', async (t) => {
    const room = t.name('room');
    await t.say(room, 'before');
    for (const last of ['evt_001', 'urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66', '-1', `${room}=x`, '']) {
      const stream = await t.sse({ user: t.name('a'), rooms: [room] }, { headers: { 'Last-Event-ID': last } });
      const gap = await stream.next('gap');
      assert.equal(gap.reason, 'unknown_cursor', last);
      const { event_id } = await t.say(room, 'after');
      assert.equal(gap.oldest, event_id);
      assert.equal((await stream.next('message')).id, event_id);
      stream.close();
    }
    const stream = await t.sse({ user: t.name('a'), rooms: [room], since: 'abc' });
    assert.equal((await stream.next('gap')).reason, 'unknown_cursor');
  });

  test('every room that is named counts, and a single name has no comma', async (t) => {
    const rooms = [1, 2, 3, 4].map(() => t.name('room'));
    const user = t.name('a');
    const stream = await t.sse(`topic=${rooms[0]}&topic=${rooms[1]}&rooms=${rooms[2]}&rooms=${rooms[3]}&user=${user}`);
    for (const room of rooms) await t.say(room, room);
    for (const room of rooms) await stream.next({ content: room });
    for (const query of [`room=${rooms[0]},b`, `channel=${rooms[0]}%2Cb`, `topic=a&topic=b,c`, `rooms=${rooms[0]}&user=a&user=b`]) {
      for (const path of ['/events', '/poll']) t.refused(await t.get(path, query), 400);
      await assert.rejects(t.ws_raw(`/ws?${query}`).opened, { status: 400 });
    }
    for (const path of ['/members', '/history']) t.refused(await t.get(path, 'room=a&room=b'), 400);
  });

  test('the named cursor form is taken too', async (t) => {
    const rooms = [t.name('a room'), t.name('ü')];
    const ids = [(await t.say(rooms[0], 'x')).event_id, (await t.say(rooms[1], 'y')).event_id];
    const last_event_id = rooms.map((room, i) => `${encodeURIComponent(room)}=${ids[i] - 1}`).join(',');
    const stream = await t.sse({ user: t.name('a'), rooms, last_event_id });
    await stream.next({ content: 'x' });
    await stream.next({ content: 'y' });
  });

  test('too old a cursor: gap, then what is left', async (t) => {
    const room = t.name('room');
    const first = (await t.say(room, 'm')).event_id;
    for (let i = 1; i < 60; i++) await t.say(room, 'm');
    const stream = await t.sse({ user: t.name('a'), rooms: [room] }, { headers: { 'Last-Event-ID': String(first) } });
    const gap = await stream.next('gap');
    assert.equal(gap.oldest, first + 10);
    assert.deepEqual((await stream.take(50, 'message')).map(({ id }) => id), Array.from({ length: 50 }, (_, i) => first + 10 + i));
  });

  test('without rooms= the room is general', async (t) => {
    const stream = await t.sse({ user: t.name('a') });
    const text = t.name('to general');
    await t.publish({ user: 'S', content: text });
    await stream.next({ content: text, room: 'general' });
  });

  test('heartbeat=event sends events', async (t) => {
    const server = await t.start_server({ heartbeat_interval: '1s' });
    const stream = await t.sse({ user: 'a', rooms: ['r'], heartbeat: 'event' }, {}, server);
    const heartbeat = await stream.next('heartbeat');
    assert.equal(heartbeat.type, 'periodic');
    assert.ok(Math.abs(Number(heartbeat.timestamp) - Date.now()) < 60000);
    const plain = await t.sse({ user: 'a', rooms: ['r'] }, {}, server);
    assert.equal((await plain.next('(comment)')).comment, 'heartbeat');
  });

  test('EventSource resumes by itself when the connection is cut', async (t) => {
    const rooms = [t.name('r'), t.name('r')];
    const server = await t.start_server({ retry: '100ms' });
    const proxy = await t.proxy(server);
    const source = new EventSource(`${proxy.url}/events?user=a&rooms=${rooms.join(',')}`);
    t.after(() => source.close());
    const got = [];
    let wake = () => {};
    for (const type of ['message', 'connection_id']) {
      source.addEventListener(type, (event) => { if (type === 'message') got.push(JSON.parse(event.data).content); wake(type); });
    }
    const heard = (type) => within(new Promise((resolve) => { wake = (what) => { if (what === type) resolve(); }; }), type);
    await heard('connection_id');
    let sent = 0;
    for (let round = 0; round < 3; round++) {
      const again = heard('connection_id');
      again.catch(() => {});  // when the test has failed meanwhile
      proxy.cut();
      for (let i = 0; i < 5; i++) await t.http('POST', '/messages', { body: { room: rooms[i % 2], user: 's', content: `m${sent++}` }, at: server });
      await again;
      while (got.length < sent) await heard('message');
    }
    assert.deepEqual(got.map((text) => Number(text.slice(1))).sort((a, b) => a - b), Array.from({ length: sent }, (_, i) => i));
  });

  test('a refusal for good has its status, only plain where Accept does not name event-stream', async (t) => {
    const asks = { headers: { Accept: 'text/event-stream' } };
    t.refused(await t.get('/events', { rooms: ['a\u0001b'] }, asks), 400);
    t.refused(await t.get('/events', { rooms: ['@somebody'], user: 'me2' }, asks), 403);
    t.refused(await t.get('/events', { room: 'r,s' }), 400);
  });
});
