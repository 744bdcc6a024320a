// SPDX-License-Identifier: Apache-2.0
// A client whose connection lives in a SharedWorker, so that all tabs of a user have one stream between them.

import { Client } from './client.js';
import { Emitter } from './emitter.js';
import { RingcastError } from './errors.js';

const kAnswerMs = 15000;

// A client that shares its connection with the other tabs where the browser can do that, else one of its own.
export function connect({ shared = false, ...options } = {}) {
  const client = shared && globalThis.SharedWorker ? new SharedClient(options) : new Client(options);
  return client.open();
}

// The same methods as Client. Tabs with the same server, user and tenant share; each hears the rooms that it has joined,
// and its inbox and `*` like all of them. The worker has a clock, fetch and WebSocket of its own: functions cannot be
// handed to it.
export class SharedClient extends Emitter {
  constructor({ url = globalThis.location.href, user = '', tenant = '', token = '', rooms = [], worker_url,
    clock: _clock, random: _random, fetch: _fetch, WebSocket: _socket, ...options } = {}) {
    super();
    this.base = new URL(url);
    this.user = user;
    this.token_source = token;
    this.rooms = new Set(rooms);
    this.options = { ...options, url: this.base.href, user, tenant, token: typeof token === 'string' ? token : undefined };
    this.name = `ringcast ${JSON.stringify([this.base.origin, this.base.pathname, user, tenant])}`;
    this.worker_url = worker_url ?? new URL('./shared_worker.js', import.meta.url);
    this.calls = new Map();   // number → {resolve, reject}
    this.numbers = 0;
    this.port = null;
  }

  get transport() { return this.state.transport; }

  open() {
    if (this.port) {
      this.say({ do: 'open' });
      return this;
    }
    let worker;
    try {
      worker = new SharedWorker(this.worker_url, { type: 'module', name: this.name });
    } catch (error) {  // not allowed here
      this.end({ code: 'worker', reason: error.message });
      return this;
    }
    this.port = worker.port;
    const failed = (what) => this.end({ code: 'worker', reason: `the SharedWorker at ${this.worker_url} ${what}` });
    worker.onerror = () => failed('cannot be loaded');
    // Not every browser tells of every failure.
    this.answer_timer = setTimeout(() => failed(`has not answered within ${kAnswerMs / 1000} s`), kAnswerMs);
    this.port.onmessage = ({ data }) => this.take(data);
    const hello = () => this.say({ do: 'hello', options: this.options, asks_token: typeof this.token_source === 'function', rooms: [...this.rooms], lock: this.lock });
    if (navigator.locks) {
      // The worker gets this lock when the tab is gone, however it went.
      this.lock = `ringcast tab ${crypto.randomUUID()}`;
      navigator.locks.request(this.lock, () => new Promise((release) => {
        this.release = release;
        hello();
      }));
    } else {
      hello();
      addEventListener('pagehide', () => this.say({ do: 'bye' }));
      addEventListener('pageshow', ({ persisted }) => { if (persisted && this.port) hello(); });
    }
    return this;
  }

  close() {
    if (!this.port) return;
    this.say({ do: 'bye' });
    this.end({ code: 'closed', reason: 'closed by the application' });
  }

  end({ code, reason }) {
    clearTimeout(this.answer_timer);
    this.port?.close();
    this.port = null;
    this.release?.();
    const error = new RingcastError('closed', reason);
    for (const { reject } of this.calls.values()) reject(error);
    this.calls.clear();
    this.become({ state: 'stopped', code, reason, token: false });
  }

  join(room) {
    this.rooms.add(room);
    const joining = this.call('join', room);
    joining.catch(({ code }) => { if (code !== 'closed') this.rooms.delete(room); });
    return joining;
  }

  leave(room) {
    if (this.rooms.delete(room)) this.say({ do: 'leave', room });
  }

  publish(room, payload, options) { return this.call('publish', room, payload, options); }
  direct(user, payload, options) { return this.call('direct', user, payload, options); }
  members(room) { return this.call('members', room); }
  history(room, options) { return this.call('history', room, options); }
  send_binary(room, bytes) { return this.call('send_binary', room, bytes); }
  typing(room) { this.say({ do: 'call', name: 'typing', args: [room] }); }
  status(status) { this.say({ do: 'call', name: 'status', args: [status] }); }

  call(name, ...args) {
    if (!this.port) return Promise.reject(new RingcastError('closed', 'the client is not open'));
    return new Promise((resolve, reject) => {
      this.calls.set(++this.numbers, { resolve, reject });
      this.say({ do: 'call', number: this.numbers, name, args });
    });
  }

  say(message) { this.port?.postMessage(message); }

  async take({ event, state, number, value, error, asks_token }) {
    clearTimeout(this.answer_timer);
    if (event) {
      if (event.event_type === 'left' && event.reason !== 'left') this.rooms.delete(event.room);
      this.emit(event);
    } else if (state) {
      this.become(state);
    } else if (asks_token) {
      try {
        this.say({ do: 'token', number: asks_token, token: await this.token_source() });
      } catch (problem) {
        this.say({ do: 'token', number: asks_token, error: problem.message });
      }
    } else {
      const call = this.calls.get(number);
      this.calls.delete(number);
      if (error) call?.reject(new RingcastError(error.code, error.message));
      else call?.resolve(value);
    }
  }
}
