// SPDX-License-Identifier: Apache-2.0
// What an application does with a client, the same over each transport.

import assert from 'node:assert/strict';
import { suite } from '../integration/lib/runner.js';
import { ManualClock } from './lib/manual_clock.js';
import { blocking_proxy, contents, cut_off, observe } from './lib/observed_client.js';

const kTransports = ['websocket', 'sse', 'poll'];

suite('client', { settings: { presence_leave_grace: '200ms', presence_poll_grace: '1s' } }, (test) => {
  for (const transport of kTransports) {
    const one = { transports: [transport] };

    test(`${transport}: joins, publishes, hears, leaves`, async (t) => {
      const [room, other] = [t.name('räume/a b'), t.name('other')];
      const alice = observe(t, { url: t.server.url, user: t.name('Alice'), rooms: [room], ...one });
      await alice.states.next('open');
      const joined = await alice.join(other);
      assert.equal(typeof joined.id, 'number');
      const sent = await alice.publish(room, 'Hello');
      const heard = await alice.events.next({ event_type: 'message', content: 'Hello' });
      assert.deepEqual([heard.id, heard.room, heard.user], [sent.id, room, alice.user]);
      await alice.publish(other, { x: [1, null] }, { event: 'order.placed' });
      assert.deepEqual((await alice.events.next('order.placed')).data, { x: [1, null] });
      alice.leave(other);
      await alice.publish(room, 'after leaving');
      await t.say(other, 'not heard');
      await t.say(room, 'end');
      await alice.events.next({ content: 'end' });
      assert.deepEqual(contents(alice, other), []);
      assert.deepEqual([...alice.rooms], [room]);
    });

    test(`${transport}: inbox, broadcast, binary, members, history`, async (t) => {
      const room = t.name('room');
      const bob = observe(t, { url: t.server.url, user: t.name('Bob'), rooms: [room], ...one });
      await bob.states.next('open');
      const alice = await t.ws({ user: t.name('Alice') });
      const to_all = t.name('to all');
      await alice.ask({ action: 'direct', to: bob.user, content: 'psst' });
      assert.equal((await bob.events.next('direct')).content, 'psst');
      await t.publish({ broadcast: true, content: to_all });
      assert.equal((await bob.events.next({ content: to_all })).room, '*');
      await alice.join(room);
      alice.send_binary(Buffer.from([0, 255, 7]));
      const binary = await bob.events.next('binary');
      assert.deepEqual([...binary.data], [0, 255, 7]);
      assert.equal((await bob.direct(alice.hello.user, 'thanks')).event_type, 'ack');
      assert.equal((await alice.next('direct')).content, 'thanks');
      assert.equal((await bob.members(room)).members.filter(({ user }) => user === alice.hello.user).length, 1);
      assert.equal((await bob.history(room, { limit: 10 })).messages.length, 1);
    });

    test(`${transport}: a message of one's own is not heard with echo: false`, async (t) => {
      const room = t.name('room');
      const client = observe(t, { url: t.server.url, rooms: [room], ...one });
      await client.states.next('open');
      await client.publish(room, 'quiet', { echo: transport === 'poll' ? undefined : false });
      await client.publish(room, 'loud');
      await client.events.next({ content: 'loud' });
      assert.deepEqual(contents(client, room), transport === 'poll' ? ['quiet', 'loud'] : ['loud']);
    });

    test(`${transport}: what the server refuses is rejected with its code`, async (t) => {
      const client = observe(t, { url: t.server.url, rooms: [t.name('room')], ...one });
      await client.states.next('open');
      await assert.rejects(client.publish('a,b', 'x'), (error) => error.name === 'RingcastError' && /room/.test(error.message));
      await assert.rejects(client.publish(t.name('room'), 'x'.repeat(70000)), (error) => error.name === 'RingcastError');
    });

    test(`${transport}: taken out of a room, and told why`, async (t) => {
      if (transport === 'poll') t.skip('a poll is in a room only while it waits');
      const [room, other] = [t.name('room'), t.name('other')];
      const client = observe(t, { url: t.server.url, user: t.name('Kim'), rooms: [room, other], ...one });
      await client.states.next('open');
      await client.join(room);
      await t.http('DELETE', `/rooms/${room}/members/${client.user}`);
      assert.equal((await client.events.next('left')).reason, 'kicked');
      assert.deepEqual([...client.rooms], [other]);
    });

    test(`${transport}: a stop by an administrator is final`, async (t) => {
      if (transport === 'poll') t.skip('a poll that is kicked is a request that failed');
      const client = observe(t, { url: t.server.url, user: t.name('Kim'), rooms: [t.name('room')], ...one });
      await client.states.next('open');
      await t.http('DELETE', `/users/${client.user}/connections`);
      const stopped = await client.states.next('stopped');
      assert.equal(stopped.code, 4011);
      await assert.rejects(client.publish('room', 'x'), { code: 'closed' });
    });
  }

  test('more rooms than fit into the URL are joined all the same', async (t) => {
    const rooms = Array.from({ length: 60 }, () => t.name(`room-${'ü'.repeat(40)}`));
    const proxy = await blocking_proxy(t);
    const clock = new ManualClock();
    const client = observe(t, { url: proxy.url, rooms, clock, transports: ['websocket'] });
    await client.states.next('open');
    await Promise.all(rooms.map((room) => client.join(room)));
    const { delay_ms } = await cut_off(client, proxy);
    for (const room of rooms) await t.say(room, 'missed');
    clock.advance(delay_ms);
    for (const room of rooms) await client.events.next({ room, content: 'missed' });
  });

  test('a room left while its join was on its way is not heard, and begins anew later', async (t) => {
    const room = t.name('room');
    const client = observe(t, { url: t.server.url, transports: ['websocket'] });
    await client.states.next('open');
    const joining = client.join(room);
    client.leave(room);
    await assert.rejects(joining, { code: 'left' });
    await t.say(room, 'meanwhile');
    await client.join(room);
    await t.say(room, 'later');
    await client.events.next({ content: 'later' });
    assert.deepEqual(contents(client, room), ['later']);
  });

  test('a throwing listener harms nobody else', async (t) => {
    const room = t.name('room');
    const client = observe(t, { url: t.server.url, rooms: [room] });
    const caught = new Promise((resolve) => process.once('uncaughtException', resolve));
    // Another test's broadcast comes here too.
    client.on('message', (event) => {
      if (event.room === room) throw new Error('of the application');
    });
    await client.states.next('open');
    await client.publish(room, 'x');
    await client.events.next({ content: 'x' });
    assert.equal((await caught).message, 'of the application');
    assert.equal(client.state.state, 'open');
  });

  test('too many unconfirmed messages are refused', async (t) => {
    const proxy = await blocking_proxy(t);
    proxy.block('*', 'swallow');
    const client = observe(t, { url: proxy.url, rooms: ['r'], pending_max: 2 });
    const waiting = [client.publish('r', '1'), client.publish('r', '2')];
    await assert.rejects(client.publish('r', '3'), { code: 'too_many_pending' });
    client.close();
    for (const one of waiting) await assert.rejects(one, { code: 'closed' });
  });

  test('what has been read can be kept and gone on from', async (t) => {
    const room = t.name('room');
    const first = observe(t, { url: t.server.url, user: t.name('Ada'), rooms: [room] });
    await first.states.next('open');
    await first.join(room);
    await t.say(room, 'one');
    await first.events.next({ content: 'one' });
    first.close();
    await t.say(room, 'two');
    for (const transport of kTransports) {
      const second = observe(t, { url: t.server.url, user: first.user, rooms: [room], positions: Object.fromEntries(first.positions), transports: [transport] });
      await second.events.next({ content: 'two' });
      assert.deepEqual(contents(second, room), ['two']);
    }
  });
});
