// SPDX-License-Identifier: Apache-2.0
// Heartbeats of WebSockets and streams, with short intervals, and the end of peers that are silent.

import assert from 'node:assert/strict';
import { frame_of } from './lib/raw_socket.js';
import { suite } from './lib/runner.js';

suite('heartbeats', { settings: { heartbeat_interval: '1s', heartbeat_timeout: '6s', presence_leave_grace: '0s' } }, (test) => {
  test('a silent WebSocket is pinged, answers, and lives on', async (t) => {
    const client = await t.ws({ user: t.name('a') });
    assert.equal(client.hello.heartbeat_interval_ms, 1000);
    await client.take(3, '(ping)');
    await client.fence();
  });

  test('one that does not answer pings is closed', async (t) => {
    const room = t.name('room');
    const dead = t.name('dead');
    const watcher = await t.member(room, { user: t.name('w') });
    const socket = t.raw();
    await socket.upgrade(`/ws?user=${dead}&rooms=${room}`);
    await watcher.next({ event_type: 'member_left', user: dead });
    await socket.end();
  });

  test('any frame counts as a sign of life', async (t) => {
    const socket = t.raw();
    await socket.upgrade(`/ws?user=${t.name('a')}`);
    let pings = 0;
    while (pings < 3) {
      const { opcode } = await socket.frame();
      assert.notEqual(opcode, 8);
      if (opcode === 9) {
        pings++;
        socket.write(frame_of(10, Buffer.from('unasked')));
      }
    }
  });

  test('a stream gets comments', async (t) => {
    const stream = await t.sse({ user: t.name('a'), rooms: [t.name('r')] });
    for (const { comment } of await stream.take(2, '(comment)')) assert.equal(comment, 'heartbeat');
  });
});
