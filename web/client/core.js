// SPDX-License-Identifier: Apache-2.0
// What a client follows, how far it has read and what it has still to publish, whichever transport carries it.
//
// Every channel has a position: the id of the last message taken. Whatever link comes next names the positions, the
// server replays what came after them, and what is at or below a position is a duplicate and dropped.

import { Connection } from './connection.js';
import { Emitter } from './emitter.js';
import { environmentOf } from './environment.js';
import { RingcastError } from './errors.js';
import { camelCase, checkRoom, keyOf, roomList } from './names.js';

// These carry an id that is an answer or a position, not a message of the channel's sequence.
const kNotInSequence = new Set(['ack', 'joined', 'left', 'members', 'history', 'gap', 'lagged', 'connection_id', 'error', 'problem']);

/** @param {any} event */
export const isInSequence = ({ room, id, type }) => room !== undefined && Number.isSafeInteger(id) && !kNotInSequence.has(type);

/** A room that is followed. Its identity tells one following from a later one of the same room. */
class Subscription {
  /** @param {string} room */
  constructor(room) {
    this.room = room;
    /** @type {Promise<any> | null} */
    this.joining = null;
    /** @type {(event: any) => void} */
    this.resolve = () => {};
    /** @type {(error: unknown) => void} */
    this.reject = () => {};
    /** @type {object | null} the link over which the server has confirmed it */
    this.confirmed = null;
  }
}

/**
 * A message that the server has not confirmed; sent again after a reconnect.
 * @typedef {object} Pending
 * @property {string} ref
 * @property {string} key
 * @property {Record<string, unknown>} body
 * @property {boolean | undefined} echo
 * @property {(ack: any) => void} resolve
 * @property {(error: unknown) => void} reject
 */

export class Core {
  /** @param {import('./types.js').ClientOptions} options */
  constructor(options) {
    this.env = environmentOf(options);
    this.base = new URL(options.url ?? globalThis.location?.href);
    this.user = options.user ?? '';
    this.tenant = options.tenant ?? '';
    this.tokenSource = options.token ?? '';
    this.token = typeof this.tokenSource === 'string' ? this.tokenSource : '';
    /** Whether the source has a token that was not refused yet: of a SharedWorker's, which has several. */
    this.moreTokens = () => false;
    this.signal = options.signal;
    this.openTimeoutMs = options.openTimeoutMs ?? 10000;
    this.silenceTimeoutMs = options.silenceTimeoutMs ?? 10000;
    this.pollTimeoutMs = options.pollTimeoutMs ?? 25000;
    this.pendingMax = options.pendingMax ?? 1000;
    this.emitter = new Emitter();
    /** @type {Map<string, Subscription>} */
    this.subscriptions = new Map(roomList(options.rooms).map((room) => [room, new Subscription(room)]));
    const positions = options.positions ?? {};
    /** @type {Map<string, number>} */
    this.positions = new Map(positions instanceof Map ? positions : Object.entries(positions));
    /** @type {Map<string, Pending>} by ref */
    this.pending = new Map();
    this.keyPrefix = this.env.random().toString(36).slice(2, 12) + this.env.clock.now().toString(36);
    this.refs = 0;
    this.status = '';
    this.connectionId = '';
    this.connection = new Connection(this, options.transports);
  }

  get link() { return this.connection.link; }

  // --- rooms --------------------------------------------------------------------------------------------------------

  /**
   * @param {string} room
   * @param {AbortSignal} [signal]
   * @returns {Promise<any>}
   */
  join(room, signal) {
    try {
      signal?.throwIfAborted();
      checkRoom(room);
    } catch (error) {
      return Promise.reject(error);
    }
    let subscription = this.subscriptions.get(room);
    if (this.connection.state.name === 'stopped') return Promise.reject(this.closedError());
    if (!subscription) {
      subscription = new Subscription(room);
      this.subscriptions.set(room, subscription);
      this.link?.sync();
    }
    if (this.link && subscription.confirmed === this.link) return Promise.resolve({ type: 'joined', room, id: this.positions.get(room) });
    const target = subscription;
    const joining = target.joining ??= new Promise((resolve, reject) => Object.assign(target, { resolve, reject }));
    joining.catch(() => {});  // the `error` event reports it, too
    if (!signal) return joining;
    return new Promise((resolve, reject) => {
      const aborted = () => {
        reject(signal.reason);
        if (this.subscriptions.get(room) === subscription) this.leave(room);
      };
      signal.addEventListener('abort', aborted, { once: true });
      joining.then(resolve, reject).finally(() => signal.removeEventListener('abort', aborted));
    });
  }

  /** @param {string} room */
  leave(room) {
    const subscription = this.subscriptions.get(room);
    if (!subscription) return;
    this.forget(subscription, new RingcastError('left', `left ${room}`));
    this.link?.sync();
  }

  /**
   * The server has confirmed it over this link.
   * @param {Subscription} subscription
   * @param {import('./link.js').Link} link
   * @param {any} event
   */
  joined(subscription, link, event) {
    if (this.subscriptions.get(subscription.room) !== subscription) return;
    const again = subscription.confirmed !== null;
    subscription.confirmed = link;
    subscription.joining = null;
    subscription.resolve(event);
    if (!again) this.emit(event);
  }

  /**
   * @param {Subscription} subscription
   * @param {{ code: string, message: string }} error
   */
  refused(subscription, { code, message }) {
    if (this.subscriptions.get(subscription.room) !== subscription) return;
    this.forget(subscription, new RingcastError(code, message));
    this.emit({ type: 'error', room: subscription.room, code, message });
  }

  /**
   * @param {Subscription} subscription
   * @param {unknown} error
   */
  forget(subscription, error) {
    this.subscriptions.delete(subscription.room);
    this.positions.delete(subscription.room);
    subscription.reject(error);
  }

  // What a stream has to name and a WebSocket hears by itself. An anonymous client has no inbox.
  get ownChannels() { return this.user || this.token ? ['@me', '*'] : ['*']; }

  /**
   * Those of the channels that have a position.
   * @param {Iterable<string>} channels
   * @returns {[string, number][]}
   */
  known(channels) {
    return [...channels].flatMap((channel) => {
      const id = this.positions.get(channel);
      return id === undefined ? [] : [/** @type {[string, number]} */ ([channel, id])];
    });
  }

  // --- publishing ---------------------------------------------------------------------------------------------------

  /**
   * @param {Record<string, string>} target
   * @param {unknown} payload
   * @param {import('./types.js').PublishOptions} [options]
   * @returns {Promise<any>}
   */
  publish(target, payload, { event, echo, idempotencyKey, signal } = {}) {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.connection.state.name === 'stopped') return Promise.reject(this.closedError());
    if (this.pending.size >= this.pendingMax) {
      return Promise.reject(new RingcastError('too_many_pending', `${this.pendingMax} messages wait to be confirmed`));
    }
    const ref = `p${++this.refs}`;
    const body = { ...target, ...(typeof payload === 'string' ? { content: payload } : { data: payload }), ...(event && { event }) };
    return new Promise((resolve, reject) => {
      const aborted = () => this.settle(ref, signal?.reason);
      const settled = () => signal?.removeEventListener('abort', aborted);
      this.pending.set(ref, {
        ref, key: idempotencyKey ?? `${this.keyPrefix}-${ref}`, body, echo,
        resolve: (ack) => { settled(); resolve(ack); },
        reject: (error) => { settled(); reject(error); },
      });
      signal?.addEventListener('abort', aborted);
      this.link?.publish();
    });
  }

  /**
   * @param {string} ref
   * @param {unknown} error
   * @param {any} [answer]
   */
  settle(ref, error, answer) {
    const message = this.pending.get(ref);
    if (!message) return;
    this.pending.delete(ref);
    if (error) message.reject(error);
    else message.resolve({ id: answer.id, receivers: answer.receivers, duplicate: answer.duplicate === true });
  }

  // --- the connection's life ----------------------------------------------------------------------------------------

  closedError() { return new RingcastError('closed', /** @type {any} */ (this.connection.state).reason); }

  /** The connection has stopped: what waits is rejected. */
  stopped() {
    const error = this.closedError();
    for (const ref of [...this.pending.keys()]) this.settle(ref, error);
    for (const subscription of this.subscriptions.values()) {
      subscription.confirmed = subscription.joining = null;
      subscription.reject(error);
    }
    this.emitter.end();
  }

  /**
   * @param {string} path
   * @param {Record<string, unknown>} [query]
   */
  url(path, query = {}) {
    const url = new URL(this.base);
    url.pathname = this.base.pathname.replace(/[^/]*$/, '') + path.slice(1);
    url.hash = '';
    // Cursors have separators that must not be encoded.
    url.search = Object.entries({ user: this.user, token: this.token, tenant: this.tenant, ...query })
      .filter(([, value]) => value !== undefined && value !== '')
      .map(([key, value]) => `${key}=${key === 'since' ? value : encodeURIComponent(String(value))}`).join('&');
    return url;
  }

  // --- what the server sends, over any transport --------------------------------------------------------------------

  /** @param {any} event */
  emit(event) { this.emitter.emit(event.type, event); }

  /**
   * Where a link that has opened begins. A channel that is ahead of it has heard more over the link before.
   * @param {import('./link.js').Link} link
   * @param {Record<string, number>} positions
   */
  begin(link, positions) {
    for (const [name, id] of Object.entries(positions)) {
      const channel = keyOf(name);
      const subscription = link.subscriptions.get(channel);
      const own = channel === '@me' || channel === '*';
      if (!own && !(subscription && subscription === this.subscriptions.get(channel))) continue;
      if (!this.positions.has(channel)) this.positions.set(channel, id);
      if (subscription) this.joined(subscription, link, { type: 'joined', room: channel, id });
    }
  }

  /**
   * @param {import('./link.js').Link} link
   * @param {Record<string, any>} raw
   */
  deliver(link, raw) {
    if (link !== this.link) return;
    const event = camelCase(raw);
    const channel = event.room === undefined ? undefined : keyOf(event.room);
    const subscription = channel === undefined ? undefined : link.subscriptions.get(channel);
    // Of a room that has been left meanwhile, or that is followed anew and not confirmed yet.
    if (channel !== undefined && channel !== '@me' && channel !== '*' && event.type !== 'error'
      && !(subscription && subscription === this.subscriptions.get(channel))) return;
    switch (event.type) {
      case 'gap':
        if (!this.takeGap(link, channel ?? '', event)) return;
        break;
      case 'left':
        if (!subscription) return;
        link.subscriptions.delete(subscription.room);
        link.asked.delete(subscription.room);
        this.forget(subscription, new RingcastError(event.reason, `taken out of ${channel}: ${event.reason}`));
        break;
      case 'reconnect':
        this.connection.afterMs = event.afterMs ?? 0;
        break;
      case 'token_expiring':
        this.connection.renewToken();
        break;
      default:
        if (channel !== undefined && isInSequence(event)) {
          if (event.id <= (this.positions.get(channel) ?? -1)) return;
          this.positions.set(channel, event.id);
        }
    }
    this.emit(event);
  }

  // True when something is missing. What follows is all that is left.
  /**
   * @param {import('./link.js').Link} link
   * @param {string} channel
   * @param {{ oldest: number }} event
   */
  takeGap(link, channel, { oldest }) {
    const position = this.positions.get(channel);
    const named = link.from.get(channel);
    // The link before has heard meanwhile what this one was not given. (Where nothing lies between, the channel began anew.)
    if (position !== undefined && named !== undefined && oldest - 1 > named && position >= oldest - 1) return false;
    this.positions.set(channel, Math.max(oldest - 1, 0));
    return true;
  }
}
