// SPDX-License-Identifier: Apache-2.0
// Several nodes over one redis-server: what a client of one node is promised on another, and what happens when Redis
// fails. Each test has rooms of its own; those that interfere with Redis have a server of their own.

import assert from 'node:assert/strict';
import { cluster, member } from './lib/cluster.js';
import { until } from './lib/deadline.js';
import { Redis, has_redis } from './lib/redis.js';
import { suite } from './lib/runner.js';
import { check_received, last_word, publisher } from './lib/traffic.js';

suite('cluster', { server: false, at_once: 3 }, (test) => {
  test('messages, ids, history, idempotency, direct and broadcast over two nodes', async (t) => {
    const { nodes: [one, two] } = await cluster(t, 2);
    const room = t.name('room');
    const [here, there] = [await member(t, room, one), await member(t, room, two)];
    // Ids are one sequence, at which node messages are published.
    let last = 0;
    for (let n = 0; n < 6; n++) {
      const { event_id } = await t.say(room, `m${n}`, { at: undefined });
      const other = await t.publish({ room, content: `o${n}` }, { at: two });
      assert.ok(last === 0 || event_id === last + 1);
      assert.equal(other.event_id, event_id + 1);
      last = other.event_id;
    }
    for (const client of [here, there]) {
      const got = await client.take(12, { room, event_type: 'message' });
      assert.deepEqual(got.map(({ content }) => content), Array.from({ length: 12 }, (_, n) => `${n % 2 ? 'o' : 'm'}${n >> 1}`));
      assert.deepEqual(got.map(({ id }) => id), Array.from({ length: 12 }, (_, n) => last - 11 + n));
    }
    // The same frames: id and time are Redis's.
    const [a, b] = [await t.read('/history', { room }), await t.read('/history', { room }, { at: two })];
    assert.equal(a.messages.length, 12);
    assert.deepEqual(a.messages, b.messages);
    // An idempotency key holds everywhere.
    const first = await t.publish({ room, content: 'once', idempotency_key: 'k' });
    const again = await t.publish({ room, content: 'once', idempotency_key: 'k' }, { at: two });
    assert.equal(again.event_id, first.event_id);
    assert.equal(again.duplicate, true);
    // A direct message reaches every tab, wherever it is; a broadcast everybody.
    const user = t.name('u');
    const tabs = [await t.ws({ user }, {}, one), await t.ws({ user }, {}, two)];
    const { event_id } = await t.publish({ to: user, content: 'psst' });
    for (const tab of tabs) assert.equal((await tab.next('direct')).id, event_id);
    await t.publish({ broadcast: true, content: 'all' }, { at: two });
    for (const client of [here, there, ...tabs]) await client.next({ content: 'all' });
    // An event without an id goes everywhere too, and not back to who sent it.
    here.send({ action: 'typing', room });
    await there.next('typing');
    const { broker } = await t.read('/stats', {}, { at: one });
    assert.equal(broker.up, true);
    await until(async () => (await t.read('/stats', {}, { at: one })).broker.nodes === 2, 'both to have a lease');
    assert.ok(broker.ordered_total >= 2 && broker.channels >= 1, JSON.stringify(broker));
  });

  test('a client resumes on another node: exactly, from a history that node has never seen', async (t) => {
    const { redis, nodes: [one, two] } = await cluster(t, 2);
    const room = t.name('room');
    const client = await member(t, room, one);
    const ids = [];
    for (let n = 0; n < 300; n++) ids.push((await t.say(room, `${n}`)).event_id);
    await client.take(300, { room, event_type: 'message' });
    client.terminate();
    const resumed = await t.ws({}, {}, two);
    const before = Number(/cmdstat_xrange:calls=(\d+)/.exec(await redis.ask('INFO', 'commandstats'))?.[1] ?? 0);
    resumed.joined = await resumed.join(room, { last_id: ids[9] });
    assert.equal(resumed.joined.recovered, true);
    const got = await resumed.take(290, { room, event_type: 'message' });
    assert.deepEqual(got.map(({ id }) => id), ids.slice(10));
    // Others who come back do not make it read again.
    const others = await Promise.all(Array.from({ length: 20 }, () => t.ws({}, {}, two)));
    await Promise.all(others.map((other) => other.join(room, { last_id: ids[9] })));
    await Promise.all(others.map((other) => other.take(290, { room, event_type: 'message' })));
    const reads = Number(/cmdstat_xrange:calls=(\d+)/.exec(await redis.ask('INFO', 'commandstats'))[1]) - before;
    assert.ok(reads <= 4, `${reads} reads of the history: two pages, and what the greeting needs`);
    // Over SSE as well, and live behind it.
    const stream = await t.sse({ rooms: room }, { headers: { 'Last-Event-ID': `${ids[298]}` } }, two);
    assert.equal((await stream.next({ room, event_type: 'message' })).id, ids[299]);
    const { event_id } = await t.say(room, 'live');
    assert.equal((await stream.next({ room, content: 'live' })).id, event_id);
  });

  test('a node that does not read for a while is cut off by Redis, and catches up from the history', async (t) => {
    // As docs/cluster.md has it, and what is left of it when a node stands still.
    const limits = ['--client-output-buffer-limit', 'pubsub', '256mb', '64mb', '60'];
    const { redis, nodes: [one, two] } = await cluster(t, 2, { history_messages: 2000, history_size_max: '64MiB', outbox_size_max: '64MiB' }, { arguments: limits });
    assert.match((await redis.ask('CONFIG', 'GET', 'client-output-buffer-limit'))[1], /pubsub 268435456 67108864 60$/);
    await redis.ask('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 1mb 1mb 1');
    const room = t.name('room');
    const client = await member(t, room, two);
    const lines_of = async (name) => (await redis.ask('CLIENT', 'LIST', 'TYPE', 'pubsub')).split('\n').filter((line) => line.includes(`name=${name} `));
    const [name] = (await redis.ask('CLIENT', 'LIST', 'TYPE', 'pubsub')).match(/ringcast:n1\b/);
    two.process.kill('SIGSTOP');
    let sent = 0;
    // The kernel's buffers take some megabytes first.
    await until(async () => {
      for (let n = 0; n < 20; n++) await t.publish({ room, data: { n: ++sent, more: 'x'.repeat(32000) } }, { at: one });
      return (await lines_of(name)).length === 0;
    }, 'Redis to close the connection', { ms: 60000 });
    two.process.kill('SIGCONT');
    await t.publish({ room, data: { n: ++sent } }, { at: one });
    await until(() => client.events.seen.at(-1)?.data?.n === sent, 'all messages', { ms: 60000 });
    const seen = client.events.seen.filter((event) => event.room === room && ['message', 'gap'].includes(event.event_type));
    assert.deepEqual(seen.map(({ data }) => data?.n), Array.from({ length: sent }, (_, n) => n + 1), 'each once, in order, without a gap');
  });

  test('rooms that are not shared stay with their node, and do not wait for Redis', async (t) => {
    const config = t.config_file('[[rooms]]\nmatch = "own-*"\nshared = false\npresence = true\n');
    const { redis, nodes: [one, two] } = await cluster(t, 2, { config });
    const room = t.name('own');
    const [here, there] = [await member(t, room, one), await member(t, room, two)];
    await t.say(room, 'here');
    await here.next({ room, content: 'here' });
    redis.signal('SIGSTOP');
    await t.say(room, 'still here');
    await here.next({ room, content: 'still here' });
    redis.signal('SIGCONT');
    await t.publish({ room, content: 'there' }, { at: two });
    await there.next({ room, content: 'there' });
    assert.equal(there.events.all({ room, event_type: 'message' }).length, 1);
  });

  test('exclude and final messages over nodes', async (t) => {
    const { nodes: [one, two] } = await cluster(t, 2);
    const room = t.name('room');
    const [spared, other, there] = [await member(t, room, one), await member(t, room, one), await member(t, room, two)];
    await t.say(room, 'not you', { exclude: spared.id });
    await t.say(room, 'the end', { final: true });
    for (const client of [other, there]) await client.next({ room, content: 'not you' });
    for (const client of [spared, other, there]) {
      await client.next({ room, content: 'the end' });
      await client.next({ event_type: 'left', room });
    }
    assert.equal(spared.events.all({ content: 'not you' }).length, 0);
  });

  test('a connection is left out by publishes of any node, live and where it has missed something', async (t) => {
    const { redis, nodes: [one, two, three] } = await cluster(t, 3);
    const rooms = [t.name('room'), t.name('next')];
    const [spared, other] = [await member(t, rooms[0], one), await member(t, rooms[0], one)];
    const [there, elsewhere] = [await member(t, rooms[0], two), await member(t, rooms[0], three)];
    const all = [spared, other, there, elsewhere];
    for (const client of all) await client.join(rooms[1]);
    for (const at of [two, three]) {
      const { json } = await t.http('POST', '/messages', { body: [
        { rooms, content: 'not you', exclude: spared.id },
        { room: rooms[1], content: 'nor you', exclude: elsewhere.id },
        { room: rooms[0], content: 'all', exclude: 'f'.repeat(32) },
      ], at });
      assert.ok(json.every((each) => each.error === undefined), JSON.stringify(json));
    }
    // What comes by the history after a cut spares it as well.
    const cuts = Array.from({ length: 4 }, () => redis.ask('CLIENT', 'KILL', 'TYPE', 'pubsub').catch(() => {}));
    const sure = (fields) => until(async () => (await t.http('POST', '/messages', { body: fields, at: two })).status < 300, 'a publish to be taken');
    for (let n = 0; n < 20; n++) await sure({ room: rooms[0], content: 'not you', exclude: spared.id, idempotency_key: `k${n}` });
    await Promise.all(cuts);
    await sure({ rooms, content: 'end', idempotency_key: 'end' });
    for (const client of all) for (const room of rooms) await client.next({ room, content: 'end' });
    const got = (client, content) => client.events.all({ content }).length;
    assert.deepEqual(all.map((client) => got(client, 'not you')), [0, 24, 24, 24]);
    assert.deepEqual(all.map((client) => got(client, 'nor you')), [2, 2, 2, 0]);
    assert.deepEqual(all.map((client) => got(client, 'all')), [2, 2, 2, 2]);
    // It is in the history all the same.
    assert.equal((await t.read('/history', { room: rooms[0] })).messages.filter(({ content }) => content === 'not you').length, 22);
  });

  test('orders of administrators reach all nodes', async (t) => {
    const { nodes: [one, two] } = await cluster(t, 2);
    const room = t.name('room');
    const user = t.name('u');
    const [here, there] = [await member(t, room, one), await member(t, room, two, { user })];
    await t.say(room, 'one');
    for (const client of [here, there]) await client.next({ room, content: 'one' });
    assert.ok((await t.http('DELETE', `/rooms/${room}`)).status < 300);
    // A purge takes the order of messages: what comes later is kept.
    await t.say(room, 'two');
    await there.next({ room, content: 'two' });
    for (const at of [one, two]) {
      await until(async () => (await t.read('/history', { room }, { at })).messages.map(({ content }) => content).join() === 'two', 'the purge');
    }
    assert.ok((await t.http('DELETE', `/rooms/${room}/members/${user}`)).status < 300);
    assert.equal((await there.next({ event_type: 'left', room })).reason, 'kicked');
    await there.join(room);
    assert.ok((await t.http('POST', `/rooms/${room}/close`)).status < 300);
    for (const client of [here, there]) await client.next({ event_type: 'left', room, reason: 'closed' });
    await t.http('DELETE', `/users/${user}/connections`);
    assert.equal((await there.close_code()).code, 4011);
    assert.equal(here.socket.readyState, 1);
  });

  test('without Redis the start waits, publishes are refused with their reason, and it comes by itself; so when it is full', async (t) => {
    if (!has_redis) t.skip('there is no redis-server and no valkey-server');
    if (t.combination.reactors === 1) t.skip('with more reactors only');
    const redis = await Redis.start();
    t.after(() => redis.stop());
    await redis.kill();
    const node = await t.start_server({ broker: redis.url() });
    t.refused(await t.get('/ready'), 503);
    const room = t.name('room');
    const refused = await t.http('POST', '/messages', { body: { room, content: 'x' } });
    t.refused(refused, 503, 'broker_unavailable');
    assert.ok(Number(refused.headers['retry-after']) >= 1);
    t.refused(await t.get('/history', { room }), 503, 'broker_unavailable');
    await redis.run();
    await until(async () => (await t.get('/ready')).status === 200, '/ready');
    const client = await member(t, room, node);
    await t.say(room, 'y');
    await client.next({ room, content: 'y' });
    assert.match((await t.get('/metrics')).text, /^ringcast_broker_up 1$/m);
    // Its memory is full: it takes nothing more, and what it has can be read.
    await redis.ask('CONFIG', 'SET', 'maxmemory', '1');
    for (const name of [room, t.name('new')]) t.refused(await t.http('POST', '/messages', { body: { room: name, content: 'x' } }), 503, 'broker_unavailable');
    assert.deepEqual((await t.get('/history', { room })).json.messages.map(({ content }) => content), ['y']);
    await redis.ask('CONFIG', 'SET', 'maxmemory', '0');
    await t.say(room, 'z');
    await client.next({ room, content: 'z' });
  });

  const faults = [
    ['the subscriptions are cut', {}, async (redis) => { await redis.ask('CLIENT', 'KILL', 'TYPE', 'pubsub'); }],
    ['all its connections are cut', {}, async (redis) => { await redis.ask('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes').catch(() => {}); await redis.ask('CLIENT', 'KILL', 'TYPE', 'pubsub'); }],
    ['it stands still for six seconds', { slow: true }, async (redis) => { redis.signal('SIGSTOP'); await new Promise((resolve) => setTimeout(resolve, 6000)); redis.signal('SIGCONT'); }],
    ['it is flushed', { gaps: true }, async (redis) => { await redis.ask('FLUSHALL'); }],
    ['it is killed and comes back empty', { gaps: true }, async (redis) => { await redis.kill(); await redis.run(); }],
    ['it is killed and comes back with its data', { gaps: true, redis: { arguments: ['--appendonly', 'yes', '--appendfsync', 'always'] } }, async (redis) => { await redis.kill(); await redis.run(); }],
  ];
  for (const [what, { gaps = false, slow = false, redis: redis_options = {} }, fault] of faults) {
    test(`under traffic: ${what}: nothing is lost, doubled or reordered${gaps ? ', or there is a gap' : ''}`, async (t) => {
      if (slow && t.combination.reactors !== 2) t.skip('with two reactors only');
      const { redis, nodes } = await cluster(t, 2, {}, redis_options);
      const room = t.name('room');
      const clients = await Promise.all(nodes.map((node) => member(t, room, node)));
      const traffic = publisher(t, room, nodes);
      await traffic.until(20);
      await fault(redis);
      await traffic.until(traffic.sent.size + 20);
      const sent = await traffic.stop();
      await last_word(t, room, nodes, clients);
      for (const client of clients) check_received(client, room, sent, { gaps, unknown: traffic.unknown });
      // Who comes back with an old cursor never gets something else under it.
      const first = clients[0].events.all({ room, event_type: 'message' })[0];
      const late = await t.ws({}, {}, nodes[1]);
      const joined = await late.join(room, { last_id: first.id });
      await late.next({ room, content: '1000000' });
      const again = check_received(late, room, new Map([...sent].filter(([, id]) => id > first.id)), { gaps: true, unknown: traffic.unknown });
      if (joined.recovered && !again.had_gap) assert.deepEqual(again.missing, []);
    });
  }
});
