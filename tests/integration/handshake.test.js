// SPDX-License-Identifier: Apache-2.0
// The way into a WebSocket: the upgrade of RFC 6455 section 4, what is refused, and the first event.

import assert from 'node:assert/strict';
import { suite } from './lib/runner.js';

suite('handshake', {}, (test) => {
  test('the first event is connection_id with user, positions and heartbeat interval', async (t) => {
    const user = t.name('alice');
    const client = await t.ws({ user });
    assert.equal(client.events.seen[0], client.hello);
    assert.match(client.hello.connection_id, /^[A-Za-z0-9_.:-]{1,64}$/);
    assert.equal(client.hello.user, user);
    assert.equal(client.hello.heartbeat_interval_ms, 25000);
    assert.equal(typeof client.hello.positions, 'object');
    for (const [channel, id] of Object.entries(client.hello.positions)) assert.ok(Number.isSafeInteger(id), channel);
  });

  test('inbox and broadcast have a starting position', async (t) => {
    const user = t.name('alice');
    const { positions } = (await t.ws({ user })).hello;
    assert.deepEqual(Object.keys(positions).sort(), ['*', `@${user}`].sort());
  });

  test('connection ids differ', async (t) => {
    const clients = await Promise.all(Array.from({ length: 8 }, () => t.ws({ user: t.name('u') })));
    assert.equal(new Set(clients.map(({ id }) => id)).size, 8);
  });

  test('without a user one is anonymous', async (t) => {
    const client = await t.ws();
    assert.equal(client.hello.user, 'anonymous');
    assert.ok(!('@anonymous' in client.hello.positions));
  });

  test('the subprotocol is echoed when offered, and only then', async (t) => {
    assert.equal((await t.ws({ user: 'a' })).socket.protocol, 'ringcast.v1');
    assert.equal((await t.ws({ user: 'a' }, { protocol: false })).socket.protocol, '');
    const socket = t.raw();
    const { status, headers } = await socket.upgrade('/ws?user=a', { 'Sec-WebSocket-Protocol': 'chat, ringcast.v1 ,other' });
    assert.equal(status, 101);
    assert.equal(headers['sec-websocket-protocol'], 'ringcast.v1');
  });

  test('Sec-WebSocket-Accept is that of RFC 6455 section 1.3', async (t) => {
    const { status, headers } = await t.raw().upgrade('/ws?user=a');
    assert.equal(status, 101);
    assert.equal(headers['sec-websocket-accept'], 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
    assert.equal(headers.upgrade.toLowerCase(), 'websocket');
    assert.equal(headers.connection.toLowerCase(), 'upgrade');
  });

  test('another version is answered 426 with the one that is spoken', async (t) => {
    const { status, headers } = await t.raw().upgrade('/ws?user=a', { 'Sec-WebSocket-Version': '8' });
    assert.equal(status, 426);
    assert.equal(headers['sec-websocket-version'], '13');
  });

  test('a plain GET of /ws is answered 426', async (t) => {
    const answer = await t.get('/ws', { user: 'a' });
    t.refused(answer, 426);
    assert.match(answer.headers.upgrade, /websocket/i);
  });

  test('a handshake without or with a bad key is answered 400', async (t) => {
    for (const key of [null, 'short', 'dGhlIHNhbXBsZSBub25jZQ=', '!!!!IHNhbXBsZSBub25jZQ==']) {
      const { status } = await t.raw().upgrade('/ws?user=a', { 'Sec-WebSocket-Key': key });
      assert.equal(status, 400, `key ${key}`);
    }
  });

  test('Connection may name more than Upgrade', async (t) => {
    assert.equal((await t.raw().upgrade('/ws?user=a', { Connection: 'keep-alive, upgrade' })).status, 101);
  });

  test('frames sent together with the handshake are not lost', async (t) => {
    const { text_frame } = await import('./lib/raw_socket.js');
    const socket = t.raw();
    const head = 'GET /ws?user=a HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
      + 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ringcast.v1\r\n\r\n';
    socket.write(Buffer.concat([Buffer.from(head), text_frame({ action: 'ping', ref: 7 })]));
    assert.equal((await socket.response({ head_only: true })).status, 101);
    assert.equal((await socket.event('pong')).ref, 7);
  });

  test('a bad user name is refused', async (t) => {
    for (const user of ['me', 'a,b', 'x'.repeat(129), 'line\nbreak']) {
      const client = t.ws_raw(`/ws?user=${encodeURIComponent(user)}`);
      const outcome = await client.opened.then(() => client.close_code(), (error) => error);
      if (outcome instanceof Error) assert.equal(outcome.status, 400, user);
      else assert.ok([1008, 4003].includes(outcome.code), `${user}: closed ${outcome.code}`);
    }
  });

  test('rooms= joins at once', async (t) => {
    const [one, two] = [t.name('room'), t.name('room')];
    const client = await t.ws({ user: t.name('u'), rooms: [one, two] });
    const joined = await client.take(2, 'joined');
    assert.deepEqual(joined.map(({ room }) => room).sort(), [one, two].sort());
    await t.say(two, 'hello');
    assert.equal((await client.next('message')).content, 'hello');
  });

  test('names with spaces, slashes, equals signs and other scripts survive the query', async (t) => {
    for (const base of ['a room', 'orders/17', 'a=b', '100%', 'Zürich', '会议']) {
      const room = t.name(base);
      const client = await t.ws({ user: t.name('Jürgen'), rooms: [room] });
      assert.equal((await client.next('joined')).room, room);
    }
  });
});

suite('origins', { server: false }, (test) => {
  const status_of = async (t, headers, at) => {
    const client = t.ws_raw('/ws?user=a', { headers }, at);
    return client.opened.then(() => 101, (error) => error.status);
  };

  test('by default the same host and none are allowed, others get 403', async (t) => {
    const server = await t.start_server();
    assert.equal(await status_of(t, {}, server), 101);
    assert.equal(await status_of(t, { Origin: server.url }, server), 101);
    assert.equal(await status_of(t, { Origin: 'https://elsewhere.example' }, server), 403);
    assert.equal(await status_of(t, { Origin: 'null' }, server), 403);
    assert.equal(await status_of(t, { Origin: `http://127.0.0.1.elsewhere.example:${server.port}` }, server), 403);
  });

  test('listed origins are allowed, a wildcard covers a label', async (t) => {
    const server = await t.start_server({ origins: 'https://chat.example,https://*.trusted.example' });
    assert.equal(await status_of(t, { Origin: 'https://chat.example' }, server), 101);
    assert.equal(await status_of(t, { Origin: 'https://www.trusted.example' }, server), 101);
    assert.equal(await status_of(t, { Origin: 'https://eviltrusted.example' }, server), 403);
    assert.equal(await status_of(t, { Origin: 'http://chat.example' }, server), 403);
  });
});
