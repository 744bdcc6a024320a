// SPDX-License-Identifier: Apache-2.0
// What RFC 6455, RFC 9110, RFC 9112 and the event-stream chapter of HTML ask of a server, where no other file shows it.
// docs/standards.md has the tables.

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { frame_of, text_frame } from './lib/raw_socket.js';
import { suite } from './lib/runner.js';

const kPage = 'https://page.example';

function request(method, path, fields = '', version = '1.1') { return `${method} ${path} HTTP/${version}\r\nHost: x\r\n${fields}\r\n`; }

suite('standards', { settings: { origins: kPage } }, (test) => {
  const answer_to = (t, bytes, options) => t.raw().write(bytes).response(options);

  // RFC 9110 section 7.8.
  test('an answer with an Upgrade field names it in Connection', async (t) => {
    const old = 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
    for (const fields of ['', old, 'Connection: close\r\n']) {
      const socket = t.raw().write(request('GET', '/ws?user=a', fields));
      const head = (await socket.read((bytes) => {
        const end = bytes.indexOf('\r\n\r\n');
        return end < 0 ? null : { value: bytes.subarray(0, end + 2).toString(), used: end + 4 };
      }, 'the head of the answer'));
      assert.match(head, /^HTTP\/1\.1 426 /);
      assert.match(head, /\r\nUpgrade: websocket\r\n/);
      assert.match(head, /\r\nConnection: Upgrade\r\n/);
      assert.equal(/\r\nConnection: close\r\n/.test(head), fields.includes('close'), head);
      socket.destroy();
    }
  });

  test('an upgrade to another protocol is not made', async (t) => {
    const { status, headers } = await answer_to(t, request('GET', '/health', 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n'));
    assert.equal(status, 200);
    assert.equal(headers.upgrade, undefined);
  });

  // RFC 9110 section 5.6.1.2.
  test('empty elements of lists do not count', async (t) => {
    const { status, headers } = await t.raw().upgrade('/ws?user=a', { Connection: ', keep-alive,, Upgrade ,', Upgrade: ',websocket',
      'Sec-WebSocket-Protocol': ', ringcast.v1,', 'Sec-WebSocket-Extensions': ',permessage-deflate' });
    assert.equal(status, 101);
    assert.equal(headers['sec-websocket-protocol'], 'ringcast.v1');
    assert.match(headers['sec-websocket-extensions'], /^permessage-deflate/);
    const expecting = request('POST', '/messages', 'Content-Type: application/json\r\nContent-Length: 99\r\nExpect: , 100-continue\r\n');
    assert.equal((await answer_to(t, expecting, { head_only: true })).status, 100);
  });

  // RFC 6455 sections 4.2.1 and 9.1.
  test('a handshake with offers that are not well-formed is answered 400', async (t) => {
    for (const fields of [{ 'Sec-WebSocket-Extensions': 'permessage-deflate; =;,"' }, { 'Sec-WebSocket-Extensions': 'permessage-deflate;' },
      { 'Sec-WebSocket-Protocol': 'ringcast.v1, a b' }]) {
      assert.equal((await t.raw().upgrade('/ws?user=a', fields)).status, 400, JSON.stringify(fields));
    }
  });

  test('names of fields have any case, and unknown fields are ignored', async (t) => {
    assert.equal((await answer_to(t, 'GET /health HTTP/1.1\r\nhOsT: x\r\nX-Nobody-Knows: 1\r\n\r\n')).status, 200);
  });

  test('an expectation of HTTP/1.0 is ignored', async (t) => {
    const body = JSON.stringify({ room: t.name('room'), content: 'x' });
    for (const expectation of ['100-continue', 'magic']) {
      const socket = t.raw().write(request('POST', '/messages', `Content-Type: application/json\r\nContent-Length: ${body.length}\r\nExpect: ${expectation}\r\n`, '1.0'));
      socket.write(body);
      assert.equal((await socket.response()).status, 200, expectation);
    }
  });

  test('nothing behind a request with Connection: close is answered', async (t) => {
    const socket = t.raw().write(request('GET', '/health', 'Connection: close\r\n') + request('GET', '/health'));
    assert.equal((await socket.response()).headers.connection, 'close');
    assert.equal((await socket.end()).length, 0);
  });

  test('TRACE is not allowed and shows nothing of the request', async (t) => {
    const { status, headers, body } = await answer_to(t, request('TRACE', '/health', 'X-API-Key: not-for-others\r\n'));
    assert.equal(status, 405);
    assert.match(headers.allow, /GET/);
    assert.ok(!body.includes('not-for-others'));
  });

  test('OPTIONS has Allow and no body', async (t) => {
    for (const [path, allow] of [['/messages', /POST/], ['/health', /GET/], ['*', /GET/]]) {
      const socket = t.raw().write(request('OPTIONS', path) + request('GET', '/health'));
      const { status, headers } = await socket.response();
      assert.equal(status, 204, path);
      assert.match(headers.allow, allow, path);
      assert.equal(headers['content-length'], undefined, path);
      assert.equal((await socket.response()).body.trim(), 'OK', path);
    }
  });

  test('Allow of 405 is that of OPTIONS', async (t) => {
    for (const path of ['/messages', '/health', '/history', '/rooms/a']) {
      const refused = await answer_to(t, request('PUT', path));
      assert.equal(refused.status, 405, path);
      assert.equal(refused.headers.allow, (await answer_to(t, request('OPTIONS', path))).headers.allow, path);
    }
    // What OPTIONS names is not 405.
    assert.match((await answer_to(t, request('OPTIONS', '/ws'))).headers.allow, /HEAD/);
    const head = await t.http('HEAD', '/ws');
    assert.deepEqual([head.status, head.headers.upgrade, head.text], [426, 'websocket', '']);
  });

  test('errors and upgrades have a Date', async (t) => {
    const dated = ({ headers }, what) => assert.ok(Math.abs(Date.parse(headers.date) - Date.now()) < 60000, what);
    dated(await answer_to(t, 'GET /a b HTTP/1.1\r\n\r\n'), '400');
    dated(await answer_to(t, request('GET', '/nowhere')), '404');
    dated(await answer_to(t, request('POST', '/messages', 'Expect: magic\r\nContent-Length: 1\r\n')), '417');
    dated(await t.raw().upgrade('/ws?user=a'), '101');
  });

  test('304 has the fields that 200 has, and no body', async (t) => {
    const { headers } = await answer_to(t, request('GET', '/'));
    const socket = t.raw().write(request('GET', '/', `If-None-Match: "other", W/${headers.etag}\r\n`) + request('GET', '/health'));
    const unchanged = await socket.response();
    assert.equal(unchanged.status, 304);
    for (const name of ['etag', 'cache-control', 'vary', 'content-security-policy']) assert.equal(unchanged.headers[name], headers[name], name);
    assert.ok(unchanged.headers.date);
    assert.equal((await socket.response()).body.trim(), 'OK');
  });

  test('a range of a file is answered with that part', async (t) => {
    const server = await t.start_server({ web_root: fileURLToPath(new URL('../../web', import.meta.url)) });
    const { status, headers, body } = await t.raw(server).write(request('GET', '/', 'Range: bytes=0-3\r\n')).response();
    assert.equal(status, 206);
    assert.equal(body.length, 4);
    assert.match(headers['content-range'], /^bytes 0-3\/\d+$/);
  });

  test('answers have no coding, and bodies in one are not JSON', async (t) => {
    for (const coding of ['gzip, br', 'identity;q=0, gzip']) {
      const { status, headers, body } = await answer_to(t, request('GET', '/', `Accept-Encoding: ${coding}\r\n`));
      assert.equal(status, 200);
      assert.equal(headers['content-encoding'], undefined);
      assert.match(body, /^<!doctype html>/i);
    }
    const packed = gzipSync(JSON.stringify({ room: t.name('room'), content: 'x' }));
    const fields = `Content-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: ${packed.length}\r\n`;
    const { status, body } = await answer_to(t, Buffer.concat([Buffer.from(request('POST', '/messages', fields)), packed]));
    assert.equal(status, 400);
    assert.equal(JSON.parse(body).error.code, 'bad_json');
  });

  test('a pong that nobody asked for is not answered', async (t) => {
    const socket = t.raw();
    await socket.upgrade('/ws?user=a');
    await socket.event('connection_id');
    socket.write(Buffer.concat([frame_of(10), frame_of(10, 'unasked'), text_frame({ action: 'ping', ref: 1 })]));
    const frame = await socket.frame();
    assert.equal(frame.opcode, 1);
    assert.equal(JSON.parse(frame.payload.toString()).ref, 1);
  });

  test('a stream says whose pages may read it, and pages of others get none', async (t) => {
    const ask = (origin) => answer_to(t, request('GET', `/events?rooms=${t.name('room')}`, `Accept: text/event-stream\r\nOrigin: ${origin}\r\n`), { head_only: true });
    const own = await ask(kPage);
    assert.equal(own.status, 200);
    assert.match(own.headers['content-type'], /^text\/event-stream(;|$)/);
    assert.equal(own.headers['access-control-allow-origin'], kPage);
    assert.equal(own.headers.vary, 'Origin');
    const other = await ask('https://other.example');
    assert.equal(other.status, 403);
    assert.equal(other.headers['access-control-allow-origin'], undefined);
    const preflight = await answer_to(t, request('OPTIONS', '/events', `Origin: ${kPage}\r\nAccess-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: last-event-id\r\n`));
    assert.equal(preflight.status, 204);
    assert.match(preflight.headers['access-control-allow-headers'], /Last-Event-ID/i);
  });

  test('a NUL in Last-Event-ID is refused', async (t) => {
    const { status, body } = await answer_to(t, request('GET', '/events?rooms=a', 'Last-Event-ID: 1\x002\r\n'));
    assert.equal(status, 400);
    assert.equal(JSON.parse(body).error.code, 'nul_byte');
  });

  // Section 9.2.5 of HTML: a stream is UTF-8, begins with no byte order mark, and each chunk ends with a line.
  test('a stream is UTF-8 in whole lines', async (t) => {
    const room = t.name('room');
    const socket = t.raw().write(request('GET', `/events?rooms=${room}`));
    await socket.response({ head_only: true });
    const content = 'é漢😀\u0000\ufeff end';
    await socket.read((bytes) => (bytes.includes('connection_id') ? { value: true, used: 0 } : null), 'connection_id');
    await t.say(room, content);
    const chunks = [];
    while (!chunks.at(-1)?.includes('"message"')) {
      chunks.push(await socket.read((bytes) => {
        const end = bytes.indexOf('\r\n');
        const size = end < 0 ? NaN : parseInt(bytes.subarray(0, end).toString(), 16);
        return bytes.length < end + 4 + size || Number.isNaN(size) ? null : { value: bytes.subarray(end + 2, end + 2 + size).toString(), used: end + 4 + size };
      }, 'a chunk'));
    }
    for (const chunk of chunks) assert.ok(chunk.endsWith('\n'), chunk);
    assert.match(chunks[0], /^retry: \d+\n/);
    assert.ok(chunks.join('').split('\n').every((line) => /^(id|event|data|retry)?(: |$)/.test(line)));
    assert.ok(!/^id: .*[\0\r\ufeff]/m.test(chunks.join('')));
    assert.equal(JSON.parse(/^data: (.*)$/m.exec(chunks.at(-1))[1]).content, content);
  });
});
