// SPDX-License-Identifier: Apache-2.0
// What ringload writes: JSON, CSV and .hgrm that programs read, and progress for people.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { within } from '../integration/lib/deadline.js';
import { suite } from '../integration/lib/runner.js';
import { Ringload, ringload_path } from './lib/ringload.js';

const kSeriesFields = ['at_s', 'span_s', 'phase', 'connections', 'connects_per_s', 'published_per_s', 'deliveries_per_s', 'bytes_in_per_s', 'bytes_out_per_s',
  'errors', 'p50_ms', 'p99_ms', 'max_ms', 'ready_p50_ms', 'ready_p99_ms', 'ready_max_ms', 'generator_load', 'server_cores', 'server_rss_bytes', 'tcp_memory_bytes'];

suite('ringload output', { at_once: 2 }, (test) => {
  test('JSON, CSV and .hgrm of one run agree', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'ringload-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = (name) => join(folder, name);
    const run = await new Ringload(t, ['fanout', '--target', `127.0.0.1:${t.server.port}`, '--room-prefix', t.name('output-'), '--members', '5', '--warmup', '1s',
      '--duration', '1500ms', '--rate', '40', '--json', file('json'), '--csv', file('csv'), '--hgrm', file('hgrm')]).ended();
    const json = JSON.parse(readFileSync(file('json'), 'utf8'));
    assert.equal(run.code, json.valid ? 0 : 4, run.err);  // a busy machine makes it INVALID
    assert.equal(json.published_in_all, 100);

    const [heading, ...rows] = readFileSync(file('csv'), 'utf8').trimEnd().split('\n').map((line) => line.split(','));
    assert.deepEqual(heading, kSeriesFields);
    assert.equal(rows.length, json.series.length);
    rows.forEach((row, i) => {
      const sample = json.series[i];
      assert.equal(row.length, heading.length);
      row.forEach((text, k) => {
        const value = sample[heading[k]];
        if (value === undefined) assert.equal(text, '', heading[k]);
        else if (typeof value === 'string') assert.equal(text, value);
        else assert.ok(Math.abs(Number(text) - value) <= 0.51 + Math.abs(value) * 1e-4, `${heading[k]}: ${text} and ${value}`);
      });
    });

    const { series } = json;
    assert.deepEqual([...new Set(series.map(({ phase }) => phase))].filter((phase) => !['connect', 'settle'].includes(phase)), ['warmup', 'hold', 'drain'].filter((phase) => series.some((sample) => sample.phase === phase)));
    assert.ok(series.some(({ phase }) => phase === 'hold'));
    series.slice(1).forEach((sample, i) => assert.ok(Math.abs(sample.at_s - sample.span_s - series[i].at_s) < 0.002));
    // Spans are written to the millisecond, which is much of one that begins or ends with the run.
    for (const [field, expected] of [['published_per_s', 100], ['deliveries_per_s', 500]]) {
      const sum = (part) => series.reduce((all, sample) => all + sample[field] * part(sample), 0);
      const [whole, blur] = [sum(({ span_s }) => span_s), sum(() => 0.0005)];
      assert.ok(Math.abs(whole - expected) <= blur + 1, `${field}: ${whole} ± ${blur} in all, ${expected} expected`);
    }

    const lines = readFileSync(file('hgrm'), 'utf8').trimEnd().split('\n');
    assert.match(lines[0], /^ *Value +Percentile +TotalCount +1\/\(1-Percentile\)$/);
    const figures = lines.filter((line) => /^ +\d/.test(line)).map((line) => line.trim().split(/\s+/).map(Number));
    const latency = json.latency_ms.corrected;
    assert.equal(figures.at(-1)[1], 1);
    assert.equal(figures.at(-1)[2], latency.count);
    assert.ok(Math.abs(figures.at(-1)[0] - latency.max) <= latency.max / 500, `${figures.at(-1)[0]} ${latency.max}`);
    figures.slice(1).forEach((line, i) => assert.ok(line[0] >= figures[i][0] && line[1] >= figures[i][1] && line[2] >= figures[i][2]));
    assert.match(lines.join('\n'), /^#\[Mean += +[\d.]+, StdDeviation += +[\d.]+\]$/m);
    assert.match(lines.join('\n'), new RegExp(`^#\\[Max += +[\\d.]+, Total count += +${latency.count}\\]$`, 'm'));
    for (const name of ['p50', 'p75', 'p90', 'p95', 'p99', 'p99.9', 'p99.99', 'max', 'mean']) assert.equal(typeof latency[name], 'number', name);
  });

  const args = (t) => ['fanout', '--target', `127.0.0.1:${t.server.port}`, '--room-prefix', t.name('progress-'), '--members', '5', '--rate', '40', '--duration', '4s'];

  test('progress away from a terminal is plain lines', async (t) => {
    const run = await new Ringload(t, args(t)).ended();
    const lines = run.err.trimEnd().split('\n');
    assert.ok(lines.length >= 2, run.err);
    for (const line of lines) assert.match(line, /^ *\d+\.\d s \w+ +\d+ ready/);
    assert.ok(lines.some((line) => /hold +6 ready.*, \d+ published\/s, \d+ deliveries\/s, p99 [\d.e+-]+ ms$/.test(line)), run.err);
    assert.doesNotMatch(run.err, /[\r\x1b]/);
    assert.match(run.out, /^exactness +lost 0, duplicates 0, reordered 0$/m);
  });

  test('progress on a terminal is one line with a bar', async (t) => {
    const command = [ringload_path(), ...args(t), '--io', t.combination.io].map((arg) => `'${arg}'`).join(' ');
    const shell = spawn('script', ['-qefc', `stty cols 100; ${command}`, '/dev/null'], { stdio: ['ignore', 'pipe', 'ignore'] });
    let text = '';
    shell.stdout.setEncoding('utf8').on('data', (part) => { text += part; });
    const [code] = await within(once(shell, 'close'), 'its end', { ms: 80000 });
    assert.ok(code === 0 || code === 4, text);
    const shown = text.split('\r\x1b[K').slice(1, -1);
    assert.ok(shown.length > 3, text);
    const bars = shown.map((line) => /hold +\[(#*)(\.*)\] +(\d+) %  6 ready/.exec(line)).filter(Boolean);
    assert.ok(bars.length > 1, text);
    for (const [, done, left] of bars) assert.equal(done.length + left.length, 20);
    assert.ok(bars.at(-1)[1].length > bars[0][1].length, text);
    for (const line of shown) assert.ok(!line.includes('\n') && line.length < 100, line);
    assert.match(text, /scenario +fanout over websocket/);
  });

  test('quiet is quiet', async (t) => {
    const run = await new Ringload(t, [...args(t), '--quiet', '--duration', '1200ms']).ended();
    assert.equal(run.err, '');
  });
});
