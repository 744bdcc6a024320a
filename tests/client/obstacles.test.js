// SPDX-License-Identifier: Apache-2.0
// A proxy in the way: transports that do not get through, and servers that fall silent.

import assert from 'node:assert/strict';
import { suite } from '../integration/lib/runner.js';
import { kBlocks } from './lib/blocking_proxy.js';
import { ManualClock } from './lib/manual_clock.js';
import { blocking_proxy, contents, observe } from './lib/observed_client.js';

// Lets the time for opening go by whenever a request hangs.
async function open_through(t, blocks) {
  const proxy = await blocking_proxy(t);
  for (const [path, how] of Object.entries(blocks)) proxy.block(path, how);
  const clock = new ManualClock();
  const room = t.name('room');
  const client = observe(t, { url: proxy.url, rooms: [room], clock });
  for (const [path, how] of Object.entries(blocks)) {
    await proxy.requests.next(path);
    if (how === 'swallow' || how === 'buffer') clock.advance(10000);
  }
  await client.states.next('open');
  await client.publish(room, 'Hello');
  await client.events.next({ content: 'Hello' });
  assert.deepEqual(client.states.all('waiting'), []);
  return { client, clock, proxy, room };
}

suite('obstacles', { settings: { heartbeat_interval: '25s' } }, (test) => {
  for (const how of kBlocks.filter((block) => block !== 'buffer')) {
    test(`WebSockets blocked (${how}): over SSE, at once`, async (t) => {
      const { client } = await open_through(t, { '/ws': how });
      assert.equal(client.transport, 'sse');
    });
  }

  for (const how of kBlocks) {
    test(`WebSockets and streams blocked (${how}): over long polling`, async (t) => {
      const { client } = await open_through(t, { '/ws': 'reset', '/events': how });
      assert.equal(client.transport, 'poll');
    });
  }

  test('everything blocked: all are tried in each round, rounds keep to the back-off', async (t) => {
    const proxy = await blocking_proxy(t);
    proxy.block('*', 'reset');
    const clock = new ManualClock();
    const client = observe(t, { url: proxy.url, rooms: ['r'], clock });
    const delays = [];
    for (let round = 0; round < 4; round++) {
      const { delay_ms } = await client.states.next('waiting');
      delays.push(delay_ms);
      clock.advance(delay_ms);
    }
    assert.deepEqual(delays, [0, 1500, 3000, 6000]);
    assert.deepEqual(client.states.all('connecting').slice(0, 6).map(({ transport }) => transport), ['websocket', 'sse', 'poll', 'websocket', 'sse', 'poll']);
    await client.states.next('waiting');
    proxy.unblock('*');
    clock.advance(client.state.delay_ms);
    await client.states.next('open');
    assert.equal(client.transport, 'websocket');
  });

  test('a transport that has worked is not given up at the first failure', async (t) => {
    const proxy = await blocking_proxy(t);
    const clock = new ManualClock();
    const client = observe(t, { url: proxy.url, rooms: ['r'], clock });
    await client.states.next('open');
    proxy.block('/ws', 'reset');
    proxy.cut();
    for (let failure = 0; failure < 3; failure++) {
      const { delay_ms, transport } = await client.states.next('waiting');
      assert.equal(transport, 'websocket');
      clock.advance(delay_ms);
    }
    await client.states.next('open');
    assert.equal(client.transport, 'sse');
  });

  test('what the server itself refuses is not tried over another transport', async (t) => {
    const proxy = await blocking_proxy(t);
    const client = observe(t, { url: proxy.url, rooms: ['@somebody'], transports: ['sse', 'poll'] });
    const stopped = await client.states.next('stopped');
    assert.match(stopped.reason, /somebody|inbox/);
    assert.deepEqual(proxy.requests.all('/poll'), []);
  });

  test('a WebSocket that falls silent is asked, and kept when it answers', async (t) => {
    const proxy = await blocking_proxy(t);
    const clock = new ManualClock();
    const client = observe(t, { url: proxy.url, rooms: [t.name('room')], clock, transports: ['websocket'] });
    await client.states.next('open');
    const { socket } = client.link;
    const pong = new Promise((resolve) => socket.addEventListener('message', ({ data }) => { if (JSON.parse(data).event_type === 'pong') resolve(); }));
    clock.advance(25000);
    await pong;
    clock.advance(24999);
    assert.equal(client.link.socket, socket);
    assert.equal(client.state.state, 'open');
  });

  for (const [transport, silence_ms] of [['websocket', 35000], ['sse', 35000], ['poll', 35000]]) {
    test(`${transport}: a server that falls silent is left, and nothing is lost`, async (t) => {
      const room = t.name('room');
      const proxy = await blocking_proxy(t);
      const clock = new ManualClock();
      const client = observe(t, { url: proxy.url, user: t.name('Eve'), rooms: [room], clock, transports: [transport] });
      await client.states.next('open');
      await client.join(room);
      if (transport === 'poll') await proxy.requests.next(({ url }) => url.includes('timeout='));
      proxy.hold();
      await t.say(room, 'into the silence');
      clock.advance(silence_ms - 1);
      assert.equal(client.state.state, 'open');
      clock.advance(1);
      const { delay_ms, reason } = await client.states.next('waiting');
      assert.match(reason, /silent/);
      proxy.release();
      clock.advance(delay_ms);
      await client.states.next('open');
      await client.events.next({ content: 'into the silence' });
      assert.deepEqual(contents(client, room), ['into the silence']);
    });
  }
});
