// SPDX-License-Identifier: Apache-2.0
// The Server-Sent Events transport: one stream for all rooms, opened with POST, whose body names them.

import { Watchdog } from './environment.js';
import { Refusal, readEvents } from './event_stream.js';
import { HttpLink } from './http_link.js';
import { kCut, kSilent, reactionToClose, reactionToRefusal, unreachable } from './reactions.js';

const kHeartbeatMs = 25000;

export class StreamLink extends HttpLink {
  /** @param {import('./core.js').Core} core */
  constructor(core) {
    super('sse', core);
    this.watchdog = new Watchdog(core.env.clock);
    this.ready = false;
    /** @type {any} how the server says that the stream ends */
    this.ending = null;
    /** @type {any} why */
    this.problem = null;
    /** @type {number | undefined} */
    this.retryMs = undefined;
  }

  async connect() {
    const { core } = this;
    const { signal } = this.stopping;
    this.begin();
    try {
      await readEvents(core.url('/events', { heartbeat: 'event' }), {
        fetch: core.env.fetch, signal, body: JSON.stringify(this.body()), headers: { 'Content-Type': 'text/plain' },
        onEvent: (event) => { if (!signal.aborted) this.take(event); },
        onRetry: (ms) => { this.retryMs = ms; },
      });
      if (!signal.aborted) this.lost(this.reaction());
    } catch (error) {
      if (signal.aborted) return;
      this.lost(error instanceof Refusal ? reactionToRefusal(error) : this.ready ? kCut : unreachable(core.base));
    }
  }

  // A `retry:` at the end of a stream is what the server asks for this time.
  reaction() {
    const reaction = this.ending ? reactionToClose(this.ending.code, this.ending.reason, this.problem)
      : { ...kCut, code: 'stream_ended', reason: 'the stream ended', blocked: !this.ready };
    return this.ready ? reaction : { ...reaction, afterMs: this.retryMs };
  }

  /** @param {import('./event_stream.js').StreamEvent} event */
  take({ type, data }) {
    const { core } = this;
    this.watchdog.heard();
    if (type === 'heartbeat') return;
    const event = { event_type: type, ...JSON.parse(data) };
    if (type === 'close') {
      this.ending = event;
    } else if (type === 'problem' && event.room !== undefined) {
      this.refuseRoom(event);
    } else if (type === 'problem') {
      this.problem = event;
      if (this.ready) core.deliver(this, event);
    } else if (type === 'connection_id') {
      this.ready = true;
      const { positions: _positions, ...rest } = event;
      this.watchdog.start((event.heartbeat_interval_ms ?? kHeartbeatMs) + core.silenceTimeoutMs, () => this.lost(kSilent));
      if (this.open(event)) core.deliver(this, rest);
    } else {
      core.deliver(this, event);
    }
  }

  close() {
    super.close();
    this.watchdog.stop();
  }
}
