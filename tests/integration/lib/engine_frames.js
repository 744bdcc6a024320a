// SPDX-License-Identifier: Apache-2.0
// WebSockets of Engine.IO, frame by frame.

import WebSocket from 'ws';
import { within } from './deadline.js';
import { EventQueue } from './event_queue.js';

// A WebSocket whose frames are taken one after the other: texts as strings, binary as buffers.
class Frames {
  constructor(t, url) {
    this.queue = new EventQueue();
    this.socket = new WebSocket(url);
    this.socket.on('message', (data, binary) => this.queue.push(binary ? data : data.toString()));
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) => { this.socket.once('close', resolve); });
    this.opened = new Promise((resolve) => { this.socket.once('open', resolve); });
    t.after(() => this.socket.terminate());
  }

  send(...frames) { for (const frame of frames) this.socket.send(frame); }
  next() { return this.queue.next(() => true); }
  async ends() { await within(this.closed, 'the WebSocket to close'); }
}

export function frames(t, path, query, at = t.server) { return new Frames(t, `${at.ws_url}${path}?EIO=4&transport=websocket${query ?? ''}`); }
