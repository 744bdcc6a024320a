// SPDX-License-Identifier: Apache-2.0
// Nodes of one cluster over a redis-server of their own. A test's.

import { until } from './deadline.js';
import { Redis, has_redis } from './redis.js';

// `count` nodes; `t.server` is the first.
export async function cluster(t, count, extra = {}, redis_options = {}) {
  if (!has_redis) t.skip('there is no redis-server and no valkey-server');
  // The engine and the number of reactors make no difference to the other nodes.
  if (t.combination.reactors === 1) t.skip('with more reactors only');
  const redis = await Redis.start(redis_options);
  const start = (n) => t.start_server({ broker: redis.url(), node_name: `n${n}`, ...extra });
  const nodes = await Promise.all(Array.from({ length: count }, (_, n) => start(n)));
  t.after(() => redis.stop());
  t.server = nodes[0];
  for (const node of nodes) await ready(t, node);
  return { redis, nodes, start };
}

export const ready = (t, node) => until(async () => (await t.get('/ready', {}, { at: node })).status === 200, '/ready');

export async function member(t, room, node, query = {}) {
  const client = await t.ws(query, {}, node);
  client.joined = await client.join(room);
  return client;
}
