// SPDX-License-Identifier: Apache-2.0
// What many clients made the server take goes back to the system when they are gone. Resident bytes are counted; a
// server that some have used already is the start, so that its code is in memory and its tables have their first pages.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { until } from './lib/deadline.js';
import { suite } from './lib/runner.js';

const kConnections = 1500;
const kFew = 30;
const kPart = 60_000;               // bytes that came of a message or body
const kTaken = kConnections * kPart / 2;  // at least, while they are there
// Beside a tenth of what was there before, for each core: tables keep the size that the most connections needed, and
// the allocator a page for each size that something of this lies in.
const kKeptPerCore = 3 << 20;

const frame = (opcode, length, sent = length) => Buffer.concat([
  Buffer.from([opcode, 0xfe, length >> 8, length & 255, 0, 0, 0, 0]), Buffer.alloc(sent, 'x')]);

const kAttacks = {
  'a message of one frame': { websocket: true, bytes: frame(0x81, kPart + 1000, kPart) },
  'a message in fragments': { websocket: true, bytes: Buffer.concat([frame(0x01, 1000), ...Array(59).fill(frame(0x00, 1000))]) },
  'a body': {
    bytes: Buffer.from(`POST /messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${kPart + 1000}\r\n\r\n${'x'.repeat(kPart)}`),
  },
};

function resident_bytes(server) {
  const rollup = readFileSync(`/proc/${server.process.pid}/smaps_rollup`, 'utf8');
  return 1024 * Number(/^Rss:\s+(\d+)/m.exec(rollup)[1]);
}

async function clients_of(t, server) {
  return (await t.read('/stats', {}, { at: server })).total_clients;
}

// Many hold a part of it, then all are reset. Gives what the server had in memory at the most.
async function attack(t, server, { websocket, bytes }, count) {
  const sockets = [];
  for (let i = 0; i < count; i++) {
    const socket = t.raw(server);
    if (websocket) await socket.upgrade(`/ws?user=u${i}`);
    else await socket.connected;
    sockets.push(socket.socket);
  }
  const before = resident_bytes(server);
  for (const socket of sockets) socket.write(bytes);
  const wanted = Math.min(kTaken, count * kPart / 2);
  if (server.measures_memory && count === kConnections) {
    await until(() => resident_bytes(server) >= before + wanted, `${wanted} bytes more to be taken`);
  }
  for (const socket of sockets) socket.resetAndDestroy();
  await until(async () => await clients_of(t, server) === 0, 'all to be gone');
}

suite('memory', { at_once: 1, server: false }, (test) => {
  for (const [what, kind] of Object.entries(kAttacks)) {
    test(`that ${what} without an end has taken comes back`, async (t) => {
      const server = await t.start_server();
      await attack(t, server, kind, kFew);
      const before = resident_bytes(server);
      await attack(t, server, kind, kConnections);
      if (!server.measures_memory) return;
      const most = before * 1.1 + kKeptPerCore * t.combination.reactors;
      await until(() => resident_bytes(server) <= most, 'memory to come back').catch((error) => assert.fail(
        `${error.message}: ${resident_bytes(server)} bytes, ${before} before, at most ${most} expected`));
    });
  }
});
