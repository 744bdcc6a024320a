// SPDX-License-Identifier: Apache-2.0
// How connections end over real sockets: what a client sent before it ended its side is done and answered, and an
// answer is not cut while it is read.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { within } from './lib/deadline.js';
import { frame_of, text_frame } from './lib/raw_socket.js';
import { suite } from './lib/runner.js';

const kMany = 3000;  // more than the credit of a core
const kClose = frame_of(8, Buffer.from([0x03, 0xe8]));

function post(body, fields = '') {
  const text = JSON.stringify(body);
  return `POST /messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n${fields}\r\n${text}`;
}

// A client that has no core for a while is not one that has gone.
const kPatient = { outbox_messages_max: 100000, outbox_size_max: '64MiB', close_timeout: '30s' };

suite('ends', { settings: kPatient }, (test) => {
  // The server is stopped meanwhile, so that it finds everything at once: more messages than its credit, and the end.
  test('messages, a close frame and FIN: all are published', async (t) => {
    const server = await t.start_server(kPatient);
    const reader = await t.ws({ rooms: ['r'] }, {}, server);
    await reader.next('joined');
    const publisher = t.raw(server);
    await publisher.upgrade('/ws?user=p&rooms=r');
    await publisher.event('joined');
    const frames = Array.from({ length: 1400 }, (_, i) => text_frame(`{"action":"message","content":"${i}"}`));
    server.signal('SIGSTOP');
    const written = once(publisher.socket, 'finish');
    publisher.write(Buffer.concat([...frames, kClose]));
    publisher.socket.end();
    await within(written, 'the kernel to take it all');
    server.signal('SIGCONT');
    const got = await reader.take(frames.length, 'message');
    assert.deepEqual(got.map(({ content }) => content), frames.map((_, i) => `${i}`));
    assert.equal(await publisher.close_code(), 1000);
    await publisher.end();
    assert.equal(publisher.error, undefined);
  });

  test('a half-closed WebSocket gets its acks', async (t) => {
    const room = t.name('room');
    const socket = t.raw();
    await socket.upgrade('/ws?user=p');
    socket.write(Buffer.concat(Array.from({ length: kMany }, (_, i) => text_frame({ action: 'message', room, content: `${i}`, ref: i }))));
    socket.socket.end();
    for (let i = 0; i < kMany; i++) assert.equal((await socket.event('ack')).ref, i);
    await socket.end();
    assert.equal(socket.error, undefined);
  });

  test('half-closed requests get all their answers, a stream and a poll what there is', async (t) => {
    const room = t.name('room');
    const pipelined = t.raw();
    const many = 100;
    for (let i = 0; i < many; i++) pipelined.write(post({ room, content: `${i}` }));
    pipelined.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
    pipelined.socket.end();
    for (let i = 0; i < many; i++) assert.equal((await pipelined.response()).status, 200);
    assert.equal((await pipelined.response()).status, 200);
    await pipelined.end();

    for (const [path, wanted] of [[`/events?rooms=${room}`, 'event: connection_id'], [`/poll?rooms=${room}`, '"cursor"']]) {
      const socket = t.raw();
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      socket.socket.end();
      const bytes = (await socket.end()).toString();
      assert.match(bytes, /^HTTP\/1\.1 200 /);
      assert.ok(bytes.includes(wanted), bytes);
      assert.equal(socket.error, undefined);
    }
  });

  test('half of a request is answered with an error', async (t) => {
    const socket = t.raw();
    socket.write(post({ room: t.name('room'), content: 'x' }).slice(0, -3));
    socket.socket.end();
    const { status, headers, body } = await socket.response();
    assert.equal(status, 400);
    assert.equal(headers.connection, 'close');
    assert.equal(JSON.parse(body).error.code, 'incomplete_request');
  });

  test('the body of a refused HEAD is not a request', async (t) => {
    const inner = 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n';
    const head = `HEAD /health?a=%zz HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${inner.length}\r\n\r\n`;
    for (const pieces of [[head + inner], [head, inner]]) {
      const socket = t.raw();
      await socket.connected;
      for (const piece of pieces) socket.write(piece);
      const answer = (await socket.end()).toString();
      assert.match(answer, /^HTTP\/1\.1 400 /);
      assert.match(answer, /\r\nConnection: close\r\n/);
      assert.ok(answer.endsWith('\r\n\r\n'), answer);
    }
  });
});

suite('slow readers of answers', { settings: { send_buffer_size: '32KiB', close_timeout: '5s', keep_alive_timeout: '5s', history_size_max: '4MiB', list_limit_max: 100 } }, (test) => {
  for (const connection of ['close', 'keep-alive']) {
    test(`a megabyte is read to its end, Connection: ${connection}`, async (t) => {
      const room = t.name('room');
      const content = 'x'.repeat(50000);
      const publisher = t.raw();
      publisher.write(post(Array.from({ length: 20 }, () => ({ room, content })), 'Connection: close\r\n'));
      assert.equal((await publisher.response()).status, 200);
      const socket = t.raw();
      await socket.connected;
      socket.socket.pause();
      socket.write(`GET /history?room=${room}&limit=100 HTTP/1.1\r\nHost: localhost\r\nConnection: ${connection}\r\n\r\n`);
      // The client's own pace: it takes a piece, then does something else for a while, longer than the timeouts in all, but
      // each time much shorter.
      let taken = 0;
      socket.socket.on('data', async (data) => {
        taken += data.length;
        if (taken < 60000) return;
        taken = 0;
        socket.socket.pause();
        await pause(500);
        socket.socket.resume();
      });
      socket.socket.resume();
      const { status, body } = await socket.response();
      assert.equal(status, 200);
      assert.equal(JSON.parse(body).messages.length, 20);
      await socket.end();
      assert.equal(socket.error, undefined);
    });
  }
});
