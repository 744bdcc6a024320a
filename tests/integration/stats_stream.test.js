// SPDX-License-Identifier: Apache-2.0
// /stats/stream: the figures of /stats as events, for the dashboard.

import assert from 'node:assert/strict';
import { within } from './lib/deadline.js';
import { suite } from './lib/runner.js';
import { SseClient } from './lib/sse_client.js';

const kKey = 'stats-stream-test-key-0123456789';

function stream(t, at = t.server, options = {}) {
  const client = new SseClient(`${at.url}/stats/stream`, options);
  t.after(() => client.close());
  return client;
}

suite('stats stream', {}, (test) => {
  test('figures come again and again, and are those of /stats', async (t) => {
    const room = t.name('room');
    await t.member(room);
    const client = stream(t);
    const response = await within(client.response, 'the head');
    assert.equal(response.headers['content-type'], 'text/event-stream');
    assert.equal(response.headers['cache-control'], 'no-cache, no-transform');
    const [first, second] = await client.take(2, ({ sse_event }) => sse_event === 'stats');
    assert.equal(first.rooms[room], 1);
    assert.ok(second.timestamp_ms > first.timestamp_ms);
    assert.deepEqual(Object.keys(first).filter((key) => !['cursor_line', 'sse_event', 'raw_data', 'event_type'].includes(key)),
      Object.keys(await t.read('/stats')));
    assert.equal(first.cores.length, t.combination.reactors);
    assert.ok(first.resident_bytes > 1 << 20);
    for (const [i, { cpu_us }] of second.cores.entries()) assert.ok(cpu_us >= first.cores[i].cpu_us);
    // The load of one's own watching is seen, too.
    assert.ok(second.cores.reduce((sum, { cpu_us }) => sum + cpu_us, 0) > 0);
  });

  test('what a client says behind its request is not read', async (t) => {
    const raw = t.raw();
    raw.write('GET /stats/stream HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.equal((await raw.response({ head_only: true })).headers['transfer-encoding'], 'chunked');
    raw.write('nonsense');
    const seen = await raw.read((bytes) => {
      const text = bytes.toString();
      return text.split('event: stats').length > 3 ? { value: text, used: bytes.length } : null;
    }, 'three events');
    assert.doesNotMatch(seen, /HTTP\/1\.1/);
  });

  test('over HTTP/1.0, and its head alone', async (t) => {
    const old = t.raw();
    old.write('GET /stats/stream HTTP/1.0\r\n\r\n');
    const head = await old.response({ head_only: true });
    assert.deepEqual([head.status, head.headers['transfer-encoding'], head.headers.connection], [200, undefined, 'close']);
    await old.read((bytes) => (/^event: stats\ndata: \{.*\}\n\n/.test(bytes.toString()) ? { value: true, used: bytes.length } : null), 'an event');
    const raw = t.raw();
    raw.write('HEAD /stats/stream HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.equal((await raw.response({ head_only: true })).headers['content-type'], 'text/event-stream');
    assert.equal((await raw.response()).body, 'OK\n');
  });

  test('it needs the API key where there is one', async (t) => {
    const server = await t.start_server({ api_keys: [kKey] });
    t.refused(await t.get('/stats/stream', {}, { at: server }), 401, 'unauthorized');
    const client = stream(t, server, { headers: { 'X-API-Key': kKey } });
    await client.next(({ sse_event }) => sse_event === 'stats');
  });

  test('it ends when the server goes', async (t) => {
    const server = await t.start_server();
    const client = stream(t, server);
    await client.next(({ sse_event }) => sse_event === 'stats');
    await server.stop_cleanly();
    assert.equal(await client.end(), 'end');
  });
});
