// SPDX-License-Identifier: Apache-2.0
// permessage-deflate (RFC 7692) with the `ws` client: negotiation, both directions, bombs.

import assert from 'node:assert/strict';
import { deflateRawSync } from 'node:zlib';
import { frame_of } from './lib/raw_socket.js';
import { suite } from './lib/runner.js';

const kDeflate = { perMessageDeflate: { threshold: 0 } };
const kLong = 'all work and no play makes a dull message; '.repeat(200);

function compressed(text) {
  const bytes = deflateRawSync(text, { finishFlush: 2 });  // Z_SYNC_FLUSH
  return bytes.subarray(0, bytes.length - 4);              // RFC 7692 section 7.2.1
}

suite('permessage-deflate', { settings: { inflated_size_max: '64KiB' } }, (test) => {
  test('it is answered without context takeover in both directions', async (t) => {
    const client = await t.ws({ user: t.name('a') }, kDeflate);
    assert.match(client.upgrade.headers['sec-websocket-extensions'], /^permessage-deflate/);
    assert.match(client.upgrade.headers['sec-websocket-extensions'], /server_no_context_takeover/);
    assert.match(client.upgrade.headers['sec-websocket-extensions'], /client_no_context_takeover/);
  });

  test('short and long messages pass both ways, beside clients without it', async (t) => {
    const room = t.name('room');
    const packed = await t.member(room, { user: t.name('a') }, kDeflate);
    const plain = await t.member(room, { user: t.name('b') });
    for (const content of ['short', kLong, '', kLong.slice(0, 1500), '漢字😀'.repeat(400)]) {
      packed.send({ action: 'message', content });
      assert.equal((await packed.next('message')).content, content);
      assert.equal((await plain.next('message')).content, content);
      plain.send({ action: 'message', content });
      assert.equal((await packed.next('message')).content, content);
      assert.equal((await plain.next('message')).content, content);
    }
  });

  test('binary pairs pass compressed', async (t) => {
    const room = t.name('room');
    const client = await t.member(room, { user: t.name('a') }, kDeflate);
    const bytes = Buffer.alloc(5000, 42);
    client.send_binary(bytes);
    assert.equal((await client.next('binary')).bytes, 5000);
    assert.deepEqual((await client.next('(frame)')).bytes, bytes);
  });

  test('frames from 1 KiB on are compressed, smaller ones are not', async (t) => {
    const room = t.name('room');
    const socket = t.raw();
    await socket.upgrade(`/ws?user=a&rooms=${room}`, { 'Sec-WebSocket-Extensions': 'permessage-deflate' });
    await socket.event('joined');
    await t.say(room, kLong);
    const frame = await socket.frame();
    assert.equal(frame.rsv, 4);
    assert.ok(frame.payload.length < kLong.length / 4);
    await t.say(room, 'short');
    assert.equal((await socket.frame()).rsv, 0);
  });

  test('offers that are not understood are declined, the connection works', async (t) => {
    for (const offer of ['permessage-deflate; server_max_window_bits=10', 'permessage-deflate; nonsense=1', 'x-webkit-deflate-frame', 'permessage-deflate; server_max_window_bits=99']) {
      const socket = t.raw();
      const { status, headers } = await socket.upgrade('/ws?user=a', { 'Sec-WebSocket-Extensions': offer });
      assert.equal(status, 101, offer);
      assert.equal(headers['sec-websocket-extensions'], undefined, offer);
      socket.destroy();
    }
    const { headers } = await t.raw().upgrade('/ws?user=a', { 'Sec-WebSocket-Extensions': 'permessage-deflate; server_max_window_bits=10, permessage-deflate; client_max_window_bits' });
    assert.match(headers['sec-websocket-extensions'], /^permessage-deflate/);
  });

  test('a bomb is 1009, not memory', { alone: true }, async (t) => {
    const before = t.server.resident_bytes();
    for (let i = 0; i < 5; i++) {
      const socket = t.raw();
      await socket.upgrade('/ws?user=a', { 'Sec-WebSocket-Extensions': 'permessage-deflate' });
      await socket.event('connection_id');
      socket.write(frame_of(1, compressed(Buffer.alloc(40 << 20, 97)), { rsv: 4 }));
      assert.equal(await socket.close_code(), 1009);
      socket.destroy();
    }
    t.grown_less_than(24 << 20, before);
  });

  test('garbage instead of deflate closes', async (t) => {
    const socket = t.raw();
    await socket.upgrade('/ws?user=a', { 'Sec-WebSocket-Extensions': 'permessage-deflate' });
    await socket.event('connection_id');
    socket.write(frame_of(1, Buffer.alloc(50, 255), { rsv: 4 }));
    assert.ok([1002, 1007].includes(await socket.close_code()));
  });

  test('a compressed message in fragments is one message', async (t) => {
    const socket = t.raw();
    await socket.upgrade('/ws?user=a', { 'Sec-WebSocket-Extensions': 'permessage-deflate' });
    await socket.event('connection_id');
    const bytes = compressed(JSON.stringify({ action: 'ping', ref: kLong.slice(0, 100) }));
    socket.write(frame_of(1, bytes.subarray(0, 5), { rsv: 4, fin: false }));
    socket.write(frame_of(0, bytes.subarray(5)));
    assert.equal((await socket.event('pong')).ref, kLong.slice(0, 100));
  });
});

suite('permessage-deflate switched off', { settings: { deflate: false } }, (test) => {
  test('it is declined', async (t) => {
    const client = await t.ws({ user: 'a' }, kDeflate);
    assert.equal(client.upgrade.headers['sec-websocket-extensions'], undefined);
    await client.fence();
  });
});
