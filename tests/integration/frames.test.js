// SPDX-License-Identifier: Apache-2.0
// RFC 6455 from a bare socket: fragments, control frames, and everything that has to end with 1002, 1007 or 1009.

import assert from 'node:assert/strict';
import { until } from './lib/deadline.js';
import { frame_of, text_frame } from './lib/raw_socket.js';
import { suite } from './lib/runner.js';

async function open(t, path = '/ws?user=a') {
  const socket = t.raw();
  assert.equal((await socket.upgrade(path)).status, 101);
  await socket.event('connection_id');
  return socket;
}

async function closes_with(t, code, bytes, what) {
  const socket = await open(t);
  socket.write(bytes);
  assert.equal(await socket.close_code(), code, what);
  // The server ends the connection after the answer, or its own timeout.
  socket.write(frame_of(8, Buffer.from([code >> 8, code & 255])));
  await socket.end();
}

suite('WebSocket frames', { settings: { message_size_max: '64KiB' } }, (test) => {
  test('a message in fragments is one message, with control frames between', async (t) => {
    const socket = await open(t);
    const text = Buffer.from(JSON.stringify({ action: 'ping', ref: 'é漢😀' }));
    [...text].forEach((byte, i) => {
      socket.write(frame_of(i === 0 ? 1 : 0, Buffer.from([byte]), { fin: i === text.length - 1 }));
      if (i === 5) socket.write(frame_of(9, Buffer.from('between')));
    });
    for (let pong = false, event = null; !pong || !event;) {
      const frame = await socket.frame();
      if (frame.opcode === 10) {
        assert.equal(frame.payload.toString(), 'between');
        pong = true;
      } else {
        event = JSON.parse(frame.payload.toString());
        assert.equal(event.ref, 'é漢😀');
      }
    }
  });

  test('bytes one at a time are the same frames', async (t) => {
    const socket = await open(t);
    for (const byte of text_frame({ action: 'ping', ref: 1 })) socket.write(Buffer.from([byte]));
    assert.equal((await socket.event('pong')).ref, 1);
  });

  test('a ping is answered with its payload', async (t) => {
    const socket = await open(t);
    const payload = Buffer.alloc(125, 7);
    socket.write(frame_of(9, payload));
    const frame = await socket.frame();
    assert.equal(frame.opcode, 10);
    assert.deepEqual(frame.payload, payload);
  });

  test('a close is answered with its code, and the connection ends', async (t) => {
    for (const code of [1000, 1001, 3000, 4999]) {
      const socket = await open(t);
      socket.write(frame_of(8, Buffer.from([code >> 8, code & 255])));
      assert.equal(await socket.close_code(), code);
      await socket.end();
    }
    const empty = await open(t);
    empty.write(frame_of(8));
    assert.ok([1000, 1005].includes(await empty.close_code()));
    await empty.end();
  });

  test('nothing of what follows a close is done', async (t) => {
    const room = t.name('room');
    const watcher = await t.member(room, { user: t.name('w') });
    const socket = await open(t, `/ws?user=a&rooms=${room}`);
    await socket.event('joined');
    socket.write(Buffer.concat([frame_of(8, Buffer.from([3, 232])), text_frame({ action: 'message', room, content: 'late' })]));
    await socket.end();
    await t.say(room, 'end');
    await watcher.next({ content: 'end' });
    assert.equal(watcher.events.all({ content: 'late' }).length, 0);
  });

  test('protocol errors are 1002', async (t) => {
    await closes_with(t, 1002, frame_of(1, 'x', { masked: false }), 'an unmasked frame');
    await closes_with(t, 1002, frame_of(1, 'x', { rsv: 1 }), 'RSV3');
    await closes_with(t, 1002, frame_of(1, 'x', { rsv: 4 }), 'RSV1 without an extension');
    for (const opcode of [3, 7, 11, 15]) await closes_with(t, 1002, frame_of(opcode, 'x'), `opcode ${opcode}`);
    await closes_with(t, 1002, frame_of(0, 'x'), 'a continuation of nothing');
    await closes_with(t, 1002, Buffer.concat([frame_of(1, 'x', { fin: false }), frame_of(1, 'y')]), 'a message inside a message');
    await closes_with(t, 1002, frame_of(9, 'x', { fin: false }), 'a fragmented ping');
    await closes_with(t, 1002, frame_of(9, Buffer.alloc(126)), 'a long ping');
    await closes_with(t, 1002, frame_of(8, Buffer.from([3])), 'a close of one byte');
    for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000]) {
      await closes_with(t, 1002, frame_of(8, Buffer.from([code >> 8, code & 255])), `close code ${code}`);
    }
    await closes_with(t, 1002, frame_of(1, 'short', { length_form: 16 }), 'a length that is not the shortest');
    await closes_with(t, 1002, frame_of(1, Buffer.alloc(300, 32), { length_form: 64 }), 'a 64-bit length that is not the shortest');
    await closes_with(t, 1002, Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]), 'a length with the top bit');
  });

  test('invalid UTF-8 is 1007, at once where it can be seen', async (t) => {
    for (const bytes of [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82], [0x80]]) {
      await closes_with(t, 1007, frame_of(1, Buffer.from(bytes)), bytes.toString());
    }
    await closes_with(t, 1007, frame_of(1, Buffer.from([0xce, 0xba, 0xf4, 0x90]), { fin: false }), 'in an unfinished message');
    await closes_with(t, 1007, frame_of(8, Buffer.from([3, 232, 0xff])), 'in a close reason');
  });

  test('too big is 1009, from the head of the frame on', async (t) => {
    const head = frame_of(1, Buffer.alloc(70000, 97)).subarray(0, 14);
    await closes_with(t, 1009, head, 'declared in one frame');
    const half = Buffer.alloc(40000, 97);
    await closes_with(t, 1009, Buffer.concat([frame_of(1, half, { fin: false }), frame_of(0, half)]), 'in fragments');
    await closes_with(t, 1009, frame_of(2, Buffer.alloc(65537)), 'binary');
  });

  test('a binary message of exactly the size is taken', async (t) => {
    const room = t.name('room');
    const client = await t.member(room, { user: t.name('a') });
    client.send_binary(Buffer.alloc(65536, 1));
    assert.equal((await client.next('binary')).bytes, 65536);
  });

  test('an endless stream of empty fragments ends somewhere or goes on, memory does not grow', { alone: true }, async (t) => {
    const socket = await open(t);
    const before = t.server.resident_bytes();
    socket.write(frame_of(1, '', { fin: false }));
    socket.write(Buffer.concat(Array.from({ length: 100000 }, () => frame_of(0, '', { fin: false, mask: Buffer.alloc(4) }))));
    socket.write(frame_of(0, JSON.stringify({ action: 'ping', ref: 'end' })));
    const frame = await socket.frame();
    assert.ok(frame.opcode === 8 || JSON.parse(frame.payload.toString()).ref === 'end');
    t.grown_less_than(16 << 20, before);
  });

  test('a reset in the middle of a frame leaves the server well', async (t) => {
    for (let i = 0; i < 20; i++) {
      const socket = await open(t);
      socket.write(frame_of(2, Buffer.alloc(5000)).subarray(0, 10 + i * 100));
      socket.socket.resetAndDestroy();
    }
    const client = await t.ws({ user: t.name('a') });
    await client.fence();
  });
});

suite('echo', { settings: { echo: true } }, (test) => {
  test('text and binary come back as they are', async (t) => {
    const socket = t.raw();
    assert.equal((await socket.upgrade('/echo', { 'Sec-WebSocket-Protocol': null })).status, 101);
    for (const [opcode, size] of [[1, 0], [1, 1], [2, 125], [2, 126], [1, 127], [2, 65535], [2, 65536], [1, 4096]]) {
      const payload = Buffer.alloc(size, 65);
      socket.write(frame_of(opcode, payload));
      const frame = await socket.frame();
      assert.equal(frame.opcode, opcode);
      assert.equal(frame.payload.length, size);
      assert.deepEqual(frame.payload, payload);
    }
  });

  test('many at once come back in order', async (t) => {
    const socket = t.raw();
    await socket.upgrade('/echo', { 'Sec-WebSocket-Protocol': null });
    socket.write(Buffer.concat(Array.from({ length: 1000 }, (_, i) => frame_of(1, String(i)))));
    for (let i = 0; i < 1000; i++) assert.equal((await socket.frame()).payload.toString(), String(i));
  });
});

// 0x7f reads as the head of a huge frame, so a server that looks for one inside a payload stumbles.
suite('large echoes', { settings: { echo: true, message_size_max: '1MiB', close_timeout: '30s' } }, (test) => {
  const looks_like_frames = (size) => Buffer.alloc(size, 0x7f);
  const close_1000 = frame_of(8, Buffer.from([3, 232]));
  async function open_echo(t) {
    const socket = t.raw();
    assert.equal((await socket.upgrade('/echo', { 'Sec-WebSocket-Protocol': null })).status, 101);
    return socket;
  }

  test('a large message, a small one, a close and a ping, back to back', async (t) => {
    for (let round = 0; round < 10; round++) {
      const socket = await open_echo(t);
      const first = looks_like_frames(262144);
      socket.write(Buffer.concat([frame_of(1, first), frame_of(1, 'twelve bytes'), close_1000, frame_of(9)]));
      assert.deepEqual((await socket.frame()).payload, first);
      assert.equal((await socket.frame()).payload.toString(), 'twelve bytes');
      assert.equal(await socket.close_code(), 1000);
      await socket.end();
    }
    await (await open_echo(t)).destroy();
  });

  test('what a slow reader has asked for leaves in pieces', async (t) => {
    const short_sends = async () => {
      const samples = (await t.get('/metrics')).text.matchAll(/^ringcast_engine_short_sends_total\{[^}]*\} (\d+)$/gm);
      return [...samples].reduce((sum, [, value]) => sum + Number(value), 0);
    };
    const before = await short_sends();
    const socket = await open_echo(t);
    socket.socket.pause();
    const sizes = Array.from({ length: 24 }, (_, i) => 1000000 + i);
    for (const size of sizes) socket.write(frame_of(2, looks_like_frames(size)));
    socket.write(close_1000);
    await until(async () => await short_sends() > before, 'a send that was not taken whole');
    socket.socket.resume();
    for (const size of sizes) assert.deepEqual((await socket.frame()).payload, looks_like_frames(size));
    assert.equal(await socket.close_code(), 1000);
    await socket.end();
  });
});

suite('echo is off', {}, (test) => {
  test('without --echo there is no /echo', async (t) => {
    assert.equal((await t.raw().upgrade('/echo')).status, 404);
  });
});
