// SPDX-License-Identifier: Apache-2.0
// The real socket.io-client, whose events are taken one after the other.

import { io } from 'socket.io-client';
import { until, within } from './deadline.js';
import { EventQueue } from './event_queue.js';

export const kTransports = { polling: ['polling'], websocket: ['websocket'], upgrade: ['polling', 'websocket'] };

// A client that keeps what it has heard: { event, args }.
export class Chat {
  constructor(t, nsp, options, at) {
    this.queue = new EventQueue('socket.io');
    this.socket = io(`${at.url}${nsp}`, { forceNew: true, reconnection: false, ...options });
    this.socket.onAny((event, ...args) => this.queue.push({ event, args, arg: args[0] }));
    this.gone = new Promise((resolve) => { this.socket.once('disconnect', resolve); });
    t.after(() => this.socket.disconnect());
  }

  get id() { return this.socket.id; }
  emit(...args) { this.socket.emit(...args); }
  ask(...args) { return within(this.socket.emitWithAck(...args), 'the acknowledgement'); }
  next(event, fits = () => true) { return this.queue.next((got) => got.event === event && fits(got.arg)).then(({ arg }) => arg); }

  async ready() {
    await within(new Promise((resolve, reject) => {
      this.socket.once('connect', resolve);
      this.socket.once('connect_error', reject);
    }), 'the connect');
    return this;
  }

  async upgraded() {
    const { engine } = this.socket.io;
    await until(() => engine.transport.name === 'websocket', 'the upgrade');
    return this;
  }
}

export const chat = (t, options = {}, { nsp = '', at = t.server } = {}) => new Chat(t, nsp, options, at).ready();
