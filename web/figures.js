// SPDX-License-Identifier: Apache-2.0
// What the dashboard draws: the server's samples of the last five minutes, from /stats/history and then from each event
// of /stats/stream, and the rates between them.

const kWindowMs = 300000;
const kLeastMs = 500;    // samples closer than that would make rates of noise
const kPauseMs = 5000;   // nothing is drawn over a longer pause
const kCoresShown = 8;   // of more cores: the busiest, the average, the idlest

const kLevels = ['websocket', 'sse', 'poll', 'socketio', 'resident_bytes', 'history_bytes', 'queued_bytes'];
const kTotals = ['messages_total', 'deliveries_total', 'bytes_in_total', 'bytes_out_total', 'errors_total', 'gaps_total', 'slow_closed_total'];

// Of one event of the stream.
export function sample_of(stats) {
  return {
    ...stats.transports,
    at: stats.timestamp_ms, resident_bytes: stats.resident_bytes, history_bytes: stats.history_bytes,
    queued_bytes: stats.cores.reduce((sum, core) => sum + core.queued_bytes, 0),
    ...Object.fromEntries(kTotals.map((name) => [name, stats[name]])),
    cpu_us: stats.cores.map((core) => core.cpu_us),
  };
}

// Of the answer of /stats/history, the oldest first.
export function samples_of(history) {
  return history.timestamp_ms.map((at, i) => ({
    at, cpu_us: history.cores.map((core) => core.cpu_us[i]),
    ...Object.fromEntries(Object.entries(history.transports).map(([name, list]) => [name, list[i]])),
    ...Object.fromEntries(['resident_bytes', 'history_bytes', 'queued_bytes', ...kTotals].map((name) => [name, history[name][i]])),
  }));
}

// What happened between two samples, a second; none after a pause or a restart.
export function rates_between(before, now) {
  const seconds = (now.at - before.at) / 1000;
  if (!(seconds > 0) || seconds * 1000 > kPauseMs || kTotals.some((name) => now[name] < before[name])) return null;
  const rates = Object.fromEntries(kTotals.map((name) => [name, (now[name] - before[name]) / seconds]));
  rates.load = now.cpu_us.map((used, core) => Math.min(1, Math.max(0, (used - (before.cpu_us[core] ?? used)) / 1e6 / seconds)));
  return rates;
}

export class Figures {
  constructor() { this.samples = []; }

  // By what the server has kept itself.
  replace(samples) { this.samples = samples.slice(); }

  // The rates since the sample before it; null when there is none to compare with.
  add(sample) {
    const last = this.samples.at(-1);
    if (last && sample.at < last.at) this.samples = [];   // another server, or its clock was set
    else if (last && sample.at - last.at < kLeastMs) return null;
    this.samples.push(sample);
    while (this.samples[0].at < sample.at - kWindowMs) this.samples.shift();
    return this.samples.length > 1 ? rates_between(this.samples.at(-2), sample) : null;
  }

  // {times, in seconds; a list for each figure; loads, a list for each line of them; names, of those lines}
  columns() {
    const { samples } = this;
    const rates = samples.map((sample, i) => (i === 0 ? null : rates_between(samples[i - 1], sample)));
    const columns = { times: samples.map(({ at }) => at / 1000) };
    for (const name of kLevels) columns[name] = samples.map((sample) => sample[name]);
    for (const name of kTotals) columns[name] = rates.map((rate) => rate && rate[name]);
    const cores = samples.at(-1)?.cpu_us.length ?? 0;
    if (cores <= kCoresShown) {
      columns.names = Array.from({ length: cores }, (_, core) => `core ${core}`);
      columns.loads = columns.names.map((_, core) => rates.map((rate) => rate && (rate.load[core] ?? null)));
    } else {
      columns.names = ['busiest core', 'average', 'idlest core'];
      const of = (pick) => rates.map((rate) => rate && pick(rate.load));
      columns.loads = [of((load) => Math.max(...load)), of((load) => load.reduce((sum, one) => sum + one, 0) / load.length), of((load) => Math.min(...load))];
    }
    return columns;
  }
}
