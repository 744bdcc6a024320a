// SPDX-License-Identifier: Apache-2.0
// Over several nodes: lists of rooms, users and connections have what all nodes have, and a connection is reached by its
// name from any node.

import assert from 'node:assert/strict';
import { cluster, member } from './lib/cluster.js';
import { until, within } from './lib/deadline.js';
import { suite } from './lib/runner.js';

// All pages of a list.
async function all(t, path, key, query, at) {
  const rows = [];
  let after;
  for (let pages = 0; after !== null; pages++) {
    assert.ok(pages < 50, 'a list comes to its end');
    const { json } = await t.get(path, { ...query, ...(after && { after }) }, { at });
    assert.equal(json.silent_nodes, undefined, JSON.stringify(json));
    rows.push(...json[key]);
    after = json.next;
  }
  return rows;
}

suite('cluster lists', { server: false, at_once: 2 }, (test) => {
  test('rooms, users and connections of three nodes, in pages, asked for at each of them', async (t) => {
    const { nodes } = await cluster(t, 3);
    const rooms = [t.name('a'), t.name('b'), t.name('c')];
    const clients = [];
    for (const [n, node] of nodes.entries()) {
      for (let i = 0; i < 4; i++) {
        const client = await member(t, rooms[n], node, { user: `${rooms[n]}-${i}` });
        await client.join(rooms[(n + 1) % 3]);
        clients.push({ client, user: `${rooms[n]}-${i}`, node, id: client.id });
      }
    }
    const users = clients.map(({ user }) => user).sort();
    const ids = clients.map(({ id }) => id).sort();
    for (const node of nodes) {
      for (const limit of [2, 100]) {
        const listed = await all(t, '/rooms', 'rooms', { limit }, node);
        assert.deepEqual(listed.filter(({ room }) => rooms.includes(room)).map(({ room, members }) => [room, members]), [...rooms].sort().map((room) => [room, 8]));
        assert.deepEqual((await all(t, '/users', 'users', { limit }, node)).map(({ user, connections }) => [user, connections]), users.map((user) => [user, 1]));
        assert.deepEqual((await all(t, '/connections', 'connections', { limit }, node)).map(({ connection_id: id }) => id).sort(), ids);
        assert.deepEqual((await all(t, '/connections', 'connections', { limit, room: rooms[0] }, node)).map(({ user }) => user).sort(),
          users.filter((user) => user.startsWith(rooms[0]) || user.startsWith(rooms[2])));
      }
      const one = await all(t, '/connections', 'connections', { user: users[0] }, node);
      assert.deepEqual(one.map(({ user }) => user), [users[0]]);
    }
  });

  test('a message for one connection, and its end, from a node that has it not', async (t) => {
    const { nodes } = await cluster(t, 2);
    const room = t.name('room');
    const client = await member(t, room, nodes[1], { user: t.name('ann') });
    const { id } = client;
    const say = (body) => t.http('POST', '/messages', { body, at: nodes[0] });
    const said = await say({ to_connection: id, content: 'to you alone' });
    assert.deepEqual([said.status, said.json.receivers], [200, 1], said.text);
    await client.next({ content: 'to you alone' });
    assert.equal((await say({ to_connection: 'f'.repeat(32), content: 'to nobody' })).json.receivers, 0);
    t.refused(await t.http('DELETE', `/connections/${'f'.repeat(32)}`, { at: nodes[0] }), 404, 'not_found');
    const ended = await t.http('DELETE', `/connections/${id}`, { at: nodes[0] });
    assert.deepEqual([ended.status, ended.json.disconnected], [200, 1], ended.text);
    assert.equal((await client.close_code()).code, 4011);
    t.refused(await t.http('DELETE', `/connections/${id}`, { at: nodes[0] }), 404, 'not_found');
  });

  test('a node that does not answer is counted, and the others are listed', async (t) => {
    const { nodes, redis } = await cluster(t, 3);
    const room = t.name('room');
    for (const node of nodes) await member(t, room, node);
    nodes[2].process.kill('SIGSTOP');
    try {
      // All of its threads have stopped after a moment.
      const json = await until(async () => {
        const list = (await within(t.get('/connections', { room }, { at: nodes[0] }), 'the list')).json;
        return list.silent_nodes === 1 && list;
      }, 'a node to be silent');
      assert.equal(json.connections.length, 2);
      t.refused(await t.http('DELETE', `/connections/${'f'.repeat(32)}`, { at: nodes[0] }), 503, 'broker_unavailable');
    } finally {
      nodes[2].process.kill('SIGCONT');
    }
    await until(async () => (await t.get('/connections', { room }, { at: nodes[0] })).json.connections.length === 3, 'all to be listed again', { ms: 60000 });
    // Without Redis nobody else can be asked.
    await redis.kill();
    await until(async () => (await t.get('/connections', { room }, { at: nodes[0] })).json.silent_nodes === 1, 'the loss to be noticed', { ms: 30000 });
    const alone = (await t.get('/connections', { room }, { at: nodes[0] })).json;
    assert.equal(alone.connections.length, 1);
  });
});
