// SPDX-License-Identifier: Apache-2.0
// The room chat over WebSocket: native, and a route on which a second join leaves the first room.

import assert from 'node:assert/strict';
import { until } from './lib/deadline.js';
import { suite } from './lib/runner.js';

suite('room chat', {}, (test) => {
  const wscat = async (t, user) => {
    const client = await t.foreign_ws(`/ws?user=${user}`);
    await client.next('connection_id');
    return client;
  };

  test('the transcript: join, message to the whole room, the sender included', async (t) => {
    const [alice, bob] = [await wscat(t, 'Alice'), await wscat(t, 'Bob')];
    const room = t.name('general');
    for (const client of [alice, bob]) {
      client.send('{"action":"join","room":"' + room + '"}');
      await client.next('joined');
    }
    alice.send({ action: 'message', content: 'Hello everyone!' });
    for (const client of [alice, bob]) {
      const message = await client.next('message');
      assert.equal(message.user, 'Alice');
      assert.equal(message.content, 'Hello everyone!');
      assert.deepEqual(Object.keys(message), ['id', 'event_type', 'room', 'user', 'content', 'timestamp']);
      assert.deepEqual([message.event_type, message.room, typeof message.id], ['message', room, 'number']);
    }
    const { json } = await t.http('POST', '/messages', { body: { room, user: 'System', content: 'Welcome!' } });
    assert.deepEqual([json.status, typeof json.event_id], ['sent', 'number']);
    assert.equal((await bob.next({ user: 'System' })).id, json.event_id);
    const stats = await t.read('/stats');
    assert.equal(stats.rooms[room], 2);
    assert.ok(stats.total_clients >= 2);
  });

  test('who leaves 256 messages unread is disconnected, the rest of the room goes on', async (t) => {
    const server = await t.start_server({ send_buffer_size: '16KiB', outbox_size_max: '64MiB', close_timeout: '500ms', presence_leave_grace: '0s' });
    const slow = t.raw(server);
    await slow.upgrade('/ws?user=Alice&rooms=general');
    await slow.event('joined');
    slow.socket.pause();
    const bob = await t.ws({ user: 'Bob', rooms: ['general'] }, {}, server);
    await bob.next('joined');
    const gone = bob.next({ event_type: 'member_left', user: 'Alice' }, { ms: 60000 }).then(() => true);
    const batch = Array.from({ length: 20 }, () => ({ room: 'general', user: 'System', content: 'x'.repeat(2000) }));
    let sent = 0;
    while (!(await Promise.race([gone, new Promise((resolve) => setImmediate(resolve, false))]))) {
      await t.publish(batch, { at: server });
      sent += batch.length;
      await bob.take(batch.length, 'message');
      assert.ok(sent < 20000, 'she was never disconnected');
    }
    assert.match((await t.get('/metrics', {}, { at: server })).text, /^ringcast_slow_closed_total\S* 1$/m);
  });

  test('single_room: a second join leaves the first', async (t) => {
    const server = await t.start_server({ preset: 'room_chat' });
    const alice = await t.ws({ user: 'Alice' }, {}, server);
    await alice.join('one');
    await alice.join('two');
    assert.equal((await alice.next('left')).room, 'one');
    // The core of the room may hear of it a moment after the client.
    const rooms = await until(async () => {
      const stats = await t.read('/stats', {}, { at: server });
      return !stats.rooms.one && stats.rooms;
    }, 'the first room to be left');
    assert.equal(rooms.two, 1);
  });
});
