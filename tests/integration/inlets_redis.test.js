// SPDX-License-Identifier: Apache-2.0
// Inlets from Redis Pub/Sub and Redis Streams: what services publish there reaches clients, and what happens when the
// other side or a node fails. Each test has a redis-server of its own.

import assert from 'node:assert/strict';
import { member, ready } from './lib/cluster.js';
import { until } from './lib/deadline.js';
import { got_all, inlet_metric, inlet_until, numbers_of } from './lib/inlets.js';
import { Redis, has_redis } from './lib/redis.js';
import { suite } from './lib/runner.js';

async function redis_of(t, options) {
  if (!has_redis) t.skip('there is no redis-server and no valkey-server');
  const redis = await Redis.start(options);
  t.after(() => redis.stop());
  return redis;
}

const connected = (t, inlet, at) => inlet_until(t, inlet, 'up', 1, { at });
const kDurable = { arguments: ['--appendonly', 'yes', '--appendfsync', 'always'] };

const stream_config = (url, more = '') => `
[[inlets]]
name = "orders"
type = "redis_stream"
url = "${url}"
from = "orders"
room = "{$.room}"
${more}
`;

// Entries n = from…to for a room.
const entries = (room, from, to) => Array.from({ length: to - from + 1 },
  (_, at) => ['XADD', 'orders', '*', 'data', JSON.stringify({ room, n: from + at })]);

async function pending(redis) {
  return (await redis.ask('XPENDING', 'orders', 'ringcast'))[0];
}

// Entries come as fast as Redis has them; a member on a slow machine must not be closed for it.
const kForSlowReaders = { outbox_messages_max: 100000, outbox_size_max: '64MiB' };

suite('inlets_redis', { server: false, at_once: 3 }, (test) => {
  test('Pub/Sub: a user by ws:broadcast, rooms by a pattern; what cannot be mapped is counted and shown', async (t) => {
    const redis = await redis_of(t);
    await t.start_server({ ...kForSlowReaders, config: t.config_file(`
[[inlets]]
name = "bus"
type = "redis_pubsub"
url = "${redis.url()}"
from = "ws:broadcast"
to = "{$.userId}"
data = "{$.data}"
dead_letter = "dead"

[[inlets]]
name = "rooms"
type = "redis_pubsub"
url = "${redis.url()}"
from = ["room:*", "lobby:*:in"]
room = "{1}"
event = "{$.type}"
`) });
    await Promise.all([connected(t, 'bus'), connected(t, 'rooms')]);
    const ann = await t.ws({ user: 'ann' });
    const general = await t.member('general');
    const dead = await t.member('dead');
    await redis.ask('PUBLISH', 'ws:broadcast', '{"userId":"ann","data":{"text":"hi","n":1.50}}');
    const direct = await ann.next('direct');
    assert.deepEqual(direct.data, { text: 'hi', n: 1.5 });
    assert.ok(direct.id > 0);
    await redis.ask('PUBLISH', 'room:general', '{"type":"order.paid","n":1}');
    assert.deepEqual((await general.next('order.paid')).data, { type: 'order.paid', n: 1 });
    await redis.ask('PUBLISH', 'lobby:general:in', 'no JSON, a text');
    // Without a type in it the event would be there, but a body that is not JSON has none.
    await inlet_until(t, 'rooms', 'unmapped_total', 1, { reason: 'not_json' });
    await redis.ask('PUBLISH', 'room:general', '"just a text"');
    assert.equal((await general.next('message')).data, 'just a text');
    // Garbage, and what has no user in it.
    await redis.ask('PUBLISH', 'ws:broadcast', '{"userId":');
    await redis.ask('PUBLISH', 'ws:broadcast', '{"data":1}');
    const [first, second] = await dead.take(2, 'dead_letter');
    assert.deepEqual(first.data, { inlet: 'bus', reason: 'not_json', why: first.data.why, channel: 'ws:broadcast', id: '', key: '', body: '{"userId":', cut: false });
    assert.equal(second.data.reason, 'missing');
    assert.match(second.data.why, /to = "\{\$\.userId\}" has no value in it/);
    assert.equal(await inlet_metric(t, 'bus', 'dead_letters_total'), 2);
    assert.equal(await inlet_metric(t, 'bus', 'unmapped_total', { reason: 'not_json' }), 1);
    assert.equal(await inlet_metric(t, 'rooms', 'published_total'), 2);
  });

  test('an inlet has the rights of a key by its name', async (t) => {
    const redis = await redis_of(t);
    await t.start_server({ ...kForSlowReaders, config: t.config_file(`${stream_config(redis.url())}
[[permissions]]
match = "order-*"
allow = "publish"
keys = "orders"
`), api_keys: 'admin:0123456789abcdef', insecure: true });
    const headers = { 'X-API-Key': '0123456789abcdef' };
    await inlet_until(t, 'orders', 'up', 1, { headers });
    await redis.ask_all([['XADD', 'orders', '*', 'data', '{"room":"other","n":0}'], ...entries('order-1', 1, 1)]);
    await inlet_until(t, 'orders', 'published_total', 1, { headers });
    assert.equal(await inlet_metric(t, 'orders', 'unmapped_total', { reason: 'forbidden', headers }), 1);
    // Names are for those who have the key.
    const figures = { up: true, reads: true, received_total: 2, published_total: 1, unmapped_total: 1 };
    const { inlets: [seen] } = await t.read('/stats', {}, { headers });
    assert.deepEqual(seen, { name: 'orders', ...figures, in_flight: seen.in_flight });
    const { inlets: [nameless] } = await t.read('/stats');
    assert.deepEqual(nameless, { ...figures, in_flight: nameless.in_flight });
    await until(async () => await pending(redis) === 0, 'both to be acknowledged');
  });

  test('a stream: in order, once, acknowledged; a burst is slowed down and nothing is lost', async (t) => {
    const redis = await redis_of(t);
    const count = 20000;
    await t.start_server({ ...kForSlowReaders, config: t.config_file(stream_config(redis.url(), 'in_flight_max = 50\ndead_letter = "dead"')) });
    await connected(t, 'orders');
    const room = t.name('r');
    const client = await t.member(room);
    await redis.ask_all(entries(room, 1, count));
    await got_all(client, room, count);
    await until(async () => await pending(redis) === 0, 'all to be acknowledged');
    assert.ok(await inlet_metric(t, 'orders', 'held_back_total') > 0, 'it was held back');
    assert.equal(await inlet_metric(t, 'orders', 'in_flight'), 0);
    // Fields beside the body; a body in no field; one that is too large to be published.
    await redis.ask('XADD', 'orders', '*', 'other', '1');
    await inlet_until(t, 'orders', 'unmapped_total', 1, { reason: 'not_json' });
    await redis.ask('XADD', 'orders', '*', 'data', JSON.stringify({ room, n: 0, x: 'x'.repeat(200000) }));
    await inlet_until(t, 'orders', 'unmapped_total', 1, { reason: 'too_large' });
    await until(async () => await pending(redis) === 0, 'those to be acknowledged');
  });

  test('the server ends and starts again: nothing is lost, a drain doubles nothing', async (t) => {
    const redis = await redis_of(t);
    const config = t.config_file(stream_config(redis.url()));
    const first = await t.start_server({ ...kForSlowReaders, config });
    await connected(t, 'orders');
    const room = t.name('r');
    const client = await t.member(room);
    const sending = redis.ask_all(entries(room, 1, 5000));
    await client.next('message');
    assert.equal((await first.stop_cleanly()), undefined);
    await sending;
    await client.close_code();
    const before = numbers_of(client, room);
    assert.deepEqual(before, Array.from({ length: before.length }, (_, n) => n + 1));
    t.server = await t.start_server({ ...kForSlowReaders, config });
    const after = await t.sse({ rooms: room });
    await redis.ask_all(entries(room, 5001, 5001));
    await after.next({ room, event_type: 'message' }, { ms: 60000 });
    await inlet_until(t, 'orders', 'published_total', 5001 - before.length);
    const history = await t.read('/history', { room, limit: 1000 });
    const kept = history.messages.map(({ data }) => data.n);
    assert.equal(kept.at(-1), 5001);
    assert.deepEqual(kept, Array.from({ length: kept.length }, (_, n) => 5001 - kept.length + 1 + n));
    assert.equal(await inlet_metric(t, 'orders', 'published_total'), 5001 - before.length, 'each once');
  });

  test('Redis starts again while entries come: none is lost, none doubled', async (t) => {
    const redis = await redis_of(t, kDurable);
    await t.start_server({ ...kForSlowReaders, config: t.config_file(stream_config(redis.url(), 'in_flight_max = 20')) });
    await connected(t, 'orders');
    const room = t.name('r');
    const client = await t.member(room);
    let sent = 0;
    for (let round = 0; round < 4; round++) {
      await redis.ask_all(entries(room, sent + 1, sent + 500));
      sent += 500;
      await until(() => numbers_of(client, room).length > sent - 500, 'some of this round to arrive', { ms: 60000 });
      await redis.kill();
      await redis.run();
    }
    await got_all(client, room, sent);
    await until(async () => await pending(redis) === 0, 'all to be acknowledged');
    assert.ok(await inlet_metric(t, 'orders', 'disconnects_total') >= 1);
  });

  test('Redis hangs, cuts connections, loses the stream and its group', async (t) => {
    const redis = await redis_of(t);
    await t.start_server({ ...kForSlowReaders, config: t.config_file(stream_config(redis.url(), 'start = "oldest"')) });
    await connected(t, 'orders');
    const room = t.name('r');
    const client = await t.member(room);
    await redis.ask_all(entries(room, 1, 100));
    redis.signal('SIGSTOP');
    redis.signal('SIGCONT');
    await redis.ask('CLIENT', 'KILL', 'TYPE', 'normal').catch(() => {});
    await redis.ask_all(entries(room, 101, 200));
    await got_all(client, room, 200);
    await until(async () => await pending(redis) === 0, 'all to be acknowledged');
    await redis.ask('DEL', 'orders');
    await redis.ask_all(entries(room, 201, 210));
    await got_all(client, room, 210);
  });

  test('Redis is not there at the start', async (t) => {
    const redis = await redis_of(t);
    await redis.kill();
    const server = await t.start_server({ ...kForSlowReaders, config: t.config_file(stream_config(redis.url())) });
    assert.equal(await inlet_metric(t, 'orders', 'up'), 0);
    assert.equal((await t.get('/ready')).status, 200);
    await until(() => server.log.some((line) => line.includes('inlet_disconnected inlet=orders why="Connection refused"')), 'it to be in the log');
    await redis.run();
    await connected(t, 'orders');
    const room = t.name('r');
    const client = await t.member(room);
    await redis.ask_all(entries(room, 1, 3));
    await got_all(client, room, 3);
  });

  test('an entry that is too large to be read is passed, and the next ones come', async (t) => {
    const redis = await redis_of(t);
    await t.start_server({ ...kForSlowReaders, config: t.config_file(stream_config(redis.url(), 'start = "oldest"\ndead_letter = "dead"')), body_size_max: '64KiB' });
    await connected(t, 'orders');
    const room = t.name('r');
    const client = await t.member(room);
    const dead = await t.member('dead');
    const large = ['XADD', 'orders', '*', 'data', 'x'.repeat(17 << 20)];
    await redis.ask_all([...entries(room, 1, 2), large, ...entries(room, 3, 4), large, ...entries(room, 5, 6)]);
    await got_all(client, room, 6);
    const letters = await dead.take(2, 'dead_letter');
    for (const { data } of letters) assert.equal(data.reason, 'too_large');
    await until(async () => await pending(redis) === 0, 'all to be acknowledged');
  });
});

suite('inlets_cluster', { server: false, at_once: 2 }, (test) => {
  // Nodes whose inlets read from the Redis that is the broker.
  async function nodes(t, config, { count = 2, ...extra } = {}) {
    if (t.combination.reactors === 1) t.skip('with more reactors only');
    const redis = await redis_of(t);
    const path = t.config_file(config);
    const start = (n) => t.start_server({ ...kForSlowReaders, broker: redis.url(), node_name: `n${n}`, config: path, broker_lease: '3s', ...extra });
    const all = await Promise.all(Array.from({ length: count }, (_, n) => start(n)));
    t.server = all[0];
    for (const node of all) await ready(t, node);
    return { redis, nodes: all, start };
  }
  const reader = (t, all, inlet) => until(async () => {
    for (const node of all) if (!node.gone && await inlet_metric(t, inlet, 'up', { at: node }) === 1) return node;
    return null;
  }, 'a node to read', { ms: 60000 });
  const kStream = '[[inlets]]\nname = "orders"\ntype = "redis_stream"\nfrom = "orders"\nroom = "{$.room}"\n';

  test('Pub/Sub, each node for its own clients: no id, and each client once', async (t) => {
    const { redis, nodes: all } = await nodes(t, '[[inlets]]\nname = "bus"\ntype = "redis_pubsub"\nfrom = "room:*"\nroom = "{1}"\n');
    for (const node of all) await connected(t, 'bus', node);
    const room = t.name('r');
    const clients = [await member(t, room, all[0]), await member(t, room, all[1])];
    for (let n = 1; n <= 3; n++) await redis.ask('PUBLISH', `room:${room}`, JSON.stringify({ n }));
    await redis.ask('PUBLISH', `room:${room}`, '{"last":true}');
    for (const client of clients) {
      await client.next((event) => event.data?.last);
      assert.deepEqual(numbers_of(client, room), [1, 2, 3, undefined]);
      assert.equal(client.events.seen.find((event) => event.data?.n === 1).id, undefined);
    }
    assert.equal((await t.read('/history', { room })).messages.length, 0);
  });

  test('Pub/Sub, one node for all: an id, and each client once', async (t) => {
    const { redis, nodes: all } = await nodes(t, '[[inlets]]\nname = "bus"\ntype = "redis_pubsub"\nfrom = "room:*"\nroom = "{1}"\nscope = "once"\n');
    const first = await reader(t, all, 'bus');
    const room = t.name('r');
    const clients = [await member(t, room, all[0]), await member(t, room, all[1])];
    for (let n = 1; n <= 20; n++) await redis.ask('PUBLISH', `room:${room}`, JSON.stringify({ n }));
    for (const client of clients) await got_all(client, room, 20);
    // It goes, and the other one takes over.
    await first.stop_cleanly();
    const rest = all.filter((node) => node !== first);
    t.server = rest[0];
    await reader(t, rest, 'bus');
    await redis.ask('PUBLISH', `room:${room}`, '{"n":21}');
    const left = clients[all.indexOf(rest[0])];
    await got_all(left, room, 21);
  });

  test('a stream: the node that reads is killed, and another goes on: 0 lost, 0 doubled, in order', async (t) => {
    const { redis, nodes: all, start } = await nodes(t, kStream);
    const room = t.name('r');
    const watching = await t.start_server({ ...kForSlowReaders, broker: redis.url(), node_name: 'watch' });
    await ready(t, watching);
    const client = await member(t, room, watching);
    let sent = 0;
    for (let round = 0; round < 3; round++) {
      const victim = await reader(t, all, 'orders');
      const sending = redis.ask_all(entries(room, sent + 1, sent + 2000));
      await until(() => numbers_of(client, room).length > sent, 'some to arrive', { ms: 60000 });
      victim.process.kill('SIGKILL');
      await victim.exited;
      await sending;
      sent += 2000;
      all.splice(all.indexOf(victim), 1);
      all.push(await start(2 + round));
      await until(() => numbers_of(client, room).length >= sent, 'the rest to arrive', { ms: 60000 });
    }
    await got_all(client, room, sent);
    await until(async () => await pending(redis) === 0, 'all to be acknowledged', { ms: 60000 });
  });

  test('a stream: the node that reads is frozen for longer than its lease: 0 lost, 0 doubled, in order', async (t) => {
    const { redis, nodes: all } = await nodes(t, kStream);
    const room = t.name('r');
    const frozen = await reader(t, all, 'orders');
    const other = all.find((node) => node !== frozen);
    const client = await member(t, room, other);
    const sending = redis.ask_all(entries(room, 1, 3000));
    await until(() => numbers_of(client, room).length > 0, 'some to arrive', { ms: 60000 });
    frozen.process.kill('SIGSTOP');
    await sending;
    await reader(t, [other], 'orders');
    await got_all(client, room, 3000);
    frozen.process.kill('SIGCONT');
    await inlet_until(t, 'orders', 'disconnects_total', 1, { at: frozen });
    await redis.ask_all(entries(room, 3001, 3100));
    await got_all(client, room, 3100);
  });

  test('the broker starts again empty while a stream elsewhere is read: each once, in order', async (t) => {
    const source = await redis_of(t, kDurable);
    const { redis, nodes: all } = await nodes(t, `${kStream}url = "${source.url()}"\n`);
    await reader(t, all, 'orders');
    const room = t.name('r');
    const client = await member(t, room, all[0]);
    const sending = source.ask_all(entries(room, 1, 3000));
    await until(() => numbers_of(client, room).length > 0, 'some to arrive', { ms: 60000 });
    await redis.kill();
    await sending;
    await redis.run();
    await source.ask_all(entries(room, 3001, 3001));
    await until(async () => (await t.read('/history', { room }).catch(() => ({ messages: [] }))).messages.at(-1)?.data.n === 3001, 'the last one', { ms: 80000 });
    // What was lost with the broker's memory shows as a gap; what has come is in order and once, but for those whose
    // outcome was not known when it was lost.
    const got = numbers_of(client, room);
    const newest = got.filter((n, at) => got.indexOf(n) === at);
    assert.deepEqual(newest, [...newest].sort((a, b) => a - b));
    await until(async () => await pending(source) === 0, 'all to be acknowledged', { ms: 60000 });
  });
});
