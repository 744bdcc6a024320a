// SPDX-License-Identifier: Apache-2.0
// Request smuggling: a request as the body of another, for every method and every refusal. Where the server goes on
// after its answer, the body must have been read as one; else the connection must end. In no case is it a request.

import { attack } from '../lib/arena.js';

const kKey = '0123456789abcdef0123';
const kHost = 'good.example';
const kInner = (() => {
  const text = JSON.stringify({ room: 'smuggled', content: 'x' });
  return `POST /messages HTTP/1.1\r\nHost: ${kHost}\r\nX-API-Key: ${kKey}\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
})();
const kNext = `GET /health?next=1 HTTP/1.1\r\nHost: ${kHost}\r\n\r\n`;
const kMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'BREW'];
const kUpgrade = { Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' };

// target and header fields; `over` replaces the length.
const kRequests = {
  'no refusal': ['/health', {}], 'a page': ['/', {}], preflight: ['/messages', { Origin: 'https://good.example', 'Access-Control-Request-Method': 'POST' }],
  'a poll': ['/poll?rooms=r', {}], 'a stream': ['/events?rooms=r', {}], 'an upgrade': ['/ws', kUpgrade], 'an upgrade of another version': ['/ws', { ...kUpgrade, 'Sec-WebSocket-Version': '12' }],
  'an upgrade elsewhere': ['/health', kUpgrade], 'HTTP/2': ['/health', { Upgrade: 'h2c', Connection: 'Upgrade, HTTP2-Settings', 'HTTP2-Settings': 'AAMAAABkAAQAAP__' }],
  'no such path': ['/nowhere', {}], 'no such file': ['/static/none', {}], 'a path with a broken escape': ['/rooms/%ff/history', {}], 'a broken query': ['/health?a=%zz', {}],
  'no key': ['/rooms', { 'X-API-Key': null }], 'a wrong key': ['/rooms', { 'X-API-Key': 'x'.repeat(20) }], 'another host': ['/rooms', { Host: 'evil.example' }], 'another origin': ['/rooms', { Origin: 'https://evil.example' }],
  'an expectation': ['/messages', { Expect: 'payment' }], 'to be continued': ['/messages', { Expect: '100-continue' }], 'to be continued, elsewhere': ['/nowhere', { Expect: '100-continue' }],
  'not JSON': ['/messages', { 'Content-Type': 'text/plain' }], 'broken JSON': ['/messages', { 'Content-Type': 'application/json' }], 'compressed': ['/messages', { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' }],
  'a list': ['/rooms', {}], 'a room': ['/rooms/r', {}], 'a user': ['/users/u/connections', {}], 'a limit of zero': ['/rooms?limit=0', {}], 'two rates': ['/messages?user=a&user=b', {}],
  'Connection: close': ['/health', { Connection: 'close' }], 'Connection: Content-Length': ['/health', { Connection: 'Content-Length, Transfer-Encoding' }],
};
const kAnsweredEarly = /^(to be continued|another|an expectation|no key|a wrong key)/;
const kFramings = {
  length: { fields: { 'Content-Length': kInner.length }, body: kInner },
  chunked: { fields: { 'Transfer-Encoding': 'chunked' }, body: `${kInner.length.toString(16)}\r\n${kInner}\r\n0\r\n\r\n` },
};

function head(method, target, fields) {
  const lines = { Host: kHost, 'X-API-Key': kKey, ...fields };
  return `${method} ${target} HTTP/1.1\r\n${Object.entries(lines).filter(([, value]) => value !== null).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

function head_of(bytes) {
  const end = bytes.indexOf('\r\n\r\n');
  return end < 0 ? null : { value: bytes.subarray(0, end).toString('latin1'), used: 0 };
}

// The statuses of all answers on a connection, and how it goes on. `answered` is called with the first.
async function statuses(socket, method, answered) {
  const found = [];
  for (let finals = 0;;) {
    let answer;
    try {
      const head = await socket.read(head_of, 'the head of an answer');
      const goes_on = /^HTTP\/1\.1 101 /.test(head) || /\r\nContent-Type: text\/event-stream/i.test(head);
      answer = await socket.response({ head_only: goes_on || (finals === 0 && method === 'HEAD') });
      if (goes_on) return [...found, answer.status, 'stream'];
    } catch (error) {
      if (!socket.ended) throw error;
      return [...found, 'end'];
    }
    if (!found.length) answered();
    found.push(answer.status);
    if (answer.status >= 200 && ++finals === 2) {
      if (answer.status !== 200 || answer.body.trim() !== 'OK') throw new Error(`the second answer is not that of /health: ${answer.status} ${answer.body}`);
      return found;
    }
  }
}

async function smuggle(arena) {
  const tries = kMethods.flatMap((method) => Object.entries(kRequests).flatMap(([what, [target, fields]]) => Object.entries(kFramings).flatMap(([framing, { fields: length, body }]) => (
    ['together', 'apart'].map((timing) => ({ method, what, framing, timing, first: head(method, target, { ...fields, ...length }), body }))))));
  await arena.times(tries.length * arena.scale(1, 5), async (i) => {
    const { method, what, framing, timing, first, body } = tries[i % tries.length];
    const label = `${method}, ${what}, ${framing}, ${timing}`;
    const socket = await arena.socket();
    // Apart: the body comes when the answer was given, where it is given without the body.
    const together = timing === 'together' || !kAnsweredEarly.test(what);
    socket.write(together ? first + body + kNext : first);
    const found = await statuses(socket, method, () => { if (!together && !socket.ended) socket.write(body + kNext); })
      .catch((error) => { throw new Error(`${label}: ${error.message}`); });
    const answers = found.filter((status) => status !== 100);
    if (answers.length !== 2) throw new Error(`${label}: ${found}`);
    arena.answer(answers.join(', then '));
    socket.destroy();
  }, 20);
}

attack('bodies on every method and refusal', {
  own: () => ({
    settings: { hosts: [kHost, '127.0.0.1'], origins: `https://${kHost}`, api_keys: `ops:${kKey}`, listen: '127.0.0.1' },
    headers: { 'X-API-Key': kKey },
  }),
}, async (arena) => {
  await smuggle(arena);
  const { newest } = await arena.ask('/rooms/smuggled/history', undefined, { 'X-API-Key': kKey });
  if (newest !== null && newest !== undefined) throw new Error(`a body was a request: something was published as ${newest}`);
});
