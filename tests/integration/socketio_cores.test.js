// SPDX-License-Identifier: Apache-2.0
// A session of Engine.IO lives on the core of its handshake, and its WebSocket is where the kernel has put it. Which
// core that is the metrics say, so that each pair of cores is really met, packet by packet and with socket.io-client.

import assert from 'node:assert/strict';
import { until, within } from './lib/deadline.js';
import { frames } from './lib/engine_frames.js';
import { suite } from './lib/runner.js';
import { chat } from './lib/socketio_client.js';

const kEngine = '/engine.io/';
const kSeparator = '\x1e';
const core_of = (sid) => Buffer.from(sid, 'base64url').readUInt16BE(0);

// How many WebSockets each core has taken.
async function upgrades(t, at) {
  const { text } = await t.get('/metrics', {}, { at });
  return new Map([...text.matchAll(/^ringcast_upgrades_total\{core="(\d+)"\} (\d+)$/gm)].map(([, core, count]) => [Number(core), Number(count)]));
}

// Makes one WebSocket; what `make` gives, and the core that it is on.
async function located(t, at, make) {
  const before = await upgrades(t, at);
  const made = await make();
  const after = await upgrades(t, at);
  const [core, ...others] = [...after].filter(([which, count]) => count !== before.get(which)).map(([which]) => which);
  assert.equal(others.length, 0);
  return { ...made, core };
}

// Again and again until every pair of a session's core and its socket's has been met; `seen` gets each new one.
async function every_pair(t, at, make, see) {
  const { reactors } = t.combination;
  const pairs = new Set();
  await until(async () => {
    const one = await located(t, at, make);
    const pair = `${one.session_core} ${one.core}`;
    if (pairs.has(pair)) await one.end();
    else await see(one, pair);
    pairs.add(pair);
    return pairs.size === reactors * reactors;
  }, `${reactors * reactors} pairs of cores`, { ms: 120000 });
}

// Each request on a connection of its own, so that it may land anywhere.
const apart = (at) => ({ url: at.url, closes_idle: true });
const get = (t, at, query) => t.http('GET', `${kEngine}?EIO=4&transport=polling${query}`, { at: apart(at) });
const post = (t, at, sid, body) => t.http('POST', `${kEngine}?EIO=4&transport=polling&sid=${sid}`, { body, at: apart(at) });

async function attach(t, at) {
  const { sid } = JSON.parse((await get(t, at, '')).text.substring(1));
  const client = frames(t, kEngine, `&sid=${sid}`, at);
  await within(client.opened, 'the WebSocket');
  return { sid, client, session_core: core_of(sid), end: async () => client.socket.terminate() };
}

async function off_core(t, at) {
  for (;;) {
    const one = await located(t, at, () => attach(t, at));
    if (one.core !== one.session_core) return one;
    await one.end();
  }
}

suite('sessions and WebSockets on any pair of cores', { server: false }, (test) => {
  test('packet by packet: the upgrade, order, binary, heartbeat, the end from either side', async (t) => {
    const at = await t.start_server({ socketio_echo: true, socketio_ping_interval: '200ms', socketio_ping_timeout: '60s' });
    let round = 0;
    await every_pair(t, at, () => attach(t, at), async ({ sid, client }, pair) => {
      client.send('2probe');
      assert.equal(await client.next(), '3probe', pair);
      await post(t, at, sid, `4queued${kSeparator}bAQI=`);
      client.send('5');
      const next = async () => {
        for (;;) {
          const frame = await client.next();
          if (frame !== '2') return frame;
          client.send('3');
        }
      };
      assert.equal(await next(), '4queued', pair);
      assert.deepEqual([...await next()], [1, 2], pair);
      for (let i = 0; i < 50; ++i) client.send(`4${i}`, Buffer.from([i]));
      for (let i = 0; i < 50; ++i) {
        assert.equal(await next(), `4${i}`, pair);
        assert.deepEqual([...await next()], [i], pair);
      }
      assert.equal((await get(t, at, `&sid=${sid}`)).status, 400);
      // A heartbeat goes to the socket and its answer to the session.
      for (let heartbeat = 0; heartbeat < 2; ++heartbeat) {
        assert.equal(await client.queue.next((frame) => frame === '2'), '2', pair);
        client.send('3', '4on');
        assert.equal(await next(), '4on', pair);
      }
      // Ended by a packet, by what is none, by a cut.
      if (round % 3 === 0) client.send('1');
      else if (round % 3 === 1) client.send('x');
      else client.socket.terminate();
      ++round;
      await client.ends();
      await until(async () => (await get(t, at, `&sid=${sid}`)).json?.code === 1, 'the end of the session');
    });
  });

  test('with socket.io-client: rooms, binary, acknowledgements both ways, and others hear of the end', async (t) => {
    const at = await t.start_server({ socketio_namespaces: ['/', '/admin'] });
    const watcher = await chat(t, { transports: ['polling'] }, { at });
    await every_pair(t, at, async () => {
      const client = await chat(t, { transports: ['polling', 'websocket'] }, { at });
      await client.upgraded();
      return { client, session_core: core_of(client.socket.io.engine.id), end: async () => client.socket.disconnect() };
    }, async ({ client }, pair) => {
      const room = t.name('room');
      assert.deepEqual(await client.ask('join', pair), { status: 'ok' });
      await client.ask('join-room', room);
      for (let i = 0; i < 20; ++i) client.emit('room-message', { room, content: i % 2 ? i : Buffer.from([i]) });
      for (let i = 0; i < 20; ++i) {
        const { content } = await client.next('room-message');
        assert.deepEqual(i % 2 ? content : [...content], i % 2 ? i : [i], pair);
      }
      client.socket.on('question', ({ n }, answer) => answer(n + 1));
      const asked = await t.http('POST', '/messages', { body: { to_connection: client.id, event: 'question', data: { n: 1 }, ack_timeout_ms: 50000 }, at });
      assert.deepEqual(asked.json.ack, [2], pair);
      await watcher.ask('direct-message', { to: client.id, content: pair });
      assert.equal((await client.next('direct-message')).content, pair);
      const { id } = client;
      client.socket.disconnect();
      await watcher.next('user-left', ({ userId }) => userId === id);
    });
  });

  for (const step of ['attached', 'probed', 'upgraded']) {
    const go = async ({ client }) => {
      if (step === 'attached') return;
      client.send('2probe');
      assert.equal(await client.next(), '3probe');
      if (step === 'probed') return;
      client.send('5', '4done');
      assert.equal(await client.next(), '4done');
    };

    test(`a WebSocket on another core is cut when it is ${step}`, async (t) => {
      if (t.combination.reactors === 1) t.skip('with more reactors only');
      const at = await t.start_server({ socketio_echo: true });
      const one = await off_core(t, at);
      await go(one);
      one.client.socket._socket.resetAndDestroy();
      if (step === 'upgraded') {
        await until(async () => (await get(t, at, `&sid=${one.sid}`)).json?.code === 1, 'the end of the session');
      } else {
        assert.equal((await post(t, at, one.sid, '4still')).status, 200);
        await until(async () => (await get(t, at, `&sid=${one.sid}`)).text === '4still', 'the message');
      }
    });

    test(`the server is killed when a WebSocket on another core is ${step}`, async (t) => {
      if (t.combination.reactors === 1) t.skip('with more reactors only');
      const before = await t.start_server({ socketio_echo: true });
      const one = await off_core(t, before);
      await go(one);
      before.process.kill('SIGKILL');
      await one.client.ends();
      await before.exited;
      const after = await t.start_server({ socketio_echo: true, port: before.port });
      assert.deepEqual((await get(t, after, `&sid=${one.sid}`)).json, { code: 1, message: 'Session ID unknown' });
      await go(await off_core(t, after));
    });
  }
});
