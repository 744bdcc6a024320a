// SPDX-License-Identifier: Apache-2.0
// Clients that ask and never read the answer.

import { attack } from '../lib/arena.js';
import { text_frame } from '../../integration/lib/raw_socket.js';

const kContent = 'x'.repeat(2000);

function messages(room) { return Array.from({ length: 50 }, () => ({ room, content: kContent })); }

attack('never-readers over WebSocket', async (arena) => {
  const many = arena.scale(200, 10000);
  await arena.times(many, async (i) => {
    const socket = await arena.member('never', `never-${i}`);
    socket.socket.pause();
  });
  await arena.until_closed(many, 'slow_consumer', () => arena.publish(messages('never')));
});

attack('never-readers over SSE', async (arena) => {
  const many = arena.scale(200, 10000);
  await arena.times(many, async (i) => {
    const socket = await arena.socket();
    socket.write(`GET /events?rooms=never&user=never-${i} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await socket.response({ head_only: true });
    socket.socket.pause();
  });
  await arena.until_closed(many, 'slow_consumer', () => arena.publish(messages('never')));
});

// Each asks for all that there is, again and again; the first answer is more than the kernel takes.
attack('never-readers over long poll', async (arena) => {
  for (let i = 0; i < 6; i++) await arena.publish(messages('never'));
  const polls = 'GET /poll?rooms=never&since=1 HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(50);
  await arena.times(arena.scale(200, 10000), async () => {
    const socket = await arena.socket();
    socket.write(polls);
    await socket.response({ head_only: true });
    socket.socket.pause();
    arena.answer('one answer begun');
  });
});

attack('never-readers of a replay', async (arena) => {
  for (let i = 0; i < 10; i++) await arena.publish(messages('never'));
  await arena.times(arena.scale(200, 5000), async (i) => {
    const socket = await arena.websocket(`?user=never-${i}&rooms=never&since=never=1`);
    await socket.event('joined');
    socket.socket.pause();
    arena.answer('replay begun');
  });
});

attack('never-readers of large answers', async (arena) => {
  const requests = 'GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\nGET /metrics HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(50);
  await arena.times(arena.scale(200, 5000), async () => {
    const socket = await arena.socket();
    socket.write(requests);
    await socket.response({ head_only: true });
    socket.socket.pause();
    arena.answer('one answer begun');
  });
});

// They publish and ask, and read neither acks nor errors. They are not read from any more, or closed.
attack('publishers that never read', async (arena) => {
  const frames = Buffer.concat(Array.from({ length: 1000 }, (_, i) => text_frame({ action: 'message', room: 'never', content: 'x', ref: `${i} ${'r'.repeat(100)}` })));
  await arena.times(arena.scale(50, 1000), async () => {
    const socket = await arena.websocket('?user=never');
    await socket.event('connection_id');
    socket.socket.pause();
    for (let i = 0; i < 10; i++) socket.socket.write(frames, () => {});
    const other = await arena.websocket('?user=other');
    if (await arena.pong(other) === 'pong') arena.answer('others are answered');
    other.destroy();
  }, 20);
});
