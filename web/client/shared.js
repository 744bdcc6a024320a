// SPDX-License-Identifier: Apache-2.0
// A client whose connection lives in a SharedWorker, so that all tabs of a user have one connection between them.
//
// The tab keeps what it needs to go on with another worker when this one dies: its rooms, the position in each, and the
// calls that have no answer yet.

import { Client } from './client.js';
import { isInSequence } from './core.js';
import { Emitter } from './emitter.js';
import { RingcastError } from './errors.js';
import { Listening } from './listening.js';
import { checkRoom, keyOf, roomList } from './names.js';

const kPingMs = 5000;
const kAnswerMs = 15000;       // a worker that has not answered for so long is dead
const kWorkersMax = 3;         // so many in a row that never answered: another will not either

/**
 * An opened client. With `shared` its connection is one for all tabs, where the browser has SharedWorker.
 * @template {Record<string, any>} [Events=Record<string, any>]
 * @param {import('./types.js').ConnectOptions} [options]
 * @returns {Client<Events> | SharedClient<Events>}
 */
export function connect({ shared = false, ...options } = {}) {
  const client = shared && globalThis.SharedWorker ? new SharedClient(options) : new Client(options);
  return client.open();
}

/**
 * @typedef {object} TabCall
 * @property {Record<string, any>} message
 * @property {boolean} repeatable
 * @property {(value: any) => void} resolve
 * @property {(error: unknown) => void} reject
 */

/**
 * The same methods as Client. Tabs with the same server, user and tenant share; each hears the rooms that it has joined,
 * and its inbox and `*` like all of them. The worker has a clock, fetch and WebSocket of its own: functions cannot be
 * passed to it.
 * @template {Record<string, any>} [Events=Record<string, any>]
 * @extends {Listening<Events>}
 */
export class SharedClient extends Listening {
  #emitter;
  #options;
  #token;
  #name;
  #workerUrl;
  /** @type {Set<string>} */
  #rooms;
  /** @type {Map<string, number>} */
  #positions;
  /** @type {import('./types.js').State} */
  #state = { name: 'idle' };
  /** @type {Map<number, TabCall>} */
  #calls = new Map();
  #numbers = 0;
  #keys = `${Math.random().toString(36).slice(2, 12)}${Date.now().toString(36)}`;
  /** @type {MessagePort | null} */
  #port = null;
  /** @type {any[] | null} what is said before the worker may know of this tab */
  #outbox = null;
  #lock = '';
  #release = () => {};
  /** @type {any} */
  #pingTimer;
  /** @type {any} */
  #answerTimer;
  #unanswered = 0;
  #connectionId = '';
  /** @type {import('./types.js').Status | undefined} */
  #status;

  /** @param {import('./types.js').ConnectOptions} [options] */
  constructor(options = {}) {
    const {
      url = globalThis.location.href, user = '', tenant = '', token = '', rooms, positions = {}, workerUrl, signal,
      clock: _clock, random: _random, fetch: _fetch, WebSocket: _socket, shared: _shared, ...rest
    } = options;
    const emitter = new Emitter();
    super(emitter);
    this.#emitter = emitter;
    const base = new URL(url, globalThis.location?.href);
    this.#token = token;
    this.#rooms = new Set(roomList(rooms));
    this.#positions = new Map(positions instanceof Map ? positions : Object.entries(positions));
    this.#options = { ...rest, url: base.href, user, tenant };
    this.#name = `ringcast ${JSON.stringify([base.origin, base.pathname, user, tenant])}`;
    this.#workerUrl = workerUrl ?? new URL('./shared_worker.js', import.meta.url);
    if (signal?.aborted) this.close();
    signal?.addEventListener('abort', () => this.close(), { once: true });
  }

  get state() { return this.#state; }
  get transport() { return this.#state.transport; }
  get rooms() { return [...this.#rooms]; }
  get positions() { return Object.fromEntries(this.#positions); }
  get connectionId() { return this.#connectionId; }

  /** @returns {this} */
  open() {
    if (!this.#port) {
      this.#unanswered = 0;
      this.#start();
    } else if (this.#state.name === 'stopped') {
      this.#say({ do: 'open', token: this.#fixedToken });
      this.#connecting();
    }
    return this;
  }

  close() {
    if (this.#port) this.#say({ do: 'bye' });
    this.#end({ code: 'closed', reason: 'closed by the application' });
  }

  // --- the worker ---------------------------------------------------------------------------------------------------

  #connecting() { this.#become({ name: 'connecting', transport: this.#options.transports?.[0] ?? 'websocket' }); }

  get #fixedToken() { return typeof this.#token === 'function' ? undefined : this.#token; }

  #start() {
    this.#connecting();
    /** @type {SharedWorker} */
    let worker;
    try {
      worker = new SharedWorker(this.#workerUrl, { type: 'module', name: this.#name });
    } catch (error) {  // not allowed here
      return this.#end({ code: 'worker', reason: String(/** @type {Error} */ (error).message) });
    }
    const { port } = worker;
    this.#port = port;
    this.#outbox = [];
    worker.onerror = () => {
      if (this.#port === port) this.#end({ code: 'worker', reason: this.#failed('cannot be loaded') });
    };
    this.#expectAnswer();
    port.onmessage = ({ data }) => { if (this.#port === port) this.#take(data); };
    this.#pingTimer = setInterval(() => this.#ping(), kPingMs);
    if (globalThis.navigator?.locks) {
      // The worker gets this lock when the tab is gone, however it went: it must not be asked for it before it is held.
      const lock = `ringcast tab ${crypto.randomUUID()}`;
      navigator.locks.request(lock, () => new Promise((release) => {
        if (this.#port !== port) return release(undefined);
        this.#lock = lock;
        this.#release = () => release(undefined);
        return this.#hello();
      }));
    } else {
      addEventListener('pagehide', this.#hide);
      addEventListener('pageshow', this.#show);
      this.#hello();
    }
    return undefined;
  }

  /** @param {string} how */
  #failed(how) { return `the SharedWorker at ${this.#workerUrl} ${how}`; }

  #hide = () => this.#say({ do: 'bye' });
  /** @param {{ persisted: boolean }} event */
  #show = ({ persisted }) => { if (persisted && this.#port) this.#hello(); };

  #hello() {
    const early = this.#outbox ?? [];
    this.#outbox = null;
    this.#say({
      do: 'hello', options: this.#options, rooms: [...this.#rooms], positions: Object.fromEntries(this.#positions), lock: this.#lock,
      token: this.#fixedToken, asksToken: typeof this.#token === 'function', status: this.#status,
    });
    for (const message of early) this.#say(message);
  }

  #ping() {
    this.#say({ do: 'ping' });
    if (this.#answerTimer === undefined) this.#expectAnswer();
  }

  #expectAnswer() {
    clearTimeout(this.#answerTimer);
    this.#answerTimer = setTimeout(() => this.#dead(), kAnswerMs);
  }

  // The worker has died. Another takes over; if it has not, it is the same one and knows this tab anew.
  #dead() {
    this.#letGo();
    const reason = this.#failed(`has not answered within ${kAnswerMs / 1000} s`);
    if (++this.#unanswered >= (this.#lived ? kWorkersMax : 1)) return this.#end({ code: 'worker', reason });
    for (const [number, { repeatable, reject }] of [...this.#calls]) {
      if (repeatable) continue;
      this.#calls.delete(number);
      reject(new RingcastError('disconnected', reason));
    }
    this.#become({ name: 'waiting', code: 'worker', reason, delayMs: 0 });
    if (this.#state.name !== 'waiting') return undefined;
    this.#start();
    for (const { message } of this.#calls.values()) this.#say(message);
    return undefined;
  }

  #lived = false;

  #letGo() {
    clearInterval(this.#pingTimer);
    clearTimeout(this.#answerTimer);
    this.#answerTimer = undefined;
    this.#port?.close();
    this.#port = null;
    this.#outbox = null;
    this.#release();
    this.#release = () => {};
    removeEventListener('pagehide', this.#hide);
    removeEventListener('pageshow', this.#show);
  }

  /** @param {{ code: string, reason: string }} why */
  #end({ code, reason }) {
    this.#letGo();
    if (this.#state.name === 'stopped') return;
    this.#become({ name: 'stopped', code, reason, needsToken: false });
    this.#rejectAll();
    this.#emitter.end();
  }

  #rejectAll() {
    const error = this.#closedError();
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }

  get #isOpen() { return this.#port && this.#state.name !== 'stopped'; }

  #closedError() { return new RingcastError('closed', /** @type {any} */ (this.#state).reason ?? 'the client is not open'); }

  /** @param {import('./types.js').State} state */
  #become(state) {
    this.#state = state;
    this.#emitter.emit('state', state);
  }

  /** @param {any} message */
  #say(message) {
    if (this.#outbox) this.#outbox.push(message);
    else this.#port?.postMessage(message);
  }

  /** @param {any} message */
  async #take({ event, state, number, value, error, asksToken, connectionId }) {
    clearTimeout(this.#answerTimer);
    this.#answerTimer = undefined;
    this.#unanswered = 0;
    this.#lived = true;
    if (event) {
      this.#hear(event);
    } else if (state) {
      this.#connectionId = connectionId;
      this.#become(state);
      if (state.name === 'stopped') {
        this.#rejectAll();
        this.#emitter.end();
      }
    } else if (asksToken) {
      try {
        const token = typeof this.#token === 'function' ? await this.#token() : this.#token;
        this.#say({ do: 'token', number: asksToken, token });
      } catch (problem) {
        this.#say({ do: 'token', number: asksToken, error: String(/** @type {any} */ (problem)?.message ?? problem) });
      }
    } else if (number) {
      const call = this.#calls.get(number);
      this.#calls.delete(number);
      if (error) call?.reject(new RingcastError(error.code, error.message));
      else call?.resolve(value);
    }
  }

  /** @param {any} event */
  #hear(event) {
    const channel = event.room === undefined ? undefined : keyOf(event.room);
    const own = channel === undefined || channel === '@me' || channel === '*';
    if (!own && event.type !== 'error' && !this.#rooms.has(channel)) return;
    if (channel !== undefined) {
      if (event.type === 'left') {
        this.#rooms.delete(channel);
        this.#positions.delete(channel);
      } else if (event.type === 'gap') {
        this.#positions.set(channel, Math.max(event.oldest - 1, 0));
      } else if (event.type === 'joined') {
        if (!this.#positions.has(channel)) this.#positions.set(channel, event.id);
      } else if (isInSequence(event)) {
        if (event.id <= (this.#positions.get(channel) ?? -1)) return;
        this.#positions.set(channel, event.id);
      }
    }
    this.#emitter.emit(event.type, event);
  }

  // --- what an application does -------------------------------------------------------------------------------------

  /**
   * @param {string} room
   * @param {import('./types.js').CallOptions} [options]
   * @returns {Promise<import('./types.js').JoinedEvent>}
   */
  async join(room, { signal } = {}) {
    checkRoom(room);
    signal?.throwIfAborted();
    if (!this.#isOpen) throw this.#closedError();
    this.#rooms.add(room);
    try {
      const joined = await this.#call('join', [room], { signal, repeatable: true });
      if (this.#rooms.has(room) && !this.#positions.has(room)) this.#positions.set(room, joined.id);
      return joined;
    } catch (error) {
      const { code } = /** @type {any} */ (error);
      if (signal?.aborted) this.leave(room);
      else if (code !== 'closed' && code !== 'left') this.#forget(room);
      throw error;
    }
  }

  /** @param {string} room */
  leave(room) {
    if (!this.#rooms.has(room)) return;
    this.#forget(room);
    for (const [number, { message, reject }] of [...this.#calls]) {
      if (message.name !== 'join' || message.args[0] !== room) continue;
      this.#calls.delete(number);
      reject(new RingcastError('left', `left ${room}`));
    }
    this.#say({ do: 'leave', room });
  }

  /** @param {string} room */
  #forget(room) {
    this.#rooms.delete(room);
    this.#positions.delete(room);
  }

  /**
   * @template {keyof Events & string} Type
   * @overload
   * @param {string} room
   * @param {Events[Type]} payload
   * @param {import('./types.js').PublishOptions & { event: Type }} options
   * @returns {Promise<import('./types.js').Published>}
   */
  /**
   * @overload
   * @param {string} room
   * @param {unknown} payload
   * @param {import('./types.js').PublishOptions & { event?: undefined }} [options]
   * @returns {Promise<import('./types.js').Published>}
   */
  /**
   * @param {string} room
   * @param {unknown} payload
   * @param {import('./types.js').PublishOptions} [options]
   * @returns {Promise<import('./types.js').Published>}
   */
  publish(room, payload, options) { return this.#publish('publish', room, payload, options); }

  /**
   * @param {string} user
   * @param {unknown} payload
   * @param {import('./types.js').PublishOptions} [options]
   * @returns {Promise<import('./types.js').Published>}
   */
  direct(user, payload, options) { return this.#publish('direct', user, payload, options); }

  /**
   * @param {string} name
   * @param {string} target
   * @param {unknown} payload
   * @param {import('./types.js').PublishOptions} [options]
   */
  #publish(name, target, payload, { signal, ...options } = {}) {
    // The key is the tab's: another worker sends it again under the same.
    const keyed = { ...options, idempotencyKey: options.idempotencyKey ?? `${this.#keys}-${this.#numbers + 1}` };
    return this.#call(name, [target, payload, keyed], { signal, repeatable: true });
  }

  /**
   * @param {string} room
   * @param {import('./types.js').CallOptions} [options]
   * @returns {Promise<import('./types.js').Members>}
   */
  members(room, { signal } = {}) { return this.#call('members', [room], { signal }); }

  /**
   * @param {string} room
   * @param {import('./types.js').HistoryOptions} [options]
   * @returns {Promise<import('./types.js').History>}
   */
  history(room, { signal, ...options } = {}) { return this.#call('history', [room, options], { signal }); }

  /**
   * @param {string} room
   * @param {Uint8Array | ArrayBuffer} bytes
   * @returns {Promise<void>}
   */
  sendBinary(room, bytes) { return this.#call('sendBinary', [room, bytes]); }

  /** @param {string} room */
  typing(room) { this.#say({ do: 'call', name: 'typing', args: [room] }); }

  /** @param {import('./types.js').Status} status */
  setStatus(status) {
    this.#status = status;
    this.#say({ do: 'call', name: 'setStatus', args: [status] });
  }

  /**
   * @param {string} name
   * @param {any[]} args
   * @param {{ signal?: AbortSignal, repeatable?: boolean }} [options]
   * @returns {Promise<any>}
   */
  #call(name, args, { signal, repeatable = false } = {}) {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (!this.#isOpen) return Promise.reject(this.#closedError());
    const number = ++this.#numbers;
    return new Promise((resolve, reject) => {
      const aborted = () => {
        this.#calls.delete(number);
        this.#say({ do: 'cancel', number });
        reject(signal?.reason);
      };
      const settled = () => signal?.removeEventListener('abort', aborted);
      signal?.addEventListener('abort', aborted);
      const message = { do: 'call', number, name, args };
      this.#calls.set(number, {
        message, repeatable,
        resolve: (value) => { settled(); resolve(value); },
        reject: (error) => { settled(); reject(error); },
      });
      this.#say(message);
    });
  }
}
