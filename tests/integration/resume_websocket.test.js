// SPDX-License-Identifier: Apache-2.0
// Resumption over WebSocket: `since=` and `last_id`, the seam between replay and live, gaps.

import assert from 'node:assert/strict';
import { suite } from './lib/runner.js';

async function fill(t, room, count) {
  const ids = [];
  for (let i = 0; i < count; i++) ids.push((await t.say(room, `m${ids.length}`)).event_id);
  return ids;
}

suite('resumption over WebSocket', { settings: { history_messages: 20, inbox_messages: 5 } }, (test) => {
  test('join with last_id replays what came after it, then goes live', async (t) => {
    const room = t.name('room');
    const ids = await fill(t, room, 6);
    const client = await t.ws({ user: t.name('a') });
    const joined = await client.join(room, { last_id: ids[1] });
    assert.equal(joined.id, ids[1]);
    assert.equal(joined.replayed, 4);
    assert.equal(joined.recovered, true);
    ids.push((await t.say(room, 'live')).event_id);
    const got = await client.take(5, 'message');
    assert.deepEqual(got.map(({ id }) => id), ids.slice(2));
    assert.equal(client.events.all('gap').length, 0);
  });

  test('ids are contiguous', async (t) => {
    const ids = await fill(t, t.name('room'), 5);
    assert.deepEqual(ids.map((id) => id - ids[0]), [0, 1, 2, 3, 4]);
  });

  test('since= resumes several rooms, the inbox and the broadcast in one round trip', async (t) => {
    const [one, two] = [t.name('room'), t.name('room')];
    const user = t.name('a');
    const first = await t.ws({ user, rooms: [one, two] });
    const joined = Object.fromEntries((await first.take(2, 'joined')).map(({ room, id }) => [room, id]));
    const positions = { ...first.hello.positions, ...joined };
    await first.close();
    await t.say(one, 'in one');
    await t.say(two, 'in two');
    await t.publish({ to: user, user: 'System', content: 'to you' });
    const since = Object.entries(positions).map(([name, id]) => `${encodeURIComponent(name)}=${id}`).join(',');
    const again = await t.ws({ user, rooms: [one, two], since });
    assert.equal((await again.next({ room: one, event_type: 'message' })).id, joined[one] + 1);
    assert.equal((await again.next({ room: two, event_type: 'message' })).id, joined[two] + 1);
    assert.equal((await again.next('direct')).content, 'to you');
    for (const { recovered } of await again.take(2, 'joined')) assert.equal(recovered, true);
    await again.fence();
    assert.equal(again.events.all('message').length, 2);
    assert.equal(again.events.all('direct').length, 1);
  });

  test('a single id is a cursor where one room is named', async (t) => {
    const room = t.name('room');
    const ids = await fill(t, room, 3);
    const client = await t.ws({ user: t.name('a'), rooms: [room], since: ids[0] });
    assert.deepEqual((await client.take(2, 'message')).map(({ id }) => id), ids.slice(1));
  });

  test('a cursor that is too old: gap first, then all that is left, then live', async (t) => {
    const room = t.name('room');
    const ids = await fill(t, room, 30);
    const client = await t.ws({ user: t.name('a') });
    const joined = await client.join(room, { last_id: ids[0] });
    assert.equal(joined.recovered, false);
    assert.equal(joined.id, ids[9]);
    assert.equal(joined.replayed, 20);
    const gap = await client.next('gap');
    assert.equal(gap.room, room);
    assert.equal(gap.oldest, ids[10]);
    assert.ok(!gap.reset);
    ids.push((await t.say(room, 'live')).event_id);
    const got = await client.take(21, 'message');
    assert.deepEqual(got.map(({ id }) => id), ids.slice(10));
    const order = client.events.seen.map(({ event_type }) => event_type);
    assert.ok(order.indexOf('joined') < order.indexOf('gap') && order.indexOf('gap') < order.indexOf('message'));
  });

  test('the last cursor without a gap is the oldest kept minus one', async (t) => {
    const room = t.name('room');
    const ids = await fill(t, room, 30);
    const exact = await t.ws({ user: t.name('a') });
    assert.equal((await exact.join(room, { last_id: ids[9] })).recovered, true);
    await exact.take(20, 'message');
    assert.equal(exact.events.all('gap').length, 0);
    const older = await t.ws({ user: t.name('a') });
    assert.equal((await older.join(room, { last_id: ids[8] })).recovered, false);
  });

  test('a cursor ahead of the room: gap with reset, then all that is left', async (t) => {
    const room = t.name('room');
    const ids = await fill(t, room, 3);
    const client = await t.ws({ user: t.name('a') });
    const joined = await client.join(room, { last_id: ids[2] + 1000 });
    assert.equal(joined.recovered, false);
    const gap = await client.next('gap');
    assert.equal(gap.reset, true);
    assert.deepEqual((await client.take(3, 'message')).map(({ id }) => id), ids);
  });

  test('a cursor at the newest replays nothing and is no gap', async (t) => {
    const room = t.name('room');
    const ids = await fill(t, room, 3);
    const client = await t.ws({ user: t.name('a') });
    const joined = await client.join(room, { last_id: ids[2] });
    assert.equal(joined.replayed, 0);
    assert.equal(joined.recovered, true);
    const { event_id } = await t.say(room, 'next');
    assert.equal((await client.next('message')).id, event_id);
  });

  test('an inbox keeps its newest messages and says gap for the rest', async (t) => {
    const user = t.name('a');
    const first = await t.ws({ user });
    const position = first.hello.positions[`@${user}`];
    await first.close();
    for (let i = 0; i < 8; i++) await t.publish({ to: user, user: 'S', content: `d${i}` });
    const again = await t.ws({ user, since: `@me=${position}` });
    assert.equal((await again.next('gap')).oldest, position + 4);
    assert.deepEqual((await again.take(5, 'direct')).map(({ content }) => content), ['d3', 'd4', 'd5', 'd6', 'd7']);
  });

  test('a cursor that cannot be read: a gap, and live from there', async (t) => {
    const room = t.name('room');
    await t.say(room, 'before');
    for (const since of [`${room}=abc`, `${room}=9007199254740993`, `${room}=1,${room}=2`, '=5', 'abc', 'evt_001', 'urn:uuid:1', '']) {
      const client = await t.ws({ user: t.name('a'), rooms: [room], since });
      const gap = await client.next(({ event_type, room: of }) => event_type === 'gap' && of === room);
      assert.equal(gap.reason, 'unknown_cursor', since);
      const { event_id } = await t.say(room, 'after');
      assert.equal(gap.oldest, event_id);
      assert.equal((await client.next('message')).id, event_id);
      await client.close();
    }
    const client = await t.ws({ user: t.name('a') });
    assert.equal((await client.join(room, { last_id: 'evt_001' })).recovered, false);
    assert.equal((await client.next('gap')).reason, 'unknown_cursor');
  });

  test('large replays arrive whole while others publish', async (t) => {
    const room = t.name('big');
    const server = await t.start_server({ history_messages: 1000, history_size_max: '32MiB' });
    const text = 'x'.repeat(8000);
    const bodies = Array.from({ length: 10 }, (_, b) => Array.from({ length: 60 }, (__, i) => ({ room, user: 's', content: `${b * 60 + i} ${text}` })));
    for (const body of bodies) assert.equal((await t.http('POST', '/messages', { body, at: server })).status, 200);
    const { oldest } = await t.read('/history', { room, limit: 1 }, { at: server });
    const client = await t.ws({ user: 'a' }, {}, server);
    await client.join(room, { last_id: oldest - 1 });
    for (let i = 0; i < 50; i++) await t.http('POST', '/messages', { body: { room, user: 's', content: `${600 + i} live` }, at: server });
    const got = await client.take(650, 'message');
    assert.deepEqual(got.map(({ content }) => parseInt(content, 10)), got.map((_, i) => i));
  });
});

suite('first_id', { settings: { first_id: 1 } }, (test) => {
  test('ids can be small: the first is 1', async (t) => {
    const room = t.name('room');
    assert.equal((await t.say(room, 'a')).event_id, 1);
    assert.equal((await t.say(room, 'b')).event_id, 2);
    const client = await t.ws({ user: 'a', rooms: [room], since: 0 });
    assert.deepEqual((await client.take(2, 'message')).map(({ id }) => id), [1, 2]);
    assert.equal(client.events.all('gap').length, 0);
  });
});
