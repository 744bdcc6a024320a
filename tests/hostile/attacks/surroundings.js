// SPDX-License-Identifier: Apache-2.0
// What the system does to the server: no descriptors, a log that nobody reads, a clock that jumps.

import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { attack } from '../lib/arena.js';
import { until } from '../../integration/lib/deadline.js';
import { text_frame } from '../../integration/lib/raw_socket.js';

attack('no descriptors left', { own: () => ({ command: ['prlimit', '--nofile=100'], settings: { connections_max: 10000 } }) }, async (arena) => {
  const refused = () => arena.metric('ringcast_engine_accept_emfile_total');  // asked for over one connection, which is kept
  if (await refused() !== 0) throw new Error('out of descriptors from the start');
  const many = arena.scale(400, 4000);  // two reactors have a table of descriptors each
  for (let round = 0; round < 3; round++) {
    const before = await refused();
    await arena.all(many, () => arena.socket());
    await until(async () => await refused() - before > many / 2, 'clients to be refused', { ms: arena.wait_ms });
    arena.answer('refused', await refused() - before);
    await arena.close();
    // Until the server has seen that they are gone, it may have no descriptor yet.
    const socket = await until(() => arena.websocket('?user=after').catch(() => null), 'a client to be taken again', { ms: arena.wait_ms });
    arena.answer(`afterwards: ${await arena.pong(socket)}`);
    socket.destroy();
  }
  arena.answered('afterwards: pong', 'refused');
});

// --- the log ---

// At debug each request has a line: some megabytes are more than a pipe and the server's own rings hold.
async function fill_log(arena) {
  const request = `GET /nowhere/${'x'.repeat(200)} HTTP/1.1\r\nHost: a\r\n\r\n`;
  await arena.times(arena.scale(50, 500), async () => {
    const socket = await arena.socket();
    socket.write(request.repeat(200));
    for (let i = 0; i < 200; i++) arena.answer((await socket.response()).status);
    socket.destroy();
  }, 10);
  const socket = await arena.websocket('?user=after');
  arena.answer(`afterwards: ${await arena.pong(socket)}`);
  arena.answered('404', 'afterwards: pong');
}

attack('standard error is not read', { own: () => ({ settings: { log_level: 'debug' } }) }, async (arena) => {
  const { stderr } = arena.server.process;
  stderr.pause();
  await fill_log(arena);
  stderr.resume();
  await until(() => arena.server.log.some((line) => line.includes('log_records_lost')), 'the count of lines that were lost', { ms: arena.wait_ms });
});

let reader;  // of the FIFO: it is open, and never read
attack('log_file is a FIFO that is not read', {
  own: (folder) => {
    const path = join(folder, 'log');
    execFileSync('mkfifo', [path]);
    reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return { settings: { log_level: 'debug', log_file: path } };
  },
}, async (arena) => {
  try {
    await fill_log(arena);
  } finally {
    closeSync(reader);
  }
});

attack('log_file is full', { own: () => ({ settings: { log_level: 'debug', log_file: '/dev/full' } }) }, fill_log);

// --- the clock ---

const kFaketime = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu'].map((folder) => `${folder}/faketime/libfaketimeMT.so.1`).find(existsSync);

// In one step: libfaketime ends a program that finds half a file.
function set_clock(folder, offset) {
  const path = join(folder, 'clock');
  writeFileSync(`${path}.new`, offset);
  renameSync(`${path}.new`, path);
}

attack('the clock jumps', {
  own: (folder) => {
    set_clock(folder, '+0');
    const environment = { LD_PRELOAD: kFaketime, FAKETIME_TIMESTAMP_FILE: join(folder, 'clock'), FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1' };
    return { environment: kFaketime ? environment : {}, settings: { history_ttl: '1h' } };
  },
}, async (arena) => {
  if (!kFaketime) arena.skip('no libfaketime on this system');
  const socket = await arena.member('clock');
  let last = 0;
  for (const [offset, days] of [['+10d', 10], ['-10d', -10], ['+7300d', 7300], ['+0', 0]]) {
    await arena.times(1, async () => {
      set_clock(arena.folder, offset);
      await until(async () => {
        const { event_id } = await arena.publish({ room: 'clock', content: 'x' });
        const { id, timestamp } = await socket.event('message');
        if (id !== event_id || id <= last) throw new Error(`id ${id} after ${last}, ${event_id} was promised`);
        last = id;
        return Math.abs((Date.parse(timestamp) - Date.now()) / 86400e3 - days) < 1;
      }, `a message of the day ${offset}`, { ms: arena.wait_ms });
      // What was there is still there.
      const history = await arena.ask('/rooms/clock/history');
      if (history.newest !== last || history.messages.at(-1)?.id !== last) throw new Error(`the history ends with ${JSON.stringify(history.messages.at(-1))}`);
      socket.write(text_frame({ action: 'ping' }));
      await socket.event('pong');
      arena.answer('goes on');
    });
  }
});
