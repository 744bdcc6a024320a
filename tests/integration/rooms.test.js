// SPDX-License-Identifier: Apache-2.0
// Joining, leaving and reading rooms over WebSocket, with foreign names of fields and refs.

import assert from 'node:assert/strict';
import { suite } from './lib/runner.js';

suite('rooms', { settings: { presence_leave_grace: '0s' } }, (test) => {
  test('join answers joined with position, members, replayed and recovered', async (t) => {
    const room = t.name('room');
    const first = await t.member(room, { user: t.name('a') });
    assert.equal(first.joined.room, room);
    assert.ok(Number.isSafeInteger(first.joined.id) && first.joined.id >= 0);
    assert.equal(first.joined.members, 1);
    assert.equal(first.joined.replayed, 0);
    assert.equal(first.joined.recovered, true);
    const second = await t.member(room, { user: t.name('b') });
    assert.equal(second.joined.members, 2);
    assert.equal(second.joined.id, first.joined.id);
  });

  test('a ref comes back as it was, string or number', async (t) => {
    const client = await t.ws({ user: t.name('a') });
    for (const ref of ['abc', 'ü "quoted"', 17, 0]) {
      client.send({ action: 'ping', ref });
      assert.equal((await client.next('pong')).ref, ref);
    }
    client.send({ action: 'ping' });
    assert.ok(!('ref' in await client.next('pong')));
  });

  test('channel and topic are other names of room', async (t) => {
    const client = await t.ws({ user: t.name('a') });
    for (const key of ['room', 'channel', 'topic']) {
      const name = t.name('room');
      const joined = await client.ask({ action: 'join', [key]: name });
      assert.equal(joined.event_type, 'joined');
      assert.equal(joined.room, name);
    }
  });

  test('a second join of the same room is not a second membership', async (t) => {
    const room = t.name('room');
    const client = await t.member(room, { user: t.name('a') });
    await client.ask({ action: 'join', room });
    await t.say(room, 'one');
    await client.next({ event_type: 'message', content: 'one' });
    await client.fence();
    assert.equal(client.events.all('message').length, 1);
    assert.equal((await t.read('/members', { room })).count, 1);
  });

  test('leave answers left and ends delivery', async (t) => {
    const room = t.name('room');
    const stays = await t.member(room, { user: t.name('a') });
    const leaves = await t.member(room, { user: t.name('b') });
    const left = await leaves.ask({ action: 'leave', room });
    assert.equal(left.event_type, 'left');
    assert.equal(left.room, room);
    await t.say(room, 'after');
    await stays.next({ content: 'after' });
    await leaves.fence();
    assert.equal(leaves.events.all('message').length, 0);
  });

  test('messages go to their room only, and to several rooms of one connection', async (t) => {
    const [one, two] = [t.name('room'), t.name('room')];
    const both = await t.member(one, { user: t.name('a') });
    await both.join(two);
    const other = await t.member(two, { user: t.name('b') });
    await t.say(one, 'in one');
    await t.say(two, 'in two');
    assert.equal((await both.next({ event_type: 'message', room: one })).content, 'in one');
    assert.equal((await both.next({ event_type: 'message', room: two })).content, 'in two');
    await other.next({ event_type: 'message', room: two });
    assert.equal(other.events.all('message').length, 1);
  });

  test('a message without room goes to the room joined last', async (t) => {
    const [one, two] = [t.name('room'), t.name('room')];
    const client = await t.member(one, { user: t.name('a') });
    await client.join(two);
    client.send({ action: 'message', content: 'x' });
    assert.equal((await client.next('message')).room, two);
  });

  test('members lists users with status and connections', async (t) => {
    const room = t.name('room');
    const [alice, bob] = [t.name('alice'), t.name('bob')];
    const client = await t.member(room, { user: alice });
    await t.member(room, { user: alice });
    await t.member(room, { user: bob });
    const answer = await client.ask({ action: 'members', room });
    assert.equal(answer.event_type, 'members');
    assert.equal(answer.room, room);
    assert.equal(answer.count, 3);  // members are connections, as in `joined` and `receivers`
    assert.deepEqual(answer.members.sort((a, b) => (a.user < b.user ? -1 : 1)), [
      { user: alice, status: 'online', connections: 2 }, { user: bob, status: 'online', connections: 1 }]);
  });

  test('history without after gives the newest, with it pages in order', async (t) => {
    const room = t.name('room');
    const client = await t.member(room, { user: t.name('a') });
    for (let i = 0; i < 7; i++) await t.say(room, `m${i}`);
    const newest = await client.ask({ action: 'history', room, limit: 2 });
    assert.equal(newest.event_type, 'history');
    assert.deepEqual(newest.messages.map(({ content }) => content), ['m5', 'm6']);
    const first = await client.ask({ action: 'history', room, after: client.joined.id, limit: 4 });
    assert.deepEqual(first.messages.map(({ content }) => content), ['m0', 'm1', 'm2', 'm3']);
    const rest = await client.ask({ action: 'history', room, after: first.messages.at(-1).id, limit: 100 });
    assert.deepEqual(rest.messages.map(({ content }) => content), ['m4', 'm5', 'm6']);
    assert.equal(rest.oldest, first.messages[0].id);
    assert.equal(rest.newest, rest.messages.at(-1).id);
  });

  test('room names are case-sensitive and may have slashes', async (t) => {
    const name = t.name('Orders/2026');
    const client = await t.member(name, { user: t.name('a') });
    await t.say(name.toLowerCase(), 'lower');
    await t.say(name, 'exact');
    await client.next({ content: 'exact' });
    assert.equal(client.events.all('message').length, 1);
  });

  test('pong answers ping', async (t) => {
    const client = await t.ws({ user: t.name('a') });
    assert.equal((await client.ask({ action: 'ping' })).event_type, 'pong');
  });
});
