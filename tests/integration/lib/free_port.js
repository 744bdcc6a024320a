// SPDX-License-Identifier: Apache-2.0
// A port that is free and stays so: for what the server does not print, so that the kernel cannot choose it, and for
// what nobody listens on. The kernel gives none of these away.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';

const kLowest = 11000;  // browsers and fetch refuse some below
const [kEnd] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/).map(Number);
let offset = process.pid * 64;

export async function free_port() {
  for (;;) {
    // Where the kernel gives away all that there are, one of its.
    const wanted = kEnd > kLowest ? kLowest + offset++ % (kEnd - kLowest) : 0;
    const listener = net.createServer().listen(wanted, '127.0.0.1');
    const taken = await once(listener, 'listening').then(() => false, (error) => error);
    if (taken) {
      if (taken.code !== 'EADDRINUSE') throw taken;
      continue;
    }
    const { port } = listener.address();
    listener.close();
    await once(listener, 'close');
    return port;
  }
}
