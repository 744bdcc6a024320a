// SPDX-License-Identifier: Apache-2.0
// The public face of a client; core.js is what works behind it.

import { Core } from './core.js';
import { Timer } from './environment.js';
import { RingcastError } from './errors.js';
import { Refusal } from './event_stream.js';
import { asRingcastError, request } from './http.js';
import { Listening } from './listening.js';
import { camelCase } from './names.js';
import { retryAfterOf } from './reactions.js';

const kReadAttemptsMax = 3;
const kReadPauseMs = 1000;

/**
 * One client of a ringcast server. `Events` maps the application's own event types to the data that they carry.
 * @template {Record<string, any>} [Events=Record<string, any>]
 * @extends {Listening<Events>}
 */
export class Client extends Listening {
  #core;

  /** @param {import('./types.js').ClientOptions} [options] */
  constructor(options = {}) {
    // The SharedWorker's client is made around a core of its own.
    const core = options instanceof Core ? options : new Core(options);
    super(core.emitter);
    this.#core = core;
    const { signal } = core;
    if (signal?.aborted) this.close();
    signal?.addEventListener('abort', () => this.close(), { once: true });
  }

  /** @returns {import('./types.js').State} */
  get state() { return this.#core.connection.state; }

  /** The transport that is open, or being opened. */
  get transport() { return this.state.transport; }

  /** The rooms that are followed. */
  get rooms() { return [...this.#core.subscriptions.keys()]; }

  /**
   * By channel, the id of the last message taken: a copy, which survives JSON and goes into the options of a later client.
   * @returns {Record<string, number>}
   */
  get positions() { return Object.fromEntries(this.#core.positions); }

  /** Of the connection that is open, as the server names it; empty over polling. */
  get connectionId() { return this.#core.connectionId; }

  /** @returns {this} */
  open() {
    this.#core.connection.open();
    return this;
  }

  /** For good, until open() is called again. What has not been confirmed is rejected. */
  close() { this.#core.connection.stop({ do: 'stop', code: 'closed', reason: 'closed by the application' }); }

  // --- rooms and messages -------------------------------------------------------------------------------------------

  /**
   * Resolves when the server has taken the client in. Rejected, the room is not followed.
   * @param {string} room
   * @param {import('./types.js').CallOptions} [options]
   * @returns {Promise<import('./types.js').JoinedEvent>}
   */
  join(room, { signal } = {}) { return this.#core.join(room, signal); }

  /** @param {string} room */
  leave(room) { this.#core.leave(room); }

  /**
   * A string goes as `content`, anything else as `data`. Resolves when the server has given the message its id. It is sent
   * again until then, with one key, so that it is never published twice.
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
  publish(room, payload, options) { return this.#core.publish({ room }, payload, options); }

  /**
   * The same to a user's inbox.
   * @param {string} user
   * @param {unknown} payload
   * @param {import('./types.js').PublishOptions} [options]
   * @returns {Promise<import('./types.js').Published>}
   */
  direct(user, payload, options) { return this.#core.publish({ to: user }, payload, options); }

  /**
   * Binary messages are neither confirmed nor repeated: over a WebSocket that is open, else a RingcastError
   * `needs_websocket` is thrown.
   * @param {string} room
   * @param {Uint8Array | ArrayBuffer} bytes
   */
  sendBinary(room, bytes) {
    const link = /** @type {any} */ (this.#core.link);
    if (!link?.sendBinary) throw new RingcastError('needs_websocket', 'binary messages need an open WebSocket');
    link.sendBinary(room, bytes);
  }

  /**
   * Passing: sent when there is a WebSocket to send it on, else not at all.
   * @param {string} room
   */
  typing(room) { /** @type {any} */ (this.#core.link)?.action?.({ action: 'typing', room }); }

  /**
   * The user's status, over WebSockets; set again after a reconnect.
   * @param {import('./types.js').Status} status
   */
  setStatus(status) {
    this.#core.status = status;
    /** @type {any} */ (this.#core.link)?.action?.({ action: 'status', status });
  }

  /**
   * @param {string} room
   * @param {import('./types.js').CallOptions} [options]
   * @returns {Promise<import('./types.js').Members>}
   */
  members(room, options) { return this.#read('members', { room }, options?.signal); }

  /**
   * Without `after` the newest messages, else those that follow that id.
   * @param {string} room
   * @param {import('./types.js').HistoryOptions} [options]
   * @returns {Promise<import('./types.js').History>}
   */
  async history(room, { after, limit, signal } = {}) {
    const answer = await this.#read('history', { room, after, limit }, signal);
    return { ...answer, messages: answer.messages.map(camelCase) };
  }

  /**
   * @param {string} what
   * @param {Record<string, unknown>} fields
   * @param {AbortSignal} [signal]
   */
  async #read(what, fields, signal) {
    const core = this.#core;
    signal?.throwIfAborted();
    if (core.connection.state.name === 'stopped') throw core.closedError();
    const link = /** @type {any} */ (core.link);
    if (link?.request) return within(core, link.request({ action: what, ...fields }), signal);
    for (let attempt = 1; ; attempt++) {
      try {
        return await request(core, `/${what}`, { query: fields, signal });
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        const retryAfterMs = retryAfterOf(error);
        if (!(error instanceof Refusal) || retryAfterMs < 0 || attempt === kReadAttemptsMax) throw asRingcastError(error, core.base);
        await within(core, new Promise((resolve) => {
          new Timer(core.env.clock).set(Math.max(retryAfterMs, kReadPauseMs), () => resolve(undefined));
        }), signal, Infinity);
      }
    }
  }
}

/**
 * The answer, or a rejection when it takes too long or is not wanted any more.
 * @template T
 * @param {Core} core
 * @param {Promise<T>} answer
 * @param {AbortSignal} [signal]
 * @returns {Promise<T>}
 */
function within(core, answer, signal, timeoutMs = core.openTimeoutMs + core.silenceTimeoutMs) {
  return new Promise((resolve, reject) => {
    const timer = new Timer(core.env.clock);
    const aborted = () => reject(signal?.reason);
    signal?.addEventListener('abort', aborted);
    if (timeoutMs !== Infinity) timer.set(timeoutMs, () => reject(new RingcastError('timeout', `no answer within ${timeoutMs} ms`)));
    answer.then(resolve, reject).finally(() => {
      timer.clear();
      signal?.removeEventListener('abort', aborted);
    });
    answer.catch(() => {});
  });
}
