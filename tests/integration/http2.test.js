// SPDX-License-Identifier: Apache-2.0
// HTTP/2: with Node, curl, nghttp and h2load, by prior knowledge and by ALPN; many streams of one connection, windows,
// frames that no decent client sends, the drain.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http2 from 'node:http2';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Certificates } from './lib/certificates.js';
import { until, within } from './lib/deadline.js';
import { EventQueue } from './lib/event_queue.js';
import { run } from './lib/program.js';
import { suite } from './lib/runner.js';
import { SseParser } from './lib/sse_client.js';

const kPython = process.env.RINGCAST_TEST_PYTHON ?? '/usr/bin/python3';
const kHostile = join(dirname(fileURLToPath(import.meta.url)), 'http2_hostile.py');
const certificates = new Certificates();
certificates.issue('own', 'DNS:localhost,IP:127.0.0.1');
const { ca, ca_file } = certificates;

async function connect(t, url = t.server.url, options = {}) {
  const session = http2.connect(url, { ca, ...options });
  session.on('error', () => {});
  t.after(() => session.destroy());
  await within(once(session, 'connect'), 'the connection');
  return session;
}

// One request: its whole answer.
function ask(session, path, { body, ...fields } = {}) {
  return within(new Promise((resolve, reject) => {
    const request = session.request({ ':path': path, ':method': body === undefined ? 'GET' : 'POST', ...fields });
    let headers;
    const parts = [];
    request.on('response', (given) => { headers = given; });
    request.on('data', (part) => parts.push(part));
    request.once('error', reject);
    request.once('end', () => resolve({ status: headers?.[':status'], headers, text: Buffer.concat(parts).toString() }));
    request.end(body);
  }), `the answer to ${path}`);
}

const say = (session, room, content) => ask(session, '/messages', { body: JSON.stringify({ room, user: 'h2', content }), 'content-type': 'application/json' });

// An event stream on a stream of the connection, past its first event.
async function follow(session, path, fields = {}) {
  const request = session.request({ ':path': path, accept: 'text/event-stream', ...fields });
  const events = new EventQueue(`stream ${path}`);
  const parser = new SseParser((event) => events.push({ ...event, json: event.data === undefined ? undefined : JSON.parse(event.data) }));
  let ended = false;
  const closed = new Promise((resolve) => request.once('close', () => { ended = true; resolve(); }));
  request.on('error', () => {});
  request.on('data', (bytes) => parser.feed(bytes));
  const [headers] = await within(once(request, 'response'), `the answer to ${path}`);
  return { request, events, headers, closed, is_closed: () => ended };
}

const contents = (stream, count) => stream.events.take(count, { type: 'message' }).then((events) => events.map((event) => event.json.content));

async function metric(t, name, server = t.server) {
  const { text } = await t.get('/metrics', {}, { at: server });
  return [...text.matchAll(new RegExp(`^ringcast_${name}[{ ].*?(\\S+)$`, 'gm'))].reduce((sum, [, value]) => sum + Number(value), 0);
}
const given_up = (t, reason, server) => metric(t, `http2_given_up_total\\{[^}]*reason="${reason}"\\}`, server);

suite('http2', { settings: { tls_listen: '127.0.0.1:0', ...certificates.settings('own'), heartbeat_interval: '1s', close_timeout: '10s' } }, (test) => {
  const secure = (t) => `https://127.0.0.1:${t.server.log.map((line) => /https:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1]).find(Boolean)}`;

  for (const where of ['by prior knowledge', 'over TLS']) {
    const url_of = (t) => (where === 'over TLS' ? secure(t) : t.server.url);

    test(`requests, pages, streams and polls ${where}`, async (t) => {
      const room = t.name('room');
      const session = await connect(t, url_of(t));
      if (where === 'over TLS') assert.equal(session.alpnProtocol, 'h2');
      const health = await ask(session, '/health');
      assert.deepEqual([health.status, health.text], [200, 'OK\n']);
      for (const field of ['connection', 'transfer-encoding', 'keep-alive']) assert.equal(health.headers[field], undefined);
      const stream = await follow(session, `/events?rooms=${room}&user=ann`);
      assert.equal(stream.headers[':status'], 200);
      assert.equal(stream.headers['content-type'], 'text/event-stream');
      const since = (await stream.events.next({ type: 'connection_id' })).id;
      const sent = await say(session, room, 'by HTTP/2');
      assert.equal(JSON.parse(sent.text).receivers, 1);
      await t.say(room, 'by HTTP/1.1');
      assert.deepEqual(await contents(stream, 2), ['by HTTP/2', 'by HTTP/1.1']);
      const polled = JSON.parse((await ask(session, `/poll?rooms=${room}&since=${since}`)).text);
      assert.deepEqual(polled.events.map((event) => event.content), ['by HTTP/2', 'by HTTP/1.1']);
      const waits = ask(session, `/poll?rooms=${room}&since=${polled.cursor}&timeout=20`);
      await until(async () => (await metric(t, 'clients\\{[^}]*transport="poll"[^}]*\\}')) >= 1, 'the poll to wait');
      await t.say(room, 'woken');
      assert.deepEqual(JSON.parse((await waits).text).events.map((event) => event.content), ['woken']);
      const page = await ask(session, '/');
      assert.match(page.text, /<html/i);
      assert.equal(Number(page.headers['content-length']), Buffer.byteLength(page.text));
      const same = await ask(session, '/', { 'if-none-match': page.headers.etag });
      assert.deepEqual([same.status, same.text], [304, '']);
      const head = await ask(session, '/', { ':method': 'HEAD' });
      assert.deepEqual([head.status, head.text, head.headers['content-length']], [200, '', page.headers['content-length']]);
      const resumed = await follow(session, `/events?rooms=${room}`, { 'last-event-id': since });
      assert.deepEqual(await contents(resumed, 3), ['by HTTP/2', 'by HTTP/1.1', 'woken']);
      assert.equal((await ask(session, '/nothing/here')).status, 404);
    });

    test(`ten streams of one connection ${where}`, async (t) => {
      const room = t.name('room');
      const session = await connect(t, url_of(t));
      const streams = await Promise.all(Array.from({ length: 10 }, (_, i) => follow(session, `/events?rooms=${room}${i}&rooms=${room}`)));
      await Promise.all(streams.map((stream) => stream.events.next({ type: 'connection_id' })));
      await t.say(room, 'all');
      for (let i = 0; i < 10; i++) await t.say(`${room}${i}`, `only ${i}`);
      for (let i = 0; i < 10; i++) assert.deepEqual(await contents(streams[i], 2), ['all', `only ${i}`]);
      streams[3].request.close(http2.constants.NGHTTP2_CANCEL);
      await until(async () => JSON.parse((await t.get(`/rooms/${room}/members`)).text).count === 9, 'one to have gone');
      assert.equal(JSON.parse((await say(session, room, 'nine')).text).receivers, 9);
      assert.deepEqual(await contents(streams[9], 1), ['nine']);
    });
  }

  for (const where of ['by prior knowledge', 'over TLS']) {
    test(`Socket.IO polls on streams, several sessions on one connection, ${where}`, async (t) => {
      const url = where === 'over TLS' ? secure(t) : t.server.url;
      const session = await connect(t, url);
      const room = t.name('room');
      const path = (sid) => `/socket.io/?EIO=4&transport=polling${sid === undefined ? '' : `&sid=${sid}`}`;
      const post = (sid, body) => ask(session, path(sid), { body, 'content-type': 'text/plain;charset=UTF-8' });
      // The packets of polls until there is one that begins so.
      async function packet(sid, begin) {
        for (;;) {
          const answer = await ask(session, path(sid));
          assert.equal(answer.status, 200, answer.text);
          const found = answer.text.split('\x1e').find((one) => one.startsWith(begin));
          if (found !== undefined) return found;
        }
      }
      const sids = [];
      for (let i = 0; i < 5; i++) {
        const { sid } = JSON.parse((await ask(session, path())).text.substring(1));
        assert.equal((await post(sid, '40')).text, 'ok');
        assert.match(await packet(sid, '40'), /^40\{"sid":/);
        assert.equal((await post(sid, `42["join-room","${room}"]`)).text, 'ok');
        await packet(sid, '42["user-joined-room"');
        sids.push(sid);
      }
      const waiting = sids.map((sid) => packet(sid, '42["room-message"'));
      assert.equal(JSON.parse((await say(session, room, 'on streams')).text).receivers, 5);
      for (const one of await Promise.all(waiting)) assert.equal(JSON.parse(one.substring(2))[1].content, 'on streams');

      // A stream that ends while its poll waits ends its session and no other.
      const passed = () => within(new Promise((resolve) => { session.ping(resolve); }), 'a pong: what was sent before has been read');
      // Again, where something from others answered the poll in that moment.
      await until(async () => {
        const gone = session.request({ ':path': path(sids[0]) });
        gone.on('error', () => {});
        await passed();
        gone.close(http2.constants.NGHTTP2_CANCEL);
        await passed();
        return (await post(sids[0], '3')).status === 400;
      }, 'the session to end');
      const left = sids.slice(1).map((sid) => packet(sid, '42["room-message"'));
      assert.equal(JSON.parse((await say(session, room, 'one fewer')).text).receivers, 4);
      for (const one of await Promise.all(left)) assert.equal(JSON.parse(one.substring(2))[1].content, 'one fewer');
      // Two polls of one session end it; something from others may answer one of them before.
      const polls = [0, 1, 2, 3].map(() => ask(session, path(sids[1])).then(({ status }) => assert.equal(status, 400)));
      await Promise.any(polls);
      await Promise.allSettled(polls);
    });
  }

  test('curl and nghttp', async (t) => {
    const room = t.name('room');
    const body = JSON.stringify({ room, user: 'curl', content: 'hi' });
    for (const [flag, url] of [['--http2-prior-knowledge', t.server.url], ['--http2', secure(t)]]) {
      const sent = await run('curl', ['-sS', '--cacert', ca_file, flag, '-w', ' %{http_version}', '-H', 'Content-Type: application/json', '-d', body, `${url}/messages`]);
      assert.match(sent.stdout, /"status":"sent".* 2$/, sent.stderr);
    }
    // So large that it is asked for first, and more than a window.
    const batch = JSON.stringify(Array.from({ length: 30 }, (_, i) => ({ room, content: `${i} ${'x'.repeat(20000)}` })));
    const large = await run('curl', ['-sS', '--http2-prior-knowledge', '-H', 'Content-Type: application/json', '-H', 'Expect: 100-continue', '--data-binary', '@-', `${t.server.url}/messages`], { input: batch });
    assert.equal(large.stdout.match(/event_id/g)?.length, 30, large.stdout + large.stderr);
    const history = await run('curl', ['-sS', '--http2-prior-knowledge', `${t.server.url}/rooms/${room}/history?limit=100`]);
    assert.equal(history.status, 0, `${history.stderr}, after ${history.stdout.length} characters`);
    assert.equal(JSON.parse(history.stdout).messages.length, 32);
    const nghttp = await run('nghttp', ['-nv', '--no-dep', `${t.server.url}/health`]);
    if (nghttp.status === 'ENOENT') t.skip('no nghttp');
    assert.match(nghttp.stdout, /:status: 200/);
  });

  test('h2load', async (t) => {
    const loaded = await run('h2load', ['-n', '2000', '-c', '4', '-m', '50', '-t', '1', `${t.server.url}/health`]);
    if (loaded.status === 'ENOENT') t.skip('no h2load');
    assert.match(loaded.stdout, /2000 total, 2000 started, 2000 done, 2000 succeeded/);
    assert.ok((await metric(t, 'http2_streams_closed_total\\{[^}]*reason="done"\\}')) >= 2000);
  });

  test('refusals carry their status, and end what is still being sent', async (t) => {
    const session = await connect(t);
    const large = await ask(session, '/messages', { body: 'x'.repeat((1 << 20) + 1), 'content-type': 'application/json' }).catch((error) => ({ status: error.code }));
    assert.ok(large.status === 413 || large.status === 'ERR_HTTP2_STREAM_ERROR', String(large.status));
    const upgrade = await ask(session, '/ws?user=ann');
    assert.ok(upgrade.status >= 400, 'no WebSocket on a stream');
    assert.equal(upgrade.headers.upgrade, undefined);
    assert.equal((await ask(session, '/health')).text, 'OK\n');
  });

  test('what begins like HTTP/2 and is not', async (t) => {
    for (const text of ['P', 'PR', 'PRI']) {
      const raw = t.raw();
      raw.write(text);
      await until(async () => (await metric(t, 'connections\\{[^}]*\\}')) >= 1, 'the connection');
      raw.write(text === 'P' ? 'OST /messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}' : 'x / HTTP/1.1\r\nHost: localhost\r\n\r\n');
      assert.ok((await raw.response()).status >= 400, text);
    }
  });

  test('heartbeats and the time of a request are those of the stream', async (t) => {
    const session = await connect(t);
    const stream = await follow(session, `/events?rooms=${t.name('room')}`);
    await stream.events.next({ type: '(comment)' });
    await stream.events.next({ type: '(comment)' });
    assert.equal(stream.is_closed(), false);
  });

  test('a client that is closed by an administrator loses its stream, not its connection', async (t) => {
    const user = t.name('user');
    const session = await connect(t);
    const streams = [await follow(session, `/events?rooms=${user}&user=${user}`), await follow(session, `/events?rooms=${user}&user=${user}-other`)];
    await streams[0].events.next({ type: 'connection_id' });
    await streams[1].events.next({ type: 'connection_id' });
    const answer = await t.http('DELETE', `/users/${user}/connections`);
    assert.ok(answer.status < 300, answer.text);
    await within(streams[0].closed, 'the end of the stream');
    await t.say(user, 'on');
    assert.deepEqual(await contents(streams[1], 1), ['on']);
  });
});

suite('http2 that is not read', { settings: { outbox_size_max: '64KiB', outbox_messages_max: 200 } }, (test) => {
  test('one stream of a hundred that never reads reaches its own limit', async (t) => {
    const room = t.name('room');
    const session = await connect(t);
    const streams = [];
    for (let i = 0; i < 100; i++) streams.push(follow(session, `/events?rooms=${room}`));
    const open = await Promise.all(streams);
    await Promise.all(open.map((stream) => stream.events.next({ type: 'connection_id' })));
    open[50].request.pause();
    const others = open.filter((_, i) => i !== 50);
    // Each takes more than a window of the stream and what may wait for it.
    for (let i = 0; i < 60; i++) {
      await t.say(room, `${i} ${'x'.repeat(4000)}`);
      for (const stream of others) assert.match((await contents(stream, 1))[0], new RegExp(`^${i} `));
    }
    await until(async () => (await metric(t, 'slow_closed_total')) + (await metric(t, 'lagged_total')) >= 1, 'the slow one to be noticed');
    for (const stream of others) assert.equal(stream.is_closed(), false);
  });

  test('a stream without a window is closed, and its connection goes on', async (t) => {
    const room = t.name('room');
    const child = spawn(kPython, [kHostile, String(t.server.port), 'no_windows', room]);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    assert.equal((await within(lines.next(), 'the stream')).value, '{"open": true}');
    await until(async () => JSON.parse((await t.get(`/rooms/${room}/members`)).text).count === 1, 'the member');
    for (let i = 0; i < 40; i++) await t.say(room, 'x'.repeat(8000));
    const report = JSON.parse((await within(lines.next(), 'the report')).value);
    assert.equal(report.status['3'], 200);
    assert.equal(report.closed, false);
    assert.ok(report.resets['1'] !== undefined);
  });
});

suite('http2 from hostile clients', { settings: { http2_resets_per_second: 20, http2_control_frames_per_second: 50, http2_streams_max: 30 }, at_once: 1 }, (test) => {
  const hostile = async (t, name, ...more) => {
    if ((await run(kPython, ['-c', 'import h2'])).status !== 0) t.skip('no python3-h2');
    const { status, stdout, stderr } = await run(kPython, [kHostile, String(t.server.port), name, ...more]);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout);
  };
  const kCalm = http2.constants.NGHTTP2_ENHANCE_YOUR_CALM;

  for (const [name, reason] of [['ping', 'control_frames'], ['settings', 'control_frames'], ['priority', 'control_frames'],
    ['empty_data', 'control_frames'], ['continuation', 'protocol'],
    ['rapid_reset', 'resets'], ['made_resets', 'resets']]) {
    test(`a flood: ${name}`, async (t) => {
      const before = await given_up(t, reason);
      const { all, sent, goaway } = await hostile(t, name);
      assert.equal(all, false, `took all ${sent}`);
      if (goaway !== null) assert.equal(goaway === kCalm, reason !== 'protocol');
      await until(async () => (await given_up(t, reason)) === before + 1, `one given up for ${reason}`);
      await until(async () => (await metric(t, 'http2_streams\\{[^}]*\\}')) === 0, 'no stream to be left');
    });
  }

  test('headers that are too large, or grow on their way', async (t) => {
    const large = await hostile(t, 'large_headers');
    assert.deepEqual(large.status, { 1: 431, 3: 200 });
    const before = await given_up(t, 'headers');
    const bomb = await hostile(t, 'header_bomb');
    assert.deepEqual([bomb.closed, bomb.goaway], [true, kCalm]);
    assert.equal(await given_up(t, 'headers'), before + 1);
  });

  test('line breaks in fields, other protocols, single bytes', async (t) => {
    const breaks = await hostile(t, 'line_breaks');
    assert.equal(breaks.closed, false);
    assert.deepEqual(Object.keys(breaks.resets), ['1']);
    const before = await given_up(t, 'protocol');
    assert.equal((await hostile(t, 'not_http2')).closed, true);
    assert.equal(await given_up(t, 'protocol'), before + 1);
    assert.deepEqual((await hostile(t, 'byte_by_byte')).status, { 1: 200 });
  });

  test('windows of one byte are not answered by frames of one', async (t) => {
    const { frames, bytes } = await hostile(t, 'one_byte_windows');
    assert.ok(bytes >= 3000);
    assert.ok(frames < 100, `${frames} frames for ${bytes} bytes`);
  });

  test('more streams than are allowed', async (t) => {
    assert.deepEqual(await hostile(t, 'too_many_streams'), { most: 30, goaway: http2.constants.NGHTTP2_PROTOCOL_ERROR });
    await until(async () => (await metric(t, 'http2_streams\\{[^}]*\\}')) === 0, 'no stream to be left');
  });

  test('bodies that never end', async (t) => {
    const server = await t.start_server({ request_timeout: '2s' });
    // The same time ends a connection that has no request yet, as may be when this machine is slow: then once more.
    await until(async () => {
      const session = await connect(t, server.url);
      const request = session.request({ ':path': '/messages', ':method': 'POST', 'content-type': 'application/json' });
      request.write('{"room":');
      const closed = new Promise((resolve) => { request.once('close', resolve); });
      const answer = await within(Promise.race([once(request, 'response'), closed]), 'the answer');
      if (answer === undefined) return false;
      assert.equal(answer[0][':status'], 408);
      return true;
    }, 'the answer of a request that was begun');
  });

  test('more streams in all than are allowed; what HTTP/2 needs too much of', async (t) => {
    const server = await t.start_server({ http2_streams_total: 1, reactors: 1 });
    const session = await connect(t, server.url);
    const streams = await Promise.allSettled(Array.from({ length: 5 }, () => follow(session, '/events?rooms=full')));
    assert.ok(streams.some(({ status }) => status === 'fulfilled'));
    assert.ok((await metric(t, 'http2_refused_total', server)) >= 1);
    const small = await t.start_server({ http2_memory_max: '64KiB', http2_streams_max: 1000 });
    const greedy = await connect(t, small.url);
    const closed = once(greedy, 'close');
    for (let i = 0; i < 600; i++) greedy.request({ ':path': '/events?rooms=full' }).on('error', () => {}).resume();
    await within(closed, 'the end of the connection');
    await until(async () => (await given_up(t, 'memory', small)) === 1, 'one given up for its memory');
    await until(async () => (await metric(t, 'http2_memory_bytes', small)) === 0, 'the memory to be back');
  });
});

suite('http2 ends', {}, (test) => {
  test('a drain says GOAWAY, ends streams and answers what is under way', async (t) => {
    const server = await t.start_server({ drain_period: '200ms' });
    const session = await connect(t, server.url);
    const stream = await follow(session, '/events?rooms=drain');
    await stream.events.next({ type: 'connection_id' });
    let code;
    session.on('goaway', (given) => { code = given; });
    const closed = once(session, 'close');
    server.signal('SIGTERM');
    await stream.events.next({ type: 'reconnect' });
    await within(stream.closed, 'the end of the stream');
    await within(closed, 'the end of the connection');
    assert.equal(code, 0);
    assert.equal(stream.request.rstCode, 0);
  });

  test('connections without streams are idle', async (t) => {
    const server = await t.start_server({ keep_alive_timeout: '2s', request_timeout: '2s' });
    const never = await connect(t, server.url);
    await within(once(never, 'close'), 'the end of one that asked nothing');
    const once_asked = await connect(t, server.url);
    assert.equal((await ask(once_asked, '/health')).text, 'OK\n');
    await within(once(once_asked, 'close'), 'the end of one that asked once');
    const listens = await connect(t, server.url);
    const stream = await follow(listens, '/events?rooms=idle');
    await stream.events.next({ type: 'connection_id' });
    await until(async () => (await metric(t, 'connections_closed_total\\{[^}]*reason="idle_timeout"\\}', server)) >= 1, 'the idle one to be counted');
    assert.equal(listens.closed, false);
  });

  test('http2 = false', async (t) => {
    const server = await t.start_server({ http2: false, tls_listen: '127.0.0.1:0', ...certificates.settings('own') });
    const plain = await run('curl', ['-sS', '--http2-prior-knowledge', `${server.url}/health`]);
    assert.notEqual(plain.status, 0);
    const port = server.log.map((line) => /https:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1]).find(Boolean);
    const over_tls = await run('curl', ['-sS', '--cacert', ca_file, '--http2', '-w', ' %{http_version}', `https://127.0.0.1:${port}/health`]);
    assert.equal(over_tls.stdout, 'OK\n 1.1');
    assert.equal(await metric(t, 'http2_connections_total', server), 0);
  });
});
