// SPDX-License-Identifier: Apache-2.0
// Long polling: when it answers, what with, and how its cursor goes on.

import assert from 'node:assert/strict';
import { until } from './lib/deadline.js';
import { suite } from './lib/runner.js';

suite('long polling', { settings: { history_messages: 30 } }, (test) => {
  test('without since it answers at once with the cursor', async (t) => {
    const room = t.name('room');
    const { event_id } = await t.say(room, 'x');
    const answer = await t.get('/poll', { rooms: [room], user: t.name('a') });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.match(answer.headers['content-type'], /^application\/json/);
    assert.deepEqual(answer.json, { events: [], cursor: String(event_id), gaps: [] });
  });

  test('it answers at once when something is after the cursor', async (t) => {
    const room = t.name('room');
    const { cursor } = await t.poll({ rooms: [room] });
    const ids = [(await t.say(room, 'a')).event_id, (await t.say(room, 'b')).event_id];
    const answer = await t.poll({ rooms: [room], since: cursor, timeout: 120 });
    assert.deepEqual(answer.events.map(({ id }) => id), ids);
    assert.equal(answer.cursor, String(ids[1]));
    assert.equal(answer.events[0].event_type, 'message');
  });

  test('it waits for the first event', async (t) => {
    const room = t.name('room');
    const user = t.name('a');
    const { cursor } = await t.poll({ rooms: [room], user });
    const waiting = t.poll({ rooms: [room], since: cursor, timeout: 120, user });
    waiting.catch(() => {});  // when the test has failed meanwhile
    await until(async () => (await t.read('/members', { room })).members.some((member) => member.user === user && member.connections > 0), 'the poll to wait');
    const { event_id } = await t.say(room, 'now');
    assert.deepEqual((await waiting).events.map(({ id }) => id), [event_id]);
  });

  test('it is empty at the timeout, with a cursor that goes on', async (t) => {
    const room = t.name('room');
    const { cursor } = await t.poll({ rooms: [room] });
    const answer = await t.poll({ rooms: [room], since: cursor, timeout: 1 });
    assert.deepEqual(answer, { events: [], cursor, gaps: [] });
  });

  test('a chain of polls loses and doubles nothing', async (t) => {
    const rooms = [t.name('r'), t.name('r')];
    let { cursor } = await t.poll({ rooms });
    const got = [];
    const publishing = (async () => {
      for (let i = 0; i < 60; i++) await t.say(rooms[i % 2], String(i));
    })();
    publishing.catch(() => {});  // when the test has failed meanwhile
    while (got.length < 60) {
      const answer = await t.poll({ rooms, since: cursor, timeout: 10 });
      got.push(...answer.events.filter(({ event_type }) => event_type === 'message').map(({ content }) => Number(content)));
      assert.deepEqual(answer.gaps, []);
      ({ cursor } = answer);
    }
    await publishing;
    for (const rest of [0, 1]) assert.deepEqual(got.filter((n) => n % 2 === rest), Array.from({ length: 30 }, (_, i) => 2 * i + rest));
  });

  test('a cursor too old gives a gap and what is left, a gap alone answers at once', async (t) => {
    const room = t.name('room');
    const first = (await t.say(room, 'm')).event_id;
    for (let i = 1; i < 40; i++) await t.say(room, 'm');
    const answer = await t.poll({ rooms: [room], since: first });
    assert.deepEqual(answer.gaps, [{ room, oldest: first + 10 }]);
    assert.equal(answer.events.length, 30);
    assert.equal(answer.cursor, String(first + 39));
    const empty = t.name('room');
    const { cursor } = await t.poll({ rooms: [empty] });
    const ahead = await t.poll({ rooms: [empty], since: Number(cursor) + 1000, timeout: 120 });
    assert.equal(ahead.gaps.length, 1);
    assert.equal(ahead.gaps[0].room, empty);
    assert.deepEqual(ahead.events, []);
  });

  test('an answer is limited, and the next one goes on', async (t) => {
    const room = t.name('room');
    let { cursor } = await t.poll({ rooms: [room] });
    const text = 'x'.repeat(40000);
    for (let i = 0; i < 12; i++) await t.say(room, `${i} ${text}`);
    const got = [];
    let answers = 0;
    while (got.length < 12) {
      const response = await t.get('/poll', { rooms: [room], since: cursor });
      assert.ok(response.text.length <= 300 * 1024, `${response.text.length} bytes`);
      got.push(...response.json.events.map(({ content }) => parseInt(content, 10)));
      ({ cursor } = response.json);
      answers++;
    }
    assert.deepEqual(got, Array.from({ length: 12 }, (_, i) => i));
    assert.ok(answers >= 2);
  });

  test('inbox and broadcast can be polled', async (t) => {
    const user = t.name('a');
    const { cursor } = await t.poll({ user, rooms: ['@me'] });
    await t.publish({ to: user, user: 'S', content: 'psst' });
    const { events } = await t.poll({ user, rooms: ['@me'], since: cursor });
    assert.equal(events[0].content, 'psst');
  });

  test('ephemeral events reach a poll that waits', async (t) => {
    const room = t.name('room');
    const user = t.name('p');
    const client = await t.member(room, { user: t.name('a') });
    const { cursor } = await t.poll({ rooms: [room], user });
    let answer;
    const waiting = (async () => {
      // Presence may come first; it does not move the cursor.
      do answer = await t.poll({ rooms: [room], since: cursor, timeout: 20, user });
      while (!answer.events.some(({ event_type }) => event_type === 'typing'));
    })();
    waiting.catch(() => {});  // when the test has failed meanwhile
    await until(async () => {
      client.send({ action: 'typing', room });
      await client.fence();
      return answer?.events.some(({ event_type }) => event_type === 'typing');
    }, 'the typing event to arrive');
    await waiting;
    assert.equal(answer.cursor, cursor);
  });

  test('what is wrong with the request is answered 400', async (t) => {
    const room = t.name('room');
    t.refused(await t.get('/poll'), 400);
    t.refused(await t.get('/poll', { rooms: '' }), 400);
    t.refused(await t.get('/poll', { rooms: [room], timeout: 0 }), 400);
    t.refused(await t.get('/poll', { rooms: [room], timeout: 121 }), 400);
    t.refused(await t.get('/poll', { rooms: [room], timeout: 'soon' }), 400);
    t.refused(await t.get('/poll', { rooms: ['@somebody'], user: 'me2' }), 403);
    t.refused(await t.get('/poll', { rooms: Array.from({ length: 33 }, (_, i) => `r${i}`) }), 400);
  });

  test('a cursor that cannot be read: a gap at once, and a cursor that goes on', async (t) => {
    const room = t.name('room');
    const { event_id } = await t.say(room, 'before');
    for (const since of ['yesterday!', 'evt_001', `${room}=x`, '']) {
      assert.deepEqual(await t.poll({ rooms: [room], since, timeout: 120 }),
        { events: [], cursor: String(event_id), gaps: [{ room, oldest: event_id + 1, reason: 'unknown_cursor' }] });
    }
  });

  const connections_of = async (t, user) => (await t.get(`/users/${user}`)).json.connections ?? 0;
  // In the room, that is: what knows the room's members is another core, maybe, than what counts the user's connections.
  const waits = (t, room, user) => until(
    async () => await connections_of(t, user) === 1 && (await t.read('/members', { room })).members.some((member) => member.user === user && member.connections === 1),
    'the poll to wait');
  // The cursor of a first poll, which is not counted any more.
  async function cursor_of(t, room, user) {
    const { cursor } = await t.poll({ rooms: [room], user });
    await until(async () => await connections_of(t, user) === 0, 'the first poll to be gone');
    return cursor;
  }

  test('it hears that it is taken out of a room, and that a room is closed', async (t) => {
    for (const [reason, method, path] of [['kicked', 'DELETE', (room, user) => `/rooms/${room}/members/${user}`], ['closed', 'POST', (room) => `/rooms/${room}/close`]]) {
      const [room, user] = [t.name('room'), t.name('a')];
      const cursor = await cursor_of(t, room, user);
      const waiting = t.poll({ rooms: [room], user, since: cursor, timeout: 120 });
      waiting.catch(() => {});  // when the test has failed meanwhile
      await waits(t, room, user);
      assert.equal((await t.http(method, path(room, user))).status, 200);
      const { events } = await waiting;
      assert.deepEqual(events.filter(({ event_type }) => event_type === 'left'), [{ event_type: 'left', room, reason }]);
    }
  });

  test('it hears the end of a room after its last message, and then nothing more', async (t) => {
    const [room, user] = [t.name('room'), t.name('a')];
    const cursor = await cursor_of(t, room, user);
    const waiting = t.poll({ rooms: [room], user, since: cursor, timeout: 120 });
    waiting.catch(() => {});  // when the test has failed meanwhile
    await waits(t, room, user);
    await t.say(room, 'the last', { final: true });
    const answer = await waiting;
    assert.deepEqual(answer.events.map(({ event_type, reason }) => reason ?? event_type), ['message', 'final']);
    assert.equal((await t.get('/poll', { rooms: [room], user, since: answer.cursor, timeout: 120 })).status, 204);
    await t.say(room, 'it goes on');
    assert.equal((await t.poll({ rooms: [room], user, since: answer.cursor })).events[0].content, 'it goes on');
  });

  test('it is refused when its user is thrown out', async (t) => {
    const [room, user] = [t.name('room'), t.name('a')];
    const cursor = await cursor_of(t, room, user);
    const waiting = t.get('/poll', { rooms: [room], user, since: cursor, timeout: 120 });
    waiting.catch(() => {});  // when the test has failed meanwhile
    await waits(t, room, user);
    assert.equal((await t.http('DELETE', `/users/${user}/connections`)).json.disconnected, 1);
    const answer = await waiting;
    assert.equal(answer.status, 403);
    assert.equal(answer.json.error.code, 'kicked');
  });

  test('a poll whose client goes away is forgotten', async (t) => {
    const room = t.name('room');
    const user = t.name('a');
    const cursor = await cursor_of(t, room, user);
    const socket = t.raw();
    socket.write(`GET /poll?rooms=${room}&user=${user}&since=${cursor}&timeout=60 HTTP/1.1\r\nHost: x\r\n\r\n`);
    await waits(t, room, user);
    socket.destroy();
    await until(async () => await connections_of(t, user) === 0, 'the poll to go');
  });
});

suite('long polling without history', { settings: { history_messages: 0 } }, (test) => {
  test('a room without history cannot be polled', async (t) => {
    t.refused(await t.get('/poll', { rooms: [t.name('room')] }), 400);
  });
});
