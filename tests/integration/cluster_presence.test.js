// SPDX-License-Identifier: Apache-2.0
// Who is where, over several nodes: members of rooms, users, statuses; and what becomes of them when a node is killed,
// frozen or restarted, or when Redis fails.

import assert from 'node:assert/strict';
import { cluster, member, ready } from './lib/cluster.js';
import { until } from './lib/deadline.js';
import { suite } from './lib/runner.js';

// "user*connections", of the room's members as this node has them.
async function members(t, room, at) {
  const answer = await t.get('/members', { room }, { at });
  if (answer.status !== 200) return `${answer.status}`;
  return answer.json.members.map(({ user, connections }) => `${user}*${connections}`).sort().join(' ');
}
async function all_see(t, room, nodes, expected) {
  const wanted = [...expected].sort().join(' ');
  for (const at of nodes) {
    let seen;
    await until(async () => (seen = await members(t, room, at)) === wanted, `the members ${wanted}`, { ms: 60000 })
      .catch((error) => { throw new Error(`${error.message}; they are ${seen}`); });
  }
}
const of = (client, user, kind) => client.events.all({ event_type: kind, user }).length;

const quick = { broker_lease: '3s', presence_leave_grace: '300ms' };
function slow(t) { if (t.combination.reactors !== 2) t.skip('with two reactors only'); }

suite('cluster: presence', { server: false, at_once: 3 }, (test) => {
  test('members, counts and statuses are the same on all nodes, and each comes and goes once', async (t) => {
    const { nodes } = await cluster(t, 3, { presence_leave_grace: '100ms' });
    const [one, two, three] = nodes;
    const room = t.name('room');
    const [ann, bob] = [t.name('ann'), t.name('bob')];
    const watcher = await member(t, room, one, { user: ann });
    const first = await member(t, room, two, { user: bob });
    assert.equal(first.joined.members, 2, 'who joins gets the number of members on all nodes');
    assert.equal((await watcher.next({ event_type: 'member_joined', user: bob })).members, 2);
    const second = await member(t, room, three, { user: bob });
    const nameless = await member(t, room, three);
    await watcher.next({ event_type: 'member_joined', user: 'anonymous' });
    await all_see(t, room, nodes, [`${ann}*1`, `${bob}*2`, 'anonymous*1']);
    for (const at of nodes) {
      assert.equal((await t.read('/members', { room }, { at })).count, 4);
      assert.equal((await t.read(`/users/${bob}`, {}, { at })).connections, 2);
    }
    assert.equal((await t.publish({ room, content: 'x' }, { at: two })).receivers, 4);
    // A node that nobody is a member on knows them too.
    const quiet = t.name('quiet');
    await member(t, quiet, one, { user: ann });
    await all_see(t, quiet, nodes, [`${ann}*1`]);
    // A status holds for the user, wherever it was set, and wherever the user comes later.
    await first.ask({ action: 'status', status: 'away' });
    for (const client of [watcher, second]) assert.equal((await client.next({ event_type: 'status', user: bob })).status, 'away');
    const other = t.name('other');
    await member(t, other, three, { user: bob });
    for (const at of nodes) {
      await until(async () => (await t.read('/members', { room: other }, { at })).members[0]?.status === 'away', 'the status');
      await until(async () => (await t.read(`/users/${bob}`, {}, { at })).status === 'away', 'the status');
    }
    // The last one out.
    await first.close();
    await all_see(t, room, nodes, [`${ann}*1`, `${bob}*1`, 'anonymous*1']);
    assert.equal(of(watcher, bob, 'member_left'), 0);
    await second.close();
    await nameless.close();
    for (const user of [bob, 'anonymous']) await watcher.next({ event_type: 'member_left', user });
    await all_see(t, room, nodes, [`${ann}*1`]);
    assert.deepEqual([of(watcher, bob, 'member_joined'), of(watcher, bob, 'member_left')], [1, 1]);
  });

  test('a node is killed: its users leave, once, and those who are elsewhere too stay', async (t) => {
    slow(t);
    const { nodes } = await cluster(t, 3, quick);
    const [one, two, three] = nodes;
    const room = t.name('room');
    const [ann, bob, carol] = [t.name('ann'), t.name('bob'), t.name('carol')];
    const watchers = [await member(t, room, one, { user: ann }), await member(t, room, two, { user: ann })];
    await member(t, room, three, { user: bob });
    await member(t, room, three, { user: carol });
    await member(t, room, two, { user: carol });
    await all_see(t, room, nodes, [`${ann}*2`, `${bob}*1`, `${carol}*2`]);
    three.signal('SIGKILL');
    await three.exited;
    for (const watcher of watchers) await watcher.next({ event_type: 'member_left', user: bob }, { ms: 60000 });
    await all_see(t, room, [one, two], [`${ann}*2`, `${carol}*1`]);
    for (const at of [one, two]) assert.equal((await t.read(`/users/${bob}`, {}, { at })).online, false);
    for (const watcher of watchers) {
      assert.deepEqual([of(watcher, bob, 'member_left'), of(watcher, carol, 'member_left')], [1, 0]);
    }
  });

  test('a node is frozen for longer than its lease: its users leave, and are there again', async (t) => {
    slow(t);
    const { nodes } = await cluster(t, 3, quick);
    const [one, two, three] = nodes;
    const room = t.name('room');
    const [ann, bob] = [t.name('ann'), t.name('bob')];
    const watcher = await member(t, room, one, { user: ann });
    const client = await member(t, room, three, { user: bob });
    await all_see(t, room, nodes, [`${ann}*1`, `${bob}*1`]);
    three.signal('SIGSTOP');
    await watcher.next({ event_type: 'member_left', user: bob }, { ms: 60000 });
    await all_see(t, room, [one, two], [`${ann}*1`]);
    await t.say(room, 'meanwhile');
    three.signal('SIGCONT');
    await client.next({ room, content: 'meanwhile' });
    await all_see(t, room, nodes, [`${ann}*1`, `${bob}*1`]);
    assert.deepEqual([of(watcher, bob, 'member_joined'), of(watcher, bob, 'member_left')], [2, 1]);
    const { text } = await t.get('/metrics', {}, { at: three });
    assert.ok(Number(/^ringcast_broker_leases_lost_total (\d+)$/m.exec(text)?.[1]) >= 1);
  });

  test('a rolling restart: users move on, and nobody leaves', async (t) => {
    slow(t);
    const { nodes, start } = await cluster(t, 3, { presence_leave_grace: '10s', broker_lease: '5s' });
    const room = t.name('room');
    const users = nodes.map((_, n) => t.name(`u${n}`));
    const watcher_at = nodes.length - 1;
    let clients = await Promise.all(nodes.map((node, n) => member(t, room, node, { user: users[n] })));
    const watchers = [clients[watcher_at]];
    await all_see(t, room, nodes, users.map((user) => `${user}*1`));
    for (let n = 0; n < watcher_at; n++) {
      const stopping = nodes[n].stop_cleanly();
      await clients[n].close_code();
      clients[n] = await member(t, room, nodes[watcher_at], { user: users[n] });
      await stopping;
      nodes[n] = await start(n);
      t.server = nodes[n];
      await ready(t, nodes[n]);
    }
    await all_see(t, room, nodes, users.map((user) => `${user}*1`));
    for (const watcher of watchers) {
      for (const user of users) assert.equal(of(watcher, user, 'member_left'), 0);
    }
  });

  const faults = [
    ['the subscriptions are cut', (redis) => redis.ask('CLIENT', 'KILL', 'TYPE', 'pubsub')],
    ['it is flushed', (redis) => redis.ask('FLUSHALL')],
    ['it is killed and comes back empty', async (redis) => { await redis.kill(); await redis.run(); }],
  ];
  for (const [what, fault] of faults) {
    test(`Redis: ${what}: who is there stays, and who comes and goes meanwhile is seen`, async (t) => {
      slow(t);
      const { redis, nodes } = await cluster(t, 2, quick);
      const [one, two] = nodes;
      const room = t.name('room');
      const [ann, bob, carol, dave] = ['ann', 'bob', 'carol', 'dave'].map((name) => t.name(name));
      const watcher = await member(t, room, one, { user: ann });
      await member(t, room, two, { user: bob });
      const leaver = await member(t, room, two, { user: carol });
      await all_see(t, room, nodes, [`${ann}*1`, `${bob}*1`, `${carol}*1`]);
      await fault(redis);
      await leaver.close();
      await member(t, room, two, { user: dave });
      await all_see(t, room, nodes, [`${ann}*1`, `${bob}*1`, `${dave}*1`]);
      await watcher.next({ event_type: 'member_left', user: carol });
      await watcher.next({ event_type: 'member_joined', user: dave });
      assert.equal(of(watcher, bob, 'member_left'), 0);
    });
  }
});
