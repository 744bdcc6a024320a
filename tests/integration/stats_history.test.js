// SPDX-License-Identifier: Apache-2.0
// /stats/history: the last five minutes of the statistics, which the server keeps by itself; and the parts of /stats
// that are there only while what they are about is on.

import assert from 'node:assert/strict';
import { until } from './lib/deadline.js';
import { suite } from './lib/runner.js';

const kKey = 'stats-history-test-key-0123456789';

// Every list of the answer, by its path.
function lists_of(value, path = '') {
  if (Array.isArray(value) && value.every((item) => typeof item === 'number')) return [[path, value]];
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([name, inner]) => lists_of(inner, `${path}/${name}`));
}

const read = (t, at, headers = {}) => t.read('/stats/history', {}, { at, headers });

suite('stats history', { at_once: 3 }, (test) => {
  test('the server takes a sample a second although nobody watches', async (t) => {
    const server = await t.start_server();
    const room = t.name('room');
    const first = await until(async () => {
      const history = await read(t, server);
      return history.timestamp_ms.length >= 2 && history;
    }, 'two samples');
    assert.equal(first.period_ms, 1000);
    assert.equal(first.samples_max, 300);
    assert.equal(first.cores.length, t.combination.reactors);
    const lists = lists_of(first);
    assert.ok(lists.length > 15);
    for (const [path, list] of lists) assert.equal(list.length, first.timestamp_ms.length, path);
    assert.ok(first.timestamp_ms[1] > first.timestamp_ms[0]);
    assert.ok(first.resident_bytes[0] > 1 << 20);
    assert.deepEqual(first.transports.websocket, first.transports.websocket.map(() => 0));

    const member = await t.ws({ user: 'ann', rooms: [room] }, {}, server);
    await t.publish({ room, content: 'x' }, { at: server });
    const second = await until(async () => {
      const history = await read(t, server);
      return history.transports.websocket.at(-1) === 1 && history.messages_total.at(-1) === 1 && history;
    }, 'a sample with the client and its message');
    // What was there stays as it was; what is new comes behind it.
    assert.deepEqual(second.timestamp_ms.slice(0, first.timestamp_ms.length), first.timestamp_ms);
    assert.deepEqual(second.messages_total.slice(0, first.timestamp_ms.length), first.messages_total);
    assert.equal(second.online_users.at(-1), 1);
    await member.close();
    await until(async () => (await read(t, server)).transports.websocket.at(-1) === 0, 'a sample without the client');
  });

  test('it is read with the rights of /stats', async (t) => {
    const open = await t.start_server({ api_keys: kKey });
    assert.equal((await t.get('/stats/history', {}, { at: open })).status, 200);
    const answer = await t.get('/stats/history', {}, { at: open, headers: { 'X-API-Key': kKey } });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['cache-control'], 'no-store');
    t.refused(await t.http('POST', '/stats/history', { at: open, body: {} }), 405);
    // With an address for the server calls it is where /stats is.
    const apart = await t.start_server({ admin_listen: '127.0.0.1:0' });
    for (const path of ['/stats', '/stats/history']) assert.equal((await t.get(path, {}, { at: apart })).status, 200, path);
  });

  test('/stats names a part only while it is on', async (t) => {
    const plain = await t.start_server({ http2: false });
    const stats = await t.read('/stats', {}, { at: plain });
    for (const part of ['http2', 'tls', 'broker', 'inlets']) assert.equal(stats[part], undefined, part);
    const { http2 } = await t.read('/stats');
    assert.deepEqual(Object.keys(http2), ['connections', 'streams', 'streams_total']);
  });
});
