// SPDX-License-Identifier: Apache-2.0
// A proxy in the way: transports that do not get through, and servers that fall silent.

import assert from 'node:assert/strict';
import { WebSocket as NodeWebSocket } from 'undici';
import WebSocket from 'ws';
import { free_port } from '../integration/lib/free_port.js';
import { suite } from '../integration/lib/runner.js';
import { kBlocks } from './lib/blocking_proxy.js';
import { ManualClock } from './lib/manual_clock.js';
import { blocking_proxy, contents, observe } from './lib/observed_client.js';
import { ScriptedServer } from './lib/scripted_server.js';

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
  await client.heard.next({ content: 'Hello' });
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
      const { delayMs } = await client.states.next('waiting');
      delays.push(delayMs);
      clock.advance(delayMs);
    }
    assert.deepEqual(delays, [0, 1500, 3000, 6000]);
    assert.deepEqual(client.states.all('connecting').slice(0, 6).map(({ transport }) => transport), ['websocket', 'sse', 'poll', 'websocket', 'sse', 'poll']);
    await client.states.next('waiting');
    proxy.unblock('*');
    clock.advance(client.state.delayMs);
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
      const { delayMs } = await client.states.next('waiting');
      assert.equal(client.states.all('connecting').at(-1).transport, 'websocket');
      clock.advance(delayMs);
    }
    await client.states.next('open');
    assert.equal(client.transport, 'sse');
  });

  test('a WebSocket that breaks 1 s after it has opened, each time, is passed over, and probed later', async (t) => {
    const server = await ScriptedServer.start(t);
    const clock = new ManualClock();
    const client = observe(t, { url: server.url, rooms: ['r'], clock });
    const breaks = async () => {
      const connection = await server.sockets.next('socket');
      connection.greet();
      await client.states.next({ event_type: 'open', transport: 'websocket' });
      clock.advance(1000);
      connection.socket.terminate();
      clock.advance((await client.states.next('waiting')).delayMs);
    };
    const streams = async () => {
      (await server.requests.next('/events')).stream('event: connection_id\ndata: {"connection_id":"c","user":"anonymous","positions":{"r":1},"heartbeat_interval_ms":20000}\n\n');
      await client.states.next({ event_type: 'open', transport: 'sse' });
    };
    for (let i = 0; i < 3; i++) await breaks();
    await streams();
    assert.equal(server.sockets.seen.length, 3);
    clock.advance(5000);
    await breaks();
    await streams();
    clock.advance(9999);
    assert.equal(server.sockets.seen.length, 4);
    assert.equal(client.transport, 'sse');
  });

  // No error but that one, no close event, and no time goes by.
  test('Node\'s own WebSocket: a refused connect fails at once, and what is not refused works', async (t) => {
    const port = await free_port();
    const refused = observe(t, { url: `http://127.0.0.1:${port}`, rooms: ['r'], clock: new ManualClock(), transports: ['websocket'], WebSocket: NodeWebSocket });
    const { code, reason } = await refused.states.next('waiting');
    assert.equal(code, 'unreachable');
    assert.match(reason, new RegExp(`127\\.0\\.0\\.1:${port} cannot be reached`));
    const room = t.name('room');
    const client = observe(t, { url: t.server.url, rooms: [room], transports: ['websocket'], WebSocket: NodeWebSocket });
    await client.publish(room, 'Hello');
    await client.heard.next({ content: 'Hello' });
  });

  test('what the server itself refuses is not tried over another transport', async (t) => {
    const proxy = await blocking_proxy(t);
    const client = observe(t, { url: proxy.url, tenant: 'not/a tenant', transports: ['sse', 'poll'] });
    const stopped = await client.states.next('stopped');
    assert.match(stopped.reason, /tenant/);
    assert.deepEqual(proxy.requests.all('/poll'), []);
  });

  test('a WebSocket that falls silent is asked, and kept when it answers', async (t) => {
    const sockets = [];
    class Observed extends WebSocket {
      constructor(...rest) {
        super(...rest);
        sockets.push(this);
      }
    }
    const proxy = await blocking_proxy(t);
    const clock = new ManualClock();
    const client = observe(t, { url: proxy.url, rooms: [t.name('room')], clock, transports: ['websocket'], WebSocket: Observed });
    await client.states.next('open');
    const [socket] = sockets;
    const pong = new Promise((resolve) => { socket.addEventListener('message', ({ data }) => { if (JSON.parse(data).event_type === 'pong') resolve(); }); });
    clock.advance(25000);
    await pong;
    clock.advance(24999);
    assert.equal(socket.readyState, 1);
    assert.equal(sockets.length, 1);
    assert.equal(client.state.name, 'open');
  });

  for (const [transport, silence_ms] of [['websocket', 35000], ['sse', 35000], ['poll', 35000]]) {
    test(`${transport}: a server that falls silent is left, and nothing is lost`, async (t) => {
      const room = t.name('room');
      const proxy = await blocking_proxy(t);
      const clock = new ManualClock();
      const client = observe(t, { url: proxy.url, user: t.name('Eve'), rooms: [room], clock, transports: [transport] });
      await client.states.next('open');
      await client.join(room);
      if (transport === 'poll') await proxy.requests.take(2, '/poll');
      proxy.hold();
      await t.say(room, 'into the silence');
      clock.advance(silence_ms - 1);
      assert.equal(client.state.name, 'open');
      clock.advance(1);
      const { delayMs, reason } = await client.states.next('waiting');
      assert.match(reason, /silent/);
      proxy.release();
      clock.advance(delayMs);
      await client.states.next('open');
      await client.heard.next({ content: 'into the silence' });
      assert.deepEqual(contents(client, room), ['into the silence']);
    });
  }
});
