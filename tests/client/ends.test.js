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
  for (const code of [1000, 1002, 1003, 1007, 1008, 1009, 4003, 4011]) {
    test(`${code} stops`, async (t) => {
      const { server, client } = await scripted(t);
      (await open_socket(server, client)).socket.close(code, 'because');
      const stopped = await client.states.next('stopped');
      assert.equal(stopped.code, code);
      assert.match(stopped.reason, /because/);
      assert.equal(stopped.token, false);
    });
  }

  for (const [code, first_delay] of [[1011, 1500], [1013, 1500], [4029, 1500], [4008, 0], [3000, 0]]) {
    test(`${code} comes back after ${first_delay} ms`, async (t) => {
      const { server, clock, client } = await scripted(t);
      const first = await open_socket(server, client, { positions: { r: 41 } });
      first.say({ event_type: 'message', room: 'r', id: 42, content: 'x' });
      await client.events.next('message');
      first.socket.close(code);
      const { delay_ms, code: told } = await client.states.next('waiting');
      assert.deepEqual([delay_ms, told], [first_delay, code]);
      clock.advance(delay_ms);
      const second = await server.sockets.next('socket');
      assert.equal(second.query.get('since'), 'r=42');
    });
  }

  test('1006, a connection that breaks, comes back at once', async (t) => {
    const { server, client } = await scripted(t);
    (await open_socket(server, client)).socket.terminate();
    assert.equal((await client.states.next('waiting')).delay_ms, 0);
  });

  test('1001 comes back after the time that the server has named', async (t) => {
    const { server, clock, client } = await scripted(t);
    const first = await open_socket(server, client);
    first.say({ event_type: 'reconnect', after_ms: 4321 });
    await client.events.next('reconnect');
    first.socket.close(1001);
    assert.equal((await client.states.next('waiting')).delay_ms, 4321);
    clock.advance(4320);
    assert.equal(client.state.state, 'waiting');
    clock.advance(1);
    await open_socket(server, client);
  });

  for (const code of [4001, 4010]) {
    test(`${code} stops without a way to get a token`, async (t) => {
      const { server, client } = await scripted(t, { token: 'old' });
      (await open_socket(server, client)).socket.close(code);
      assert.equal((await client.states.next('stopped')).token, true);
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
      clock.advance((await client.states.next('waiting')).delay_ms);
      const second = await server.sockets.next('socket');
      assert.equal(second.query.get('token'), 'token 2');
      second.greet();
      await client.states.next('open');
      for (const expected of ['token 3', 'token 4']) {
        await refuse();
        clock.advance((await client.states.next('waiting')).delay_ms);
        assert.equal((await server.sockets.next('socket')).query.get('token'), expected);
      }
      await refuse();
      assert.equal((await client.states.next('stopped')).token, true);
    });
  }

  test('a token that cannot be fetched is asked for again later', async (t) => {
    let asked = 0;
    const { server, clock, client } = await scripted(t, { token: () => (++asked === 1 ? Promise.reject(new Error('no network')) : 'good') });
    const { delay_ms, reason } = await client.states.next('waiting');
    assert.match(reason, /no network/);
    assert.equal(delay_ms, 1500);
    clock.advance(delay_ms);
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
    await client.events.next('token_expiring');
    assert.equal(client.state.state, 'open');
  });

  test('token_expiring begins a new connection where the server knows no renewal', async (t) => {
    let asked = 0;
    const { server, clock, client } = await scripted(t, { token: () => `token ${++asked}` });
    const connection = await open_socket(server, client, { positions: { r: 7 } });
    connection.say({ event_type: 'token_expiring', expires_in_ms: 30000 });
    const { ref } = await connection.heard.next({ action: 'refresh' });
    connection.say({ event_type: 'error', code: 'unknown_action', message: 'no such action', ref });
    clock.advance((await client.states.next('waiting')).delay_ms);
    const { query } = await server.sockets.next('socket');
    assert.deepEqual([query.get('token'), query.get('since')], ['token 2', 'r=7']);
  });

  test('the back-off: at once, then doubling with chance, at most 30 s', async (t) => {
    const { server, clock, client } = await scripted(t);
    (await open_socket(server, client)).socket.terminate();
    const delays = [];
    for (let i = 0; i < 8; i++) {
      const { delay_ms } = await client.states.next('waiting');
      delays.push(delay_ms);
      clock.advance(delay_ms);
      (await server.sockets.next('socket')).socket.terminate();
    }
    assert.deepEqual(delays, [0, 1500, 3000, 6000, 12000, 24000, 30000, 30000]);
    // A connection that has lived for a while earns an immediate retry again.
    clock.advance((await client.states.next('waiting')).delay_ms);
    const connection = await open_socket(server, client);
    clock.skip(6000);
    connection.socket.terminate();
    assert.equal((await client.states.next('waiting')).delay_ms, 0);
  });

  const error = (code) => ({ error: { code, message: `it is ${code}` } });
  const kStatuses = [
    [400, {}, error('bad_room'), { state: 'stopped', code: 'bad_room', token: false }],
    [401, {}, error('unauthorized'), { state: 'stopped', code: 'unauthorized', token: true }],
    [403, {}, error('forbidden'), { state: 'stopped', code: 'forbidden', token: false }],
    [429, { 'Retry-After': '7' }, error('rate_limited'), { state: 'waiting', code: 'rate_limited', delay_ms: 7000 }],
    [503, { 'Retry-After': '1' }, error('full'), { state: 'waiting', code: 'full', delay_ms: 1500 }],
    [502, {}, '<h1>Bad gateway</h1>', { state: 'waiting', code: 502, delay_ms: 1500 }],
    [204, {}, '', { state: 'stopped', code: 204, token: false }],
  ];
  for (const transport of ['sse', 'poll']) {
    for (const [status, headers, body, expected] of kStatuses) {
      test(`${transport}: HTTP ${status} ${expected.state === 'stopped' ? 'stops' : 'comes back later'}`, async (t) => {
        const { server, client } = await scripted(t, { transports: [transport] });
        (await server.requests.next(transport === 'sse' ? '/events' : '/poll')).answer(status, headers, body);
        const state = await client.states.next(expected.state);
        for (const [key, value] of Object.entries(expected)) assert.equal(state[key], value, key);
      });
    }
  }

  test('SSE: a stream refused for a passing reason comes back after its retry', async (t) => {
    const { server, client } = await scripted(t, { transports: ['sse'] });
    const request = await server.requests.next('/events');
    request.stream('retry: 2345\n\nevent: problem\ndata: {"code":"full","message":"full"}\n\nevent: close\ndata: {"code":1013,"reason":"full"}\n\n').end();
    assert.equal((await client.events.next('problem')).code, 'full');
    const waiting = await client.states.next('waiting');
    assert.deepEqual([waiting.code, waiting.delay_ms], [1013, 2345]);
  });

  test('SSE: the close event means what the close code means', async (t) => {
    const { server, client } = await scripted(t, { transports: ['sse'] });
    const request = await server.requests.next('/events');
    request.stream('id: 1\nevent: connection_id\ndata: {"connection_id":"c","user":"anonymous","cursor":"1","heartbeat_interval_ms":20000}\n\n');
    await client.states.next('open');
    request.stream('event: close\ndata: {"code":4011,"reason":"kicked"}\n\n').end();
    assert.equal((await client.states.next('stopped')).code, 4011);
  });
});
