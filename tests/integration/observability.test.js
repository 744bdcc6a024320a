// SPDX-License-Identifier: Apache-2.0
// /stats, /metrics, /health and /ready: what they say is true, and Prometheus can read it.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { until } from './lib/deadline.js';
import { free_port } from './lib/free_port.js';
import { suite } from './lib/runner.js';
import { SseClient } from './lib/sse_client.js';
import { Files, Key } from './lib/tokens.js';

// Of all cores together: name → { count, sum, buckets }.
function histograms(text) {
  const found = {};
  for (const [, name] of text.matchAll(/^# TYPE ringcast_(\w+) histogram$/gm)) {
    const total = (pattern) => [...text.matchAll(pattern)].reduce((sum, [, value]) => sum + Number(value), 0);
    const bounds = [...new Set([...text.matchAll(new RegExp(`^ringcast_${name}_bucket\\{.*le="(.*?)"`, 'gm'))].map(([, bound]) => bound))];
    found[name] = {
      count: total(new RegExp(`^ringcast_${name}_count\\{.*\\} (.*)$`, 'gm')),
      sum: total(new RegExp(`^ringcast_${name}_sum\\{.*\\} (.*)$`, 'gm')),
      buckets: bounds.map((bound) => total(new RegExp(`^ringcast_${name}_bucket\\{.*le="${bound.replace('+', '\\+')}"\\} (.*)$`, 'gm'))),
    };
  }
  return found;
}

// What a text has: [{name, type, labels, help}] in its order.
function families(text) {
  return [...text.matchAll(/^# HELP (\w+) (.*)\n# TYPE \w+ (\w+)\n/gm)].map(([, name, help, type]) => {
    const samples = [...text.matchAll(new RegExp(`^${name}${type === 'histogram' ? '_count' : ''}(?:\\{(.*)\\})? `, 'gm'))];
    const labels = [...new Set(samples.flatMap(([, inner = '']) => [...inner.matchAll(/(\w+)="/g)].map(([, label]) => label)))];
    return { name, type, labels, help };
  });
}

suite('observability', { at_once: 1, settings: { presence_leave_grace: '0s' } }, (test) => {
  test('health and ready', async (t) => {
    const health = await t.get('/health');
    assert.equal(health.status, 200);
    assert.equal(health.text.trim(), 'OK');
    assert.equal((await t.get('/ready')).status, 200);
  });

  test('stats count clients, users, rooms and kept messages', async (t) => {
    const nobody = () => until(async () => {
      const stats = await t.read('/stats');
      return stats.total_clients === 0 && stats.online_users === 0 && stats;
    }, 'nobody to be there');
    const before = await nobody();
    const [one, two] = ['general', t.name('room')];  // next_event_id is that of general
    const clients = [await t.member(one, { user: 'a' }), await t.member(one, { user: 'a' }), await t.member(two, { user: 'b' })];
    const stream = await t.sse({ user: 'c', rooms: [two] });
    const { event_id } = await t.say(one, 'x');
    const stats = await t.read('/stats');
    assert.equal(stats.total_clients, 4);
    assert.equal(stats.active_connections, 4);
    assert.equal(stats.online_users, 3);
    assert.deepEqual(Object.fromEntries(Object.entries(stats.rooms).filter(([, members]) => members > 0)), { [one]: 2, [two]: 2 });
    assert.equal(stats.buffered_events, before.buffered_events + 1);
    assert.equal(stats.next_event_id, event_id + 1);
    for (const client of clients) await client.close();
    stream.close();
    await nobody();
  });

  test('stats are given per core as well', async (t) => {
    const stats = await t.read('/stats');
    const cores = stats.cores ?? stats.reactors ?? stats.per_core;
    assert.equal(Object.keys(cores).length, t.combination.reactors, JSON.stringify(stats));
  });

  test('metrics are Prometheus text and name the engine', async (t) => {
    const { status, headers, text } = await t.get('/metrics');
    assert.equal(status, 200);
    assert.match(headers['content-type'], /^text\/plain/);
    assert.match(text, /^# HELP ringcast_/m);
    for (let core = 0; core < t.combination.reactors; core++) {
      assert.match(text, new RegExp(`^ringcast_engine_info\\{core="${core}",io="${t.combination.io}",fallback=""\\} 1$`, 'm'));
    }
    assert.equal((await t.read('/stats')).io_fallback, undefined);
  });

  test('histograms: delivery inside the server, bytes and messages per send', async (t) => {
    const room = t.name('room');
    const member = await t.ws({ user: 'm', rooms: [room] });
    await member.next('joined');
    const before = histograms((await t.get('/metrics')).text);
    const items = Array.from({ length: 20 }, (_, i) => ({ room, content: `x${i}` }));
    assert.equal((await t.http('POST', '/messages', { body: items })).status, 200);
    await until(() => member.events.all('message').length === 20, 'the messages');
    // What a client has may be counted a moment later.
    const after = await until(async () => {
      const now = histograms((await t.get('/metrics')).text);
      return now.delivery_seconds.count > before.delivery_seconds.count && now.send_messages.sum - before.send_messages.sum >= 20 && now;
    }, 'the deliveries to be measured');
    assert.ok(after.send_bytes.sum - before.send_bytes.sum > 20 * 100);
    for (const { count, buckets } of Object.values(after)) {
      assert.equal(buckets.at(-1), count);
      buckets.forEach((value, i) => assert.ok(i === 0 || value >= buckets[i - 1]));
    }
  });

  test('ends are counted by transport and reason, and how long each lasted', async (t) => {
    const value = async (pattern) => [...(await t.get('/metrics')).text.matchAll(new RegExp(`^ringcast_${pattern} (.*)$`, 'gm'))].reduce((sum, [, figure]) => sum + Number(figure), 0);
    const ended = (transport, reason) => value(`clients_closed_total\\{core="\\d+",transport="${transport}",reason="${reason}"\\}`);
    const lasted = (transport) => value(`client_seconds_count\\{core="\\d+",transport="${transport}"\\}`);
    const before = { kicked: await ended('websocket', 'kicked'), gone: await ended('sse', 'peer_(?:closed|reset)'), polls: await lasted('poll'),
      sockets: await lasted('websocket'), returned: await value('reconnects_total\\{.*\\}') };
    const user = t.name('kicked');
    const socket = await t.ws({ user });
    await t.http('DELETE', `/users/${user}/connections`);
    assert.equal((await socket.close_code()).code, 4011);
    await until(async () => (await ended('websocket', 'kicked')) === before.kicked + 1, 'the kick to be counted');
    assert.ok(await lasted('websocket') > before.sockets);
    const stream = await t.sse({ rooms: ['a'], last_event_id: '1' });
    stream.close();
    await until(async () => (await ended('sse', 'peer_(?:closed|reset)')) === before.gone + 1, 'the end of the stream to be counted');
    await t.poll({ rooms: 'a' });
    await until(async () => (await lasted('poll')) === before.polls + 1, 'the end of the poll to be counted');
    const again = await t.ws({ rooms: ['a'], since: '1' });
    assert.equal(await value('reconnects_total\\{.*\\}'), before.returned + 2);
    await again.close();
  });

  test('processor time, memory and what the engine uses', async (t) => {
    const { text } = await t.get('/metrics');
    for (let core = 0; core < t.combination.reactors; core++) {
      assert.match(text, new RegExp(`^ringcast_engine_feature\\{core="${core}",feature="\\w+"\\} 1$`, 'm'));
      assert.match(text, new RegExp(`^ringcast_cpu_seconds_total\\{core="${core}"\\} [0-9.e-]+$`, 'm'));
    }
    assert.ok(Number(/^ringcast_resident_bytes (\d+)$/m.exec(text)[1]) > 1 << 20);
    await until(async () => histograms((await t.get('/metrics')).text).lag_seconds.count > 0, 'the event loops to be measured');
  });

  // docs/metrics.md carries the table between two marks; UPDATE_DOCS=1 writes it anew.
  test('docs/metrics.md lists all metrics', async (t) => {
    const path = new URL('../../docs/metrics.md', import.meta.url);
    const page = readFileSync(path, 'utf8');
    const [begin, end] = ['<!-- metrics: begin -->\n', '<!-- metrics: end -->'];
    const rows = families((await t.get('/metrics')).text)
      .map(({ name, type, labels, help }) => `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ') || '–'} | ${help} |\n`);
    const wanted = `\n| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n${rows.join('')}\n`;
    const from = page.indexOf(begin) + begin.length;
    const to = page.indexOf(end);
    const written = page.slice(from, to);
    if (process.env.UPDATE_DOCS && written !== wanted) writeFileSync(path, page.slice(0, from) + wanted + page.slice(to));
    assert.equal(written, wanted, 'run UPDATE_DOCS=1 tests/integration/run BINARY --only "lists all metrics"');
  });

  test('promtool finds nothing wrong with the metrics', async (t) => {
    const { text } = await t.get('/metrics');
    const check = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    if (check.error) t.skip('no promtool');
    assert.equal(check.status, 0, check.stderr + check.stdout);
    assert.equal((check.stderr + check.stdout).trim(), '');
  });

  test('the engine and the number of reactors are those that were asked for', async (t) => {
    const log = t.server.log.join('\n');
    assert.match(log, t.combination.io === 'uring' ? /io_uring|uring/ : /epoll/);
  });
});

// Names of rooms are often those of orders or people: counters are for everybody, names are not.
suite('names of rooms in /stats', {}, (test) => {
  const kWhole = 'a-whole-key-of-some-length', kLimited = 'a-limited-key-of-some-length';
  const files = new Files(), key = new Key('HS256');
  const room = 'order-4711';
  const named = { [room]: 1 };
  const member = async (t, server, name, query) => (await t.ws(query, {}, server)).join(name);
  const rooms = async (t, at, headers = {}, path = '/stats') => {
    const stats = await t.read(path, {}, { at, headers });
    assert.equal(stats.total_clients, 1);
    assert.equal(stats.occupied_rooms, 1);
    return stats.rooms;
  };
  const streamed = async (t, at, headers = {}) => {
    const client = new SseClient(`${at.url}/stats/stream`, { headers });
    t.after(() => client.close());
    return (await client.next(({ sse_event }) => sse_event === 'stats')).rooms;
  };

  test('without keys who is on this machine sees them, pages from elsewhere do not', async (t) => {
    const server = await t.start_server();
    await member(t, server, room, { user: 'a' });
    assert.deepEqual(await rooms(t, server), named);
    assert.deepEqual(await streamed(t, server), named);
    assert.deepEqual(await rooms(t, server, { Origin: 'https://elsewhere.test' }), {});
  });

  test('without keys nobody sees them from another address', async (t) => {
    const server = await t.start_server({ trusted_proxies: '127.0.0.1' });
    await member(t, server, room, { user: 'a' });
    const from = { 'X-Forwarded-For': '192.0.2.1' };
    assert.deepEqual(await rooms(t, server, from), {});
    assert.deepEqual(await streamed(t, server, from), {});
    assert.deepEqual(await rooms(t, server), named);
  });

  test('with keys they take one that no rule limits', async (t) => {
    const config = files.write('stats.toml', `api_keys = ["whole:${kWhole}", "limited:${kLimited}"]\n[[permissions]]\nmatch = "**"\nallow = "subscribe"\nkeys = ["limited"]\n`);
    const server = await t.start_server({ config });
    await member(t, server, room, { user: 'a' });
    assert.deepEqual(await rooms(t, server), {});
    assert.deepEqual(await rooms(t, server, { 'X-API-Key': 'not-a-key-of-this-server' }), {});
    assert.deepEqual(await rooms(t, server, { 'X-API-Key': kLimited }), {});
    assert.deepEqual(await rooms(t, server, { 'X-API-Key': kWhole }), named);
    assert.deepEqual(await rooms(t, server, { Authorization: `Bearer ${kWhole}` }), named);
    assert.deepEqual(await streamed(t, server, { 'X-API-Key': kWhole }), named);
  });

  test('with tokens alone nobody sees them but on the admin port', async (t) => {
    const port = await free_port();
    const server = await t.start_server({ jwt_keys: files.key(key), admin_listen: `127.0.0.1:${port}` });
    const token = key.token({ sub: 'ann', permissions: [{ match: '**', allow: ['subscribe'] }] });
    await member(t, server, room, { token });
    assert.deepEqual(await rooms(t, server), {});
    assert.deepEqual(await rooms(t, server, { Authorization: `Bearer ${token}` }), {});
    assert.deepEqual(await rooms(t, { url: `http://127.0.0.1:${port}` }), named);
    assert.deepEqual(await streamed(t, { url: `http://127.0.0.1:${port}` }), named);
  });

  test('the rooms with the most members come, as many as stats_rooms_max', async (t) => {
    const server = await t.start_server({ stats_rooms_max: 2 });
    for (const [name, members] of [['a', 1], ['b', 3], ['c', 2]]) {
      for (let i = 0; i < members; i++) await member(t, server, name, { user: `${name}${i}` });
    }
    const stats = await t.read('/stats', {}, { at: server });
    assert.deepEqual(Object.entries(stats.rooms), [['b', 3], ['c', 2]]);
    assert.equal(stats.occupied_rooms, 3);
  });

  test('asking is one of the limits', async (t) => {
    const server = await t.start_server({ trusted_proxies: '127.0.0.1', address_messages_per_second: 1, rate_burst: '1s' });
    const headers = { 'X-Forwarded-For': '192.0.2.1' };
    const answers = await Promise.all(Array.from({ length: 20 }, () => t.get('/stats', {}, { at: server, headers })));
    t.refused(answers.find(({ status }) => status === 429), 429, 'rate_limited');
    assert.equal((await t.get('/health', {}, { at: server, headers })).status, 200);
  });
});

suite('API keys', { settings: { api_keys: 'a-key-of-more-than-16-characters', listen: '127.0.0.1' } }, (test) => {
  test('server calls need the key, status does not', async (t) => {
    for (const [method, path] of [['POST', '/messages'], ['GET', '/rooms'], ['GET', '/users'], ['DELETE', '/connections/x'], ['DELETE', '/rooms/r']]) {
      t.refused(await t.http(method, path, { ...(method === 'POST' && { body: { room: 'r', content: 'x' } }) }), 401);
    }
    for (const path of ['/health', '/ready', '/stats']) assert.equal((await t.get(path)).status, 200);
  });

  test('the key opens them, a wrong one does not', async (t) => {
    const with_key = (key) => t.http('POST', '/messages', { body: { room: t.name('r'), content: 'x' }, headers: { Authorization: `Bearer ${key}` } });
    assert.equal((await with_key('a-key-of-more-than-16-characters')).status, 200);
    t.refused(await with_key('a-key-of-more-than-16-characterS'), 401);
    t.refused(await with_key(''), 401);
  });
});
