// SPDX-License-Identifier: Apache-2.0
// Many of everything: connects, joins, rooms, names.

import { attack } from '../lib/arena.js';
import { text_frame } from '../../integration/lib/raw_socket.js';

attack('connects and RST at once', async (arena) => {
  await arena.times(arena.scale(2000, 50000), async () => {
    const socket = await arena.socket();
    socket.socket.resetAndDestroy();
    await socket.closed;
  });
});

attack('a WebSocket, and gone', async (arena) => {
  await arena.times(arena.scale(1000, 30000), async (i) => {
    const socket = await arena.websocket(`?user=u${i}&rooms=flood`);
    if (i % 2) socket.destroy();
    else socket.socket.resetAndDestroy();
    await socket.closed;
    arena.answer('101');
  });
});

attack('joins and leaves', async (arena) => {
  await arena.times(arena.scale(30, 500), async (i) => {
    const socket = await arena.websocket(`?user=u${i}`);
    const rooms = Array.from({ length: 100 }, (_, n) => `flood-${n}`);
    for (let round = 0; round < 5; round++) {
      for (const action of ['join', 'leave']) socket.write(Buffer.concat(rooms.map((room) => text_frame({ action, room }))));
    }
    arena.answer(await arena.pong(socket));
    socket.destroy();
  }, 30);
});

attack('a room whose members come and go', async (arena) => {
  await arena.all(arena.scale(100, 2000), async (i) => {
    const socket = await arena.member('revolving', `u${i}`);
    for (const action of ['leave', 'join', 'leave', 'join']) socket.write(text_frame({ action, room: 'revolving' }));
    arena.answer(await arena.pong(socket));
  });
});

attack('abandoned rooms', async (arena) => {
  const many = arena.scale(5000, 100000);
  await arena.times(many / 1000, async (batch) => {
    await arena.publish(Array.from({ length: 1000 }, (_, i) => ({ room: `abandoned-${batch}-${i}`, content: 'x'.repeat(100) })));
    arena.answer('200');
  }, 4);
  // And as many that had a member instead.
  await arena.times(many / 100, async (i) => {
    const socket = await arena.websocket(`?user=u${i}`);
    socket.write(Buffer.concat(Array.from({ length: 100 }, (_, n) => text_frame({ action: 'join', room: `left-${i}-${n}` }))));
    arena.answer(await arena.pong(socket));
    socket.destroy();
  }, 20);
});

// --- names ---

const kOdd = {
  'right to left': '\u202eevil', 'zero width': 'a\u200b\u200d\ufeffb', combining: `z${'\u0300'.repeat(60)}`, 'no character': '\uffff\ufdd0',
  'four bytes': '\u{1f9e8}\u{10ffff}', quotes: '"\'`\\', markup: '<script>&amp;', 'looks like an escape': '\\u0000%00%2e', 'a path': '../../etc/passwd',
  dots: '..', 'line separator': 'a\u2028b\u2029c', blanks: ' a ', '128 bytes': 'n'.repeat(128), '128 bytes of four each': '\u{1f9e8}'.repeat(32), prototype: '__proto__',
};
const kRefused = {
  empty: '', '129 bytes': 'n'.repeat(129), '64 KB': 'n'.repeat(60000), 'a line feed': 'a\nhostile', 'a carriage return': 'a\rb', NUL: 'a\0b', DEL: 'a\x7fb', C1: 'a\u0085b', comma: 'a,b', escape: '\x1b[2J',
};
const kBroken = ['%ff', '%c0%80', '%ed%a0%80', '%f4%90%80%80', '%e2%82', '%80', '%'];

// A name is taken as it is, everywhere alike, or refused, everywhere alike.
attack('names', async (arena) => {
  const expect = (what, answer, status) => {
    arena.answer(`${answer.status}`);
    if (answer.status !== status) throw new Error(`${what}: ${answer.status} ${answer.text.slice(0, 200)}, ${status} expected`);
  };
  for (const [what, name] of Object.entries(kOdd)) {
    await arena.times(1, async () => {
      const socket = await arena.websocket(`?user=${encodeURIComponent(name)}&rooms=${encodeURIComponent(name)}`);
      const joined = await socket.event('joined');
      expect(what, await arena.call('/messages', { room: name, user: name, content: what }), 200);
      const message = await socket.event('message');
      for (const given of [joined.room, message.room, message.user]) if (given !== name) throw new Error(`${what}: came back as ${JSON.stringify(given)}`);
      const members = await arena.call(`/members?room=${encodeURIComponent(name)}`);
      expect(what, members, 200);
      if (JSON.parse(members.text).members[0]?.user !== name) throw new Error(`${what}: a member that has become ${members.text}`);
      socket.destroy();
    });
  }
  const socket = await arena.websocket('?user=a');
  for (const [what, name] of Object.entries(kRefused)) {
    await arena.times(1, async () => {
      expect(what, await arena.call('/messages', { room: name, content: 'x' }), 400);
      expect(what, await arena.call('/messages', { room: 'r', user: name, content: 'x' }), 400);
      if (name.length < 8000) expect(what, await arena.call(`/poll?room=${encodeURIComponent(name)}`), 400);
      socket.write(text_frame({ action: 'join', room: name }));
      arena.answer((await socket.event('error')).code);
    });
  }
  for (const name of kBroken) {
    for (const path of [`/history?room=${name}`, `/rooms/${name}/history`, `/poll?room=${name}`, `/members?room=${name}`, `/events?user=${name}`, `/ws?user=${name}`]) {
      await arena.times(1, async () => expect(`${path}`, await arena.call(path), 400));
    }
  }
  // Many long ones, which are forgotten with their rooms.
  const many = arena.scale(20, 1000);
  await arena.times(many, async (batch) => {
    await arena.publish(Array.from({ length: 100 }, (_, i) => ({ room: `${batch}-${i}-`.padEnd(128, 'n'), user: `${batch}-${i}-`.padEnd(128, 'u'), idempotency_key: `${batch}-${i}-`.padEnd(100, 'k'), content: 'x' })));
    arena.answer('200');
  }, 4);
  if (arena.server.log.some((line) => line.startsWith('hostile'))) throw new Error('a name has made a line of the log');
});
