// SPDX-License-Identifier: Apache-2.0
// Each scenario and transport against a real ringcast: what was published is what arrived, to the message.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Certificates } from '../integration/lib/certificates.js';
import { suite } from '../integration/lib/runner.js';
import { assert_exact, ringload } from './lib/ringload.js';

const target = ({ port }) => ['--target', `127.0.0.1:${port}`];

suite('ringload scenarios', { settings: { echo: true }, at_once: 2 }, (test) => {
  // A prefix of its own: rooms of several runs must not meet.
  const run = (t, args) => ringload(t, [...args, ...target(t.server), '--room-prefix', t.name('room-')]);

  test('connect: all are there, and churn renews some of them', async (t) => {
    const result = await run(t, ['connect', '--connections', '30', '--rooms', '5', '--churn', '3000']);
    assert.equal(result.json.connections, 30);
    assert.ok(result.json.renewed > 0 && result.json.renewed <= 15, result.summary);
    assert.equal(result.json.ended_connections, 0);
    assert.deepEqual(result.json.errors, {});
    assert.equal(result.json.latency_ms.connect.count, 30 + result.json.renewed);
  });

  for (const transport of ['sse', 'poll', 'http']) {
    test(`connect over ${transport}`, async (t) => {
      const { json, summary } = await run(t, ['connect', '--connections', '10', '--transport', transport]);
      assert.equal(json.connections, 10, summary);
      assert.deepEqual(json.errors, {}, summary);
    });
  }

  test('echo: a closed loop has back what it sent', async (t) => {
    const result = await run(t, ['echo', '--connections', '3', '--depth', '2']);
    assert_exact(result, 1);
    assert.equal(result.json.deliveries <= result.json.received, true);
    assert.equal(result.json.latency_ms.uncorrected, undefined);
  });

  test('echo: an open loop sends what its schedule says', async (t) => {
    const result = await run(t, ['echo', '--connections', '3', '--rate', '60']);
    assert_exact(result, 1);
    assert.equal(result.json.published_in_all, 60);
  });

  test('echo over http: each request is answered', async (t) => {
    const paced = await run(t, ['echo', '--transport', 'http', '--connections', '2', '--rate', '40']);
    assert.equal(paced.json.published_in_all, 40);
    assert.equal(paced.json.latency_ms.corrected.count, 40, paced.summary);
    assert.deepEqual(paced.json.errors, {});
    const closed = await run(t, ['echo', '--transport', 'http', '--connections', '2']);
    assert.ok(closed.json.latency_ms.corrected.count > 0, closed.summary);
    assert.ok(closed.json.latency_ms.corrected.count <= closed.json.published_in_all);
    assert.deepEqual(closed.json.errors, {});
  });

  test('echo by POST over http: each is answered and published', async (t) => {
    const { json, summary } = await run(t, ['echo', '--transport', 'http', '--post-path', '/messages', '--post-body', '{"room":"{room}","content":"{payload}"}', '--connections', '2', '--rate', '40']);
    assert.equal(json.latency_ms.corrected.count, 40, summary);
    assert.deepEqual(json.errors, {}, summary);
  });

  // Streams of HTTP/2: full connections, one that is not, one of its own for each.
  for (const [transport, streams, members] of [['sse', 4, 10], ['sse', 1, 3], ['poll', 3, 4]]) {
    test(`fanout over ${transport}, ${streams} a connection by HTTP/2`, async (t) => {
      const result = await run(t, ['fanout', '--transport', transport, '--http2', String(streams), '--members', String(members), '--rate', '40']);
      assert_exact(result, members);
      assert.equal(result.json.http2, streams);
      assert.deepEqual(result.json.errors, {}, result.summary);
    });
  }

  test('HTTP/2: requests, churn, and members that never read', async (t) => {
    const asked = await run(t, ['echo', '--transport', 'http', '--http2', '5', '--connections', '10', '--rate', '100']);
    assert.equal(asked.json.latency_ms.corrected.count, 100, asked.summary);
    assert.deepEqual(asked.json.errors, {});
    const renewed = await run(t, ['connect', '--transport', 'sse', '--http2', '5', '--connections', '30', '--churn', '3000']);
    assert.ok(renewed.json.renewed > 0 && renewed.json.renewed <= 15, renewed.summary);
    assert.deepEqual(renewed.json.errors, {});
    // Far more than a stream's window: what does not read is closed or misses, and takes nothing from its connection.
    const slow = await run(t, ['slow', '--transport', 'sse', '--http2', '10', '--members', '10', '--slow', '10', '--rate', '200', '--size', '40000', '--duration', '2s']);
    assert.equal(slow.json.lost, 0, slow.summary);
    assert.equal(slow.json.received, slow.json.published_in_all * 9, slow.summary);
    assert.ok(slow.json.slow.closed + slow.json.slow.missed > 0, slow.summary);
  });

  for (const [name, flags] of [['websocket', []], ['websocket with deflate', ['--deflate', '--size', '3000']], ['sse', ['--transport', 'sse']], ['poll', ['--transport', 'poll']], ['two threads', ['--threads', '2']]]) {
    test(`fanout over ${name}`, async (t) => {
      const result = await run(t, ['fanout', '--rooms', '2', '--members', '5', '--publishers', '2', '--rate', '40', ...flags]);
      assert_exact(result, 5);
      assert.equal(result.json.published_in_all, 80);
      assert.equal(result.json.latency_ms.corrected.count, 400);
      assert.equal(result.json.latency_ms.uncorrected.count, 400);
    });
  }

  test('fanout with deflate takes fewer bytes', async (t) => {
    const args = ['fanout', '--members', '4', '--rate', '20', '--size', '8000'];
    const plain = await run(t, args);
    const packed = await run(t, [...args, '--deflate']);
    assert_exact(packed, 4);
    assert.ok(packed.json.bytes_in < plain.json.bytes_in / 4, `${packed.json.bytes_in} of ${plain.json.bytes_in}`);
  });

  test('fanout that saturates: the last member has every message', async (t) => {
    const result = await run(t, ['fanout', '--members', '7', '--publishers', '2', '--in-flight', '4', '--threads', '2']);
    assert_exact(result, 7);
    assert.ok(result.json.latency_ms.last_member.count > 0);
  });

  test('fanout with templates, headers and a marker of its own', async (t) => {
    const prefix = t.name('templates-');
    const result = await ringload(t, ['fanout', '--members', '3', '--rate', '20', ...target(t.server), '--room-prefix', prefix,
      '--path', '/ws?user={user}', '--join', '{"action":"join","room":"{room}"}', '--header', 'X-One: 1', '--header', 'X-Two: 2',
      '--post-path', '/messages', '--post-body', '{"room":"{room}","user":"System","data":{"deep":["{payload}"]}}', '--marker', '@load:']);
    assert_exact(result, 3);
    assert.equal(result.json.published_in_all, 20);
    const { messages } = await t.read('/history', { room: `${prefix}0` });
    assert.equal(messages.length, 20);
    assert.ok(messages.every(({ data }) => data.deep[0].startsWith('@load:')));
  });

  for (const transport of ['websocket', 'sse', 'poll']) {
    test(`resume over ${transport}: cut members lose nothing`, async (t) => {
      const result = await run(t, ['resume', '--transport', transport, '--rooms', '2', '--members', '6', '--rate', '50', '--warmup', '400ms', '--cut', '100', '--away', '50ms']);
      assert_exact(result, 6);
      assert.equal(result.json.published_in_all, 140);
      assert.ok(result.json.resumed > 0, result.summary);
      assert.equal(result.json.gaps, 0);
    });
  }

  test('mixed: every role does its part', async (t) => {
    const roles = 'connect=2,echo=2,http=1,fanout=4,fanout-sse=2,fanout-poll=1,resume=2,slow=2';
    const { json, summary } = await run(t, ['mixed', '--mix', roles, '--rooms', '2', '--members', '32', '--rate', '30', '--echo-rate', '40', '--slow-rate', '100000', '--away', '50ms']);
    assert.deepEqual(json.roles.map(({ name, connections }) => [name, connections]),
      [['connect', 8], ['echo', 8], ['http', 4], ['fanout', 16], ['fanout-sse', 8], ['fanout-poll', 4], ['resume', 8], ['slow', 8]]);
    assert.equal(json.connections, 64 + 2, summary);
    assert.equal(json.published_in_all, 2 * 30 + 40, summary);
    const to_rooms = 30 * (16 + 8 + 4 + 8);  // both rooms together have so many members that count
    const echoes = json.roles[1].latency_ms.count;
    assert.equal(json.roles[1].latency_ms.count + json.roles[2].latency_ms.count, 40, summary);
    assert.equal(json.received, to_rooms + echoes, summary);
    assert.deepEqual([json.lost, json.duplicates, json.reordered], [0, 0, 0], summary);
    assert.deepEqual(json.slow, { received: 30 * 8, missed: 0, duplicates: 0, reordered: 0, closed: 0 }, summary);
    assert.deepEqual(json.errors, {}, summary);
  });

  test('stages and everything else from a file', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'ringload-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'run.toml');
    writeFileSync(file, `scenario = "fanout"\nmembers = 3\nfail-if = ["lost>0", "published<1"]\n` +
      `[[stage]]\nduration = "400ms"\nrate = 100\n[[stage]]\nduration = "300ms"\nrate = 100\n[[stage]]\nduration = "200ms"\nrate = 0\n`);
    const result = await run(t, ['fanout', '--config', file]);
    assert_exact(result, 3);
    assert.equal(result.json.published_in_all, 20 + 30 + 10);
    assert.equal(result.code, result.json.valid ? 0 : 4);
  });

  test('search: comes to the highest rate that crosses no threshold', async (t) => {
    const { json, summary, code } = await run(t, ['search', '--members', '2', '--rate', '10', '--duration', '500ms', '--fail-if', 'published>16']);
    assert.match(summary, /^search +10\/s: /m);
    // Twice the rate and twice again, whatever this machine calls valid: more than 16 in half a second is too many.
    assert.ok(json.rate <= 34, summary);
    assert.ok(json.valid ? code === 0 : json.rate === 10, `${code} ${summary}`);
    assert.ok(json.series.length > 0);
  });
});

// A run says 12 MB to each of its members. Those that read may stand still for most of it, as on a busy machine, before
// they are given up; those that do not read have not room enough.
const kSmallBuffers = { send_buffer_size: '32KiB', outbox_size_max: '10MiB', outbox_messages_max: 256, close_timeout: '500ms' };

suite('ringload slow readers', { settings: kSmallBuffers, at_once: 1 }, (test) => {
  const args = (t, ...more) => ['slow', '--members', '10', '--slow', '20', '--size', '60000', '--rate', '100', '--duration', '2s', ...target(t.server), '--room-prefix', t.name('slow-'), ...more];

  test('those that read nothing are given up by the server, the others lose nothing', async (t) => {
    const { json, summary } = await ringload(t, args(t));
    assert.equal(json.slow.closed, 2, summary);
    assert.ok(json.slow.missed > 0, summary);
    assert.equal(json.slow.received + json.slow.missed, 2 * json.published_in_all, summary);
    assert.deepEqual([json.received, json.lost, json.duplicates], [8 * json.published_in_all, 0, 0], summary);
    assert.deepEqual(json.errors, {}, summary);
  });

  test('those that read slowly get as much as they read', async (t) => {
    const starved = await ringload(t, args(t, '--slow-rate', '1000'));
    assert.equal(starved.json.slow.closed, 2, starved.summary);
    const fed = await ringload(t, args(t, '--slow-rate', '1000000000'));
    assert.deepEqual(fed.json.slow, { received: 2 * fed.json.published_in_all, missed: 0, duplicates: 0, reordered: 0, closed: 0 }, fed.summary);
    assert.ok(starved.json.slow.received < fed.json.slow.received);
  });
});

const certificates = new Certificates().issue('own', 'DNS:localhost,IP:127.0.0.1');

suite('ringload over TLS', { settings: { tls_listen: '127.0.0.1:0', ...certificates.settings('own') } }, (test) => {
  const over_tls = (t, args) => {
    const port = t.server.log.map((line) => /https:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1]).find(Boolean);
    return ringload(t, [...args, '--target', `127.0.0.1:${port}`, '--tls', '--room-prefix', t.name('room-')]);
  };

  test('fan-out is exact, and sessions are resumed', async (t) => {
    assert_exact(await over_tls(t, ['fanout', '--members', '10', '--rate', '20', '--tls-ca', certificates.ca_file, '--tls-resume', '--connect-rate', '20']), 10);
    const { text } = await t.get('/metrics');
    assert.match(text, /outcome="resumed"} [1-9]/);
  });

  test('connect trusts any certificate only with the flag for it', async (t) => {
    const { json, summary } = await over_tls(t, ['connect', '--connections', '5', '--tls-insecure']);
    assert.equal(json.connections, 5, summary);
  });
});
