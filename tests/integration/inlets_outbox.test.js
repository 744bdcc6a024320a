// SPDX-License-Identifier: Apache-2.0
// The outbox recipe of docs/inlets.md, as it stands there, against a PostgreSQL, a Redis and a Kafka of each test's own:
// its SQL, its relay, its sections of the configuration.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until, within } from './lib/deadline.js';
import { inlet_until } from './lib/inlets.js';
import { Kafka } from './lib/kafka.js';
import { PostgreSql, has_postgresql } from './lib/postgresql.js';
import { Redis, has_redis } from './lib/redis.js';
import { suite } from './lib/runner.js';

// The blocks of code of that section, by language, in their order.
const page = readFileSync(new URL('../../docs/inlets.md', import.meta.url), 'utf8');
const section = page.slice(page.indexOf('\n## From PostgreSQL'), page.indexOf('\n## When something fails'));
const blocks = (language) => [...section.matchAll(/^```(\w+)\n(.*?)^```$/gms)].filter((block) => block[1] === language).map((block) => block[2]);

// With a line or a run of lines of it in another way; it must be there.
function changed(text, from, to) {
  const out = text.replace(from, () => to);
  assert.notEqual(out, text, `the recipe has ${from}`);
  return out;
}

// A Python that has these modules: Debian's, where another one comes first in the PATH.
function python(t, ...modules) {
  const found = ['/usr/bin/python3', 'python3'].find((each) => spawnSync(each, ['-c', `import ${modules.join(', ')}`]).status === 0);
  if (!found) t.skip(`no python3 has ${modules.join(' and ')}`);
  return found;
}

class Relay {
  constructor(t, program, text, environment) {
    const folder = mkdtempSync(join(tmpdir(), 'ringcast-relay-'));
    writeFileSync(join(folder, 'relay.py'), text);
    this.process = spawn(program, [join(folder, 'relay.py')], { env: { ...process.env, ...environment }, stdio: ['ignore', 'inherit', 'pipe'] });
    this.exited = once(this.process, 'exit');
    this.said = '';
    this.process.stderr.on('data', (bytes) => { this.said += bytes; });
    t.after(async () => {
      await this.kill();
      rmSync(folder, { recursive: true });
    });
  }

  get ended() { return this.process.exitCode !== null || this.process.signalCode !== null; }

  async kill() {
    if (!this.ended) this.process.kill('SIGKILL');
    await within(this.exited, 'the end of the relay');
  }
}

async function shop(t) {
  if (t.combination.reactors !== 1) t.skip('once is enough');
  if (!has_postgresql) t.skip('there is no PostgreSQL (Debian: postgresql)');
  const database = await PostgreSql.start();
  t.after(() => database.stop());
  await database.sql('CREATE DATABASE shop', 'postgres');
  await database.sql('CREATE TABLE orders (id int PRIMARY KEY, status text NOT NULL)');
  await database.sql(blocks('sql')[0]);
  return database;
}

const statuses_of = (client) => client.events.all({ event_type: 'order.changed' }).map(({ data }) => data.status);
const updates = (id, from, to) => Array.from({ length: to - from + 1 }, (_, at) => `UPDATE orders SET status = '${from + at}' WHERE id = ${id};\n`).join('');

// What both ways have in common: `start_relay()` starts one more.
async function check(t, database, start_relay, more_failures) {
  const relays = [start_relay(), start_relay()];
  const [seven, eight] = [await t.member('order-7'), await t.member('order-8')];
  await database.sql("INSERT INTO orders VALUES (7, '0');\nBEGIN;\nINSERT INTO orders VALUES (8, 'never');\nROLLBACK;\nINSERT INTO orders VALUES (8, 'paid');\n");
  const first = await seven.next('order.changed', { ms: 60000 });
  assert.deepEqual(first.data, { type: 'order.changed', status: '0' });
  assert.ok(first.id > 0);
  assert.equal((await eight.next('order.changed', { ms: 60000 })).data.status, 'paid');
  // Relays end while changes are made, and others follow; the last failure is the caller's.
  let sent = 0;
  for (let round = 0; round < 3; round++) {
    const changes = database.sql(updates(7, sent + 1, sent + 200));
    sent += 200;
    await until(() => statuses_of(seven).length > sent - 200, 'some changes', { ms: 60000 });
    await relays.shift().kill();
    relays.push(start_relay());
    await changes;
  }
  await more_failures(async (count) => {
    await database.sql(updates(7, sent + 1, sent + count));
    sent += count;
  }, relays);
  await until(() => {
    if (relays.every((relay) => relay.ended)) relays.push(start_relay());
    return statuses_of(seven).length > sent;
  }, 'all changes', { ms: 60000 });
  await seven.fence();
  assert.deepEqual(statuses_of(seven), Array.from({ length: sent + 1 }, (_, n) => `${n}`), 'each once, in order');
  assert.deepEqual(statuses_of(eight), ['paid']);
  await until(async () => await database.sql('SELECT count(*) FROM outbox') === '0', 'the outbox to be empty', { ms: 60000 });
}

suite('inlets_outbox', { server: false, at_once: 2 }, (test) => {
  test('by a Redis Stream: relays are killed, Redis is away: each change once, in order', { deadline_ms: 240000 }, async (t) => {
    const program = python(t, 'psycopg2', 'redis');
    if (!has_redis) t.skip('there is no redis-server and no valkey-server');
    const database = await shop(t);
    const redis = await Redis.start({ arguments: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    t.after(() => redis.stop());
    const text = changed(blocks('python')[0], 'redis.Redis()', `redis.Redis(port=${redis.port})`);
    await t.start_server({ config: t.config_file(changed(blocks('toml')[0], 'redis://127.0.0.1:6379', redis.url())) });
    await inlet_until(t, 'shop', 'up', 1);
    await check(t, database, () => new Relay(t, program, text, database.environment), async (change, relays) => {
      // A relay that cannot send ends, as its supervisor sees, and has deleted nothing.
      await redis.kill();
      await change(50);
      await until(() => relays.some((relay) => relay.ended), 'a relay to end', { ms: 60000 });
      assert.match(relays.find((relay) => relay.ended).said, /ConnectionError/);
      assert.notEqual(await database.sql('SELECT count(*) FROM outbox'), '0');
      await redis.run();
    });
  });

  test('by Kafka: relays are killed, Kafka is away: each change once, in order', { deadline_ms: 240000 }, async (t) => {
    const program = python(t, 'psycopg2', 'confluent_kafka');
    if (!Kafka.has(t.bin)) t.skip('there is no mock_kafka beside the server: it is built where librdkafka is');
    const database = await shop(t);
    const kafka = await Kafka.start(t.bin);
    t.after(() => kafka.stop());
    await kafka.ask('topic', 'outbox', 2);
    // The page says what takes the place of what.
    const send = changed(blocks('python')[1], '127.0.0.1:9092', kafka.address);
    let relay = changed(blocks('python')[0], /^import redis\n/m, '');
    relay = changed(relay, /^stream = .*\n/m, send);
    relay = changed(relay, /^ +for number, room, message in rows:\n.*\n +stream\.xadd.*\n/m, '        send(rows)\n');
    await t.start_server({ config: t.config_file(changed(blocks('toml')[1], '127.0.0.1:9092', kafka.address)) });
    await inlet_until(t, 'shop', 'up', 1);
    await check(t, database, () => new Relay(t, program, relay, database.environment), async (change) => {
      await kafka.ask('down');
      await change(50);
      await kafka.ask('up');
    });
  });
});
