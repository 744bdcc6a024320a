// SPDX-License-Identifier: Apache-2.0
// Connections that end at every step of their life, by half of them (FIN) or as a whole (RST).

import { attack } from '../lib/arena.js';
import { frame_of, text_frame } from '../../integration/lib/raw_socket.js';

const kBody = JSON.stringify({ room: 'ends', content: 'x' });
const kPost = 'POST /messages HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n';
const kMessage = text_frame({ action: 'message', room: 'ends', content: 'x' });
const answered = (socket) => socket.response({ head_only: true });
const closed = (socket) => socket.close_code();

// What is written, or waited for, step by step.
const kLives = {
  request: ['GET /he', 'alth HTTP/1.1\r\nHo', 'st: a\r\n\r\n', answered],
  'pipelined requests': ['GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(20), answered],
  body: [kPost, `Content-Length: ${kBody.length}\r\n\r\n`, kBody.slice(0, 5), kBody.slice(5), answered],
  chunks: [`${kPost}Transfer-Encoding: chunked\r\n\r\n`, kBody.length.toString(16), '\r\n', kBody, '\r\n0\r\n', '\r\n', answered],
  websocket: ['GET /ws?rooms=ends HTTP/1.1\r\nHost: a\r\nUpgrade: web', 'socket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    answered, kMessage.subarray(0, 1), kMessage.subarray(1, 10), kMessage.subarray(10), text_frame('{"action":', { fin: false }), frame_of(9, 'x'), frame_of(0, '"ping"}'),
    frame_of(8, Buffer.from([3, 232])), closed],
  sse: ['GET /events?rooms=ends HTTP/1.1\r\n', 'Host: a\r\n\r\n', answered, 'GET / HTTP/1.1\r\n'],
  'events by POST': ['POST /events HTTP/1.1\r\nHost: a\r\nContent-Length: 18\r\n\r\n', '{"rooms":', '["ends"]}', answered],
  poll: ['GET /poll?rooms=ends&timeout=30 HTTP/1.1\r\nHost: a\r\n', '\r\n', answered],
  'a poll that waits': ['GET /poll?rooms=silent&since=silent=9007199254740000&timeout=30 HTTP/1.1\r\nHost: a\r\n\r\n', 'GET /health HTTP/1.1\r\n', 'Host: a\r\n\r\n'],
};

for (const [how, end] of Object.entries({
  'half-closes': (socket) => socket.socket.end(),
  RST: (socket) => socket.socket.resetAndDestroy(),
})) {
  attack(`${how} at every step`, async (arena) => {
    const tries = Object.values(kLives).flatMap((life) => Array.from({ length: life.length + 1 }, (_, steps) => life.slice(0, steps)));
    await arena.times(tries.length * arena.scale(5, 200), async (i) => {
      const socket = await arena.socket();
      for (const step of tries[i % tries.length]) {
        if (typeof step !== 'function') socket.write(step);
        else await step(socket).catch((error) => { throw new Error(`behind ${JSON.stringify(tries[i % tries.length].map(String))}: ${error.message}`); });
      }
      end(socket);
      const what = await arena.ending(socket);
      if (how !== 'RST') arena.answer(what);
    }, 100);
  });
}

// The server is in the middle of sending when its client is gone.
attack('RST while the server sends', async (arena) => {
  await arena.publish(Array.from({ length: 100 }, () => ({ room: 'ends', content: 'x'.repeat(2000) })));
  const paths = ['/openapi.json', '/metrics', '/poll?rooms=ends&since=1', '/events?rooms=ends&last_event_id=1', '/rooms/ends/history'];
  await arena.times(arena.scale(200, 10000), async (i) => {
    const socket = await arena.socket();
    socket.write(`GET ${paths[i % paths.length]} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(5));
    arena.answer((await socket.response({ head_only: true })).status);
    socket.socket.resetAndDestroy();
    await socket.closed;
  }, 50);
});
