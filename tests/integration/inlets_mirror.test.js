// SPDX-License-Identifier: Apache-2.0
// `mirror`: copies of messages for those who subscribe to a channel of Redis. Each test has a redis-server of its own.

import assert from 'node:assert/strict';
import { cluster, member } from './lib/cluster.js';
import { until } from './lib/deadline.js';
import { run } from './lib/program.js';
import { Redis, has_redis } from './lib/redis.js';
import { suite } from './lib/runner.js';

async function redis_of(t, options) {
  if (!has_redis) t.skip('there is no redis-server and no valkey-server');
  const redis = await Redis.start(options);
  t.after(() => redis.stop());
  return redis;
}

async function subscriber(t, redis, pattern) {
  const subscription = await redis.subscribe(pattern);
  t.after(() => subscription.stop());
  return subscription;
}

// The value of ringcast_mirror_NAME, with a reason of dropped_total.
async function metric(t, name, { at, reason } = {}) {
  const { text } = await t.get('/metrics', {}, { at });
  const begin = `ringcast_mirror_${name}${reason ? `{reason="${reason}"}` : ''} `;
  const line = text.split('\n').find((each) => each.startsWith(begin));
  assert.ok(line, `${begin}is in /metrics`);
  return Number(line.slice(begin.length));
}

const metric_until = (t, name, value, options) => until(async () => await metric(t, name, options) >= value, `${name} to be ${value}`, { ms: 60000 });

async function dropped(t, options = {}) {
  let sum = 0;
  for (const reason of ['queue_full', 'unanswered', 'refused', 'broker']) sum += await metric(t, 'dropped_total', { ...options, reason });
  return sum;
}

const texts_of = (subscription) => subscription.got.map(({ message }) => JSON.parse(message).content);
const count_to = (count) => Array.from({ length: count }, (_, n) => `${n + 1}`);

suite('inlets_mirror', { server: false, at_once: 3 }, (test) => {
  test('a copy of each message of the rooms that have one is what clients get, and nothing else is copied', async (t) => {
    const redis = await redis_of(t);
    await t.start_server({ mirror_url: redis.url('/3'), config: t.config_file(`
mirror = "room:{}"
[[rooms]]
match = "orders/*"
mirror = "events.{}.out"
[[rooms]]
match = "quiet"
mirror = ""
`) });
    const seen = await subscriber(t, redis, '*');
    await metric_until(t, 'up', 1);
    const ann = await t.ws({ user: 'ann' });
    const general = await t.member('general', { user: 'bob' });
    const orders = await t.member('orders/7');
    await t.say('quiet', 'not this');
    await t.publish({ to: 'ann', content: 'nor this' });
    await t.publish({ broadcast: true, content: 'nor this' });
    general.send({ action: 'typing', room: 'general' });
    general.send({ action: 'message', room: 'general', content: 'hello "there" ✓' });
    const first = await general.next({ content: 'hello "there" ✓' });
    await t.publish({ room: 'orders/7', event: 'order.paid', data: { n: 1.5, at: null } });
    const second = await orders.next('order.paid');
    const once = { room: 'general', content: 'once', idempotency_key: 'k' };
    await t.publish(once);
    assert.equal((await t.publish(once)).duplicate, true);
    await t.say('general', 'the last one');
    const [third, fourth] = [await general.next({ content: 'once' }), await general.next({ content: 'the last one' })];
    await until(() => seen.got.length >= 4, 'four copies');
    await ann.fence();
    await metric_until(t, 'published_total', 4);
    assert.deepEqual(seen.got.map(({ channel }) => channel), ['room:general', 'events.orders/7.out', 'room:general', 'room:general']);
    assert.deepEqual(seen.got.map(({ message }) => JSON.parse(message)), [first, second, third, fourth]);
    assert.equal(await metric(t, 'published_total'), 4);
    assert.equal(await dropped(t), 0);
    assert.equal(await metric(t, 'queued_bytes'), 0);
    assert.deepEqual((await t.read('/stats')).mirror, { up: true, published_total: 4, dropped_total: 0, queued_bytes: 0 });
  });

  test('rooms of tenants are copied where the channel names the tenant, and nowhere else', async (t) => {
    const redis = await redis_of(t);
    await t.start_server({ mirror_url: redis.url(), config: t.config_file('mirror = "{tenant}:room:{}"\n[[rooms]]\nmatch = "b"\nmirror = "only:{}"\n') });
    const seen = await subscriber(t, redis, '*');
    await metric_until(t, 'up', 1);
    await t.publish({ room: 'a', content: 'mine' }, { query: { tenant: 'acme' } });
    await t.publish({ room: 'b', content: 'not copied' }, { query: { tenant: 'acme' } });
    await t.say('b', 'nobody’s');
    await t.say('a', 'nobody’s');
    await metric_until(t, 'published_total', 3);
    await until(() => seen.got.length >= 3, 'three copies');
    assert.deepEqual(seen.got.map(({ channel }) => channel).sort(), [':room:a', 'acme:room:a', 'only:b']);
  });

  test('a burst is copied in the order of ids, and a server that stops publishes what is queued', async (t) => {
    const redis = await redis_of(t);
    const server = await t.start_server({ mirror_url: redis.url(), mirror: 'room:{}', outbox_messages_max: 100000, outbox_size_max: '64MiB' });
    const seen = await subscriber(t, redis, 'room:*');
    const client = await t.member('burst');
    for (const text of count_to(3000)) client.send({ action: 'message', room: 'burst', content: text });
    await client.fence();
    await server.stop_cleanly();
    await until(() => seen.got.length >= 3000, '3000 copies', { ms: 60000 });
    assert.deepEqual(texts_of(seen), count_to(3000));
    const ids = seen.got.map(({ message }) => JSON.parse(message).id);
    assert.equal(ids.at(-1) - ids[0], 2999);
  });

  test('Redis is away: publishing goes on, the queue is bounded, what is dropped is counted and logged', async (t) => {
    const redis = await redis_of(t);
    await redis.kill();
    const server = await t.start_server({ mirror_url: redis.url(), mirror: 'room:{}', mirror_queue_size_max: '64KiB' });
    const client = await t.member('away');
    const count = 1000;
    for (const text of count_to(count)) client.send({ action: 'message', room: 'away', content: text });
    await client.fence();
    await until(() => server.log.some((line) => line.includes('mirror_unreachable why="Connection refused"')), 'the log to say so');
    const full = await metric(t, 'dropped_total', { reason: 'queue_full' });
    assert.ok(full > 0 && full < count, `${full} of ${count} dropped`);
    assert.ok(await metric(t, 'queued_bytes') <= 65536);
    assert.equal(await metric(t, 'up'), 0);
    await until(() => server.log.some((line) => line.includes(`mirror_dropped messages=`) && line.includes('why="Redis is away"')), 'drops to be in the log');
    await redis.run();
    const seen = await subscriber(t, redis, 'room:*');
    // What a Redis that is just starting refuses, or loses the connection of, is counted and not sent again.
    await until(async () => await metric(t, 'published_total') + await dropped(t) >= count, 'each to be published or counted', { ms: 60000 });
    await client.ask({ action: 'ping' });
    await t.say('away', 'again');
    await until(() => texts_of(seen).at(-1) === 'again', 'what follows', { ms: 60000 });
    // The subscriber may have come after the first of those that waited; they are the oldest ones, in order.
    const waited = texts_of(seen).slice(0, -1).map(Number);
    assert.ok(waited.every((n, at) => n > (waited[at - 1] ?? 0) && n <= count - full), waited.join());
    assert.equal(await metric(t, 'published_total') + await dropped(t), count + 1);
  });

  test('Redis is killed and hangs while copies leave: none twice, each counted, in order', async (t) => {
    const redis = await redis_of(t);
    await t.start_server({ mirror_url: redis.url(), mirror: 'room:{}' });
    await metric_until(t, 'up', 1);
    const client = await t.member('cut');
    let sent = 0;
    const burst = (count) => { for (; count > 0; count--) client.send({ action: 'message', room: 'cut', content: `${++sent}` }); };
    const all = [];
    for (let round = 0; round < 3; round++) {
      const seen = await subscriber(t, redis, 'room:*');
      burst(500);
      await until(() => seen.got.length > 0, 'the first copies');
      if (round === 1) {
        redis.signal('SIGSTOP');
        burst(500);
        await client.fence();
        redis.signal('SIGCONT');
      } else {
        await redis.kill();
        burst(500);
        await client.fence();
        await redis.run();
      }
      all.push(...texts_of(seen).map(Number));
      await until(async () => await metric(t, 'published_total') + await dropped(t) === sent, 'all to be published or counted', { ms: 60000 });
      if (round === 1) all.push(...texts_of(seen).map(Number).filter((n) => n > all.at(-1)));
    }
    assert.ok(await metric(t, 'disconnects_total') >= 2);
    assert.deepEqual(all, [...new Set(all)].sort((one, other) => one - other), 'in order, each once');
  });

  test('Redis refuses: counted, and the log says why', async (t) => {
    const redis = await redis_of(t);
    await redis.ask('ACL', 'SETUSER', 'm', 'on', '>p%', '+@all', '-publish', '~*', '&*');
    const server = await t.start_server({ mirror_url: `redis://m:p%25@127.0.0.1:${redis.port}`, mirror: 'room:{}' });
    await metric_until(t, 'up', 1);
    await t.say('r', 'no');
    await metric_until(t, 'dropped_total', 1, { reason: 'refused' });
    await until(() => server.log.some((line) => /mirror_dropped messages=1 in_all=1 why="NOPERM /.test(line)), 'the reason in the log');
    await redis.ask('ACL', 'SETUSER', 'm', '+publish');
    await t.say('r', 'yes');
    await metric_until(t, 'published_total', 1);
  });

  test('a channel that an inlet reads is refused at the start, with the way out', async (t) => {
    if (t.combination.reactors !== 1) t.skip('once is enough');
    const file = t.config_file(`mirror_url = "redis://localhost/2"
[[rooms]]
match = "public-*"
mirror = "room:{}"
[[inlets]]
name = "bus"
type = "redis_pubsub"
url = "redis://127.0.0.1"
from = "room:*"
room = "{1}"
`);
    const why = /:2: \[\[rooms\]\] match = "public-\*": mirror = "room:\{\}": the inlet "bus" \(.*:5\) reads from = "room:\*" of the same Redis.* give one of them another channel, such as mirror = "out:room:\{\}"/;
    for (const more of [[], ['--check-config']]) {
      const { status, stderr } = await run(t.bin, ['--port', '0', '--config', file, ...more]);
      assert.equal(status, 1);
      assert.match(stderr, why);
    }
  });
});

suite('inlets_mirror_cluster', { server: false, at_once: 2 }, (test) => {
  test('each message is copied once, by the node whose publish it was', async (t) => {
    const { redis, nodes } = await cluster(t, 3, { mirror: 'room:{}' });
    const seen = await subscriber(t, redis, 'room:*');
    for (const at of nodes) await metric_until(t, 'up', 1, { at });
    const room = t.name('r');
    // The third node has no member.
    const clients = [await member(t, room, nodes[0]), await member(t, room, nodes[1])];
    for (let n = 0; n < 60; n++) await t.publish({ room, user: 'System', content: `${n}` }, { at: nodes[n % 3] });
    const once = { room, content: 'once', idempotency_key: 'k' };
    await t.publish(once, { at: nodes[0] });
    assert.equal((await t.publish(once, { at: nodes[2] })).duplicate, true);
    await t.publish({ room, content: 'last' }, { at: nodes[2] });
    await clients[0].next({ event_type: 'message', content: 'last' });
    await until(() => seen.got.length >= 62, '62 copies');
    for (const client of clients) await client.fence();
    const copies = seen.got.map(({ message }) => JSON.parse(message)).sort((one, other) => one.id - other.id);
    assert.deepEqual(copies, clients[0].events.seen.filter(({ event_type }) => event_type === 'message'));
    let published = 0;
    for (const at of nodes) {
      const own = await metric(t, 'published_total', { at });
      assert.ok(own >= 20, `${own} copies of a node`);
      published += own;
    }
    assert.equal(published, 62);
  });

  test('the broker is lost before it answers: what may have been published without a copy is counted', async (t) => {
    const mirror = await redis_of(t);
    const { redis, nodes: [node] } = await cluster(t, 1, { mirror: 'room:{}', mirror_url: mirror.url(), broker_timeout: '30s' });
    const seen = await subscriber(t, mirror, 'room:*');
    await metric_until(t, 'up', 1);
    const room = t.name('r');
    await t.publish({ room, content: 'before' });  // from here on its channel is open
    redis.signal('SIGSTOP');
    const publishes = Array.from({ length: 5 }, (_, n) => t.http('POST', '/messages', { body: { room, content: `${n}` } }));
    await until(async () => /^ringcast_broker_queued_bytes [1-9]/m.test((await t.get('/metrics')).text), 'publishes to be under way');
    await redis.kill();
    const outcomes = (await Promise.all(publishes)).map(({ json }) => json.error?.code);
    const unknown = outcomes.filter((code) => code === 'outcome_unknown').length;
    assert.ok(outcomes.every((code) => code === 'outcome_unknown' || code === 'broker_unavailable'), outcomes.join());
    assert.equal(await metric(t, 'dropped_total', { reason: 'broker' }), unknown);
    await redis.run();
    await until(async () => (await t.get('/ready')).status === 200, 'the broker to be back', { ms: 60000 });
    await t.publish({ room, content: 'after' });
    await until(() => seen.got.length === 2, 'the copy of what follows');
    assert.deepEqual(texts_of(seen), ['before', 'after']);
    assert.ok(node);
  });

  test('rooms of one node alone are copied by it', async (t) => {
    const { redis, nodes } = await cluster(t, 2, { mirror: 'room:{}', shared: false });
    const seen = await subscriber(t, redis, 'room:*');
    for (const at of nodes) await t.publish({ room: 'own', content: at.url }, { at });
    await until(() => seen.got.length >= 2, 'two copies');
    assert.deepEqual(texts_of(seen).sort(), nodes.map(({ url }) => url).sort());
  });
});
