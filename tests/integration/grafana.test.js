// SPDX-License-Identifier: Apache-2.0
// packaging/grafana: what the panels of the dashboard and the alerts ask for is there, and Prometheus answers each query.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Certificates } from './lib/certificates.js';
import { until } from './lib/deadline.js';
import { free_port } from './lib/free_port.js';
import { Redis, has_redis } from './lib/redis.js';
import { suite } from './lib/runner.js';

const kKey = 'grafana-test-key-0123456789';
const kOfPrometheus = new Set(['job', 'instance', 'le']);  // labels that it adds, or that histograms have

const kRules = fileURLToPath(new URL('../../packaging/grafana/ringcast.rules.yml', import.meta.url));
const kOfRedis = /\bringcast_(broker|inlet)_/;

const dashboard = JSON.parse(readFileSync(new URL('../../packaging/grafana/ringcast.json', import.meta.url), 'utf8'));
const panels = dashboard.panels.filter(({ type }) => type !== 'row');
const targets = panels.flatMap(({ title, targets: list }) => list.map((target) => ({ title, ...target })));
const queries = [...targets, ...dashboard.annotations.list.map(({ name, expr }) => ({ title: name, expr, legendFormat: '' }))];

// name of a sample → the labels that it has.
function samples_of(text) {
  const samples = new Map();
  for (const [, name, labels = ''] of text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
    const known = samples.get(name) ?? samples.set(name, new Set()).get(name);
    for (const [, label] of labels.matchAll(/(\w+)="/g)) known.add(label);
  }
  return samples;
}

// [{alert, expr, summary, description}]; each of them is one line.
const alerts = readFileSync(kRules, 'utf8').split('- alert: ').slice(1).map((text) => ({
  title: /^\w+/.exec(text)[0],
  ...Object.fromEntries(['expr', 'summary', 'description'].map((name) => [name, new RegExp(`\\b${name}: (.*)`).exec(text)?.[1] ?? ''])),
}));

// A server with everything on that has metrics of its own.
async function complete_server(t, settings = {}) {
  const tls = { tls_listen: '127.0.0.1:0', ...new Certificates().issue('own', 'IP:127.0.0.1').settings('own') };
  if (!has_redis) return t.start_server({ ...tls, ...settings });
  const redis = await Redis.start();
  t.after(() => redis.stop());
  const inlets = `[[inlets]]\nname = "bus"\ntype = "redis_pubsub"\nurl = "${redis.url()}"\nfrom = "bus"\nroom = "bus"\n`;
  return t.start_server({ ...tls, broker: redis.url(), config: t.config_file(inlets), ...settings });
}
const is_there = ({ expr }) => has_redis || !kOfRedis.test(expr);

// What Grafana puts in place of its variables.
const filled = (expr) => expr.replaceAll('$__rate_interval', '30s').replaceAll(/\$\w+/g, '.*');

suite('grafana', {}, (test) => {
  test('each metric and label of the dashboard exists', async (t) => {
    const server = await complete_server(t);
    const { text } = await t.get('/metrics', {}, { at: server });
    for (const [line] of text.matchAll(/^# TYPE.*/gm)) assert.match(line, /^# TYPE \w+[a-z] (counter|gauge|histogram)$/);
    const samples = samples_of(text);
    assert.ok(targets.length > 40);
    assert.ok(alerts.length > 10);
    for (const { title, expr, legendFormat = '' } of [...queries, ...alerts].filter(is_there)) {
      const names = [...expr.matchAll(/\bringcast_\w+/g)].map(([name]) => name);
      assert.ok(names.length > 0 || /^up\{/.test(expr), `${title}: ${expr}`);
      for (const name of names) assert.ok(samples.has(name), `"${title}" asks for ${name}, which /metrics does not have`);
      for (const [, name] of expr.matchAll(/\b(?:rate|increase)\((\w+)/g)) {
        assert.match(name, /_(total|bucket|sum|count)$/, `"${title}": ${name} is no counter`);
      }
      const by = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list]) => list.split(/, */));
      const selected = [...expr.matchAll(/[{,] *(\w+)(?:=~|!=|!~|=)"/g)].map(([, label]) => label);
      const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label);
      for (const label of [...by, ...selected]) {
        const there = kOfPrometheus.has(label) || names.every((name) => samples.get(name).has(label));
        assert.ok(there, `"${title}": ${names} have no label ${label}`);
      }
      for (const label of shown) assert.ok(by.includes(label), `"${title}" shows {{${label}}}, which its query does not keep`);
    }
  });

  test('alerts say what is wrong and what to do; their file is one that Prometheus takes', (t) => {
    for (const { title, summary, description } of alerts) assert.ok(summary.length > 20 && description.length > 40, title);
    assert.equal(new Set(alerts.map(({ title }) => title)).size, alerts.length);
    const checked = spawnSync('promtool', ['check', 'rules', kRules], { encoding: 'utf8' });
    if (checked.error) t.skip('no promtool');
    assert.equal(checked.status, 0, checked.stdout + checked.stderr);
  });

  test('panels have numbers of their own, and do not lie over each other', () => {
    assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
    const taken = new Map();
    const wide = new Map();  // by the top of a line of panels
    for (const { gridPos: { y, w } } of dashboard.panels) wide.set(y, (wide.get(y) ?? 0) + w);
    for (const [y, w] of wide) assert.equal(w, 24, `a hole beside the panels at ${y}`);
    for (const { title, gridPos: { x, y, w, h } } of dashboard.panels) {
      assert.ok(x >= 0 && x + w <= 24, title);
      for (let column = x; column < x + w; column++) {
        for (let line = y; line < y + h; line++) {
          const place = `${column},${line}`;
          assert.ok(!taken.has(place), `"${title}" lies over "${taken.get(place)}"`);
          taken.set(place, title);
        }
      }
    }
    for (const { title, description, targets: list } of panels) {
      assert.ok(description, `"${title}" says nothing about itself`);
      assert.equal(new Set(list.map(({ refId }) => refId)).size, list.length, title);
    }
  });

  test('Prometheus scrapes the server, key and all, and answers each query', { deadline_ms: 180000 }, async (t) => {
    if (t.combination.reactors !== 1) t.skip('once for each engine is enough');
    if (spawnSync('prometheus', ['--version']).error) t.skip('no prometheus');
    const server = await complete_server(t, { api_keys: kKey });
    const folder = mkdtempSync(join(tmpdir(), 'ringcast-prometheus-'));
    const config = join(folder, 'prometheus.yml');
    writeFileSync(config, `global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - job_name: ringcast
    authorization: { credentials: ${kKey} }
    static_configs: [{ targets: ['127.0.0.1:${server.port}'] }]
`);
    const port = await free_port();
    const prometheus = spawn('prometheus', [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`, '--log.level=error'], { stdio: 'ignore' });
    const gone = once(prometheus, 'exit');
    t.after(async () => {
      prometheus.kill('SIGKILL');
      await gone;
      rmSync(folder, { recursive: true });
    });
    const ask = async (expr) => {
      const response = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(filled(expr))}`).catch(() => null);
      const answer = await response?.json().catch(() => null);  // none yet while it starts
      assert.notEqual(answer?.status, 'error', `${expr}: ${answer?.error}`);
      return answer?.data?.result ?? [];
    };
    const shows = ({ title, expr }) => until(async () => (await ask(expr)).length > 0, `"${title}" to have something to show: ${expr}`, { ms: 90000, every_ms: 100 });
    await shows({ title: 'itself', expr: 'rate(ringcast_ticks_total[30s])' });  // from now on nothing has to be waited for
    await Promise.all(targets.filter(is_there).map(shows));
    for (const { expr } of [...dashboard.annotations.list, ...alerts]) await ask(expr);
    const [{ metric }] = await ask('ringcast_engine_info{core="0"}');
    assert.equal(metric.io, t.combination.io);
  });
});
