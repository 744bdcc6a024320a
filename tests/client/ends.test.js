// SPDX-License-Identifier: Apache-2.0
// What each close code and each HTTP status makes of the client, and when it comes back.

import assert from 'node:assert/strict';
import { suite } from '../integration/lib/runner.js';
import { ManualClock } from './lib/manual_clock.js';
import { observe } from './lib/observed_client.js';
import { ScriptedServer } from './lib/scripted_server.js';

async function scripted(t, options = {}) {
  const server = await ScriptedServer.start(t);
  const clock = new ManualClock();
  const client = observe(t, { url: server.url, rooms: ['r'], clock, transports: ['websocket'], ...options });
  return { server, clock, client };
}

async function open_socket(server, client, fields) {
  const connection = await server.sockets.next('socket');
  connection.greet(fields);
  await client.states.next('open');
  return connection;
}

suite('ends', { server: false }, (test) => {
  const kStops = { 1000: 'ended', 1002: 'protocol_error', 1003: 'unsupported_data', 1007: 'invalid_text', 1008: 'policy', 1009: 'too_large', 4003: 'forbidden', 4011: 'kicked' };
  for (const [number, name] of Object.entries(kStops)) {
    const code = Number(number);
    test(`${code} stops`, async (t) => {
      const { server, client } = await scripted(t);
      (await open_socket(server, client)).socket.close(code, 'because');
      const stopped = await client.states.next('stopped');
      assert.equal(stopped.code, name);
      assert.match(stopped.reason, /because/);
      assert.equal(stopped.needsToken, false);
    });
  }

  for (const [code, first_delay, name] of [[1011, 1500, 'internal_error'], [1013, 1500, 'try_again'], [4029, 1500, 'rate_limited'], [4008, 0, 'slow_consumer'], [3000, 0, 'connection_lost']]) {
    test(`${code} comes back after ${first_delay} ms`, async (t) => {
      const { server, clock, client } = await scripted(t);
      const first = await open_socket(server, client, { positions: { r: 41 } });
      first.say({ event_type: 'message', room: 'r', id: 42, content: 'x' });
      await client.heard.next('message');
      first.socket.close(code);
      const { delayMs, code: reported } = await client.states.next('waiting');
      assert.deepEqual([delayMs, reported], [first_delay, name]);
      clock.advance(delayMs);
      const second = await server.sockets.next('socket');
      assert.equal(second.query.get('since'), 'r=42');
    });
  }

  test('1006, a connection that breaks, comes back at once', async (t) => {
    const { server, client } = await scripted(t);
    (await open_socket(server, client)).socket.terminate();
    assert.equal((await client.states.next('waiting')).delayMs, 0);
  });

  test('1001 comes back after the time that the server has named', async (t) => {
    const { server, clock, client } = await scripted(t);
    const first = await open_socket(server, client);
    first.say({ event_type: 'reconnect', after_ms: 4321 });
    await client.heard.next('reconnect');
    first.socket.close(1001);
    assert.equal((await client.states.next('waiting')).delayMs, 4321);
    clock.advance(4320);
    assert.equal(client.state.name, 'waiting');
    clock.advance(1);
    await open_socket(server, client);
  });

  for (const code of [4001, 4010]) {
    test(`${code} stops without a way to get a token`, async (t) => {
      const { server, client } = await scripted(t, { token: 'old' });
      (await open_socket(server, client)).socket.close(code);
      assert.equal((await client.states.next('stopped')).needsToken, true);
    });

    test(`${code} fetches a token and comes back; tokens refused again and again stop it`, async (t) => {
      let asked = 0;
      const { server, clock, client } = await scripted(t, { token: async () => `token ${++asked}` });
      assert.equal((await server.sockets.next('socket')).query.get('token'), 'token 1');
      const refuse = async () => {
        const connection = server.sockets.seen.at(-1);
        connection.socket.close(code);
      };
      await refuse();
      clock.advance((await client.states.next('waiting')).delayMs);
      const second = await server.sockets.next('socket');
      assert.equal(second.query.get('token'), 'token 2');
      second.greet();
      await client.states.next('open');
      for (const expected of ['token 3', 'token 4']) {
        await refuse();
        clock.advance((await client.states.next('waiting')).delayMs);
        assert.equal((await server.sockets.next('socket')).query.get('token'), expected);
      }
      await refuse();
      assert.equal((await client.states.next('stopped')).needsToken, true);
    });
  }

  test('a token that cannot be fetched is asked for again later', async (t) => {
    let asked = 0;
    const { server, clock, client } = await scripted(t, { token: () => (++asked === 1 ? Promise.reject(new Error('no network')) : 'good') });
    const { delayMs, reason } = await client.states.next('waiting');
    assert.match(reason, /no network/);
    assert.equal(delayMs, 1500);
    clock.advance(delayMs);
    assert.equal((await server.sockets.next('socket')).query.get('token'), 'good');
  });

  test('token_expiring renews the token on the open WebSocket', async (t) => {
    let asked = 0;
    const { server, client } = await scripted(t, { token: () => `token ${++asked}` });
    const connection = await open_socket(server, client);
    connection.say({ event_type: 'token_expiring', expires_in_ms: 30000 });
    const action = await connection.heard.next({ action: 'refresh' });
    assert.equal(action.token, 'token 2');
    connection.say({ event_type: 'ack', ref: action.ref });
    await client.heard.next('token_expiring');
    assert.equal(client.state.name, 'open');
  });

  test('token_expiring begins a new connection where the server knows no renewal', async (t) => {
    let asked = 0;
    const { server, clock, client } = await scripted(t, { token: () => `token ${++asked}` });
    const connection = await open_socket(server, client, { positions: { r: 7 } });
    connection.say({ event_type: 'token_expiring', expires_in_ms: 30000 });
    const { ref } = await connection.heard.next({ action: 'refresh' });
    connection.say({ event_type: 'error', code: 'unknown_action', message: 'no such action', ref });
    const next = await server.sockets.next('socket');
    assert.deepEqual([next.query.get('token'), next.query.get('since')], ['token 2', 'r=7']);
    assert.equal(client.state.name, 'open');
    const closed = new Promise((resolve) => { connection.socket.on('close', resolve); });
    next.greet();
    await closed;
    assert.deepEqual(client.states.all('waiting'), []);
  });

  test('the back-off: at once, then doubling with chance, at most 30 s', async (t) => {
    const { server, clock, client } = await scripted(t);
    (await open_socket(server, client)).socket.terminate();
    const delays = [];
    for (let i = 0; i < 8; i++) {
      const { delayMs } = await client.states.next('waiting');
      delays.push(delayMs);
      clock.advance(delayMs);
      (await server.sockets.next('socket')).socket.terminate();
    }
    assert.deepEqual(delays, [0, 1500, 3000, 6000, 12000, 24000, 30000, 30000]);
    // A connection that has lived for a while earns an immediate retry again.
    clock.advance((await client.states.next('waiting')).delayMs);
    const connection = await open_socket(server, client);
    clock.skip(11000);
    connection.socket.terminate();
    assert.equal((await client.states.next('waiting')).delayMs, 0);
  });

  const error = (code) => ({ error: { code, message: `it is ${code}` } });
  const kStatuses = [
    [400, {}, error('bad_room'), { name: 'stopped', code: 'bad_room', needsToken: false }],
    [401, {}, error('unauthorized'), { name: 'stopped', code: 'unauthorized', needsToken: true }],
    [403, {}, error('forbidden'), { name: 'stopped', code: 'forbidden', needsToken: false }],
    [429, { 'Retry-After': '7' }, error('rate_limited'), { name: 'waiting', code: 'rate_limited', delayMs: 7000 }],
    [503, { 'Retry-After': '1' }, error('full'), { name: 'waiting', code: 'full', delayMs: 1500 }],
    [502, {}, '<h1>Bad gateway</h1>', { name: 'waiting', code: 'http_502', delayMs: 1500 }],
    [204, {}, '', { name: 'stopped', code: 'ended', needsToken: false }],
  ];
  for (const transport of ['sse', 'poll']) {
    for (const [status, headers, body, expected] of kStatuses) {
      test(`${transport}: HTTP ${status} ${expected.name === 'stopped' ? 'stops' : 'comes back later'}`, async (t) => {
        const { server, client } = await scripted(t, { transports: [transport] });
        (await server.requests.next(transport === 'sse' ? '/events' : '/poll')).answer(status, headers, body);
        const state = await client.states.next(expected.name);
        for (const [key, value] of Object.entries(expected)) assert.equal(state[key], value, key);
      });
    }
  }

  test('SSE: a stream refused for a passing reason comes back after its retry', async (t) => {
    const { server, client } = await scripted(t, { transports: ['sse'] });
    const request = await server.requests.next('/events');
    request.stream('retry: 2345\n\nevent: problem\ndata: {"code":"full","message":"full"}\n\nevent: close\ndata: {"code":1013,"reason":"full"}\n\n').end();
    const waiting = await client.states.next('waiting');
    assert.deepEqual([waiting.code, waiting.delayMs], ['full', 2345]);
  });

  test('SSE: the close event means what the close code means', async (t) => {
    const { server, client } = await scripted(t, { transports: ['sse'] });
    const request = await server.requests.next('/events');
    request.stream('id: 1\nevent: connection_id\ndata: {"connection_id":"c","user":"anonymous","positions":{"r":1,"*":1},"heartbeat_interval_ms":20000}\n\n');
    await client.states.next('open');
    request.stream('event: close\ndata: {"code":4011,"reason":"kicked"}\n\n').end();
    assert.equal((await client.states.next('stopped')).code, 'kicked');
  });
});
