// SPDX-License-Identifier: Apache-2.0
// The reads and deletes over HTTP: rooms, members, history, users, connections.

import assert from 'node:assert/strict';
import { until } from './lib/deadline.js';
import { suite } from './lib/runner.js';

// Follows `next` to the end.
async function pages(t, path, key, limit) {
  const rows = [];
  let after;
  for (let page = 0; page < 100; page++) {
    const answer = await t.read(path, { limit, after });
    assert.ok(answer[key].length <= limit);
    rows.push(...answer[key]);
    if (answer.next === null) return rows;
    after = answer.next;
  }
  throw new Error(`${path} has no end`);
}

suite('REST reads', { settings: { presence_leave_grace: '0s' } }, (test) => {
  test('a room\'s history by path and by query, in pages', async (t) => {
    const room = t.name('a room/with slash');
    const ids = [];
    for (let i = 0; i < 5; i++) ids.push((await t.say(room, `m${i}`)).event_id);
    const all = await t.read('/history', { room });
    assert.equal(all.room, room);
    assert.deepEqual(all.messages.map(({ id }) => id), ids);
    assert.equal(all.oldest, ids[0]);
    assert.equal(all.newest, ids[4]);
    const page = await t.read('/history', { room, after: ids[1], limit: 2 });
    assert.deepEqual(page.messages.map(({ id }) => id), ids.slice(2, 4));
    const by_path = await t.read(`/rooms/${encodeURIComponent(room)}/history`, { after: ids[3] });
    assert.deepEqual(by_path.messages.map(({ id }) => id), [ids[4]]);
  });

  test('history of a room that is not there', async (t) => {
    const answer = await t.get('/history', { room: t.name('none') });
    if (answer.status === 404) t.refused(answer, 404);
    else assert.deepEqual(answer.json.messages, []);
  });

  test('bad parameters are answered 400', async (t) => {
    for (const query of [{ room: 'r', after: 'x' }, { room: 'r', limit: 'x' }, { room: 'r', limit: -1 }, { room: 'a\u0001' }, {}]) {
      t.refused(await t.get('/history', query), 400);
    }
    t.refused(await t.get('/rooms', { limit: 'many' }), 400);
    t.refused(await t.get('/rooms/%zz/members'), 400);
  });

  test('a room\'s members by path and by query', async (t) => {
    const room = t.name('room');
    const user = t.name('ü ser');
    await t.member(room, { user });
    const expected = { room, count: 1, members: [{ user, status: 'online', connections: 1 }] };
    assert.deepEqual(await t.read(`/rooms/${room}/members`), expected);
    assert.deepEqual(await t.read('/members', { room }), expected);
  });

  test('a user is online with so many connections, then offline', async (t) => {
    const user = t.name('user');
    const clients = [await t.ws({ user }), await t.ws({ user }), await t.sse({ user, rooms: [t.name('r')] })];
    const shown = await t.read(`/users/${user}`);
    assert.equal(shown.user, user);
    assert.equal(shown.online, true);
    assert.equal(shown.status, 'online');
    assert.equal(shown.connections, 3);
    for (const client of clients) await client.close();
    await until(async () => {
      const { status, json } = await t.get(`/users/${user}`);
      return status === 404 || (json.online === false && json.connections === 0);
    }, 'the user to be offline');
  });

  test('connections of a user can be listed', async (t) => {
    const user = t.name('user');
    const client = await t.ws({ user });
    const answer = await t.read('/connections', { user });
    assert.ok(JSON.stringify(answer).includes(client.id), JSON.stringify(answer));
  });
});

suite('REST lists', { at_once: 1 }, (test) => {
  test('rooms come in pages, each once, with members, id and messages', async (t) => {
    const rooms = Array.from({ length: 23 }, () => t.name('room'));
    const ids = new Map();
    for (const room of rooms) ids.set(room, (await t.say(room, 'x')).event_id);
    await t.member(rooms[3], { user: 'a' });
    const rows = await pages(t, '/rooms', 'rooms', 5);
    assert.deepEqual(rows.map(({ room }) => room).sort(), [...rooms].sort());
    for (const row of rows) {
      assert.equal(row.id, ids.get(row.room));
      assert.equal(row.messages, 1);
      assert.equal(row.members, row.room === rooms[3] ? 1 : 0);
    }
  });

  test('users come in pages, each once', async (t) => {
    const users = Array.from({ length: 13 }, () => t.name('user'));
    await Promise.all(users.map((user) => t.ws({ user })));
    await t.ws({ user: users[0] });
    const rows = (await pages(t, '/users', 'users', 4)).filter(({ user }) => user.startsWith('user-'));
    assert.deepEqual(rows.map(({ user }) => user).sort(), [...users].sort());
    assert.equal(rows.find(({ user }) => user === users[0]).connections, 2);
    assert.ok(rows.every(({ online }) => online === true));
  });
});

suite('REST deletes', { settings: { presence_leave_grace: '10min' } }, (test) => {
  test('DELETE of a connection closes it with 4011', async (t) => {
    const client = await t.ws({ user: t.name('a') });
    const answer = await t.http('DELETE', `/connections/${client.id}`);
    assert.equal(answer.status, 200, answer.text);
    assert.equal((await client.close_code()).code, 4011);
    assert.equal((await t.http('DELETE', `/connections/${client.id}`)).status, 404);
  });

  test('DELETE of a user\'s connections closes all of them', async (t) => {
    const user = t.name('a');
    const clients = [await t.ws({ user }), await t.ws({ user })];
    const stream = await t.sse({ user, rooms: [t.name('r')] });
    const other = await t.ws({ user: t.name('b') });
    const answer = await t.http('DELETE', `/users/${user}/connections`);
    assert.equal(answer.status, 200, answer.text);
    for (const client of clients) assert.equal((await client.close_code()).code, 4011);
    await stream.next('close');
    await stream.end();
    await other.fence();
  });

  test('DELETE of a member takes the user out of the room, at once', async (t) => {
    const room = t.name('room');
    const bob = t.name('bob');
    const watcher = await t.member(room, { user: t.name('a') });
    const client = await t.member(room, { user: bob });
    const answer = await t.http('DELETE', `/rooms/${room}/members/${bob}`);
    assert.equal(answer.status, 200, answer.text);
    const left = await client.next('left');
    assert.equal(left.room, room);
    assert.equal(left.reason, 'kicked');
    await watcher.next({ event_type: 'member_left', user: bob });
    await client.fence();
  });

  test('DELETE of a room purges its history, members stay', async (t) => {
    const room = t.name('room');
    const client = await t.member(room, { user: t.name('a') });
    const { event_id } = await t.say(room, 'old');
    assert.equal((await t.http('DELETE', `/rooms/${room}`)).status, 200);
    assert.deepEqual((await t.read('/history', { room })).messages, []);
    const next = await t.say(room, 'new');
    assert.equal(next.event_id, event_id + 1);
    await client.next({ content: 'new' });
  });

  test('a purge is a gap for a cursor before it', async (t) => {
    const room = t.name('room');
    const first = await t.say(room, 'a');
    await t.say(room, 'b');
    await t.http('DELETE', `/rooms/${room}`);
    const client = await t.ws({ user: 'a' });
    assert.equal((await client.join(room, { last_id: first.event_id })).recovered, false);
    await client.next('gap');
  });

  test('POST close takes everybody out', async (t) => {
    const room = t.name('room');
    const clients = await Promise.all([t.member(room, { user: t.name('a') }), t.member(room, { user: t.name('b') })]);
    assert.equal((await t.http('POST', `/rooms/${room}/close`)).status, 200);
    for (const client of clients) {
      const left = await client.next('left');
      assert.equal(left.room, room);
      await client.fence();
    }
  });

  test('what is not there is answered 404', async (t) => {
    for (const path of [`/connections/none`, `/rooms/${t.name('none')}`, `/rooms/${t.name('none')}/members/nobody`]) {
      const answer = await t.http('DELETE', path);
      assert.ok([400, 404].includes(answer.status), `${path}: ${answer.status}`);
    }
  });
});
