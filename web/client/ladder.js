// SPDX-License-Identifier: Apache-2.0
// Which transport to try. From the best downwards until one gets through. A better one that did not is passed over for a
// while (seconds at first, minutes later) and then probed, while the lower one goes on working.

const kFailuresMax = 3;           // in a row, of a transport that has worked before
const kEarlyEndsMax = 3;          // connections that broke soon after they had opened
const kProbeMinMs = 5000;
const kProbeMaxMs = 300000;

/** @typedef {'websocket' | 'sse' | 'poll'} Transport */

class Rung {
  /** @param {Transport} kind */
  constructor(kind) {
    this.kind = kind;
    this.proven = false;
    this.failures = 0;
    this.earlyEnds = 0;
    this.passes = 0;        // how often it was passed over since it last worked well
    this.usableAt = 0;      // passed over until then
  }
}

export class Ladder {
  /**
   * @param {readonly Transport[]} kinds from the best downwards
   * @param {import('./environment.js').Environment} env
   */
  constructor(kinds, env) {
    this.rungs = kinds.map((kind) => new Rung(kind));
    this.env = env;
    this.at = 0;
  }

  get kind() { return this.rungs[this.at].kind; }

  /** @param {Transport} kind */
  indexOf(kind) { return this.rungs.findIndex((rung) => rung.kind === kind); }

  /** A round of attempts begins. */
  begin() {
    const now = this.env.clock.now();
    this.at = Math.max(0, this.rungs.findIndex((rung) => rung.usableAt <= now));
  }

  /** The attempt did not get through. True: try the next one at once; false: wait, then begin a new round. */
  failed() {
    const rung = this.rungs[this.at];
    rung.failures++;
    if (rung.proven && rung.failures < kFailuresMax) return false;
    if (this.at + 1 < this.rungs.length) {
      this.at++;
      return true;
    }
    // Nothing gets through: it is the server or the network, and no reason to pass over any.
    for (const each of this.rungs) each.usableAt = 0;
    return false;
  }

  /** @param {Transport} kind */
  opened(kind) {
    this.at = this.indexOf(kind);
    this.rungs.forEach((rung, index) => {
      if (index < this.at && rung.failures) this.passOver(rung);
    });
    const rung = this.rungs[this.at];
    rung.proven = true;
    rung.failures = rung.usableAt = 0;
  }

  /**
   * The connection that was open is gone.
   * @param {Transport} kind
   * @param {'well' | 'early'} how
   */
  ended(kind, how) {
    const rung = this.rungs[this.indexOf(kind)];
    if (how === 'well') {
      rung.earlyEnds = rung.passes = 0;
    } else if (++rung.earlyEnds >= (rung.passes ? 1 : kEarlyEndsMax) && rung !== this.rungs[this.rungs.length - 1]) {
      this.passOver(rung);
    }
  }

  /** @returns {{ kind: Transport, delayMs: number } | null} the better transport to probe next */
  nextProbe() {
    const [next] = this.rungs.slice(0, this.at).sort((a, b) => a.usableAt - b.usableAt);
    return next ? { kind: next.kind, delayMs: Math.max(0, next.usableAt - this.env.clock.now()) } : null;
  }

  /** @param {Transport} kind */
  probeFailed(kind) { this.passOver(this.rungs[this.indexOf(kind)]); }

  /**
   * @private
   * @param {Rung} rung
   */
  passOver(rung) {
    const { clock, random } = this.env;
    const delay = Math.min(kProbeMinMs * 2 ** rung.passes++, kProbeMaxMs);
    rung.failures = rung.earlyEnds = 0;
    rung.usableAt = clock.now() + delay * (0.75 + random() / 2);
  }

  /** Another network: whatever was in the way may be gone. */
  forget() {
    for (const rung of this.rungs) rung.usableAt = rung.passes = rung.failures = 0;
  }
}
