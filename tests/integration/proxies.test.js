// SPDX-License-Identifier: Apache-2.0
// Behind the real programs with the configurations of packaging/: everything goes through, at once, and limits per
// address mean the clients and not the proxy.

import assert from 'node:assert/strict';
import { until } from './lib/deadline.js';
import { Front } from './lib/front.js';
import { suite } from './lib/runner.js';

const kLimit = 3;
// Each test starts a server and a proxy.
const kDeadlineMs = 180000;
const kVariants = [
  { title: 'nginx', program: 'nginx' },
  { title: 'HAProxy, PROXY protocol', program: 'haproxy' },
  { title: 'HAProxy, X-Forwarded-For', program: 'haproxy', options: { fields: true } },
];

async function start(t, { program, options }, settings = {}) {
  const server = await t.start_server({
    trusted_proxies: ['127.0.0.1'], proxy_listen: '127.0.0.1:0', connections_per_address_max: kLimit, heartbeat_interval: '1s', ...settings,
  });
  server.proxy_port = Number(server.log.map((line) => /:(\d+) with the PROXY protocol/.exec(line)?.[1]).find(Boolean));
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
      // A page of the same host, as the proxy's clients see it, is at home.
      const page = await t.ws({ user: 'bob' }, { headers: { Origin: origin.url } }, origin);
      await page.close();
      await socket.close();
      await until(async () => (await t.read('/stats', {}, { at: server })).total_clients === 1, 'only the stream');
    });

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
