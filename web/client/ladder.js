// SPDX-License-Identifier: Apache-2.0
// Which transport to try: from the best downwards, until one gets through; that one is kept, and the better ones get
// another chance now and then, at a reconnect.

const kFailuresMax = 3;                  // in a row, of a transport that has worked before
const kBetterAfterMs = 10 * 60 * 1000;

export class Ladder {
  constructor(kinds, clock) {
    this.kinds = kinds;
    this.clock = clock;
    this.rung = 0;
    this.proven = -1;     // the rung that has worked last
    this.failures = 0;
    this.better_at = 0;
  }

  get kind() { return this.kinds[this.rung]; }

  opened() {
    this.failures = 0;
    if (this.proven !== this.rung) this.better_at = this.clock.now() + kBetterAfterMs;
    this.proven = this.rung;
  }

  // One that was open is gone.
  lost() {
    if (this.rung > 0 && this.clock.now() >= this.better_at) this.rung = 0;
  }

  // The server itself has refused, over whatever got through to it: from the top again.
  refused() { this.rung = Math.max(this.proven, 0); }

  // One did not get through. True: the next is to be tried at once; false: wait, then begin where it says.
  failed() {
    if (this.rung === this.proven && ++this.failures < kFailuresMax) return false;
    if (this.rung + 1 < this.kinds.length) {
      this.rung++;
      return true;
    }
    this.rung = 0;
    this.failures = kFailuresMax;
    return false;
  }
}
