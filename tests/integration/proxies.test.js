// SPDX-License-Identifier: Apache-2.0
// Behind the real programs with the configurations of packaging/: everything goes through, at once, and limits per
// address mean the clients and not the proxy.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { io } from 'socket.io-client';
import { until, within } from './lib/deadline.js';
import { Front } from './lib/front.js';
import { Redis, has_redis } from './lib/redis.js';
import { suite } from './lib/runner.js';

const kLimit = 3;
// Each test starts a server and a proxy.
const kDeadlineMs = 180000;
const kVariants = [
  { title: 'nginx', program: 'nginx' },
  { title: 'HAProxy, PROXY protocol', program: 'haproxy' },
  { title: 'HAProxy, X-Forwarded-For', program: 'haproxy', options: { fields: true } },
];

async function start_behind(t, settings) {
  const server = await t.start_server({
    trusted_proxies: ['127.0.0.1'], proxy_listen: '127.0.0.1:0', connections_per_address_max: kLimit, heartbeat_interval: '1s', ...settings,
  });
  server.proxy_port = Number(server.log.map((line) => /:(\d+) with the PROXY protocol/.exec(line)?.[1]).find(Boolean));
  return server;
}

// A client of Socket.IO that is connected, and upgraded where it has both transports.
async function socket_io(t, origin, transports, options = {}) {
  const socket = io(origin.url, { transports, forceNew: true, reconnection: false, ...options });
  t.after(() => socket.disconnect());
  await within(new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  }), 'the connect');
  if (transports.length > 1) await until(() => socket.io.engine.transport.name === 'websocket', 'the upgrade');
  return socket;
}

// A metric, of all cores.
async function total(t, at, name) {
  const { text } = await t.http('GET', '/metrics', { at });
  return [...text.matchAll(new RegExp(`^${name}\\{[^}]*\\} (\\d+)`, 'gm'))].reduce((sum, [, value]) => sum + Number(value), 0);
}

const kSocketIo = [['polling'], ['websocket'], ['polling', 'websocket']];

async function start(t, { program, options }, settings = {}) {
  const server = await start_behind(t, settings);
  const front = await Front.start(program, server, options);
  if (front === null) t.skip(`${program} is not installed`);
  t.after(() => front.stop());
  return { server, front };
}

// Streams of one client, as many as it may have.
async function fill(t, origin) {
  const streams = [];
  for (let i = 0; i < kLimit; i++) streams.push(await t.sse({ rooms: ['r'] }, {}, origin));
  return streams;
}

suite('configurations of proxies', { server: false }, (test) => {
  const shipped = (name) => readFileSync(new URL(`../../packaging/${name}`, import.meta.url), 'utf8').replace(/^\s*#.*$/gm, '');
  test('nginx’s says what WebSockets and streams need', async () => {
    const text = shipped('nginx.conf');
    for (const line of ['proxy_http_version 1.1;', 'proxy_set_header Upgrade $http_upgrade;', 'proxy_set_header Host $http_host;',
      'proxy_read_timeout 3600s;', 'proxy_buffering off;', 'proxy_cache off;', 'gzip off;']) assert.ok(text.includes(`\n    ${line}\n`), line);
    const streams = text.match(/location ~ \^\/\((events[^)]*)\).*?\{(.*?)\}/s);
    assert.match(streams[2], /proxy_read_timeout 24h;/);
    for (const path of ['events', 'sse', 'sse/stream', 'woolive/sse']) assert.ok(streams[1].split('|').includes(path), path);
  });

  test('HAProxy’s keeps WebSockets for an hour and holds nothing back', async () => {
    const text = shipped('haproxy.cfg');
    for (const line of ['timeout tunnel 1h', 'option http-no-delay']) assert.ok(text.includes(`\n    ${line}\n`), line);
  });

  test('the pages show a hash of the address for both', async () => {
    const page = readFileSync(new URL('../../docs/socketio.md', import.meta.url), 'utf8');
    for (const words of ['hash $remote_addr consistent;', 'balance source', 'hash-type consistent']) assert.ok(page.includes(words), words);
  });
});

// As nginx is set up in many places: the port of the page is lost on the way, or all of its host.
suite('behind nginx that passes another Host', { server: false, at_once: 1 }, (define) => {
  define('Host $host works for pages, streams and POST of a trusted proxy; the log says what to set for others', { deadline_ms: kDeadlineMs }, async (t) => {
    const use = async (origin) => [
      (await t.stream('/events?rooms=r', { headers: { Origin: origin.url } }, origin).response).statusCode,
      (await t.http('POST', '/messages', { body: { content: 'x' }, headers: { Origin: origin.url }, at: origin })).status,
      await t.ws_raw('/ws', { headers: { Origin: origin.url } }, origin).opened.then(() => 101, ({ status }) => status),
    ];
    const { server, front } = await start(t, { program: 'nginx', options: { host: '$host' } });
    assert.deepEqual(await use(await front.origin('203.0.113.7')), [200, 200, 101]);
    const other = await Front.start('nginx', server, { host: 'ringcast' });
    t.after(() => other.stop());
    assert.deepEqual(await use(await other.origin('203.0.113.7')), [403, 403, 403]);
    const says = (at, host) => until(() => at.log.some((line) => /refused/.test(line) && /settings=origins/.test(line)
      && line.includes(`asked for as \\"${host}`) && /must pass on the Host of the page, with its port/.test(line)), 'the log line');
    await says(server, 'ringcast');
    // Without trusted_proxies the port is not made up for.
    const untrusting = await t.start_server();
    const third = await Front.start('nginx', untrusting, { host: '$host' });
    t.after(() => third.stop());
    const page = await third.origin('203.0.113.7');
    assert.deepEqual(await use(page), [403, 403, 403]);
    await says(untrusting, '127.0.0.1');
    const listed = await t.start_server({ origins: page.url });
    const fourth = await Front.start('nginx', listed, { host: '$host' });
    t.after(() => fourth.stop());
    const same = await fourth.origin('203.0.113.7');
    assert.equal((await t.http('POST', '/messages', { body: { content: 'x' }, headers: { Origin: page.url }, at: same })).status, 200);
  });
});

for (const variant of kVariants) {
  suite(`behind ${variant.title}`, { server: false, at_once: 1 }, (define) => {
    const test = (title, body) => define(title, { deadline_ms: kDeadlineMs }, body);
    test('WebSocket, stream and poll go through, and nothing is held back', async (t) => {
      const { server, front } = await start(t, variant, { connections_per_address_max: 0 });
      const origin = await front.origin('203.0.113.7');
      const socket = await t.ws({ user: 'ann' }, {}, origin);
      await socket.join('lobby');
      const stream = await t.sse({ rooms: ['lobby'] }, {}, origin);
      const { cursor } = await t.poll({ rooms: ['lobby'] }, { at: origin });
      const polled = (async () => {
        // Presence may come first.
        for (let since = cursor; ;) {
          const answer = await t.poll({ rooms: ['lobby'], since }, { at: origin });
          const said = answer.events.filter(({ event_type }) => event_type === 'message');
          if (said.length > 0) return said;
          since = answer.cursor;
        }
      })();
      polled.catch(() => {});  // when the test has failed meanwhile
      socket.send({ action: 'message', room: 'lobby', content: 'hello' });
      for (const reader of [socket, stream]) assert.equal((await reader.next('message')).content, 'hello');
      assert.deepEqual((await polled).map(({ content }) => content), ['hello']);
      // The comment of a heartbeat is as small as anything gets.
      await stream.next('(comment)');
      const large = 'x'.repeat(40000);
      await t.publish({ room: 'lobby', user: 'ann', content: large }, { at: origin });
      for (const reader of [socket, stream]) assert.equal((await reader.next('message')).content, large);
      const bytes = Buffer.alloc(50000, 7);
      socket.send_binary(bytes);
      await socket.next('binary');
      assert.ok((await socket.next('(frame)')).bytes.equals(bytes));
      // A page of the same host, as the proxy's clients see it, is of the same origin.
      const page = await t.ws({ user: 'bob' }, { headers: { Origin: origin.url } }, origin);
      await page.close();
      // The streams of other systems are not held back either.
      const chat = t.stream('/sse?username=cat', { headers: { Origin: origin.url } }, origin);
      await chat.next('online_list');
      const post = { body: '{"from":"cat","content":"hi"}', headers: { Origin: origin.url }, at: origin };
      assert.equal((await t.http('POST', '/send', post)).status, 200);
      assert.equal((await chat.next('chat')).content, 'hi');
      chat.close();
      await socket.close();
      await until(async () => (await t.read('/stats', {}, { at: server })).total_clients === 1, 'only the stream');
    });

    test('Socket.IO over polling, over WebSockets and with the upgrade', async (t) => {
      const { server, front } = await start(t, variant, { connections_per_address_max: 0, socketio_ping_interval: '1s' });
      const origin = await front.origin('203.0.113.7');
      const clients = await Promise.all(kSocketIo.map((transports) => socket_io(t, origin, transports)));
      for (const client of clients) assert.equal((await within(client.emitWithAck('join-room', 'lounge'), 'the join')).status, 'ok');
      for (const [i, sender] of clients.entries()) {
        const content = { number: i, bytes: 'x'.repeat(20000) };
        const heard = clients.map((client) => new Promise((resolve) => { client.once('room-message', resolve); }));
        assert.equal((await within(sender.emitWithAck('room-message', { room: 'lounge', content }), 'the acknowledgement')).status, 'ok');
        for (const message of await within(Promise.all(heard), 'the message')) assert.deepEqual([message.userId, message.content], [sender.id, content]);
      }
      // A heartbeat of each has gone through.
      await until(async () => (await total(t, server, 'ringcast_heartbeats_total')) >= kSocketIo.length, 'heartbeats');
      for (const client of clients) assert.equal(client.connected, true);
    });

    test('limits per address mean clients of Socket.IO, between their polls too', async (t) => {
      const { front } = await start(t, variant);
      const [one, other] = await Promise.all(['203.0.113.7', '203.0.113.8'].map((at) => front.origin(at)));
      const handshake = (at) => t.get('/socket.io/', { EIO: 4, transport: 'polling' }, { at });
      // The connections that carry them count too, where they are known to be one client's.
      const sids = [];
      let refused;
      for (;;) {
        refused = await handshake(one);
        if (refused.status !== 200) break;
        sids.push(JSON.parse(refused.text.substring(1)).sid);
      }
      assert.ok(sids.length > 0 && sids.length <= kLimit, `${sids.length} sessions`);
      t.refused(refused, 429, 'too_many_connections');
      assert.equal((await handshake(other)).status, 200);
      const closed = await t.http('POST', `/socket.io/?EIO=4&transport=polling&sid=${sids[0]}`, { body: '1', at: one });
      assert.equal(closed.status, 200);
      await until(async () => (await handshake(one)).status === 200, 'the place of the session that is gone');
    });

    if (!variant.options) {
      test('Socket.IO clients of two nodes share rooms; each client stays at its node', async (t) => {
        if (!has_redis) t.skip('there is no redis-server and no valkey-server');
        if (t.combination.reactors === 1) t.skip('with more reactors only');
        const redis = await Redis.start();
        t.after(() => redis.stop());
        const nodes = await Promise.all(['a', 'b'].map((node_name) => start_behind(t, { broker: redis.url(), node_name, presence: false, connections_per_address_max: 0 })));
        for (const at of nodes) await until(async () => (await t.get('/ready', {}, { at })).status === 200, '/ready');
        const front = await Front.start(variant.program, nodes[0], { beside: [nodes[1]] });
        if (front === null) t.skip(`${variant.program} is not installed`);
        t.after(() => front.stop());
        const sessions = (at) => total(t, at, 'ringcast_socketio_sessions');
        const clients = [];
        // Addresses are spread by a hash: so many that both nodes have some.
        for (let i = 0; clients.length < 6 || (await sessions(nodes[0])) === 0 || (await sessions(nodes[1])) === 0; i++) {
          assert.ok(i < 40, 'one node has all clients');
          clients.push(await socket_io(t, await front.origin(`203.0.113.${10 + i}`), kSocketIo[i % 3]));
        }
        for (const client of clients) assert.equal((await within(client.emitWithAck('join-room', 'shared'), 'the join')).status, 'ok');
        for (const sender of clients) {
          const heard = clients.map((client) => new Promise((resolve) => { client.once('room-message', resolve); }));
          assert.equal((await within(sender.emitWithAck('room-message', { room: 'shared', content: sender.id }), 'the acknowledgement')).status, 'ok');
          for (const message of await within(Promise.all(heard), 'the message')) assert.equal(message.content, sender.id);
        }
        // A session of one node is unknown to the other, which says so in the protocol's words.
        const { sid } = JSON.parse((await t.get('/socket.io/', { EIO: 4, transport: 'polling' }, { at: nodes[0] })).text.substring(1));
        const elsewhere = await t.get('/socket.io/', { EIO: 4, transport: 'polling', sid }, { at: nodes[1] });
        assert.deepEqual([elsewhere.status, elsewhere.json], [400, { code: 1, message: 'Session ID unknown' }]);
      });
    }

    test('limits per address mean clients', async (t) => {
      const { front } = await start(t, variant);
      const [one, other, sixth] = await Promise.all(['203.0.113.7', '203.0.113.8', '2001:db8::7'].map((at) => front.origin(at)));
      const streams = await fill(t, one);
      const refused = await t.get('/poll', { rooms: ['r'] }, { at: one });
      t.refused(refused, 429, 'too_many_connections');
      assert.match(refused.json.error.message, /203\.0\.113\.7/);
      assert.ok(Number(refused.headers['retry-after']) >= 1);
      const socket = await t.ws_raw('/ws', {}, one).opened.then(() => null, (error) => error);
      assert.equal(socket?.status, 429);
      const stream = t.sse_raw({ rooms: ['r'] }, {}, one);
      assert.equal((await stream.response).statusCode, 200);
      assert.equal((await stream.next('problem')).code, 'too_many_connections');
      await fill(t, other);
      await fill(t, sixth);
      streams.pop().close();
      await until(async () => (await t.get('/poll', { rooms: ['r'] }, { at: one })).status === 200, 'the place of the stream that is gone');
    });

    test('what a client says about itself is not believed', async (t) => {
      const { front } = await start(t, variant);
      await fill(t, await front.origin('203.0.113.7'));
      const liar = await front.origin('203.0.113.8');
      const headers = { 'X-Forwarded-For': '203.0.113.7', Forwarded: 'for=203.0.113.7' };
      const held = [];
      for (let i = 0; i < kLimit; i++) held.push(await t.sse({ rooms: ['r'] }, { headers }, liar));
      const refused = await t.get('/poll', { rooms: ['r'] }, { at: liar, headers: { 'X-Forwarded-For': '203.0.113.9' } });
      t.refused(refused, 429);
      assert.match(refused.json.error.message, /203\.0\.113\.8/);
    });

    test('a server that is about to go sends its clients back through the proxy', async (t) => {
      const { server, front } = await start(t, variant);
      const origin = await front.origin('203.0.113.7');
      const [socket, stream] = [await t.ws({}, {}, origin), await t.sse({ rooms: ['r'] }, {}, origin)];
      server.signal('SIGTERM');
      assert.ok((await socket.next('reconnect')).after_ms > 0);
      assert.equal((await socket.close_code()).code, 1001);
      await stream.end();
      await server.exited;
      const gone = await t.get('/poll', { rooms: ['r'] }, { at: origin });
      assert.ok([502, 503].includes(gone.status), `${gone.status}`);
    });
  });
}
