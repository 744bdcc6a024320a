// SPDX-License-Identifier: Apache-2.0
// A port that is free: for what the server does not print, so that the kernel cannot choose it.

import { once } from 'node:events';
import net from 'node:net';

export async function free_port() {
  const listener = net.createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address();
  listener.close();
  await once(listener, 'close');
  return port;
}
