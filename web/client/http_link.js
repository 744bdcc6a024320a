// SPDX-License-Identifier: Apache-2.0
// What streams and polls have in common: their rooms are fixed when they begin, so that a change takes a successor, and
// what is published goes by requests of its own, one at a time, so that the order holds.

import { backoffMs } from './connection.js';
import { Timer } from './environment.js';
import { asRingcastError, request } from './http.js';
import { Link } from './link.js';
import { keyOf } from './names.js';
import { isPassing, retryAfterOf } from './reactions.js';

export class HttpLink extends Link {
  /**
   * @param {import('./ladder.js').Transport} kind
   * @param {import('./core.js').Core} core
   */
  constructor(kind, core) {
    super(kind, core);
    this.stopping = new AbortController();
    this.sending = false;
    this.sendTimer = new Timer(core.env.clock);
    /** @type {() => void} */
    this.goOn = () => {};
    /** @type {string[]} */
    this.channels = [];
    this.token = '';
  }

  /** What is asked for, by name. */
  begin() {
    const { core } = this;
    this.asked = new Map(core.subscriptions);
    this.subscriptions = new Map(this.asked);
    this.channels = [...this.asked.keys(), ...core.ownChannels];
    this.from = new Map(core.known(this.channels));
    this.token = core.token;
  }

  /** The body of a request: the rooms, and the position in each that is known. */
  body() { return { rooms: this.channels, positions: Object.fromEntries(this.from) }; }

  get outdated() {
    const { subscriptions, token } = this.core;
    return token !== this.token || subscriptions.size !== this.asked.size
      || [...subscriptions].some(([room, subscription]) => this.asked.get(room) !== subscription);
  }

  /**
   * The server has confirmed: true when this link carries the client now.
   * @param {{ positions?: Record<string, number>, connection_id?: string }} event
   */
  open({ positions = {}, connection_id = '' }) {
    if (!this.connection.opened(this, connection_id)) return false;
    for (const [name, id] of Object.entries(positions)) if (!this.from.has(keyOf(name))) this.from.set(keyOf(name), id);
    this.core.begin(this, positions);
    this.publish();
    this.connection.catchUp(this);
    return this.connection.link === this;
  }

  /**
   * An `error` that names a room: the room is not joined, the others are.
   * @param {any} event
   */
  refuseRoom({ room, code, message }) {
    const subscription = this.asked.get(room);
    if (!subscription) return;
    this.subscriptions.delete(room);
    if (isPassing(code)) {
      this.asked.delete(room);
      this.connection.changeLater();
    } else if (code === 'no_history' && subscription.confirmed) {
      // Followed over a better transport before: goes on when that is back.
      this.core.emit({ type: 'error', room, code, message });
    } else {
      this.asked.delete(room);
      this.core.refused(subscription, { code, message });
    }
  }

  sync() {
    if (this.outdated) this.connection.change();
  }

  renew() { this.connection.replace(); }
  check() { this.connection.replace(); }

  async publish() {
    if (this.sending) return;
    this.sending = true;
    const { core } = this;
    for (let attempt = 0; core.pending.size && !this.stopping.signal.aborted;) {
      const [message] = core.pending.values();
      const retryAfterMs = await this.post(message);
      if (retryAfterMs < 0) {
        attempt = 0;
        continue;
      }
      if (this.stopping.signal.aborted) break;
      const delayMs = Math.max(retryAfterMs, backoffMs(++attempt, core.env.random));
      await new Promise((resolve) => {
        this.goOn = () => resolve(undefined);
        this.sendTimer.set(delayMs, this.goOn);
      });
    }
    this.sending = false;
  }

  // Negative when it is settled, else how long to wait at least. The key makes it safe to send it again.
  /** @param {import('./core.js').Pending} message */
  async post({ ref, key, body, echo }) {
    const { core } = this;
    try {
      const { event_id: id, receivers, duplicate } = await request(core, '/messages', {
        type: 'application/json',
        body: {
          ...body, user: core.user || undefined, idempotency_key: key,
          exclude: echo === false && core.connectionId ? core.connectionId : undefined,
        },
        signal: this.stopping.signal,
      });
      core.settle(ref, null, { id, receivers, duplicate });
      return -1;
    } catch (error) {
      const retryAfterMs = this.stopping.signal.aborted ? 0 : retryAfterOf(error);
      if (retryAfterMs < 0) core.settle(ref, asRingcastError(error, core.base));
      return retryAfterMs;
    }
  }

  close() {
    this.stopping.abort();
    this.sendTimer.clear();
    this.goOn();
  }
}
