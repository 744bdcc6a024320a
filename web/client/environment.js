// SPDX-License-Identifier: Apache-2.0
// What the outside world provides: clock, randomness, fetch, WebSocket. An application may pass its own (a WebSocket on
// Node 18, a clock in tests).

/**
 * @typedef {object} Clock
 * @property {() => number} now milliseconds
 * @property {(run: () => void, ms: number) => unknown} setTimeout
 * @property {(timer: any) => void} clearTimeout
 */

/** @type {Clock} */
const kClock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer),
};

/**
 * @typedef {object} Environment
 * @property {Clock} clock
 * @property {() => number} random
 * @property {typeof globalThis.fetch} fetch
 * @property {any} WebSocket
 */

/**
 * @param {Partial<Environment>} options
 * @returns {Environment}
 */
export function environmentOf({ clock = kClock, random = Math.random, fetch = globalThis.fetch, WebSocket = globalThis.WebSocket }) {
  // Browsers refuse a fetch that is called as a method of another object.
  return { clock, random, fetch: (...rest) => fetch(...rest), WebSocket };
}

/** A timer that is set again or cleared, and never runs twice at once. */
export class Timer {
  /** @param {Clock} clock */
  constructor(clock) {
    this.clock = clock;
    /** @type {unknown} */
    this.timer = undefined;
  }

  get pending() { return this.timer !== undefined; }

  /**
   * @param {number} ms
   * @param {() => void} run
   */
  set(ms, run) {
    this.clear();
    this.timer = this.clock.setTimeout(() => {
      this.timer = undefined;
      run();
    }, ms);
  }

  clear() {
    if (this.timer !== undefined) this.clock.clearTimeout(this.timer);
    this.timer = undefined;
  }
}

/** Calls back when nothing has been heard for some time. Hearing costs no timer. */
export class Watchdog {
  /** @param {Clock} clock */
  constructor(clock) {
    this.clock = clock;
    this.timer = new Timer(clock);
    this.silenceMs = 0;
    this.heardAt = 0;
    /** @type {() => void} */
    this.onSilence = () => {};
  }

  /**
   * @param {number} silenceMs
   * @param {() => void} onSilence
   */
  start(silenceMs, onSilence) {
    this.silenceMs = silenceMs;
    this.onSilence = onSilence;
    this.heard();
    this.timer.set(silenceMs, () => this.look());
  }

  heard() { this.heardAt = this.clock.now(); }

  look() {
    const leftMs = this.heardAt + this.silenceMs - this.clock.now();
    if (leftMs > 0) this.timer.set(leftMs, () => this.look());
    else this.onSilence();
  }

  stop() { this.timer.clear(); }
}
