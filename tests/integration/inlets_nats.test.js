// SPDX-License-Identifier: Apache-2.0
// Inlets from NATS and JetStream, with a nats-server of each test's own, and what happens when the other side or a node
// fails.

import assert from 'node:assert/strict';
import { Certificates } from './lib/certificates.js';
import { member, ready } from './lib/cluster.js';
import { until } from './lib/deadline.js';
import { got_all, inlet_metric, inlet_until, numbers_of } from './lib/inlets.js';
import { Nats, has_nats, speaks_nats } from './lib/nats.js';
import { Redis, has_redis } from './lib/redis.js';
import { suite } from './lib/runner.js';

async function nats_of(t, options) {
  if (!has_nats) t.skip('there is no nats-server');
  if (!speaks_nats(t.bin)) t.skip('built without NATS');
  const nats = await Nats.start(options);
  t.after(() => nats.stop());
  return nats;
}

async function stream_of(t, options) {
  const nats = await nats_of(t, options);
  await nats.make_stream('ORDERS', ['orders.>']);
  return nats;
}

const connected = (t, inlet, at) => inlet_until(t, inlet, 'up', 1, { at });
const kForSlowReaders = { outbox_messages_max: 100000, outbox_size_max: '64MiB' };

const core_config = (url, more = '') => `
[[inlets]]
name = "bus"
type = "nats"
url = "${url}"
from = ["room.*.*", "all.>"]
room = "{1}"
${more}
`;

const stream_config = (url, more = '') => `
[[inlets]]
name = "orders"
type = "jetstream"
url = "${url}"
stream = "ORDERS"
from = "orders.*"
room = "{1}"
${more}
`;

// Messages n = from…to for a room.
const orders = (room, from, to) => Array.from({ length: to - from + 1 },
  (_, at) => [`orders.${room}`, JSON.stringify({ n: from + at })]);
const settled = (nats) => until(async () => await nats.unsettled('ORDERS') === 0, 'all to be acknowledged', { ms: 60000 });

suite('inlets_nats', { server: false, at_once: 3 }, (test) => {
  test('NATS: subjects with wildcards, headers, garbage, a restart of the server', async (t) => {
    const nats = await nats_of(t);
    await t.start_server({ config: t.config_file(core_config(nats.url(), 'event = "{field.Type}"\ndata = "{$.data}"\ndead_letter = "dead"')) });
    await connected(t, 'bus');
    const client = await t.member('general');
    const dead = await t.member('dead');
    await nats.publish_all([
      ['room.general.x', '{"data":{"n":1}}', { Type: 'paid' }],
      ['room.general.y', '{"data":2}'],
      ['room.general', '{"data":0}'],  // nobody's
      ['room.general.x', '{"data":'],
    ]);
    const paid = await client.next('paid');
    assert.deepEqual(paid.data, { n: 1 });
    assert.ok(paid.id > 0);
    assert.equal((await client.next('message')).data, 2);
    const { data: letter } = await dead.next('dead_letter');
    assert.deepEqual([letter.inlet, letter.reason, letter.channel, letter.body], ['bus', 'not_json', 'room.general.x', '{"data":']);
    await nats.publish('all.general', '{"data":"three"}');
    assert.equal((await client.next('message')).data, 'three');
    await nats.kill();
    await inlet_until(t, 'bus', 'disconnects_total', 1);
    await nats.run();
    await inlet_until(t, 'bus', 'connects_total', 2);
    // Its library subscribes again by itself, a moment after it is connected.
    let n = 10;
    await until(async () => {
      await nats.publish('room.general.x', JSON.stringify({ data: n++ }));
      return client.events.seen.some((event) => event.data >= 10);
    }, 'messages to come again');
  });

  test('NATS: not there at the start; user, password and token', async (t) => {
    const nats = await nats_of(t, { arguments: ['--user', 'u', '--pass', 'p@x'], connect: { user: 'u', pass: 'p@x' } });
    await nats.kill();
    const server = await t.start_server({ config: t.config_file(core_config(nats.url('u:p%40x@')) + core_config(nats.url('u:wrong@')).replace('"bus"', '"wrong"')) });
    assert.equal(await inlet_metric(t, 'bus', 'up'), 0);
    assert.equal((await t.get('/ready')).status, 200);
    await until(() => server.log.some((line) => line.includes('inlet_disconnected inlet=bus')), 'it to be in the log');
    await nats.run();
    await connected(t, 'bus');
    await until(() => server.log.some((line) => /inlet_disconnected inlet=wrong .*[Aa]uthorization/.test(line)), 'the refusal to be in the log');
    assert.equal(await inlet_metric(t, 'wrong', 'up'), 0);
    const tokens = await nats_of(t, { arguments: ['--auth', 'secret'], connect: { auth_token: 'secret' } });
    const second = await t.start_server({ config: t.config_file(core_config(tokens.url('secret@'))) });
    await connected(t, 'bus', second);
  });

  test('NATS: TLS with an authority of its own, and certificates that are not taken', async (t) => {
    const made = new Certificates().issue('here', 'DNS:localhost').issue('elsewhere', 'DNS:example.com').issue('client', 'DNS:client');
    const start = (name, ...more) => nats_of(t, { tls: true, arguments: ['--tls', '--tlscert', made.path(`${name}.pem`), '--tlskey', made.path(`${name}.key`), ...more] });
    const [here, elsewhere, strict] = [await start('here'), await start('elsewhere'), await start('here', '--tlsverify', '--tlscacert', made.ca_file)];
    const section = (name, nats, more = '') => core_config(`tls://localhost:${nats.port}`, more).replace('"bus"', `"${name}"`);
    const trusts = `ca_file = "${made.ca_file}"`;
    const shows = `${trusts}\ncertificate_file = "${made.path('client.pem')}"\nkey_file = "${made.path('client.key')}"`;
    const server = await t.start_server({ config: t.config_file([
      section('good', here, trusts), section('unknown', here), section('renamed', elsewhere, trusts), section('nobody', strict, trusts), section('shown', strict, shows),
    ].join('')) });
    await Promise.all([connected(t, 'good'), connected(t, 'shown')]);
    for (const name of ['unknown', 'renamed', 'nobody']) {
      await until(() => server.log.some((line) => line.includes(`inlet_disconnected inlet=${name}`)), `${name} to be refused`);
      assert.equal(await inlet_metric(t, name, 'connects_total'), 0);
    }
  });

  test('NATS: faster than can be published: what is dropped is counted, the rest comes in order', async (t) => {
    const nats = await nats_of(t);
    const server = await t.start_server({ ...kForSlowReaders, key_messages_per_second: 1000, config: t.config_file(core_config(nats.url(), 'in_flight_max = 10\nin_flight_size_max = "64KiB"')) });
    await connected(t, 'bus');
    const room = t.name('r');
    const client = await t.member(room);
    const count = 5000;
    await nats.publish_all(Array.from({ length: count }, (_, n) => [`room.${room}.x`, JSON.stringify({ n: n + 1, x: 'x'.repeat(100) })]));
    await inlet_until(t, 'bus', 'missed_total', 1);
    const come = async () => await inlet_metric(t, 'bus', 'published_total') + await inlet_metric(t, 'bus', 'missed_total');
    await until(async () => await come() >= count, 'each to be published or counted', { ms: 60000 });
    assert.equal(await come(), count);
    assert.ok(server.log.some((line) => line.includes('inlet_missed inlet=bus')));
    await until(async () => numbers_of(client, room).length >= await inlet_metric(t, 'bus', 'published_total'), 'what was published to arrive', { ms: 60000 });
    const got = numbers_of(client, room);
    assert.deepEqual(got, [...new Set(got)].sort((a, b) => a - b));
  });

  test('JetStream: in order, once, acknowledged; a burst is slowed down and nothing is lost; garbage', { deadline_ms: 240000 }, async (t) => {
    const nats = await stream_of(t);
    await t.start_server({ ...kForSlowReaders, config: t.config_file(stream_config(nats.url(), 'in_flight_max = 50\nevent = "{field.Type}"\ndead_letter = "dead"')) });
    await connected(t, 'orders');
    const room = t.name('r');
    const client = await t.member(room);
    const dead = await t.member('dead');
    await nats.publish_all(orders(room, 1, 8000));
    await got_all(client, room, 8000);
    await settled(nats);
    assert.ok(await inlet_metric(t, 'orders', 'held_back_total') > 0, 'it was held back');
    assert.equal(await inlet_metric(t, 'orders', 'in_flight'), 0);
    assert.equal(await inlet_metric(t, 'orders', 'duplicates_total'), 0);
    await nats.publish_all([[`orders.${room}`, '{"n":1}', { Type: 'paid' }], [`orders.${'x'.repeat(200)}`, '{"n":1}']]);
    assert.deepEqual((await client.next('paid')).data, { n: 1 });
    const { data: letter } = await dead.next('dead_letter');
    assert.deepEqual([letter.reason, letter.id], ['bad_value', '8002']);
    await settled(nats);
  });

  test('JetStream: the server ends and starts again: nothing is lost, a drain doubles nothing', async (t) => {
    const nats = await stream_of(t);
    const config = t.config_file(stream_config(nats.url(), 'in_flight_max = 100'));
    const first = await t.start_server({ ...kForSlowReaders, config });
    await connected(t, 'orders');
    const room = t.name('r');
    const client = await t.member(room);
    await nats.publish_all(orders(room, 1, 5000));
    await client.next('message');
    assert.equal(await first.stop_cleanly(), undefined);
    await client.close_code();
    const before = numbers_of(client, room);
    assert.deepEqual(before, Array.from({ length: before.length }, (_, n) => n + 1));
    t.server = await t.start_server({ ...kForSlowReaders, config });
    await inlet_until(t, 'orders', 'published_total', 5000 - before.length);
    await settled(nats);
    const { messages } = await t.read('/history', { room, limit: 1000 });
    const kept = messages.map(({ data }) => data.n);
    assert.deepEqual(kept, Array.from({ length: kept.length }, (_, n) => 5000 - kept.length + 1 + n));
    assert.equal(await inlet_metric(t, 'orders', 'published_total'), 5000 - before.length, 'each once');
  });

  test('JetStream: nats-server starts again while messages come: none is lost, none doubled, in order', { deadline_ms: 240000 }, async (t) => {
    const nats = await stream_of(t);
    await t.start_server({ ...kForSlowReaders, config: t.config_file(stream_config(nats.url(), 'in_flight_max = 20')) });
    await connected(t, 'orders');
    const room = t.name('r');
    const client = await t.member(room);
    let sent = 0;
    for (let round = 0; round < 3; round++) {
      await nats.publish_all(orders(room, sent + 1, sent + 500));
      sent += 500;
      await until(() => numbers_of(client, room).length > sent - 500, 'some of this round to arrive', { ms: 60000 });
      await nats.kill();
      await nats.run();
    }
    await got_all(client, room, sent);
    await settled(nats);
    assert.ok(await inlet_metric(t, 'orders', 'disconnects_total') >= 1);
  });

  test('JetStream: not there at the start, then no stream; the consumer is lost', async (t) => {
    const nats = await nats_of(t);
    await nats.kill();
    const server = await t.start_server({ ...kForSlowReaders, config: t.config_file(stream_config(nats.url())) });
    assert.equal((await t.get('/ready')).status, 200);
    await until(() => server.log.some((line) => line.includes('inlet_disconnected inlet=orders')), 'it to be in the log');
    await nats.run();
    await until(() => server.log.some((line) => /inlet_disconnected inlet=orders .*stream not found/.test(line)), 'the missing stream to be in the log');
    await nats.make_stream('ORDERS', ['orders.>']);
    await connected(t, 'orders');
    const room = t.name('r');
    const client = await t.member(room);
    await nats.publish_all(orders(room, 1, 10));
    await got_all(client, room, 10);
    await settled(nats);
    await nats.remove_consumer('ORDERS');
    await nats.publish_all(orders(room, 11, 20));
    await got_all(client, room, 20);
  });
});

suite('inlets_nats_cluster', { server: false, at_once: 2 }, (test) => {
  async function nodes(t, config, { count = 2 } = {}) {
    if (t.combination.reactors === 1) t.skip('with more reactors only');
    if (!has_redis) t.skip('there is no redis-server and no valkey-server');
    const redis = await Redis.start();
    t.after(() => redis.stop());
    const path = t.config_file(config);
    const start = (n) => t.start_server({ ...kForSlowReaders, broker: redis.url(), node_name: `n${n}`, config: path, broker_lease: '3s' });
    const all = await Promise.all(Array.from({ length: count }, (_, n) => start(n)));
    t.server = all[0];
    for (const node of all) await ready(t, node);
    return { redis, nodes: all, start };
  }
  const reader = (t, all, inlet) => until(async () => {
    for (const node of all) if (!node.gone && await inlet_metric(t, inlet, 'up', { at: node }) === 1) return node;
    return null;
  }, 'a node to read', { ms: 60000 });

  test('NATS: each node for its own clients, or by a queue group one node for all', async (t) => {
    const nats = await nats_of(t);
    const { nodes: all } = await nodes(t, core_config(nats.url()) + core_config(nats.url(), 'scope = "once"').replace('"bus"', '"group"').replace('"room.*.*", "all.>"', '"once.*"'));
    for (const node of all) await Promise.all([connected(t, 'bus', node), connected(t, 'group', node)]);
    const room = t.name('r');
    const clients = [await member(t, room, all[0]), await member(t, room, all[1])];
    await nats.publish_all(Array.from({ length: 5 }, (_, n) => [`room.${room}.x`, JSON.stringify({ n: n + 1 })]));
    for (const client of clients) {
      await until(() => numbers_of(client, room).length >= 5, 'five messages');
      assert.deepEqual(numbers_of(client, room), [1, 2, 3, 4, 5]);
      assert.equal(client.events.seen.find((event) => event.data?.n === 1).id, undefined);
    }
    await nats.publish_all(Array.from({ length: 200 }, (_, n) => [`once.${room}`, JSON.stringify({ n: n + 6 })]));
    for (const client of clients) {
      await until(() => numbers_of(client, room).length >= 205, 'all messages', { ms: 60000 });
      assert.deepEqual(numbers_of(client, room).sort((a, b) => a - b), Array.from({ length: 205 }, (_, n) => n + 1));
    }
    const read = await Promise.all(all.map((at) => inlet_metric(t, 'group', 'published_total', { at })));
    assert.equal(read[0] + read[1], 200);
  });

  test('JetStream: the node that reads is killed, and another goes on: 0 lost, 0 doubled, in order', { deadline_ms: 240000 }, async (t) => {
    const nats = await stream_of(t);
    const { redis, nodes: all, start } = await nodes(t, stream_config(nats.url()));
    const room = t.name('r');
    const watching = await t.start_server({ ...kForSlowReaders, broker: redis.url(), node_name: 'watch' });
    await ready(t, watching);
    const client = await member(t, room, watching);
    let sent = 0;
    for (let round = 0; round < 2; round++) {
      const victim = await reader(t, all, 'orders');
      await nats.publish_all(orders(room, sent + 1, sent + 2000));
      await until(() => numbers_of(client, room).length > sent, 'some to arrive', { ms: 60000 });
      victim.process.kill('SIGKILL');
      await victim.exited;
      sent += 2000;
      all.splice(all.indexOf(victim), 1);
      all.push(await start(2 + round));
      await until(() => numbers_of(client, room).length >= sent, 'the rest to arrive', { ms: 90000 });
    }
    await got_all(client, room, sent);
    await settled(nats);
  });

  test('JetStream: what comes again later than the consumer said comes in order', { deadline_ms: 240000 }, async (t) => {
    if (t.combination.reactors !== 2) t.skip('with two reactors only: it takes half a minute');
    const nats = await stream_of(t);
    const consumer = (ack_wait) => nats.api('CONSUMER.DURABLE.CREATE.ORDERS.ringcast', {
      stream_name: 'ORDERS',
      config: { durable_name: 'ringcast', deliver_policy: 'all', ack_policy: 'explicit', filter_subject: 'orders.*', replay_policy: 'instant', max_ack_pending: 800, ack_wait: ack_wait * 1e9 },
    });
    await consumer(6);
    const { redis, nodes: all, start } = await nodes(t, stream_config(nats.url()), { count: 1 });
    const room = t.name('r');
    const watching = await t.start_server({ ...kForSlowReaders, broker: redis.url(), node_name: 'watch' });
    await ready(t, watching);
    const client = await member(t, room, watching);
    const victim = await reader(t, all, 'orders');
    await nats.publish_all(orders(room, 1, 2000));
    await until(() => numbers_of(client, room).length > 0, 'some to arrive', { ms: 60000 });
    victim.process.kill('SIGKILL');
    await victim.exited;
    const next = await start(1);
    await reader(t, [next], 'orders');
    await consumer(14);
    await got_all(client, room, 2000, { ms: 90000 });
    await settled(nats);
  });

  test('JetStream: the node that reads is frozen for longer than its lease: 0 lost, 0 doubled, in order', { deadline_ms: 240000 }, async (t) => {
    const nats = await stream_of(t);
    const { nodes: all } = await nodes(t, stream_config(nats.url()));
    const room = t.name('r');
    const frozen = await reader(t, all, 'orders');
    const other = all.find((node) => node !== frozen);
    const client = await member(t, room, other);
    await nats.publish_all(orders(room, 1, 3000));
    await until(() => numbers_of(client, room).length > 0, 'some to arrive', { ms: 60000 });
    frozen.process.kill('SIGSTOP');
    await reader(t, [other], 'orders');
    await got_all(client, room, 3000, { ms: 90000 });
    frozen.process.kill('SIGCONT');
    await inlet_until(t, 'orders', 'disconnects_total', 1, { at: frozen });
    await nats.publish_all(orders(room, 3001, 3100));
    await got_all(client, room, 3100, { ms: 90000 });
    await settled(nats);
  });
});
