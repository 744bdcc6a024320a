// SPDX-License-Identifier: Apache-2.0
// A WebSocket client on the `ws` package whose events wait in a queue. Owned by one test.

import WebSocket from 'ws';
import { within } from './deadline.js';
import { EventQueue } from './event_queue.js';

export const kSubprotocol = 'ringcast.v1';

export class WsClient {
  // `options` go to `ws`; `protocol` is one subprotocol, a list of them, or false for none.
  constructor(url, { protocol = kSubprotocol, ...options } = {}) {
    this.events = new EventQueue(`WebSocket ${url}`);
    this.next_ref = 1;
    this.socket = new WebSocket(url, [].concat(protocol || []), { perMessageDeflate: false, ...options });
    this.opened = new Promise((resolve, reject) => {
      this.socket.once('open', resolve);
      this.socket.once('error', reject);
      this.socket.once('unexpected-response', (request, response) => {
        const error = new Error(`handshake answered ${response.statusCode}`);
        error.status = response.statusCode;
        error.headers = response.headers;
        reject(error);
        request.destroy();
      });
    });
    this.opened.catch(() => {});
    this.socket.on('upgrade', (response) => { this.upgrade = response; });
    this.socket.on('error', (error) => { this.error = error; });
    this.socket.on('message', (data, is_binary) => {
      this.events.push(is_binary ? { event_type: '(frame)', bytes: data } : JSON.parse(data.toString()));
    });
    this.socket.on('ping', () => this.events.push({ event_type: '(ping)' }));
    this.socket.on('pong', (data) => this.events.push({ event_type: '(pong)', data: data.toString() }));
    this.closed = new Promise((resolve) => {
      this.socket.once('close', (code, reason) => {
        resolve({ code, reason: reason.toString() });
        this.events.end(`closed ${code} ${reason}`);
      });
    });
  }

  // Open and greeted.
  async ready() {
    await within(this.opened, 'the WebSocket to open');
    this.hello = await this.next('connection_id');
    this.id = this.hello.connection_id;
    return this;
  }

  send(fields) { this.socket.send(typeof fields === 'string' ? fields : JSON.stringify(fields)); }
  send_binary(bytes) { this.socket.send(bytes); }

  next(pattern, options) { return this.events.next(pattern, options); }
  take(count, pattern, options) { return this.events.take(count, pattern, options); }

  // Sends an action with a ref and gives the answer to it, which may be an error event.
  async ask(fields) {
    const ref = `r${this.next_ref++}`;
    this.send({ ...fields, ref });
    return this.next((event) => event.ref === ref);
  }

  async join(room, fields = {}) {
    const joined = await this.ask({ action: 'join', room, ...fields });
    if (joined.event_type !== 'joined') throw new Error(`join ${room}: ${JSON.stringify(joined)}`);
    return joined;
  }

  // Everything the server had to say before this moment has arrived once the pong is here.
  async fence() { return this.ask({ action: 'ping' }); }

  close_code() { return within(this.closed, 'the close', { describe: () => `Last seen: ${this.events.tail()}` }); }

  async close() {
    if (this.socket.readyState === WebSocket.CLOSED) return;
    this.socket.close(1000);
    await this.close_code();
  }

  terminate() { this.socket.terminate(); }
}
