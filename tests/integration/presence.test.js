// SPDX-License-Identifier: Apache-2.0
// Who is there: joined and left events, by user rather than by connection, with the grace time of a reconnect.

import assert from 'node:assert/strict';
import { until } from './lib/deadline.js';
import { suite } from './lib/runner.js';

suite('presence', { settings: { presence_leave_grace: '300ms', presence_poll_grace: '400ms', presence_members_max: 6 } }, (test) => {
  test('the others hear member_joined and member_left', async (t) => {
    const room = t.name('room');
    const bob = t.name('bob');
    const watcher = await t.member(room, { user: t.name('a') });
    const client = await t.member(room, { user: bob });
    const joined = await watcher.next({ event_type: 'member_joined', user: bob });
    assert.equal(joined.room, room);
    assert.equal(joined.members, 2);
    assert.equal(joined.status, 'online');
    assert.ok(!('id' in joined));
    await client.close();
    assert.equal((await watcher.next({ event_type: 'member_left', user: bob })).room, room);
  });

  test('several connections of a user are one member', async (t) => {
    const room = t.name('room');
    const bob = t.name('bob');
    const watcher = await t.member(room, { user: t.name('a') });
    const tabs = await Promise.all([1, 2, 3, 4].map(() => t.member(room, { user: bob })));
    await tabs[0].ask({ action: 'leave', room });
    await tabs[1].ask({ action: 'leave', room });
    await tabs[2].ask({ action: 'leave', room });
    await tabs[3].ask({ action: 'leave', room });
    await watcher.next({ event_type: 'member_left', user: bob });
    assert.equal(watcher.events.all({ event_type: 'member_joined', user: bob }).length, 1);
    assert.equal(watcher.events.all({ event_type: 'member_left', user: bob }).length, 1);
  });

  test('during the grace time a user is shown with no connection', async (t) => {
    const room = t.name('room');
    const bob = t.name('bob');
    const watcher = await t.member(room, { user: t.name('a') });
    const client = await t.member(room, { user: bob });
    await client.close();
    await watcher.next({ event_type: 'member_left', user: bob });
    await until(async () => (await t.read('/members', { room })).count === 1, 'the member list to be one');
  });

  test('each anonymous connection is a member of its own', async (t) => {
    const room = t.name('room');
    const watcher = await t.member(room, { user: t.name('a') });
    const ghosts = await Promise.all([1, 2].map(() => t.member(room)));
    await watcher.take(2, { event_type: 'member_joined', user: 'anonymous' });
    assert.equal((await t.read('/members', { room })).count, 3);
    await ghosts[0].close();
    await watcher.next({ event_type: 'member_left', user: 'anonymous' });
  });

  test('SSE and poll members are present too', async (t) => {
    const room = t.name('room');
    const [bob, carol] = [t.name('bob'), t.name('carol')];
    const watcher = await t.member(room, { user: t.name('a') });
    const stream = await t.sse({ user: bob, rooms: [room] });
    await watcher.next({ event_type: 'member_joined', user: bob });
    const { cursor } = await t.poll({ user: carol, rooms: [room] });
    const waiting = t.poll({ user: carol, rooms: [room], since: cursor, timeout: 20 });
    waiting.catch(() => {});  // when the test has failed meanwhile
    await watcher.next({ event_type: 'member_joined', user: carol });
    stream.close();
    await watcher.next({ event_type: 'member_left', user: bob });
    await t.say(room, 'end');
    await waiting;
    await watcher.next({ event_type: 'member_left', user: carol });
  });

  test('above the limit of members there are no presence events, below it there are again', async (t) => {
    const room = t.name('room');
    const watcher = await t.member(room, { user: t.name('a') });
    const crowd = [];
    for (let i = 0; i < 8; i++) crowd.push(await t.member(room, { user: t.name('crowd') }));
    await t.say(room, 'full');
    await watcher.next('message');
    const heard = watcher.events.all('member_joined').length;
    assert.ok(heard >= 4 && heard <= 6, `${heard} joins heard`);
    for (const client of crowd) await client.ask({ action: 'leave', room });
    const late = t.name('late');
    await t.member(room, { user: late });
    await watcher.next({ event_type: 'member_joined', user: late });
  });
});

suite('presence: a grace time that a slow machine keeps', { settings: { presence_leave_grace: '6s' } }, (test) => {
  test('a reconnect within the grace time is no event', async (t) => {
    const room = t.name('room');
    const [bob, carol] = [t.name('bob'), t.name('carol')];
    const watcher = await t.member(room, { user: t.name('a') });
    const first = await t.member(room, { user: bob });
    await watcher.next({ event_type: 'member_joined', user: bob });
    first.terminate();
    await t.member(room, { user: bob });
    // Carol goes after Bob's first connection did: when her grace is over, so is his.
    const third = await t.member(room, { user: carol });
    third.terminate();
    await watcher.next({ event_type: 'member_left', user: carol });
    assert.equal(watcher.events.all({ event_type: 'member_left', user: bob }).length, 0);
    assert.equal(watcher.events.all({ event_type: 'member_joined', user: bob }).length, 1);
  });
});

suite('presence: a grace time that nobody waits for', { settings: { presence_leave_grace: '10min' } }, (test) => {
  test('leave is at once, without grace', async (t) => {
    const room = t.name('room');
    const bob = t.name('bob');
    const watcher = await t.member(room, { user: t.name('a') });
    const client = await t.member(room, { user: bob });
    await client.ask({ action: 'leave', room });
    await watcher.next({ event_type: 'member_left', user: bob });
    assert.equal((await t.read('/members', { room })).count, 1);
  });
});

suite('presence: of a room that many join', { settings: { presence_interval: '10s', presence_leave_grace: '0' } }, (test) => {
  test('what follows the first waits, and no message overtakes it', async (t) => {
    const room = t.name('room');
    const users = Array.from({ length: 20 }, (_, i) => t.name(`user-${i}`));
    const watcher = await t.member(room, { user: t.name('a') });
    const stream = await t.sse({ rooms: [room], user: t.name('b') });
    await watcher.next('member_joined');  // of the stream, at once
    const crowd = [];
    for (const user of users) crowd.push(await t.member(room, { user }));
    await crowd[0].ask({ action: 'leave', room });
    // The answer is that of its own core; what is said next may be with the room's before the leave is.
    await until(async () => (await t.read(`/rooms/${room}/members`)).members.every(({ user }) => user !== users[0]), 'the leave');
    await t.say(room, 'hello');
    for (const client of [watcher, stream]) {
      await client.next('message');
      const seen = client.events.seen.filter(({ event_type: type }) => ['member_joined', 'member_left', 'message'].includes(type));
      const about = seen.filter(({ user }) => users.includes(user));
      assert.deepEqual(about.map(({ event_type: type, user }) => [type, user]), [...users.map((user) => ['member_joined', user]), ['member_left', users[0]]]);
      assert.equal(seen.at(-1).event_type, 'message');
    }
    // Nobody hears of who came before, or of itself.
    await crowd[9].next('message');
    const heard = crowd[9].events.all('member_joined').map(({ user }) => user);
    assert.deepEqual(heard, users.slice(10));
  });
});
