// SPDX-License-Identifier: Apache-2.0
// A clock that stands still until a test moves it: what the client waits for happens when the test says so.

export class ManualClock {
  constructor() {
    this.time = 1_000_000;
    this.timers = new Map();
    this.next = 1;
  }

  now() { return this.time; }

  setTimeout(run, ms) {
    this.timers.set(this.next, { at: this.time + ms, run });
    return this.next++;
  }

  clearTimeout(timer) { this.timers.delete(timer); }

  // `ms` have gone by, but no timer has run: the machine was asleep.
  skip(ms) { this.time += ms; }

  // Lets `ms` go by; what falls due runs in order, at its own time.
  advance(ms) {
    const end = this.time + ms;
    for (;;) {
      const due = [...this.timers].filter(([, { at }]) => at <= end).sort(([a, x], [b, y]) => x.at - y.at || a - b)[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.time = Math.max(this.time, due[1].at);
      due[1].run();
    }
    this.time = end;
  }
}
