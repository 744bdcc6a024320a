// SPDX-License-Identifier: Apache-2.0
// WebSocket frames that cost the server more than their sender, or should: endless, empty, countless, compressed.

import { deflateRawSync } from 'node:zlib';
import { attack } from '../lib/arena.js';
import { frame_of, text_frame } from '../../integration/lib/raw_socket.js';

const kDeflate = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };

// Writes the pieces again and again, no faster than they are taken, until the server ends it, `rounds` times at most.
async function flood(socket, piece, rounds) {
  for (let round = 0; round < rounds && !socket.ended; round++) {
    if (!socket.socket.write(piece)) {
      await new Promise((resolve) => {
        socket.socket.once('drain', resolve);
        socket.changed.push(resolve);
        socket.closed.then(resolve);
        if (socket.ended) resolve();
      });
    }
  }
}

async function close_answer(arena, socket) { arena.answer(await arena.ending(socket, true)); }

attack('endless fragments', async (arena) => {
  const fragment = frame_of(0, Buffer.alloc(1000, 'x'), { fin: false });
  await arena.times(arena.scale(50, 1000), async () => {
    const socket = await arena.websocket();
    socket.write(text_frame('x', { fin: false }));
    await flood(socket, fragment, 200);
    await close_answer(arena, socket);
  }, 50);
  arena.answered('close 1009', 'RST');  // it may be closed while it still sends
});

attack('fragments of one byte', async (arena) => {
  const fragments = Buffer.concat(Array.from({ length: 1000 }, () => frame_of(0, 'x', { fin: false })));
  await arena.times(arena.scale(20, 500), async () => {
    const socket = await arena.websocket();
    socket.write(text_frame('x', { fin: false }));
    await flood(socket, fragments, 80);
    await close_answer(arena, socket);
  }, 20);
  arena.answered('close 1009', 'RST');
});

attack('empty fragments', async (arena) => {
  const fragments = Buffer.concat(Array.from({ length: 1000 }, () => frame_of(0, '', { fin: false })));
  await arena.times(arena.scale(20, 500), async () => {
    const socket = await arena.websocket();
    socket.write(text_frame('{"action":', { fin: false }));
    await flood(socket, fragments, 50);
    socket.write(frame_of(0, '"ping"}'));
    arena.answer(await arena.pong(socket));
  }, 20);
});

attack('messages that never end', async (arena) => {
  const begin = frame_of(1, Buffer.alloc(60000, 'x'), { fin: false });
  await arena.all(arena.scale(200, 2000), async () => {
    const socket = await arena.websocket();
    // The pong says that the server has all of what came before it.
    socket.write(Buffer.concat([begin, frame_of(9, 'fence')]));
    for (;;) if ((await socket.frame()).opcode === 10) break;
    arena.answer('held');
  });
  arena.answered('held');
});

attack('floods of pings', async (arena) => {
  const pings = Buffer.concat(Array.from({ length: 1000 }, () => frame_of(9, 'x'.repeat(125))));
  await arena.times(arena.scale(20, 500), async () => {
    const socket = await arena.websocket();
    await flood(socket, pings, 20);
    arena.answer(await arena.pong(socket));
  }, 20);
});

attack('floods of empty messages', async (arena) => {
  const frames = Buffer.concat(Array.from({ length: 1000 }, () => frame_of(1, '')));
  await arena.times(arena.scale(20, 500), async () => {
    const socket = await arena.websocket();
    await flood(socket, frames, 10);
    socket.write(text_frame({ action: 'ping', ref: 'last' }));
    const errors = { bad_json: 0 };
    for (;;) {
      const { opcode, payload } = await socket.frame();
      if (opcode === 8) { arena.answer(`close ${payload.readUInt16BE(0)}`); break; }
      const { event_type, code } = JSON.parse(payload);
      if (event_type === 'error') errors[code]++;
      if (event_type === 'pong') { arena.answer(Object.values(errors)[0] === 10000 ? 'an error for each' : 'errors are missing'); break; }
    }
  }, 20);
});

attack('reserved and broken frames', async (arena) => {
  const frames = [...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => frame_of(opcode, 'x')), frame_of(1, 'x', { rsv: 1 }), frame_of(1, 'x', { rsv: 7 }),
    frame_of(1, 'x', { masked: false }), frame_of(0, 'x'), frame_of(9, 'x', { fin: false }), frame_of(8, 'x'), frame_of(8, Buffer.from([0, 5])),
    frame_of(1, 'x', { length_form: 16 }), Buffer.from('81ffffffffffffffffff00000000', 'hex'), Buffer.from('81ff00000000ffffffff00000000', 'hex')];
  await arena.times(arena.scale(1, 20) * frames.length, async (i) => {
    const socket = await arena.websocket();
    socket.write(frames[i % frames.length]);
    await close_answer(arena, socket);
  });
  arena.answered('close 1002', 'close 1009');
});

attack('deflate bombs', async (arena) => {
  const bomb = deflateRawSync(Buffer.alloc(60 << 20), { level: 9 });  // 60 MB in 60 KB
  await arena.times(arena.scale(50, 1000), async () => {
    const socket = await arena.websocket('', kDeflate);
    socket.write(frame_of(1, bomb, { rsv: 4 }));
    await close_answer(arena, socket);
  }, 50);
  arena.answered('close 1009');
});

// Blocks of nothing: five bytes each that inflate to none.
attack('deflate streams without content', async (arena) => {
  const nothing = Buffer.alloc(60000, Buffer.from('000000ffff', 'hex'));
  await arena.times(arena.scale(50, 1000), async () => {
    const socket = await arena.websocket('', kDeflate);
    socket.write(frame_of(1, nothing, { rsv: 4 }));
    arena.answer(await arena.pong(socket));
  }, 50);
});
