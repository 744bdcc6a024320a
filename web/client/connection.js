// SPDX-License-Identifier: Apache-2.0
// The state machine of a client: which link carries it, which is being opened, and when to try again (docs/client.md).
//
// Two links at most: `link`, which the server has confirmed and which carries everything, and `candidate`, which is being
// opened and takes over when the server has confirmed it. So a better transport is probed, and rooms and tokens are
// changed, beside a link that goes on working.
//
//   idle ─open()─► connecting ─confirmed─► open ─lost─► waiting ─delay─► connecting
//   any state ─close(), refused for good─► stopped ─open()─► connecting

import { Timer } from './environment.js';
import { Ladder } from './ladder.js';
import { PollLink } from './poll_link.js';
import { kNoAnswer } from './reactions.js';
import { StreamLink } from './stream_link.js';
import { WebSocketLink } from './websocket_link.js';

/** @typedef {import('./ladder.js').Transport} Transport */
/** @typedef {import('./link.js').Link} Link */
/** @typedef {import('./reactions.js').Reaction} Reaction */

const kLinks = { websocket: WebSocketLink, sse: StreamLink, poll: PollLink };
const kStableMs = 10000;         // a connection that lived so long has worked, and earns an immediate retry
const kChangePauseMs = 100;      // between two changes of rooms that each take a new link
const kProbeAloneMs = 1000;      // a probe may hold up other changes for so long
const kTokenRefusalsMax = 2;     // so many fresh tokens in a row refused: the next would be as well
const kDelayMaxMs = 30000;

// At once, then 1 s + random(0–1 s), 2 s + random(0–2 s), 4 s …, at most 30 s.
/**
 * @param {number} attempt
 * @param {() => number} [random]
 */
export function backoffMs(attempt, random = Math.random) {
  if (attempt <= 0) return 0;
  const base = 1000 * 2 ** Math.min(attempt - 1, 10);
  return Math.min(base + random() * base, kDelayMaxMs);
}

/**
 * @param {unknown} why
 * @returns {Reaction}
 */
const noToken = (why) => ({ do: 'again', code: 'token', reason: `no token: ${why}`, busy: true });

export class Connection {
  /**
   * @param {import('./core.js').Core} core
   * @param {readonly Transport[]} [transports]
   */
  constructor(core, transports = ['websocket', 'sse', 'poll']) {
    this.core = core;
    const { env } = core;
    this.env = env;
    const unknown = transports.find((kind) => !Object.hasOwn(kLinks, kind));
    if (unknown !== undefined) throw new TypeError(`transport "${unknown}"; there are: ${Object.keys(kLinks).join(', ')}`);
    const kinds = transports.filter((kind) => kind !== 'websocket' || env.WebSocket);
    if (!kinds.length) throw new TypeError('no transport is left: pass a WebSocket as options.WebSocket');
    this.ladder = new Ladder(kinds, env);
    /** @type {import('./types.js').State} */
    this.state = { name: 'idle' };
    /** @type {Link | null} */
    this.link = null;
    /** @type {Link | null} */
    this.candidate = null;
    this.openTimer = new Timer(env.clock);     // of the candidate
    this.retryTimer = new Timer(env.clock);    // while waiting
    this.probeTimer = new Timer(env.clock);    // of a better transport, while open
    this.changeTimer = new Timer(env.clock);   // of a new link for other rooms, while open
    this.attempt = 0;
    this.changeAttempt = 0;
    this.openedAt = this.changedAt = this.candidateAt = 0;
    this.afterMs = 0;                          // what the server has asked for with `reconnect`
    this.tokenWanted = typeof core.tokenSource === 'function';
    this.tokenRefusals = 0;
    this.roomsInUrl = true;
  }

  open() {
    if (this.state.name !== 'idle' && this.state.name !== 'stopped') return;
    this.attempt = this.tokenRefusals = this.afterMs = 0;
    const listen = /** @type {any} */ (globalThis).addEventListener;
    if (listen && !this.onOnline) {
      this.onOnline = () => this.online();
      listen('online', this.onOnline);
    }
    this.round();
  }

  /** @param {Reaction} reaction */
  stop({ code, reason }, needsToken = false) {
    if (this.state.name === 'stopped') return;
    for (const timer of [this.openTimer, this.retryTimer, this.probeTimer, this.changeTimer]) timer.clear();
    if (this.onOnline) /** @type {any} */ (globalThis).removeEventListener?.('online', this.onOnline);
    this.onOnline = undefined;
    this.drop(this.candidate);
    this.drop(this.link);
    this.become({ name: 'stopped', code, reason, needsToken });
    this.core.stopped();
  }

  /** @param {Link | null} link */
  drop(link) {
    if (link === this.link) this.link = null;
    if (link === this.candidate) this.candidate = null;
    link?.close();
  }

  /** @param {import('./types.js').State} state */
  become(state) {
    this.state = state;
    this.core.emitter.emit('state', state);
  }

  // --- opening ------------------------------------------------------------------------------------------------------

  // From the best usable transport downwards.
  round() {
    this.retryTimer.clear();
    this.afterMs = 0;
    this.ladder.begin();
    this.try(this.ladder.kind);
  }

  /** @param {Transport} kind */
  async try(kind) {
    this.drop(this.candidate);
    const link = new kLinks[kind](this.core);
    this.candidate = link;
    this.candidateAt = this.env.clock.now();
    this.openTimer.set(this.core.openTimeoutMs, () => this.lost(link, this.tokenWanted ? noToken('none has come in time') : kNoAnswer));
    if (!this.link) this.become({ name: 'connecting', transport: kind });
    if (this.candidate !== link) return;  // a listener has closed the client
    if (this.tokenWanted) {
      try {
        const token = await this.fetchToken();
        if (this.candidate !== link) return;
        this.takeToken(token);
      } catch (error) {
        this.lost(link, noToken(/** @type {Error} */ (error)?.message ?? error));
        return;
      }
    }
    link.connect();
  }

  async fetchToken() {
    const { tokenSource } = this.core;
    return typeof tokenSource === 'function' ? tokenSource() : tokenSource;
  }

  /** @param {string | null | undefined} token */
  takeToken(token) {
    this.core.token = token ?? '';
    this.tokenWanted = false;
  }

  /**
   * The server has confirmed the link: it takes over. False when it is not wanted any more.
   * @param {Link} link
   * @param {string} connectionId
   */
  opened(link, connectionId) {
    if (link !== this.candidate) return false;
    this.openTimer.clear();
    this.candidate = null;
    const old = this.link;
    this.link = link;
    old?.close();
    this.core.connectionId = connectionId;
    if (old?.kind !== link.kind) this.openedAt = this.env.clock.now();
    this.changedAt = this.env.clock.now();
    this.tokenRefusals = 0;
    this.ladder.opened(link.kind);
    this.probeLater();
    if (old?.kind !== link.kind) this.become({ name: 'open', transport: link.kind });
    return this.link === link;
  }

  // --- losing -------------------------------------------------------------------------------------------------------

  /**
   * A link has not opened, or has ended.
   * @param {Link} link
   * @param {Reaction} reaction
   */
  lost(link, reaction) {
    if (link === this.candidate) {
      this.openTimer.clear();
      this.drop(this.candidate);
      if (this.link) this.replacementFailed(link, reaction);
      else this.openingFailed(reaction);
    } else if (link === this.link) {
      this.drop(this.link);
      this.probeTimer.clear();
      this.changeTimer.clear();
      if (this.env.clock.now() - this.openedAt >= kStableMs) {
        this.attempt = 0;
        this.ladder.ended(link.kind, 'well');
      } else if (reaction.blocked) {
        this.ladder.ended(link.kind, 'early');
      }
      // The next one is under way: no need to wait, unless the server wants something else.
      if (this.candidate && reaction.do === 'again' && !reaction.busy && !this.afterMs) {
        this.ladder.at = this.ladder.indexOf(this.candidate.kind);
        return this.become({ name: 'connecting', transport: this.candidate.kind });
      }
      this.openTimer.clear();
      this.drop(this.candidate);
      this.react(reaction);
    }
    return undefined;
  }

  /** @param {Reaction} reaction */
  openingFailed(reaction) {
    if (reaction.do === 'again' && reaction.blocked && this.ladder.failed()) this.try(this.ladder.kind);
    else this.react(reaction);
  }

  /**
   * Beside a link that works.
   * @param {Link} link
   * @param {Reaction} reaction
   */
  replacementFailed(link, reaction) {
    if (link.kind !== this.link?.kind) {
      this.ladder.probeFailed(link.kind);
      if (reaction.do === 'token') this.tokenWanted = typeof this.core.tokenSource === 'function';
      this.probeLater();
      if (this.link?.outdated) this.change();
      return;
    }
    if (reaction.do === 'again') {
      this.changeLater(reaction.afterMs);
    } else if (reaction.do === 'token' && this.mayRenewToken()) {
      this.replace();
    } else {
      this.stop(reaction, reaction.do === 'token');
    }
  }

  /** @param {Reaction} reaction */
  react(reaction) {
    if (reaction.do === 'stop') return this.stop(reaction);
    if (reaction.do === 'token' && !this.mayRenewToken()) return this.stop(reaction, true);
    if (reaction.busy) this.attempt = Math.max(this.attempt, 1);
    const delayMs = Math.max(this.afterMs, reaction.afterMs ?? 0, backoffMs(this.attempt++, this.env.random));
    this.retryTimer.set(delayMs, () => this.round());
    return this.become({ name: 'waiting', code: reaction.code, reason: reaction.reason, delayMs });
  }

  mayRenewToken() {
    this.tokenWanted = typeof this.core.tokenSource === 'function';
    return this.tokenWanted && (this.tokenRefusals++ < kTokenRefusalsMax || this.core.moreTokens());
  }

  // --- while open ---------------------------------------------------------------------------------------------------

  probeLater() {
    this.probeTimer.clear();
    const next = this.ladder.nextProbe();
    if (!next) return;
    this.probeTimer.set(next.delayMs, () => {
      if (this.candidate) this.probeTimer.set(kChangePauseMs, () => this.probeLater());
      else this.try(next.kind);
    });
  }

  // Other rooms, or another token: a link that cannot take them needs a successor. Several changes of one moment are one.
  change() {
    if (!this.link || this.changeTimer.pending || this.candidate?.kind === this.link.kind) return;
    this.changeTimer.set(Math.max(0, this.changedAt + kChangePauseMs - this.env.clock.now()), () => this.replace());
  }

  replace() {
    if (!this.link || this.candidate?.kind === this.link.kind) return;
    if (this.candidate) {  // a probe: it has to wait when it takes long
      const leftMs = this.candidateAt + kProbeAloneMs - this.env.clock.now();
      if (leftMs > 0) return this.changeTimer.set(leftMs, () => this.replace());
      this.ladder.probeFailed(this.candidate.kind);
      this.probeLater();
    }
    return this.try(this.link.kind);
  }

  // What the server could not do now it may do later.
  changeLater(afterMs = 0) {
    this.changeTimer.set(Math.max(afterMs, backoffMs(++this.changeAttempt, this.env.random)), () => this.replace());
  }

  // A link that the server has confirmed may be outdated already.
  /** @param {Link} link */
  catchUp(link) {
    this.changeAttempt = 0;
    if (link === this.link && link.outdated) this.change();
  }

  async renewToken() {
    const { link } = this;
    if (typeof this.core.tokenSource !== 'function' || !link) return;
    try {
      const token = await this.fetchToken();
      if (this.link !== link) return;
      this.takeToken(token);
      link.renew(this.core.token);
    } catch {
      this.tokenWanted = true;  // the close that follows the expiry asks again
    }
  }

  /** The device is back on a network: what waits need not wait, and what is open may be dead. */
  online() {
    this.attempt = 0;
    this.ladder.forget();
    if (this.state.name === 'waiting') this.round();
    else if (this.link) {
      this.link.check();
      this.probeLater();
    }
  }
}
