// SPDX-License-Identifier: Apache-2.0
// The long-polling transport: one request waits, its answer brings the positions of the next. The first does not wait:
// its answer proves that there is a way to the server.

import { Refusal } from './event_stream.js';
import { request } from './http.js';
import { HttpLink } from './http_link.js';
import { keyOf } from './names.js';
import { kSilent, reactionToRefusal, unreachable } from './reactions.js';

export class PollLink extends HttpLink {
  /** @param {import('./core.js').Core} core */
  constructor(core) { super('poll', core); }

  async connect() {
    const { core } = this;
    const { signal } = this.stopping;
    this.begin();
    try {
      for (let opened = false; !signal.aborted; opened = true) {
        const timeout = opened ? Math.ceil(core.pollTimeoutMs / 1000) : 0;
        const answer = await request(core, '/poll', {
          body: { ...this.body(), timeout }, signal, timeoutMs: 1000 * timeout + core.silenceTimeoutMs,
        });
        if (signal.aborted || !(opened || this.opens(answer))) return;
        this.take(answer);
      }
    } catch (error) {
      if (signal.aborted) return;
      const silent = /** @type {any} */ (error)?.code === 'timeout';
      this.lost(error instanceof Refusal ? reactionToRefusal(error) : silent ? kSilent : unreachable(core.base));
    }
  }

  // The inbox bears the name that the server knows the user by.
  /** @param {{ events: any[], positions: Record<string, number> }} answer */
  opens(answer) {
    if (!this.open({ positions: this.starts(answer) })) return false;
    const inbox = Object.keys(answer.positions).find((name) => name[0] === '@' && name !== '@me');
    if (inbox) this.core.deliver(this, { event_type: 'connection_id', connection_id: '', user: inbox.slice(1) });
    return !this.stopping.signal.aborted;
  }

  // Where a room begins that had no position: before the first of its events, if there are any already.
  /** @param {{ events: any[], positions: Record<string, number> }} answer */
  starts({ events, positions }) {
    const starts = { ...positions };
    for (const { room, id } of events) if (Number.isSafeInteger(id) && id <= starts[room]) starts[room] = id - 1;
    return starts;
  }

  /** @param {{ events: any[], gaps?: any[], positions: Record<string, number> }} answer */
  take({ events, gaps = [], positions }) {
    const { core } = this;
    for (const gap of gaps) core.deliver(this, { event_type: 'gap', ...gap });
    for (const event of events) {
      if (this.stopping.signal.aborted) return;  // a listener has closed the client
      if (event.event_type === 'error' && event.room !== undefined) this.refuseRoom(event);
      else core.deliver(this, event);
    }
    this.from = new Map(Object.entries(positions).map(([name, id]) => [keyOf(name), id]));
    this.channels = this.channels.filter((channel) => channel === '*' || channel === '@me' || this.subscriptions.has(channel));
  }
}
