// SPDX-License-Identifier: Apache-2.0
// POST /events and POST /poll: many rooms, each refused by itself, positions by name, and no session on the server.

import assert from 'node:assert/strict';
import { suite } from './lib/runner.js';

// A stream opened by POST: its events as they come, until the wanted one.
async function stream(t, body, query = '', at = t.server) {
  const stopping = new AbortController();
  t.after(() => stopping.abort());
  const response = await fetch(`${at.url}/events${query}`, { method: 'POST', body: JSON.stringify(body), signal: stopping.signal });
  assert.equal(response.status, 200, await (response.status === 200 ? '' : response.text()));
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  return {
    stopping,
    async next(type) {
      for (;;) {
        const end = text.indexOf('\n\n');
        if (end >= 0) {
          const lines = text.slice(0, end).split('\n');
          text = text.slice(end + 2);
          const field = (name) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
          if (field('data') && (!type || field('event') === type)) return { type: field('event'), id: field('id'), ...JSON.parse(field('data')) };
          continue;
        }
        const { value, done } = await reader.read();
        assert.ok(!done, `the stream has ended; left: ${text}`);
        text += decoder.decode(value, { stream: true });
      }
    },
  };
}

const poll = (t, body, query = '') => t.http('POST', `/poll${query}`, { body });

suite('subscribe by body', { settings: { rooms_per_websocket_max: 100, history_messages: 5, poll_timeout: '5s' } }, (test) => {
  test('a stream takes as many rooms as a WebSocket, and goes on in each', async (t) => {
    const rooms = Array.from({ length: 100 }, (_, i) => `${t.name('room')}/${'ü'.repeat(50)}${i}`);
    const first = await stream(t, { rooms: [...rooms, '@me', '*'], positions: {} }, '?user=Ann');
    const { positions } = await first.next('connection_id');
    assert.deepEqual(Object.keys(positions).sort(), [...rooms, '@Ann', '*'].sort());
    for (const room of [rooms[0], rooms[99]]) {
      await t.say(room, 'live');
      const event = await first.next('message');
      assert.deepEqual([event.room, event.content, event.id], [room, 'live', positions[room] + 1]);
    }
    first.stopping.abort();
    for (const room of rooms) await t.say(room, 'missed');
    const second = await stream(t, { rooms, positions });
    const seen = new Map(rooms.map((room) => [room, []]));
    await second.next('connection_id');
    for (let i = 0; i < 102; i++) {
      const { room, content } = await second.next('message');
      seen.get(room).push(content);
    }
    for (const [i, room] of rooms.entries()) assert.deepEqual(seen.get(room), i === 0 || i === 99 ? ['live', 'missed'] : ['missed']);
  });

  test('a poll takes them too, and its answer names the positions of the next', async (t) => {
    const rooms = Array.from({ length: 100 }, (_, i) => `${t.name('room')}/${'ü'.repeat(50)}${i}`);
    const first = (await poll(t, { rooms })).json;
    assert.deepEqual([first.events, Object.keys(first.positions).sort()], [[], [...rooms].sort()]);
    for (const room of rooms) await t.say(room, 'missed');
    const second = (await poll(t, { rooms, positions: first.positions })).json;
    assert.deepEqual(second.events.map(({ room }) => room).sort(), [...rooms].sort());
    const waiting = poll(t, { rooms, positions: second.positions, timeout: 120 });
    waiting.catch(() => {});  // when the test has failed meanwhile
    await t.say(rooms[50], 'live');
    const third = (await waiting).json;
    assert.deepEqual(third.events.map(({ room, content }) => [room, content]), [[rooms[50], 'live']]);
    assert.equal(third.positions[rooms[50]], second.positions[rooms[50]] + 1);
    assert.deepEqual((await poll(t, { rooms, positions: third.positions, timeout: 0 })).json.events, []);
  });

  test('a gap names its room', async (t) => {
    const room = t.name('room');
    await t.say(room, 'first');
    const { positions } = (await poll(t, { rooms: [room] })).json;
    for (let i = 0; i < 9; i++) await t.say(room, `${i}`);
    const answer = (await poll(t, { rooms: [room], positions })).json;
    assert.deepEqual(answer.gaps, [{ room, oldest: positions[room] + 5 }]);
    assert.deepEqual(answer.events.map(({ content }) => content), ['4', '5', '6', '7', '8']);
    const followed = await stream(t, { rooms: [room, '*'], positions });
    assert.equal((await followed.next('gap')).oldest, positions[room] + 5);
    assert.equal((await followed.next('message')).content, '4');
  });

  test('a room that is refused ends nothing', async (t) => {
    const room = t.name('room');
    const followed = await stream(t, { rooms: [room, '@somebody', 'a,b'] }, '?user=Ann');
    assert.deepEqual(Object.keys((await followed.next('connection_id')).positions), [room]);
    const refused = [await followed.next('problem'), await followed.next('problem')];
    assert.deepEqual(refused.map((event) => [event.room, event.code]), [['@somebody', 'forbidden'], ['a,b', 'bad_room']]);
    await t.say(room, 'heard');
    assert.equal((await followed.next('message')).content, 'heard');
    const answer = (await poll(t, { rooms: [room, '@somebody'] })).json;
    assert.deepEqual(answer.events.map((event) => [event.event_type, event.room, event.code]), [['error', '@somebody', 'forbidden']]);
    assert.deepEqual(Object.keys(answer.positions), [room]);
  });

  test('rooms above the limit are refused one by one, those that were named last', async (t) => {
    const names = Array.from({ length: 103 }, (_, i) => `${t.name('room')}-${103 - i}`);
    const rooms = ['@me', ...names.slice(0, 50), ...names, '*'];
    const above = names.slice(100);
    const followed = await stream(t, { rooms }, '?user=Ann');
    assert.deepEqual(Object.keys((await followed.next('connection_id')).positions).sort(), ['*', '@Ann', ...names.slice(0, 100)].sort());
    for (const room of above) {
      const refused = await followed.next('problem');
      assert.deepEqual([refused.room, refused.code], [room, 'too_many_rooms']);
    }
    const answer = (await poll(t, { rooms }, '?user=Ann')).json;
    assert.deepEqual(answer.events.map((event) => [event.event_type, event.room, event.code]), above.map((room) => ['error', room, 'too_many_rooms']));
    assert.equal(Object.keys(answer.positions).length, 102);
  });

  test('bodies that are refused as a whole', async (t) => {
    for (const [body, code, status = 400] of [
      ['[', 'bad_json'], ['[]', 'bad_json'], ['', 'bad_json'], ['{"rooms":["a"]} x', 'bad_json'], ['{}', 'missing_rooms'], ['{"rooms":"a"}', 'bad_field'], ['{"rooms":[1]}', 'bad_field'],
      ['{"rooms":["a"],"positions":[]}', 'bad_field'], ['{"rooms":["a"],"positions":{"a":"x"}}', 'bad_field'], ['{"rooms":["a"],"positions":{"a":9007199254740992}}', 'bad_field'],
      ['{"rooms":["a"],"since":"1"}', 'unknown_field'], ['{"rooms":["a"],"timeout":-1}', 'bad_field'],
      [JSON.stringify({ rooms: Array.from({ length: 203 }, (_, i) => `r${i}`) }), 'too_many_rooms'],
      ['{"rooms":["@somebody"]}', 'forbidden', 403],
    ]) {
      for (const path of ['/events', '/poll']) {
        const answer = await t.http('POST', path, { body, headers: { 'content-type': 'text/plain' } });
        assert.deepEqual([answer.status, answer.json.error.code], [status, code], `${path} ${body.slice(0, 60)}: ${answer.text}`);
      }
    }
    assert.equal((await poll(t, { rooms: ['a'], timeout: 121 })).json.error.code, 'bad_field');
  });
});

suite('subscribe by body: rooms without history', { settings: { history_messages: 0 } }, (test) => {
  test('a poll says which room cannot be polled', async (t) => {
    const room = t.name('room');
    const answer = (await poll(t, { rooms: [room, '*'] })).json;
    assert.ok(answer.events.some((event) => event.room === room && event.code === 'no_history'), JSON.stringify(answer));
    assert.ok(!(room in answer.positions));
  });
});
