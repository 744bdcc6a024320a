// SPDX-License-Identifier: Apache-2.0
// Says whether what every subscriber saw is exactly what was published: one order for all, ids contiguous per channel,
// each publisher's messages in the order it sent them, nothing lost, doubled, altered or in the wrong channel.
// Messages carry data {publisher, n} with n counting from 0 per publisher and channel.

export class Verifier {
  constructor() {
    this.sent = new Map();         // channel → Map(publisher → how many)
    this.by_id = new Map();        // channel → Map(id → "publisher/n"), as first seen by anyone
    this.logs = new Map();         // subscriber → Map(channel → [{id, publisher, n}])
    this.starts = new Map();       // subscriber → Map(channel → position at which it began)
    this.problems = [];
  }

  // The next message to publish, as `data`.
  make(channel, publisher) {
    const counts = this.sent.get(channel) ?? this.sent.set(channel, new Map()).get(channel);
    const n = counts.get(publisher) ?? 0;
    counts.set(publisher, n + 1);
    return { publisher, n };
  }

  begin(subscriber, channel, position) {
    this.map_of(this.starts, subscriber).set(channel, position);
    this.log_of(subscriber, channel);
  }

  received(subscriber, event) {
    const { id, room, data } = event;
    const known = this.map_of(this.by_id, room);
    const text = `${data.publisher}/${data.n}`;
    if (known.has(id) && known.get(id) !== text) this.problem(`${room} ${id}: ${subscriber} saw ${text}, others ${known.get(id)}`);
    known.set(id, text);
    const log = this.log_of(subscriber, room);
    const before = log.at(-1)?.id ?? this.starts.get(subscriber)?.get(room);
    if (before !== undefined && id !== before + 1) this.problem(`${subscriber} in ${room}: ${id} after ${before}`);
    log.push({ id, ...data });
  }

  // How many messages this subscriber has of the channel.
  count(subscriber, channel) { return this.log_of(subscriber, channel).length; }
  last_id(subscriber, channel) { return this.log_of(subscriber, channel).at(-1)?.id; }

  total(channel) { return [...this.sent.get(channel).values()].reduce((sum, count) => sum + count, 0); }

  // Throws with everything that is wrong. `complete`: every subscriber was there from before the first message.
  check({ complete = true } = {}) {
    for (const [subscriber, channels] of this.logs) {
      for (const [channel, log] of channels) this.check_log(subscriber, channel, log, complete);
    }
    if (this.problems.length) throw new Error(`${this.problems.length} problems:\n${this.problems.slice(0, 12).join('\n')}`);
  }

  check_log(subscriber, channel, log, complete) {
    const next = new Map();
    for (const { id, publisher, n } of log) {
      const expected = next.get(publisher) ?? (complete ? 0 : n);
      if (n !== expected) this.problem(`${subscriber} in ${channel} at ${id}: ${publisher}/${n} instead of ${publisher}/${expected}`);
      next.set(publisher, n + 1);
    }
    if (!complete) return;
    for (const [publisher, count] of this.sent.get(channel) ?? []) {
      if ((next.get(publisher) ?? 0) !== count) this.problem(`${subscriber} in ${channel} has ${next.get(publisher) ?? 0} of ${publisher}'s ${count}`);
    }
  }

  problem(text) { if (this.problems.length < 1000) this.problems.push(text); }

  map_of(map, key) { return map.get(key) ?? map.set(key, new Map()).get(key); }
  log_of(subscriber, channel) {
    const channels = this.map_of(this.logs, subscriber);
    return channels.get(channel) ?? channels.set(channel, []).get(channel);
  }
}
