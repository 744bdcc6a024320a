// SPDX-License-Identifier: Apache-2.0
// Inlets from Kafka, with a cluster of each test's own, as librdkafka plays it, and what happens when the other side or a
// node fails.

import assert from 'node:assert/strict';
import { member, ready } from './lib/cluster.js';
import { until } from './lib/deadline.js';
import { got_all, inlet_metric, inlet_until, numbers_of } from './lib/inlets.js';
import { Kafka } from './lib/kafka.js';
import { Redis, has_redis } from './lib/redis.js';
import { suite } from './lib/runner.js';

async function kafka_of(t, partitions = 1) {
  const { bin } = t;
  if (!Kafka.has(bin)) t.skip('there is no mock_kafka beside the server: it is built where librdkafka is');
  const kafka = await Kafka.start(bin);
  t.after(() => kafka.stop());
  if (partitions > 0) await kafka.ask('topic', 'orders', partitions);
  return kafka;
}

const connected = (t, inlet, at) => inlet_until(t, inlet, 'up', 1, { at });
const kForSlowReaders = { outbox_messages_max: 100000, outbox_size_max: '64MiB' };

const config_of = (url, more = '') => `
[[inlets]]
name = "orders"
type = "kafka"
url = "${url}"
from = "orders"
room = "{key}"
${more}
`;

// Messages n = from…to for a room.
const orders = (room, from, to, partition = 0) => Array.from({ length: to - from + 1 },
  (_, at) => ['orders', partition, room, JSON.stringify({ n: from + at })]);
const committed = (kafka, offset, partition = 0) => until(async () => await kafka.committed('orders', partition) === offset, `${offset} to be committed`, { ms: 60000 });

suite('inlets_kafka', { server: false, at_once: 3 }, (test) => {
  test('in order, once, committed; a burst is slowed down and nothing is lost; headers, garbage', { deadline_ms: 240000 }, async (t) => {
    const kafka = await kafka_of(t);
    await t.start_server({ ...kForSlowReaders, config: t.config_file(config_of(kafka.url(), 'in_flight_max = 50\nevent = "{field.Type}"\nuser = "{$.by}"\ndead_letter = "dead"')) });
    await connected(t, 'orders');
    const room = t.name('r');
    const client = await t.member(room);
    const dead = await t.member('dead');
    await kafka.produce_all(orders(room, 1, 8000));
    await got_all(client, room, 8000);
    await committed(kafka, 8000);
    assert.ok(await inlet_metric(t, 'orders', 'held_back_total') > 0, 'it was held back');
    assert.equal(await inlet_metric(t, 'orders', 'in_flight'), 0);
    assert.equal(await inlet_metric(t, 'orders', 'duplicates_total'), 0);
    await kafka.produce_all([['orders', 0, room, '{"n":1}', 'Type', 'paid'], ['orders', 0, room, '{"n":']]);
    assert.deepEqual((await client.next('paid')).data, { n: 1 });
    const { data: letter } = await dead.next('dead_letter');
    assert.deepEqual([letter.reason, letter.channel, letter.id, letter.key, letter.body], ['not_json', 'orders', '0-8001', room, '{"n":']);
    await committed(kafka, 8002);
  });

  test('slower than Kafka for longer than a second: paused, and nothing is lost', async (t) => {
    const kafka = await kafka_of(t);
    await t.start_server({ ...kForSlowReaders, key_messages_per_second: 200, config: t.config_file(config_of(kafka.url(), 'in_flight_max = 10')) });
    await connected(t, 'orders');
    const room = t.name('r');
    const client = await t.member(room);
    await kafka.produce_all(orders(room, 1, 1500));
    await got_all(client, room, 1500);
    await committed(kafka, 1500);
  });

  test('the server ends and starts again: nothing is lost, a drain doubles nothing', async (t) => {
    const kafka = await kafka_of(t);
    const config = t.config_file(config_of(kafka.url(), 'in_flight_max = 100'));
    const first = await t.start_server({ ...kForSlowReaders, config });
    await connected(t, 'orders');
    const room = t.name('r');
    const client = await t.member(room);
    await kafka.produce_all(orders(room, 1, 5000));
    await client.next('message');
    assert.equal(await first.stop_cleanly(), undefined);
    await client.close_code();
    const before = numbers_of(client, room);
    assert.deepEqual(before, Array.from({ length: before.length }, (_, n) => n + 1));
    await kafka.produce_all(orders(room, 5001, 5010));
    t.server = await t.start_server({ ...kForSlowReaders, config });
    await inlet_until(t, 'orders', 'published_total', 5010 - before.length);
    await committed(kafka, 5010);
    const { messages } = await t.read('/history', { room, limit: 1000 });
    const kept = messages.map(({ data }) => data.n);
    assert.deepEqual(kept, Array.from({ length: kept.length }, (_, n) => 5010 - kept.length + 1 + n));
    assert.equal(await inlet_metric(t, 'orders', 'published_total'), 5010 - before.length, 'each once');
  });

  test('Kafka goes and comes back while messages come: none is lost, none doubled, in order', async (t) => {
    const kafka = await kafka_of(t);
    await t.start_server({ ...kForSlowReaders, config: t.config_file(config_of(kafka.url(), 'in_flight_max = 20')) });
    await connected(t, 'orders');
    const room = t.name('r');
    const client = await t.member(room);
    let sent = 0;
    for (let round = 0; round < 3; round++) {
      await kafka.produce_all(orders(room, sent + 1, sent + 500));
      sent += 500;
      await until(() => numbers_of(client, room).length > sent - 500, 'some of this round to arrive', { ms: 60000 });
      await kafka.ask('down');
      await inlet_until(t, 'orders', 'disconnects_total', round + 1);
      await kafka.ask('up');
      await connected(t, 'orders');
    }
    await got_all(client, room, sent);
    await committed(kafka, sent);
  });

  test('not there at the start; a server that ends meanwhile', async (t) => {
    const kafka = await kafka_of(t);
    await kafka.ask('down');
    const config = t.config_file(config_of(kafka.url()));
    const server = await t.start_server({ ...kForSlowReaders, config });
    assert.equal(await inlet_metric(t, 'orders', 'up'), 0);
    assert.equal((await t.get('/ready')).status, 200);
    await until(() => server.log.some((line) => line.includes('inlet_disconnected inlet=orders')), 'it to be in the log', { ms: 60000 });
    const other = await t.start_server({ ...kForSlowReaders, config });
    assert.equal(await other.stop_cleanly(), undefined);
    await kafka.ask('up');
    await connected(t, 'orders');
    const room = t.name('r');
    const client = await t.member(room);
    await kafka.produce_all(orders(room, 1, 3));
    await got_all(client, room, 3);
  });
});

suite('inlets_kafka_cluster', { server: false, at_once: 2 }, (test) => {
  async function nodes(t, config, { count = 2 } = {}) {
    if (t.combination.reactors === 1) t.skip('with more reactors only');
    if (!has_redis) t.skip('there is no redis-server and no valkey-server');
    const redis = await Redis.start();
    t.after(() => redis.stop());
    const path = t.config_file(config);
    const start = (n) => t.start_server({ ...kForSlowReaders, broker: redis.url(), node_name: `n${n}`, config: path, broker_lease: '3s' });
    const all = await Promise.all(Array.from({ length: count }, (_, n) => start(n)));
    t.server = all[0];
    for (const node of all) {
      await ready(t, node);
      await connected(t, 'orders', node);
    }
    return { redis, nodes: all, start };
  }

  test('partitions are shared by nodes; one is killed, one is frozen: 0 lost, 0 doubled, each partition in order', { deadline_ms: 240000 }, async (t) => {
    const kafka = await kafka_of(t, 4);
    const { redis, nodes: all, start } = await nodes(t, config_of(kafka.url(), 'start = "oldest"'));
    const watching = await t.start_server({ ...kForSlowReaders, broker: redis.url(), node_name: 'watch' });
    await ready(t, watching);
    const rooms = Array.from({ length: 4 }, () => t.name('r'));
    const clients = [];
    for (const room of rooms) clients.push(await member(t, room, watching));
    const arrived = () => rooms.reduce((sum, room, at) => sum + numbers_of(clients[at], room).length, 0);
    let sent = 0;
    const send = async (count) => {
      await kafka.produce_all(rooms.flatMap((room, partition) => orders(room, sent + 1, sent + count, partition)));
      sent += count;
    };
    await send(500);
    await until(() => arrived() >= 4 * sent, 'all to arrive', { ms: 90000 });
    const shares = await Promise.all(all.map((at) => inlet_metric(t, 'orders', 'published_total', { at })));
    assert.ok(shares.every((share) => share > 0), `each node reads: ${shares}`);
    const sending = send(1000);
    await until(() => arrived() > 4 * 500, 'some to arrive', { ms: 60000 });
    all[0].process.kill('SIGKILL');
    await all[0].exited;
    await sending;
    all[0] = await start(2);
    await until(() => arrived() >= 4 * sent, 'the rest to arrive', { ms: 120000 });
    const more = send(500);
    all[1].process.kill('SIGSTOP');
    await more;
    await until(() => arrived() >= 4 * sent, 'all without the frozen node', { ms: 120000 });
    all[1].process.kill('SIGCONT');
    await send(100);
    for (const [at, room] of rooms.entries()) await got_all(clients[at], room, sent, { ms: 120000 });
    for (let partition = 0; partition < 4; partition++) await committed(kafka, sent, partition);
  });
});
