// SPDX-License-Identifier: Apache-2.0
// The report page that ringload writes: one run, several runs, and what tools/compare found, as a file in a real browser.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { suite } from '../integration/lib/runner.js';
import { open_tab } from './browser.js';
import { low_contrast, unnamed_controls } from './contrast.js';

const run_file = promisify(execFile);

const kComparison = {
  title: 'ringcast on this machine',
  servers: [{ name: 'io_uring' }, { name: 'epoll' }],
  rows: [{ workload: 'echo-64', title: 'Echo, 64 connections', figure: 'cpu_us', unit: 'µs of CPU per echo', values: { io_uring: { median: 4.5, mad: 0.1 }, epoll: { median: 4.9, mad: 0.2 } } },
    { workload: 'fanout-1000-busy', title: 'Fan-out', figure: 'deliveries_per_s', unit: 'per s', values: { io_uring: { median: 2244730, mad: 1200 }, epoll: { median: 146052, mad: 12.34 } } },
    { workload: 'fanout-1000-saturated', title: 'Saturated', figure: 'cpu_us', unit: 'µs per delivery', values: { io_uring: { median: 0.0475, mad: 0.0025 }, epoll: { median: 0.12345, mad: 0 } } }],
  tables: [{ title: 'Medians', note: 'of 5 rounds', columns: ['Work', 'io_uring', 'epoll', 'ratio'],
    rows: [['Echo, 64 connections', '4.5 ± 0.1', '4.9 ± 0.2', '0.92 better'], ['Fan-out <b>1,000</b>', '5 ± 0.1', 'INVALID', '1.01 noise']] }],
};

class Reports {
  static async in_folder(t) {
    const folder = await mkdtemp(join(tmpdir(), 'ringcast-report-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    return new Reports(t, folder);
  }

  constructor(t, folder) {
    Object.assign(this, { t, folder });
    this.program = process.env.RINGLOAD_BIN ?? join(dirname(t.bin), '../../tools/ringload/ringload');
  }

  path(name) { return join(this.folder, name); }

  // A run that a busy machine makes INVALID (4) is drawn as well.
  ringload(...given) {
    return run_file(this.program, given.map(String)).catch((error) => {
      if (error.code !== 4) throw error;
      return error;
    });
  }

  // A run against the server of the suite, long enough for several samples.
  run(scenario, ...given) {
    const { port, process: { pid } } = this.t.server;
    return this.ringload(scenario, '--target', `127.0.0.1:${port}`, '--pid', pid, '--quiet', '--settle', '0s', '--warmup', '0s', '--duration', '2s', ...given);
  }

  async open(name, options = {}) {
    const tab = await open_tab(this.t, { base: `file://${this.folder}`, query: name, ...options });
    await tab.page.waitForSelector('main > *');
    return tab;
  }
}

// The ids of the charts that have a line of more than one point.
const drawn = (tab) => tab.page.$$eval('figure[id]', (figures) => figures.filter((figure) => [...figure.querySelectorAll('path')].some((path) => path.getTotalLength() > 0)).map(({ id }) => id));

async function is_sound(tab) {
  const [scrolls, shows] = await tab.page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(scrolls <= shows, `${scrolls} > ${shows}`);
  assert.deepEqual(await low_contrast(tab.page), []);
  assert.deepEqual(await unnamed_controls(tab.page), []);
  assert.deepEqual(tab.problems, []);
}

suite('report page', { at_once: 1 }, (test) => {
  test('one run: percentiles, rates, CPU, memory and connections are drawn, from the file alone', async (t) => {
    const reports = await Reports.in_folder(t);
    await reports.run('fanout', '--members', 20, '--rate', 50, '--fail-if', 'lost>0', '--report', reports.path('one.html'));
    const tab = await reports.open('one.html');
    for (const id of ['percentiles', 'rate', 'latency-over-time', 'bytes', 'cpu', 'memory', 'connections']) {
      assert.ok((await drawn(tab)).includes(id), `${id} is not among ${await drawn(tab)}`);
    }
    const figures = await tab.page.textContent('table');
    assert.match(figures, /Server CPU per delivery/);
    assert.match(figures, /Date20\d\d-.*Commandringload fanout --target 127\.0\.0\.1:\d+ .*Target127\.0\.0\.1:\d+Serverringcast \d[\d.]+ringload\d.*Engine(uring|epoll), 1 threadLoad50\/s.*Payload128 B/);
    assert.match(figures, /fails if lost>0✓ 0/);
    const phases = await tab.page.$$eval('#rate .phase', (lines) => lines.map((line) => Number(line.getAttribute('x1'))));
    assert.ok(phases.length >= 3 && phases.every((x, at) => at === 0 || x >= phases[at - 1]), String(phases));  // connect, settle, hold, drain
    assert.match(await tab.page.textContent('#rate svg'), /hold/);
    const [corrected, uncorrected] = await tab.page.$$eval('#percentiles path', (paths) => paths.map((path) => getComputedStyle(path).stroke));
    assert.notEqual(corrected, uncorrected);
    const asked = [];
    tab.page.on('request', (request) => asked.push(request.url()));
    await tab.page.reload();
    await tab.page.waitForSelector('main > *');
    assert.deepEqual(asked.filter((url) => !url.startsWith('data:')), [`file://${reports.path('one.html')}`]);
    await tab.picture('report-one');
    assert.deepEqual(tab.problems, []);
  });

  test('the values under the pointer are shown', async (t) => {
    const reports = await Reports.in_folder(t);
    await reports.run('fanout', '--members', 5, '--rate', 50, '--report', reports.path('one.html'));
    const tab = await reports.open('one.html');
    await tab.page.hover('#rate svg');
    await tab.page.waitForFunction(() => [...document.querySelectorAll('#rate .legend b')].every((node) => node.textContent));
    assert.match(await tab.page.textContent('#rate .legend'), /deliveries [\d.]+.*\/s.*at [\d.]+ s/);
    await tab.page.hover('h1');
    await tab.page.waitForFunction(() => [...document.querySelectorAll('#rate .legend b')].every((node) => !node.textContent));
  });

  test('several runs stand side by side, each by its file\'s name', async (t) => {
    const reports = await Reports.in_folder(t);
    await reports.run('fanout', '--members', 10, '--rate', 20, '--json', reports.path('slowly.json'));
    await reports.run('fanout', '--members', 10, '--rate', 100, '--json', reports.path('quickly.json'));
    await reports.ringload('report', reports.path('slowly.json'), reports.path('quickly.json'), '--out', reports.path('both.html'));
    const tab = await reports.open('both.html');
    assert.deepEqual(await tab.page.$$eval('thead th', (cells) => cells.map((cell) => cell.textContent)), ['', 'slowly', 'quickly']);
    assert.deepEqual(await tab.page.$$eval('ul.runs li', (items) => items.map((item) => item.textContent)), ['slowly', 'quickly']);
    const legend = await tab.page.textContent('#percentiles .legend');
    assert.match(legend, /slowly.*quickly/);
    assert.ok(await tab.page.locator('.bar-row').count() >= 6);
    await is_sound(tab);
  });

  test('a run that does not count says so', async (t) => {
    const reports = await Reports.in_folder(t);
    const invalid = { scenario: 'fanout', transport: 'websocket', connections: 3, valid: false, invalid: ['the schedule lagged by 7 ms (p99), 1 ms at most', '</script><b id="in">'] };
    await writeFile(reports.path('late.json'), JSON.stringify(invalid));
    await reports.ringload('report', reports.path('late.json'), '--out', reports.path('late.html'));
    const tab = await reports.open('late.html');
    assert.match(await tab.page.textContent('.invalid'), /INVALID late: the schedule lagged by 7 ms/);
    assert.equal(await tab.page.locator('#in').count(), 0);
    await is_sound(tab);
  });

  test('what tools/compare found: its tables, and the medians as bars', async (t) => {
    const reports = await Reports.in_folder(t);
    await writeFile(reports.path('compared.json'), JSON.stringify(kComparison));
    await reports.ringload('report', reports.path('compared.json'), '--out', reports.path('compared.html'));
    const tab = await reports.open('compared.html');
    assert.equal(await tab.page.locator('td.better').textContent(), '0.92 better');
    assert.equal(await tab.page.locator('td.noise').textContent(), '1.01 noise');
    assert.equal(await tab.page.locator('td.quiet').textContent(), 'INVALID');
    assert.match(await tab.page.textContent('tbody'), /Fan-out <b>1,000<\/b>/);
    assert.deepEqual(await tab.page.$$eval('.bar-row', (rows) => rows.map((row) => row.textContent)),
      ['io_uring4.5 ± 0.1', 'epoll4.9 ± 0.2', 'io_uring2,244,730 ± 1,200', 'epoll146,052 ± 12.3', 'io_uring0.0475 ± 0.0025', 'epoll0.123 ± 0']);
    await is_sound(tab);
  });

  test('the ratios of five servers are in sight at 1280 px, and what a row is about stays', async (t) => {
    const reports = await Reports.in_folder(t);
    const columns = ['', 'unit', ...['epoll', 'send()', 'nchan', 'socketio'].map((name) => `io_uring ÷ ${name}`), 'io_uring', 'epoll', 'send()', 'nchan', 'socketio', 'ws'];
    const row = ['SSE fan-out to 10,000, 32 × 1024 under way: server CPU', 'µs per delivery', '0.92 better', '1.20 worse', '1.01 noise', '0.20 better', ...Array(6).fill('1,234 ± 12.3 (1 of 5 INVALID)')];
    await writeFile(reports.path('wide.json'), JSON.stringify({ title: 'wide', tables: [{ title: 'Comparison', columns, rows: [row] }] }));
    await reports.ringload('report', reports.path('wide.json'), '--out', reports.path('wide.html'));
    const tab = await reports.open('wide.html');
    await tab.page.setViewportSize({ width: 1280, height: 800 });
    const right_of = (at) => tab.page.$$eval('tbody tr > *', (cells, wanted) => cells[wanted].getBoundingClientRect().right, at);
    assert.ok(await right_of(5) <= 1280, `the last ratio ends at ${await right_of(5)}`);
    const left = () => tab.page.$eval('tbody th', (cell) => cell.getBoundingClientRect().left);
    const before = await left();
    await tab.page.$eval('.scroll', (area) => { area.scrollLeft = 400; });
    assert.equal(await left(), before);
    assert.equal(await tab.page.locator('td.quiet').count(), 6);
    await tab.picture('report-wide');
    await is_sound(tab);
  });

  test('why runs do not count is read at 1280 px without a scroll', async (t) => {
    const reports = await Reports.in_folder(t);
    const row = ['Fan-out to 1,000, 32 × 1024 under way', 'io_uring', '1', 'the generator was the limit: it wanted 81 % of a core and had 24 %; the server used 15 % of its cores', '0.055 µs per delivery, 2,760,460 per s'];
    await writeFile(reports.path('late.json'), JSON.stringify({ title: 'late', tables: [{ title: 'INVALID runs', columns: ['work', 'server', 'round', 'why', 'it showed'], rows: [row] }] }));
    await reports.ringload('report', reports.path('late.json'), '--out', reports.path('late.html'));
    const tab = await reports.open('late.html');
    await tab.page.setViewportSize({ width: 1280, height: 800 });
    assert.deepEqual(await tab.page.$eval('.scroll', (area) => area.scrollWidth <= area.clientWidth), true);
    assert.equal(await tab.page.locator('td.words').count(), 2);
    await is_sound(tab);
  });

  test('a file that is no report is refused by name', async (t) => {
    const reports = await Reports.in_folder(t);
    for (const [name, content, wanted] of [['broken.json', '{"scenario":', /broken\.json is not a JSON object/], ['other.json', '{"a":1}', /other\.json was written neither/]]) {
      await writeFile(reports.path(name), content);
      await assert.rejects(reports.ringload('report', reports.path(name), '--out', reports.path('x.html')), (error) => error.code === 1 && wanted.test(error.stderr));
    }
    await assert.rejects(reports.ringload('report', reports.path('gone.json'), '--out', reports.path('x.html')), /gone\.json: No such file/);
  });

  for (const [width, scheme] of [[360, 'light'], [360, 'dark'], [768, 'dark'], [1600, 'light']]) {
    test(`at ${width} px, ${scheme}: no sideways scroll, contrast`, async (t) => {
      const reports = await Reports.in_folder(t);
      const name = `a-run-with-quite-a-long-name-${'x'.repeat(60)}`;
      await reports.run('fanout', '--members', 10, '--rate', 50, '--json', reports.path(`${name}.json`));
      await writeFile(reports.path('compared.json'), JSON.stringify(kComparison));
      await reports.ringload('report', reports.path('compared.json'), reports.path(`${name}.json`), reports.path(`${name}.json`), '--out', reports.path('wide.html'));
      const tab = await reports.open('wide.html', { width, height: 780, scheme });
      await tab.picture(`report-${width}-${scheme}`);
      await is_sound(tab);
    });
  }
});
