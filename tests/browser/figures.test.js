// SPDX-License-Identifier: Apache-2.0
// What the dashboard draws, without a browser: rates between samples, pauses, restarts, and scales of round numbers.

import assert from 'node:assert/strict';
import { suite } from '../integration/lib/runner.js';
import { step_of } from '../../web/chart.js';
import { Figures, rates_between, sample_of, samples_of } from '../../web/figures.js';

const kTotals = ['messages_total', 'deliveries_total', 'bytes_in_total', 'bytes_out_total', 'errors_total', 'gaps_total', 'slow_closed_total'];
const kBytes = ['resident_bytes', 'history_bytes', 'queued_bytes'];

const sample = (at, messages, cpu_us = [0]) => ({
  at, websocket: 1, sse: 0, poll: 0, socketio: 0, cpu_us,
  ...Object.fromEntries([...kTotals, ...kBytes].map((name) => [name, 0])), messages_total: messages,
});

suite('figures', { server: false }, (test) => {
  test('the answer of /stats/history becomes samples like those of the stream', () => {
    const list = [3, 4];
    const history = {
      timestamp_ms: [1000, 2000], transports: { websocket: [1, 2], sse: list, poll: list, socketio: list },
      ...Object.fromEntries([...kTotals, ...kBytes].map((name) => [name, list])), cores: [{ core: 0, cpu_us: [5, 6] }, { core: 1, cpu_us: [7, 8] }],
    };
    const [first, second] = samples_of(history);
    assert.deepEqual([first.at, second.at, first.websocket, second.websocket, second.cpu_us], [1000, 2000, 1, 2, [6, 8]]);
    const stats = {
      timestamp_ms: 2000, transports: { websocket: 2, sse: 4, poll: 4, socketio: 4 },
      ...Object.fromEntries([...kTotals, ...kBytes].map((name) => [name, 4])), cores: [{ cpu_us: 6, queued_bytes: 1 }, { cpu_us: 8, queued_bytes: 3 }],
    };
    assert.deepEqual(sample_of(stats), second);
  });

  test('rates are a second; there is none over a pause or a restart', () => {
    assert.equal(rates_between(sample(1000, 10), sample(3000, 30)).messages_total, 10);
    assert.deepEqual(rates_between(sample(1000, 0, [0, 500000]), sample(2000, 0, [250000, 5000000])).load, [0.25, 1]);
    assert.equal(rates_between(sample(1000, 10), sample(9000, 30)), null);
    assert.equal(rates_between(sample(1000, 10), sample(2000, 3)), null);
    assert.equal(rates_between(sample(1000, 10), sample(1000, 10)), null);
  });

  test('five minutes are kept; samples that lie too close are left out', () => {
    const figures = new Figures();
    figures.replace([sample(0, 0), sample(1000, 1)]);
    assert.equal(figures.add(sample(1100, 1)), null);
    assert.equal(figures.add(sample(2000, 4)).messages_total, 3);
    assert.deepEqual(figures.columns().times, [0, 1, 2]);
    assert.deepEqual(figures.columns().messages_total, [null, 1, 3]);
    for (let at = 3000; at <= 302000; at += 1000) figures.add(sample(at, 4));
    const { times } = figures.columns();
    assert.deepEqual([times[0], times.at(-1), times.length], [2, 302, 301]);
    // A clock that went back begins anew.
    figures.add(sample(5000, 4));
    assert.deepEqual(figures.columns().times, [5]);
  });

  test('of many cores the busiest, the average and the idlest are drawn', () => {
    const figures = new Figures();
    figures.replace([sample(0, 0, Array(16).fill(0)), sample(1000, 0, Array.from({ length: 16 }, (_, core) => core * 10000))]);
    const { names, loads } = figures.columns();
    assert.deepEqual(names, ['busiest core', 'average', 'idlest core']);
    assert.deepEqual(loads.map((list) => list[1]), [0.15, 0.075, 0]);
    figures.replace([sample(0, 0, [0, 0])]);
    assert.deepEqual(figures.columns().names, ['core 0', 'core 1']);
  });

  test('scales have round steps', () => {
    assert.deepEqual([4, 5, 8, 9, 37, 100, 101, 4200].map((most) => step_of(most)), [1, 2, 2, 5, 10, 50, 50, 2000]);
    assert.deepEqual([4096, 5000, 1 << 20].map((most) => step_of(most, { binary: true })), [1024, 2048, 1 << 18]);
  });
});
