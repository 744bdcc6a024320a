// SPDX-License-Identifier: Apache-2.0
// How nodes find their Redis: through Sentinels, which name another master when it changes, and over TLS.

import { Certificates } from './lib/certificates.js';
import { member, ready } from './lib/cluster.js';
import { until } from './lib/deadline.js';
import { free_port } from './lib/free_port.js';
import { Redis, Sentinel, has_redis } from './lib/redis.js';
import { suite } from './lib/runner.js';
import { check_received, last_word, publisher } from './lib/traffic.js';

async function start(t, settings, count = 2) {
  const nodes = await Promise.all(Array.from({ length: count }, (_, n) => t.start_server({ node_name: `n${n}`, ...settings })));
  t.server = nodes[0];
  for (const node of nodes) await ready(t, node);
  return nodes;
}

// Who takes another's place closes connections meanwhile.
const asked = (redis, ...words) => redis.ask(...words).catch(() => '');

// A master, its replica and a Sentinel that knows both.
async function watched(t) {
  const master = await Redis.start();
  t.after(() => master.stop());
  const replica = await Redis.start({ arguments: ['--replicaof', '127.0.0.1', String(master.port)] });
  t.after(() => replica.stop());
  await until(async () => (await asked(replica, 'INFO', 'replication')).includes('master_link_status:up'), 'the replica to follow');
  const sentinel = await Sentinel.start(master);
  t.after(() => sentinel.stop());
  await until(async () => (await asked(sentinel, 'INFO', 'sentinel')).includes('slaves=1'), 'Sentinel to know the replica', { ms: 30000 });
  return { master, replica, sentinel };
}

suite('cluster addresses', { server: false, at_once: 2 }, (test) => {
  const changes = [
    ['the master is killed', ({ master }) => master.kill()],
    ['Sentinel makes the replica the master, and the old one stays', ({ sentinel }) => sentinel.ask('SENTINEL', 'FAILOVER', 'main')],
  ];
  for (const [what, change] of changes) {
    test(`Sentinel: ${what}: delivery goes on, nothing is lost without a gap`, { deadline_ms: 240000 }, async (t) => {
      if (!has_redis) t.skip('there is no redis-server and no valkey-server');
      if (t.combination.reactors === 1) t.skip('with more reactors only');
      const servers = await watched(t);
      const gone = await free_port();  // a Sentinel that does not answer is passed over
      const nodes = await start(t, { broker: `redis+sentinel://127.0.0.1:${gone},127.0.0.1:${servers.sentinel.port}?master=main` });
      const room = t.name('room');
      const clients = await Promise.all(nodes.map((node) => member(t, room, node)));
      const traffic = publisher(t, room, nodes);
      await traffic.until(20);
      await change(servers);
      await until(async () => (await asked(servers.replica, 'ROLE'))[0] === 'master', 'the replica to be the master', { ms: 120000 });
      await traffic.until(traffic.sent.size + 20);
      const sent = await traffic.stop();
      await last_word(t, room, nodes, clients);
      for (const client of clients) check_received(client, room, sent, { gaps: true, unknown: traffic.unknown });
      await until(async () => (await asked(servers.replica, 'CLIENT', 'LIST')).split('name=ringcast:').length === 1 + 2 * nodes.length, 'both connections of both nodes');
    });
  }

  test('without a Sentinel that answers the start waits, and it comes by itself', async (t) => {
    if (!has_redis) t.skip('there is no redis-server and no valkey-server');
    if (t.combination.reactors === 1) t.skip('with more reactors only');
    const { sentinel } = await watched(t);
    await sentinel.kill();
    const node = await t.start_server({ broker: `redis+sentinel://127.0.0.1:${sentinel.port}?master=main` });
    t.server = node;
    t.refused(await t.get('/ready'), 503);
    await until(() => node.log.some((line) => line.includes('broker_unreachable') && line.includes('Sentinel 127.0.0.1')), 'the log to say so');
    await sentinel.run();
    await ready(t, node);
  });

  test('TLS: two nodes over rediss://; a certificate of others is refused', async (t) => {
    if (!has_redis) t.skip('there is no redis-server and no valkey-server');
    if (t.combination.reactors === 1) t.skip('with more reactors only');
    const certificates = new Certificates();
    certificates.issue('redis', 'DNS:localhost,IP:127.0.0.1');
    const port = await free_port();
    const redis = await Redis.start({ arguments: ['--tls-port', String(port), '--tls-cert-file', certificates.path('redis.pem'),
      '--tls-key-file', certificates.path('redis.key'), '--tls-ca-cert-file', certificates.ca_file, '--tls-auth-clients', 'no'] });
    t.after(() => redis.stop());
    const settings = { broker: `rediss://127.0.0.1:${port}`, broker_ca_file: certificates.ca_file };
    const nodes = await start(t, settings);
    const room = t.name('room');
    const client = await member(t, room, nodes[1]);
    await t.say(room, 'over TLS');
    await client.next({ room, content: 'over TLS' });
    const others = new Certificates();
    const stranger = await t.start_server({ ...settings, broker_ca_file: others.ca_file });
    await until(() => stranger.log.some((line) => line.includes('broker_unreachable') && line.includes('TLS')), 'the log to say why');
    t.refused(await t.get('/ready', {}, { at: stranger }), 503);
  });
});
