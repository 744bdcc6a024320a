// SPDX-License-Identifier: Apache-2.0
// What the outside world provides: clock, chance, fetch, WebSocket. An application may hand in its own (a WebSocket on
// Node 18, a clock in tests).

const kClock = {
  now: () => Date.now(),
  set_timeout: (run, ms) => setTimeout(run, ms),
  clear_timeout: (timer) => clearTimeout(timer),
};

export function environment_of({ clock = kClock, random = Math.random, fetch = globalThis.fetch, WebSocket = globalThis.WebSocket }) {
  // Browsers refuse a fetch that is called as somebody's method.
  return { clock, random, fetch: (...rest) => fetch(...rest), WebSocket };
}

// A timer that is set anew or cleared, never twice at work.
export class Timer {
  constructor(clock) {
    this.clock = clock;
    this.timer = undefined;
  }

  set(ms, run) {
    this.clear();
    this.timer = this.clock.set_timeout(() => {
      this.timer = undefined;
      run();
    }, ms);
  }

  clear() {
    if (this.timer !== undefined) this.clock.clear_timeout(this.timer);
    this.timer = undefined;
  }
}

// Says when nothing has been heard for so long. Hearing costs no timer.
export class Watchdog {
  constructor(clock) {
    this.clock = clock;
    this.timer = new Timer(clock);
  }

  start(silence_ms, on_silence) {
    Object.assign(this, { silence_ms, on_silence });
    this.heard();
    this.timer.set(silence_ms, () => this.look());
  }

  heard() { this.heard_at = this.clock.now(); }

  look() {
    const left_ms = this.heard_at + this.silence_ms - this.clock.now();
    if (left_ms > 0) this.timer.set(left_ms, () => this.look());
    else this.on_silence();
  }

  stop() { this.timer.clear(); }
}
