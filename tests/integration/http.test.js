// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 as proxies, curl and attackers speak it (RFC 9110, RFC 9112).

import assert from 'node:assert/strict';
import { suite } from './lib/runner.js';

const kGet = 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n';

function post(body, headers = '') {
  return `POST /messages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${headers}\r\n${body}`;
}

async function status_of(t, bytes, at = t.server) {
  const socket = t.raw(at);
  socket.write(bytes);
  return (await socket.response()).status;
}

// Loads a page and everything that it names: styles, scripts, what they import.
async function loads(t, page, at = t.server) {
  const types = { html: /^text\/html/, js: /javascript/, css: /^text\/css/, svg: /^image\/svg\+xml/ };
  const seen = new Set([page]);
  for (const path of seen) {
    const file = await t.get(path, {}, { at });
    assert.equal(file.status, 200, path);
    assert.match(file.headers['content-type'], types[path.endsWith('/') ? 'html' : path.split('.').at(-1)], path);
    for (const [, name] of file.text.matchAll(/(?:(?:src|href)="|from '|import '|new URL\(')(\.{0,2}[\w./]+\.\w+)['"]/g)) {
      seen.add(new URL(name, `http://x${path}`).pathname);
    }
  }
  return seen;
}

suite('HTTP', {}, (test) => {
  test('keep-alive: many requests on one connection', async (t) => {
    const socket = t.raw();
    for (let i = 0; i < 20; i++) {
      socket.write(kGet);
      assert.equal((await socket.response()).status, 200);
    }
  });

  test('pipelined requests are answered in order', async (t) => {
    const socket = t.raw();
    const rooms = Array.from({ length: 20 }, () => t.name('room'));
    socket.write(rooms.map((room) => `GET /members?room=${room} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''));
    for (const room of rooms) assert.equal(JSON.parse((await socket.response()).body).room, room);
    const mixed = [post(JSON.stringify({ room: rooms[0], content: 'x' }), `Content-Length: ${JSON.stringify({ room: rooms[0], content: 'x' }).length}\r\n`),
      'GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n', kGet, `GET /history?room=${rooms[0]} HTTP/1.1\r\nHost: x\r\n\r\n`];
    socket.write(mixed.join(''));
    const answers = [];
    for (let i = 0; i < 4; i++) answers.push(await socket.response());
    assert.deepEqual(answers.map(({ status }) => status), [200, 404, 200, 200]);
    assert.equal(JSON.parse(answers[3].body).messages.length, 1);
  });

  test('a request in single bytes is one request', async (t) => {
    const socket = t.raw();
    const body = JSON.stringify({ room: t.name('room'), content: 'x' });
    for (const byte of Buffer.from(post(body, `Content-Length: ${body.length}\r\n`))) socket.write(Buffer.from([byte]));
    assert.equal((await socket.response()).status, 200);
  });

  test('Connection: close is obeyed, HTTP/1.0 closes by default', async (t) => {
    const socket = t.raw().write('GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    assert.equal((await socket.response()).headers.connection?.toLowerCase(), 'close');
    await socket.end();
    const old = t.raw().write('GET /health HTTP/1.0\r\n\r\n');
    assert.equal((await old.response()).status, 200);
    await old.end();
  });

  test('HEAD has the head of GET and no body', async (t) => {
    for (const path of ['/health', '/stats', '/metrics', '/']) {
      const socket = t.raw();
      socket.write(`HEAD ${path} HTTP/1.1\r\nHost: x\r\n\r\n${kGet}`);
      const head = await socket.response({ head_only: true });
      assert.equal(head.status, 200, path);
      assert.ok(Number(head.headers['content-length']) > 0, path);
      assert.equal((await socket.response()).body.trim(), 'OK', path);
    }
  });

  test('answers have Date and a length', async (t) => {
    const socket = t.raw().write(kGet);
    const { headers } = await socket.response();
    assert.ok(Math.abs(Date.parse(headers.date) - Date.now()) < 60000);
    assert.ok('content-length' in headers);
  });

  test('404 for what is not there, 405 with Allow for a method that is not', async (t) => {
    t.refused(await t.get('/nowhere'), 404);
    t.refused(await t.get('/nowhere/else'), 404);
    for (const [method, path, allow] of [['GET', '/messages', /POST/], ['DELETE', '/stats', /GET/], ['POST', '/members', /GET/], ['PUT', '/rooms/x', /DELETE/]]) {
      const answer = await t.http(method, path);
      t.refused(answer, 405);
      assert.match(answer.headers.allow, allow);
    }
  });

  test('an unknown method is answered 405 or 501', async (t) => {
    assert.ok([405, 501, 400].includes(await status_of(t, 'BREW /health HTTP/1.1\r\nHost: x\r\n\r\n')));
  });

  test('Expect: 100-continue is answered, others refused with 417', async (t) => {
    const body = JSON.stringify({ room: t.name('room'), content: 'x' });
    const socket = t.raw();
    socket.write(post('', `Content-Length: ${body.length}\r\nExpect: 100-continue\r\n`));
    assert.equal((await socket.response({ head_only: true })).status, 100);
    socket.write(body);
    assert.equal((await socket.response()).status, 200);
    assert.equal(await status_of(t, post('', `Content-Length: ${body.length}\r\nExpect: magic\r\n`)), 417);
  });

  test('a chunked body, with extensions and trailers', async (t) => {
    const room = t.name('room');
    const socket = t.raw();
    const parts = [`{"room":"${room}",`, '"content":', '"chunked"}'];
    socket.write(post('', 'Transfer-Encoding: chunked\r\n'));
    for (const part of parts) socket.write(`${part.length.toString(16)};name=value\r\n${part}\r\n`);
    socket.write(`0\r\nX-Trailer: 1\r\n\r\n${kGet}`);
    assert.equal((await socket.response()).status, 200);
    assert.equal((await socket.response()).status, 200);
    assert.equal((await t.read('/history', { room })).messages[0].content, 'chunked');
  });

  test('requests that mean two things are refused and the connection closed', async (t) => {
    const body = '{"room":"r","content":"x"}';
    const bad = {
      'both lengths': post('0\r\n\r\n', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n'),
      'two lengths': post(body, `Content-Length: ${body.length}\r\nContent-Length: 5\r\n`),
      'a length that is none': post(body, 'Content-Length: +5\r\n'),
      'a negative length': post(body, 'Content-Length: -5\r\n'),
      'a huge length': post(body, 'Content-Length: 99999999999999999999999\r\n'),
      'an unknown coding': post(body, 'Transfer-Encoding: gzip, chunked\r\n'),
      'chunked twice': post('0\r\n\r\n', 'Transfer-Encoding: chunked, chunked\r\n'),
      'a chunk size that is none': post('zz\r\n', 'Transfer-Encoding: chunked\r\n'),
      'a huge chunk size': post('fffffffffffffffff\r\n', 'Transfer-Encoding: chunked\r\n'),
      'no Host': 'GET /health HTTP/1.1\r\n\r\n',
      'two Hosts': 'GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
      'a blank before the colon': 'GET /health HTTP/1.1\r\nHost: a\r\nX-A : b\r\n\r\n',
      'a folded line': 'GET /health HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n',
      'a bare CR': 'GET /health HTTP/1.1\r\nHost: a\r\nX-A: b\rX-B: c\r\n\r\n',
      'bare LFs': 'GET /health HTTP/1.1\nHost: a\n\n',
      'a NUL': 'GET /health HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n',
      'a control character in the target': 'GET /hea\x01lth HTTP/1.1\r\nHost: a\r\n\r\n',
      'no version': 'GET /health\r\n\r\n',
      'another protocol': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    };
    for (const [what, bytes] of Object.entries(bad)) {
      const socket = t.raw();
      socket.write(Buffer.from(bytes, 'latin1'));
      const { status } = await socket.response();
      assert.ok(status === 400 || status === 501 || (status === 413 && what.includes('huge')), `${what}: ${status}`);
      await socket.end();
    }
  });

  test('another HTTP version is answered 505', async (t) => {
    assert.equal(await status_of(t, 'GET /health HTTP/2.0\r\nHost: x\r\n\r\n'), 505);
    const server = await t.start_server({ http2: 'false' });
    const status = await status_of(t, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', server);
    assert.ok([400, 405, 501, 505].includes(status), String(status));
  });

  test('absolute form and OPTIONS *', async (t) => {
    assert.equal(await status_of(t, 'GET http://x/health HTTP/1.1\r\nHost: x\r\n\r\n'), 200);
    const status = await status_of(t, 'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.ok([200, 204, 404, 405].includes(status), String(status));
  });

  test('the page at / has its style and scripts, each with a type', async (t) => {
    const page = await t.get('/');
    assert.equal(page.status, 200);
    assert.match(page.headers['content-type'], /^text\/html/);
    assert.ok(Buffer.byteLength(page.text) <= 4096, 'one write of curl, so that a pipe to "grep -q" sees no cut');
    // What is built into the program is a list that has to be kept.
    assert.ok((await loads(t, '/')).has('/client/client.js'));
  });

  test('paths do not climb out of the page\'s folder', async (t) => {
    for (const path of ['/../meson.build', '/..%2fmeson.build', '/static/../../etc/passwd', '//etc/passwd', '/%2e%2e/meson.build']) {
      const status = await status_of(t, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      assert.ok([400, 404].includes(status), `${path}: ${status}`);
    }
  });
});

suite('HTTP limits', { settings: { request_line_size_max: '1KiB', headers_size_max: '4KiB', headers_max: 20, message_size_max: '4KiB', body_size_max: '8KiB', request_timeout: '3s', keep_alive_timeout: '1s' } }, (test) => {
  test('a long request line is answered 414', async (t) => {
    assert.equal(await status_of(t, `GET /health?${'x'.repeat(2000)} HTTP/1.1\r\nHost: x\r\n\r\n`), 414);
    assert.equal(await status_of(t, `GET /health?${'x'.repeat(900)} HTTP/1.1\r\nHost: x\r\n\r\n`), 200);
  });

  test('large or many headers are answered 431', async (t) => {
    assert.equal(await status_of(t, `GET /health HTTP/1.1\r\nHost: x\r\nX-A: ${'x'.repeat(5000)}\r\n\r\n`), 431);
    const many = (count) => Array.from({ length: count }, (_, i) => `X-${i}: 1\r\n`).join('');
    assert.equal(await status_of(t, `GET /health HTTP/1.1\r\nHost: x\r\n${many(20)}\r\n`), 431);
    assert.equal(await status_of(t, `GET /health HTTP/1.1\r\nHost: x\r\n${many(19)}\r\n`), 200);
  });

  test('a body too big is answered 413, declared or chunked', async (t) => {
    assert.equal(await status_of(t, post('', 'Content-Length: 8193\r\n')), 413);
    const chunk = `1000\r\n${'x'.repeat(4096)}\r\n`;
    assert.equal(await status_of(t, post(chunk.repeat(3), 'Transfer-Encoding: chunked\r\n')), 413);
  });

  test('a request that does not end is answered 408', async (t) => {
    // `P` could be the beginning of HTTP/2.
    const [begun, head, body] = [t.raw().write('P'), t.raw().write('GET /health HTTP/1.1\r\nHost:'), t.raw().write(post('{"room":', 'Content-Length: 100\r\n'))];
    for (const socket of [begun, head, body]) {
      assert.equal((await socket.response()).status, 408);
      await socket.end();
    }
  });

  test('an idle connection is closed without a word', async (t) => {
    const socket = t.raw().write(kGet);
    await socket.response();
    assert.equal((await socket.end()).length, 0);
  });
});
