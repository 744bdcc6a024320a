// SPDX-License-Identifier: Apache-2.0
// A real server is away for 8 s, and comes back: how long until each client is on its WebSocket again.
// node tests/client/outage.js BINARY [--clients 25] [--rounds 4]

import { parseArgs } from 'node:util';
import WebSocket from 'ws';
import { Client } from '../../web/client/index.js';
import { Server } from '../integration/lib/server.js';

const kAwayMs = 8000;
const kBackMs = 60000;
const { values, positionals: [binary] } = parseArgs({ allowPositionals: true, options: { clients: { type: 'string', default: '25' }, rounds: { type: 'string', default: '4' } } });

const start = (port) => Server.start(binary, { port, io: 'epoll', reactors: 1 });
let server = await start(0);
const { port } = server;
const took = [];
for (let round = 0; round < Number(values.rounds); round++) {
  const clients = Array.from({ length: Number(values.clients) }, () => new Client({ url: `http://127.0.0.1:${port}/`, WebSocket, rooms: ['r'] }).open());
  await Promise.all(clients.map((client) => client.join('r')));
  await server.stop_cleanly();
  await new Promise((resolve) => { setTimeout(resolve, kAwayMs); });
  server = await start(port);
  const back_at = Date.now();
  took.push(...await Promise.all(clients.map(async (client) => {
    while (!(client.state.name === 'open' && client.transport === 'websocket')) {
      if (Date.now() - back_at > kBackMs) return Infinity;
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
    return Date.now() - back_at;
  })));
  for (const client of clients) client.close();
}
await server.stop_cleanly();
took.sort((a, b) => a - b);
console.log(`${took.filter(Number.isFinite).length} of ${took.length} on their WebSocket within ${kBackMs / 1000} s; median ${took[took.length >> 1]} ms, the last ${took.at(-1)} ms`);
