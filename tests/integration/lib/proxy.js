// SPDX-License-Identifier: Apache-2.0
// A TCP proxy that can cut its connections the hard way, as a network does. Owned by one test.

import net from 'node:net';
import { once } from 'node:events';

export class CuttingProxy {
  static async start(target_port) {
    const proxy = new CuttingProxy(target_port);
    proxy.listener.listen(0, '127.0.0.1');
    await once(proxy.listener, 'listening');
    return proxy;
  }

  constructor(target_port) {
    this.target_port = target_port;
    this.pairs = new Set();
    this.refusing = false;
    this.held = null;  // the connections that wait for `release()`
    this.accepted = 0;
    this.listener = net.createServer({ pauseOnConnect: false }, (client) => this.accept(client));
  }

  get port() { return this.listener.address().port; }
  get url() { return `http://127.0.0.1:${this.port}`; }
  get ws_url() { return `ws://127.0.0.1:${this.port}`; }

  accept(client) {
    if (this.refusing) {
      client.resetAndDestroy();
      return;
    }
    if (this.held) {
      this.held.push(client.on('error', () => {}));
      return;
    }
    this.accepted++;
    const server = net.connect(this.target_port, '127.0.0.1');
    const pair = { client, server };
    this.pairs.add(pair);
    const drop = () => {
      if (!this.pairs.delete(pair)) return;
      client.destroy();
      server.destroy();
    };
    for (const [from, to] of [[client, server], [server, client]]) {
      from.pipe(to);
      from.on('error', drop);
      from.on('close', drop);
    }
  }

  // Resets every connection, in whatever message they are.
  cut() {
    for (const { client, server } of [...this.pairs]) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
    this.pairs.clear();
  }

  // New connections are accepted and hear nothing, until `release()`.
  hold() { this.held = []; }

  release() {
    const clients = this.held ?? [];
    this.held = null;
    for (const client of clients) this.accept(client);
  }

  async stop() {
    this.refusing = true;
    this.release();
    this.cut();
    this.listener.close();
  }
}
