// SPDX-License-Identifier: Apache-2.0
// What an application does with a client, the same over each transport.

import assert from 'node:assert/strict';
import { until } from '../integration/lib/deadline.js';
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
      const heard = await alice.heard.next({ event_type: 'message', content: 'Hello' });
      assert.deepEqual([heard.id, heard.room, heard.user], [sent.id, room, alice.user]);
      await alice.publish(other, { x: [1, null] }, { event: 'order.placed' });
      assert.deepEqual((await alice.heard.next('order.placed')).data, { x: [1, null] });
      alice.leave(other);
      await alice.publish(room, 'after leaving');
      await t.say(other, 'not heard');
      await t.say(room, 'end');
      await alice.heard.next({ content: 'end' });
      assert.deepEqual(contents(alice, other), []);
      assert.deepEqual(alice.rooms, [room]);
    });

    test(`${transport}: inbox, broadcast, binary, members, history`, async (t) => {
      const room = t.name('room');
      const bob = observe(t, { url: t.server.url, user: t.name('Bob'), rooms: [room], ...one });
      await bob.states.next('open');
      const alice = await t.ws({ user: t.name('Alice') });
      const to_all = t.name('to all');
      await alice.ask({ action: 'direct', to: bob.user, content: 'psst' });
      assert.equal((await bob.heard.next('direct')).content, 'psst');
      await t.publish({ broadcast: true, content: to_all });
      assert.equal((await bob.heard.next({ content: to_all })).room, '*');
      await alice.join(room);
      alice.send_binary(Buffer.from([0, 255, 7]));
      const binary = await bob.heard.next('binary');
      assert.deepEqual([...binary.data], [0, 255, 7]);
      assert.equal((await bob.direct(alice.hello.user, 'thanks')).duplicate, false);
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
      await client.heard.next({ content: 'loud' });
      assert.deepEqual(contents(client, room), transport === 'poll' ? ['quiet', 'loud'] : ['loud']);
    });

    test(`${transport}: more rooms, with longer names, than fit into a URL`, async (t) => {
      const rooms = Array.from({ length: 80 }, () => t.name(`room-${'ü'.repeat(50)}`));
      const proxy = await blocking_proxy(t);
      const clock = new ManualClock();
      const client = observe(t, { url: proxy.url, rooms: rooms.slice(0, 79), clock, ...one });
      await client.states.next('open');
      const joining = Promise.all(rooms.map((room) => client.join(room)));
      clock.advance(100);
      await joining;
      const { delayMs } = await cut_off(client, proxy);
      for (const room of rooms) await t.say(room, 'missed');
      clock.advance(delayMs);
      for (const room of rooms) await client.heard.next({ room, content: 'missed' });
      assert.deepEqual(client.heard.all('gap').concat(client.heard.all('error')), []);
    });

    test(`${transport}: what the server refuses is rejected with its code`, async (t) => {
      const client = observe(t, { url: t.server.url, rooms: [t.name('room')], ...one });
      await client.states.next('open');
      await assert.rejects(client.publish('a,b', 'x'), (error) => error.name === 'RingcastError' && /room/.test(error.message));
      await assert.rejects(client.publish(t.name('room'), 'x'.repeat(70000)), (error) => error.name === 'RingcastError');
    });

    test(`${transport}: taken out of a room, and notified of the reason`, async (t) => {
      const [room, other] = [t.name('room'), t.name('other')];
      const client = observe(t, { url: t.server.url, user: t.name('Kim'), rooms: [room, other], ...one });
      await client.states.next('open');
      await client.join(room);
      // A poll is a connection while it waits only.
      await until(async () => {
        await t.http('DELETE', `/rooms/${room}/members/${client.user}`);
        return transport !== 'poll' || !client.rooms.includes(room);
      }, 'the room to be left');
      assert.equal((await client.heard.next('left')).reason, 'kicked');
      assert.deepEqual(client.rooms, [other]);
    });

    test(`${transport}: a stop by an administrator is final`, async (t) => {
      const client = observe(t, { url: t.server.url, user: t.name('Kim'), rooms: [t.name('room')], ...one });
      await client.states.next('open');
      await until(async () => {
        await t.http('DELETE', `/users/${client.user}/connections`);
        return transport !== 'poll' || client.state.name === 'stopped';
      }, 'the client to stop');
      const stopped = await client.states.next('stopped');
      assert.equal(stopped.code, 'kicked');
      await assert.rejects(client.publish('room', 'x'), { code: 'closed' });
    });
  }

  test('the status is set again after a reconnect', async (t) => {
    const room = t.name('room');
    const proxy = await blocking_proxy(t);
    const clock = new ManualClock();
    const client = observe(t, { url: proxy.url, user: t.name('Bea'), rooms: [room], clock });
    const members = async () => (await t.read('/members', { room })).members ?? [];
    client.setStatus('away');
    await until(async () => (await members())[0]?.status === 'away', 'the status that was set before the client was open');
    client.setStatus('busy');
    await until(async () => (await members())[0]?.status === 'busy', 'the status');
    const { delayMs } = await cut_off(client, proxy);
    await until(async () => (await members()).length === 0, 'the user to be gone');
    clock.advance(delayMs);
    await until(async () => (await members())[0]?.status === 'busy', 'the status to be back');
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
    await client.heard.next({ content: 'later' });
    assert.deepEqual(contents(client, room), ['later']);
  });

  test('a throwing listener harms nobody else', async (t) => {
    const room = t.name('room');
    const client = observe(t, { url: t.server.url, rooms: [room] });
    const caught = new Promise((resolve) => {
      process.setUncaughtExceptionCaptureCallback((error) => {
        if (error.message !== 'of the application') return process.emit('uncaughtException', error);
        process.setUncaughtExceptionCaptureCallback(null);
        resolve(error);
      });
    });
    // Another test's broadcast comes here too.
    client.on('message', (event) => {
      if (event.room === room) throw new Error('of the application');
    });
    await client.states.next('open');
    await client.publish(room, 'x');
    await client.heard.next({ content: 'x' });
    await caught;
    assert.equal(client.state.name, 'open');
  });

  test('too many unconfirmed messages are refused', async (t) => {
    const proxy = await blocking_proxy(t);
    proxy.block('*', 'swallow');
    const client = observe(t, { url: proxy.url, rooms: ['r'], pendingMax: 2 });
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
    await first.heard.next({ content: 'one' });
    first.close();
    await t.say(room, 'two');
    for (const transport of kTransports) {
      const second = observe(t, { url: t.server.url, user: first.user, rooms: [room], positions: first.positions, transports: [transport] });
      await second.heard.next({ content: 'two' });
      assert.deepEqual(contents(second, room), ['two']);
    }
  });
});

const kConfig = `
[[permissions]]
match = "open/*"
allow = ["subscribe", "publish", "presence", "history"]
`;

suite('client and refusals', { server: false }, (test) => {
  for (const transport of kTransports) {
    test(`${transport}: rooms above the server's limit are refused, and the client goes on`, async (t) => {
      await t.start_server({ rooms_per_websocket_max: 20 });
      const rooms = Array.from({ length: 22 }, (_, i) => `${22 - i}`);
      const client = observe(t, { url: t.server.url, user: t.name('Ron'), rooms: rooms.slice(0, 21), transports: [transport] });
      await client.heard.next({ event_type: 'error', room: rooms[20], code: 'too_many_rooms' });
      await client.states.next('open');
      await assert.rejects(client.join(rooms[21]), { name: 'RingcastError', code: 'too_many_rooms' });
      client.leave(rooms[7]);
      await client.join(rooms[21]);
      for (const room of [rooms[0], rooms[19], rooms[21]]) {
        await client.publish(room, 'heard');
        await client.heard.next({ room, content: 'heard' });
      }
      assert.deepEqual(client.rooms, rooms.filter((room) => room !== rooms[7] && room !== rooms[20]));
      assert.deepEqual([...client.states.all('stopped'), ...client.states.all('waiting')], []);
    });

    test(`${transport}: a room that is refused is reported, and the client goes on`, async (t) => {
      await t.start_server({ config: t.config_file(kConfig) });
      const [mine, other, late] = ['mine', 'other', 'late'].map((name) => `open/${t.name(name)}`);
      const client = observe(t, { url: t.server.url, user: t.name('Ron'), rooms: [mine, 'closed/a', other], transports: [transport] });
      const { code } = await client.heard.next({ event_type: 'error', room: 'closed/a' });
      assert.equal(code, 'forbidden');
      await client.states.next('open');
      await assert.rejects(client.join('closed/b'), { name: 'RingcastError', code: 'forbidden' });
      await client.heard.next({ event_type: 'error', room: 'closed/b' });
      await client.join(late);
      for (const room of [mine, other, late]) {
        await client.publish(room, 'heard');
        await client.heard.next({ room, content: 'heard' });
      }
      assert.deepEqual(client.rooms, [mine, other, late]);
      assert.equal(client.state.name, 'open');
      assert.deepEqual([...client.states.all('stopped'), ...client.states.all('waiting')], []);
    });
  }
});
