// SPDX-License-Identifier: Apache-2.0
// Clients that take their time: request heads, bodies, chunks, handshakes and frames, a byte at a time.

import { attack } from '../lib/arena.js';
import { frame_of } from '../../integration/lib/raw_socket.js';

const kHead = 'POST /messages HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n';

const kHasty = { own: () => ({ settings: { request_timeout: '1s' } }) };

function slow(name, begin, rest) {
  attack(`slow ${name}`, kHasty, async (arena) => {
    await arena.all(arena.scale(100, 2000), async () => {
      const socket = await arena.socket();
      socket.write(begin);
      arena.drip(socket, Buffer.from(rest));
      arena.answer(await arena.ending(socket));
    });
    arena.answered('408', 'FIN');  // FIN: where this machine was too slow to begin in time
    if (!arena.answers.has('408')) throw new Error('nobody was answered 408');
  });
}

slow('heads', '', `${kHead}${'X-Slow: 1\r\n'.repeat(40)}`);
slow('bodies', `${kHead}Content-Length: 100000\r\n\r\n`, ' ');
slow('chunks', `${kHead}Transfer-Encoding: chunked\r\n\r\n`, '1\r\n \r\n');
slow('handshakes', 'GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n', `Connection: Upgrade\r\nX: ${'a'.repeat(4000)}`);

attack('connections that say nothing', kHasty, async (arena) => {
  await arena.all(arena.scale(100, 5000), async () => arena.answer(await arena.ending(await arena.socket())));
});

// A frame may take as long as it likes; it holds no more than what has come of it.
attack('slow frames', async (arena) => {
  const frame = frame_of(1, Buffer.alloc(60000, 'x'));
  await arena.all(arena.scale(100, 2000), async () => {
    const socket = await arena.websocket('?user=slow');
    for (let at = 0; at < 20 && !socket.ended; at++) {
      socket.write(frame.subarray(at, at + 1));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await socket.event('connection_id');
    arena.answer(socket.ended ? 'closed' : 'open');
  });
  arena.answered('open');
});
