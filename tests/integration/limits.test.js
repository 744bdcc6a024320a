// SPDX-License-Identifier: Apache-2.0
// Limits on connections and on what they send, and what a client gets at the limit.

import assert from 'node:assert/strict';
import { until } from './lib/deadline.js';
import { suite } from './lib/runner.js';

suite('connection limit', { server: false }, (test) => {
  test('at the limit: 503 with Retry-After, a stream 200 with problem; a place that gets free is given', async (t) => {
    const server = await t.start_server({ connections_max: 8 });
    const held = [];
    for (let i = 0; i < 8; i++) {
      // What other connections of the test itself took shows here as an earlier refusal.
      const client = t.ws_raw('/ws?user=a', {}, server);
      if (!await client.opened.then(() => true, () => false)) break;
      held.push(client);
    }
    assert.ok(held.length >= 6, `${held.length} connections`);
    const refusal = await until(async () => {
      const client = t.ws_raw('/ws?user=late', {}, server);
      const error = await client.opened.then(() => null, (problem) => problem);
      if (!error) held.push(client);
      return error;
    }, 'a refusal');
    assert.equal(refusal.status, 503);
    assert.ok(Number(refusal.headers['retry-after']) >= 1);
    // Connections that the test's own questions had kept may end at any time: who gets such a place keeps it.
    await until(async () => {
      const stream = t.sse_raw({ rooms: ['r'] }, {}, server);
      assert.equal((await stream.response).statusCode, 200);
      assert.ok((await stream.next('(retry)')).retry > 0);
      const first = await stream.next(({ event_type }) => ['problem', 'connection_id'].includes(event_type));
      if (first.event_type === 'connection_id') return false;
      await stream.end();
      return true;
    }, 'a stream that is refused');
    await until(async () => {
      const plain = t.raw(server).write('GET /poll?rooms=r HTTP/1.1\r\nHost: x\r\n\r\n');
      return (await plain.response()).status === 503;
    }, 'a poll that is refused');
    for (const client of held.splice(0, 4)) await client.close();
    await until(async () => {
      const client = t.ws_raw('/ws?user=next', {}, server);
      return client.opened.then(() => true, () => false);
    }, 'a place');
  });

  test('out of descriptors the server refuses and recovers', async (t) => {
    const server = await t.start_server({ connections_max: 100 });
    const sockets = [];
    for (let i = 0; i < 130; i++) sockets.push(t.raw(server));
    await Promise.all(sockets.map((socket) => socket.connected));
    for (const socket of sockets) socket.destroy();
    await until(async () => t.ws_raw('/ws?user=a', {}, server).opened.then(() => true, () => false), 'the server to recover');
  });
});

// What a counter of /metrics says, over all cores.
async function limited(t, scope, what, server) {
  const { text } = await t.get('/metrics', {}, { at: server });
  const lines = text.split('\n').filter((line) => line.startsWith('ringcast_rate_limited_total{') && line.includes(`scope="${scope}",what="${what}"`));
  assert.ok(lines.length > 0, text);
  return lines.reduce((sum, line) => sum + Number(line.split(' ').pop()), 0);
}

// So many pings at once, and what came back for each.
async function ping_storm(client, count) {
  const answers = await Promise.all(Array.from({ length: count }, () => client.ask({ action: 'ping' })));
  const refused = answers.filter(({ event_type }) => event_type === 'error');
  for (const error of refused) {
    assert.equal(error.code, 'rate_limited');
    assert.ok(error.retry_after_ms > 0);
  }
  return { passed: answers.length - refused.length, refused };
}

suite('rate limits', { server: false }, (test) => {
  // One token a second: even a server that takes seconds over a storm of thirty cannot let all of it pass.
  const kSlow = { rate_burst: '5s', rate_strikes_max: 1000 };

  test('messages of one WebSocket: refused with the time to come back, and then let through', async (t) => {
    const server = await t.start_server({ connection_messages_per_second: 1, ...kSlow });
    const [one, other] = [await t.ws({ user: 'ann' }), await t.ws({ user: 'ann' })];
    const { passed, refused } = await ping_storm(one, 30);
    assert.ok(passed >= 5 && refused.length > 0, `${passed} passed`);
    assert.match(refused[0].message, /the limit of this connection is 1 messages a second/);
    assert.ok((await ping_storm(other, 5)).passed === 5, 'another connection has its own');
    await until(async () => (await one.ask({ action: 'ping' })).event_type === 'pong', 'one that is let through', { every_ms: 200 });
    assert.ok(await limited(t, 'connection', 'messages', server) >= refused.length);
  });

  test('bytes of a user over all connections; nothing of what is refused is published', async (t) => {
    const server = await t.start_server({ user_bytes_per_second: '1KiB', ...kSlow });
    const sockets = [await t.ws({ user: 'ann' }), await t.ws({ user: 'ann' }), await t.ws({ user: 'ann' })];
    const bob = await t.ws({ user: 'bob' });
    const room = t.name('room');
    for (const socket of [...sockets, bob]) await socket.join(room);
    const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => sockets[i % 3].ask({ action: 'message', room, content: `${i} ${'x'.repeat(1000)}` })));
    const refused = answers.filter(({ event_type }) => event_type === 'error');
    assert.ok(refused.length > 0 && refused.length < 30);
    assert.match(refused[0].message, /user "ann"/);
    assert.equal((await bob.ask({ action: 'message', room, content: 'y'.repeat(1000) })).event_type, 'ack');
    const { messages } = await t.read('/history', { room });
    assert.equal(messages.length, 30 - refused.length + 1);
    assert.ok(await limited(t, 'user', 'bytes', server) >= refused.length);
  });

  test('who goes on sending gets 4029', async (t) => {
    const server = await t.start_server({ user_messages_per_second: 1, rate_burst: '1s', rate_strikes_max: 5 });
    const client = await t.ws({ user: 'ann' });
    for (let i = 0; i < 40; i++) client.send({ action: 'ping' });
    const { code, reason } = await client.close_code();
    assert.equal(code, 4029);
    assert.match(reason, /too many/);
    await until(async () => /^ringcast_connections_closed_total\{[^}]*reason="rate_limited"\} 1$/m.test((await t.get('/metrics', {}, { at: server })).text), 'the reason in the metrics');
  });

  test('an API key, over HTTP and over WebSocket', async (t) => {
    const key = 'shop:0123456789abcdef0123';
    const server = await t.start_server({ api_keys: key, key_messages_per_second: 1, ...kSlow });
    const headers = { 'X-API-Key': key.split(':')[1] };
    const socket = await t.ws({}, { headers });
    const storm = await ping_storm(socket, 30);
    assert.ok(storm.refused.length > 0);
    const answers = await Promise.all(Array.from({ length: 30 }, () => t.http('POST', '/messages', { headers, body: { room: 'r', content: 'x' } })));
    const refused = answers.filter(({ status }) => status === 429);
    assert.ok(refused.length > 0);
    t.refused(refused[0], 429, 'rate_limited');
    assert.match(refused[0].json.error.message, /shop/);
    assert.ok(Number(refused[0].headers['retry-after']) >= 1);
    assert.match((await t.http('GET', '/metrics', { headers })).text, /ringcast_rate_limited_total\{[^}]*scope="key",what="messages"\} [1-9]/);
    assert.equal((await t.get('/health', {}, { at: server })).status, 200);
  });

  test('connections per user, over all cores and kinds', async (t) => {
    const server = await t.start_server({ connections_per_user_max: 3 });
    const held = [await t.ws({ user: 'ann' }), await t.sse({ rooms: ['r'], user: 'ann' }), await t.ws({ user: 'ann' })];
    const late = await t.ws_raw('/ws?user=ann').opened.then(() => null, (error) => error);
    assert.equal(late?.status, 429);
    assert.ok(Number(late.headers['retry-after']) >= 1);
    t.refused(await t.get('/poll', { rooms: ['r'], user: 'ann' }), 429, 'too_many_connections');
    await t.ws({ user: 'bob' });
    await held.pop().close();
    await until(async () => t.ws_raw('/ws?user=ann').opened.then(() => true, () => false), 'the place that got free');
    assert.ok(await limited(t, 'user', 'connections', server) >= 2);
  });

  test('connections per address: the PROXY protocol says whose they are, and only trusted proxies may', async (t) => {
    const server = await t.start_server({ connections_per_address_max: 2, proxy_listen: '127.0.0.1:0', trusted_proxies: '127.0.0.1' });
    const port = Number(server.log.map((line) => /:(\d+) with the PROXY protocol/.exec(line)?.[1]).find(Boolean));
    const come = async (header) => {
      const socket = t.raw({ port }).write(`${header}GET /rooms HTTP/1.1\r\nHost: a\r\n\r\n`);
      return (await socket.response()).status;
    };
    const from = (address) => `PROXY TCP4 ${address} 127.0.0.1 4000 80\r\n`;
    assert.equal(await come(from('203.0.113.7')), 200);
    assert.equal(await come(from('203.0.113.7')), 200);
    assert.equal(await come(from('203.0.113.7')), 429);
    assert.equal(await come(from('203.0.113.8')), 200);
    const v2 = Buffer.concat([Buffer.from('0d0a0d0a000d0a515549540a2111000c', 'hex'), Buffer.from([203, 0, 113, 7, 127, 0, 0, 1, 15, 160, 0, 80])]);
    const binary = t.raw({ port }).write(Buffer.concat([v2, Buffer.from('GET /rooms HTTP/1.1\r\nHost: a\r\n\r\n')]));
    assert.equal((await binary.response()).status, 429);
    const none = t.raw({ port }).write('GET /rooms HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal((await none.end()).length, 0);
    const elsewhere = t.raw(server).write(`${from('203.0.113.7')}GET /rooms HTTP/1.1\r\nHost: a\r\n\r\n`);
    assert.equal((await elsewhere.response()).status, 400);
  });
});
