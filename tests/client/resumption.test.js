// SPDX-License-Identifier: Apache-2.0
// Exactly once and in order, whatever happens between the client and the server.

import assert from 'node:assert/strict';
import { suite } from '../integration/lib/runner.js';
import { ManualClock } from './lib/manual_clock.js';
import { blocking_proxy, contents, cut_off, observe } from './lib/observed_client.js';

const kTransports = ['websocket', 'sse', 'poll'];

suite('resumption', { settings: { retry: '100ms' } }, (test) => {
  for (const transport of kTransports) {
    test(`${transport}: nothing is lost or doubled over many cuts, in several rooms`, async (t) => {
      const rooms = [t.name('a'), t.name('ü'), t.name('c')];
      const proxy = await blocking_proxy(t);
      const clock = new ManualClock();
      const client = observe(t, { url: proxy.url, user: t.name('Cut'), rooms, clock, transports: [transport] });
      await client.states.next('open');
      const expected = rooms.map(() => []);
      const say = async (text) => {
        for (const [i, room] of rooms.entries()) {
          expected[i].push(text);
          await t.say(room, text);
        }
      };
      for (let round = 0; round < 5; round++) {
        await say(`live ${round}`);
        if (round % 2) for (const room of rooms) await client.heard.next({ room, content: `live ${round}` });
        const { delayMs } = await cut_off(client, proxy);
        await say(`missed ${round}`);
        clock.advance(delayMs);
        await client.states.next('open');
      }
      await say('end');
      for (const room of rooms) await client.heard.next({ room, content: 'end' });
      for (const [i, room] of rooms.entries()) assert.deepEqual(contents(client, room), expected[i]);
      assert.deepEqual(client.heard.all('gap'), []);
    });

    test(`${transport}: cut before anything was received`, async (t) => {
      const room = t.name('room');
      const proxy = await blocking_proxy(t);
      const clock = new ManualClock();
      const client = observe(t, { url: proxy.url, user: t.name('Ann'), rooms: [room], clock, transports: [transport] });
      await client.states.next('open');
      await client.join(room);
      await cut_off(client, proxy);
      await t.say(room, 'missed');
      await t.publish({ to: client.user, content: 'to the inbox' });
      clock.advance(client.state.delayMs);
      await client.heard.next({ content: 'missed' });
      assert.equal((await client.heard.next('direct')).content, 'to the inbox');
    });

    test(`${transport}: what was said while cut off is published once`, async (t) => {
      const room = t.name('room');
      const proxy = await blocking_proxy(t);
      const watcher = await t.member(room);
      const clock = new ManualClock();
      const client = observe(t, { url: proxy.url, user: t.name('Cut'), rooms: [room], clock, transports: [transport] });
      await client.states.next('open');
      await client.join(room);
      proxy.hold();
      const sent = [client.publish(room, 'lost answer'), client.publish(room, 'second')];
      await watcher.next({ content: 'lost answer' });
      const { delayMs } = await cut_off(client, proxy);
      proxy.release();
      sent.push(client.publish(room, 'third'));
      clock.advance(delayMs);
      const acks = await Promise.all(sent);
      await watcher.next({ content: 'third' });
      assert.deepEqual(watcher.events.all('message').map(({ content }) => content), ['lost answer', 'second', 'third']);
      assert.deepEqual(acks.map(({ id }) => id), watcher.events.all('message').map(({ id }) => id));
      await client.heard.next({ content: 'third' });
      assert.deepEqual(contents(client, room), ['lost answer', 'second', 'third']);
    });

    test(`${transport}: rooms that come and go do not disturb the others`, async (t) => {
      const room = t.name('steady');
      const client = observe(t, { url: t.server.url, rooms: [room], transports: [transport] });
      await client.states.next('open');
      const expected = [];
      for (let i = 0; i < 8; i++) {
        const other = t.name('passing');
        const joined = client.join(other);
        joined.catch(() => {});  // when the test has failed meanwhile
        expected.push(`${i}`);
        await t.say(room, `${i}`);
        await joined;
        await t.say(other, 'hello');
        await client.heard.next({ room: other, content: 'hello' });
        client.leave(other);
      }
      await client.heard.next({ room, content: '7' });
      assert.deepEqual(contents(client, room), expected);
      assert.equal(client.states.all('waiting').length, 0);
    });

    test(`${transport}: history that does not reach back is a gap`, async (t) => {
      const server = await t.start_server({ history_messages: 3 });
      const room = t.name('room');
      const proxy = await blocking_proxy(t, server);
      const clock = new ManualClock();
      const client = observe(t, { url: proxy.url, rooms: [room], clock, transports: [transport] });
      await client.states.next('open');
      await client.join(room);
      await cut_off(client, proxy);
      for (let i = 0; i < 10; i++) await t.http('POST', '/messages', { body: { room, content: `m${i}` }, at: server });
      clock.advance(0);
      const gap = await client.heard.next('gap');
      assert.equal(gap.room, room);
      await client.heard.next({ content: 'm9' });
      assert.deepEqual(contents(client, room), ['m7', 'm8', 'm9']);
    });

    test(`${transport}: a server that restarts`, async (t) => {
      const server = await t.start_server({ port: 0 });
      const room = t.name('room');
      const proxy = await blocking_proxy(t, server);
      const clock = new ManualClock();
      const client = observe(t, { url: proxy.url, rooms: [room], clock, transports: [transport] });
      await client.states.next('open');
      await client.join(room);
      await t.http('POST', '/messages', { body: { room, content: 'before' }, at: server });
      await client.heard.next({ content: 'before' });
      await server.stop_cleanly();
      const { delayMs } = await client.states.next('waiting');
      const fresh = await t.start_server({});
      proxy.target_port = fresh.port;
      clock.advance(delayMs);
      await client.states.next('open');
      await client.heard.next({ event_type: 'gap', room });
      await t.http('POST', '/messages', { body: { room, content: 'after' }, at: fresh });
      await client.heard.next({ content: 'after' });
      assert.deepEqual(contents(client, room), ['before', 'after']);
    });
  }

  test('the transport changes under way, and the order holds', async (t) => {
    const room = t.name('room');
    const proxy = await blocking_proxy(t);
    const clock = new ManualClock();
    const client = observe(t, { url: proxy.url, user: t.name('Ada'), rooms: [room], clock });
    const expected = [];
    const say = async (text) => { expected.push(text); await t.say(room, text); };
    // Time goes on until the client has come through.
    const through = async (transport) => {
      for (;;) {
        const { name, delayMs } = await client.states.next(({ event_type }) => event_type === 'open' || event_type === 'waiting');
        if (name === 'open') break;
        clock.advance(delayMs);
      }
      assert.equal(client.transport, transport);
    };
    const block = async (path, how) => {
      const { delayMs } = await cut_off(client, proxy);
      if (path) proxy.block(path, how);
      clock.advance(delayMs);
    };
    await through('websocket');
    await say('over WebSocket');
    await block('/ws', 'reset');
    await say('between');
    await through('sse');
    await say('over SSE');
    await client.heard.next({ content: 'over SSE' });
    await block('/events', 'forbid');
    await say('between again');
    await through('poll');
    await say('over long polling');
    await client.heard.next({ content: 'over long polling' });
    // A better transport is probed while the lower one works, without a reconnect.
    proxy.blocked.clear();
    // Time stands still while the probe is under way, or it would be over for both.
    const probes = proxy.requests.all('/ws').length;
    while (proxy.requests.all('/ws').length === probes) {
      clock.advance(1000);
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
    await client.states.next({ event_type: 'open', transport: 'websocket' });
    await say('back');
    await client.heard.next({ content: 'back' });
    assert.deepEqual(contents(client, room), expected);
    assert.deepEqual(client.heard.all('gap'), []);
  });
});
