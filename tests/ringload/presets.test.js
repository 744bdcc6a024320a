// SPDX-License-Identifier: Apache-2.0
// Each preset against a server that speaks its format.

import assert from 'node:assert/strict';
import { suite } from '../integration/lib/runner.js';
import { start_centrifugo, start_nchan, start_raw_echo, start_socket_io } from './lib/foreign_servers.js';
import { assert_exact, ringload } from './lib/ringload.js';

suite('ringload presets', { server: false, at_once: 2 }, (test) => {
  const fanout = (t, preset, target, args = []) =>
    ringload(t, ['fanout', '--preset', preset, '--target', target, '--rooms', '2', '--members', '5', '--rate', '30', '--settle', '200ms', ...args]);

  test('raw: an echo server', async (t) => {
    const target = await start_raw_echo(t);
    assert_exact(await ringload(t, ['echo', '--preset', 'raw', '--target', target, '--connections', '4', '--depth', '3']), 1);
  });

  test('socketio: rooms of a Socket.IO application', async (t) => {
    const { target, seen } = await start_socket_io(t);
    const result = await fanout(t, 'socketio', target);
    assert_exact(result, 5);
    assert.equal(result.json.published_in_all, 60);
    assert.equal(seen.joined, 10, 'publishers are not members');
  });

  test('socketio: what only members may do, publishers may after their own join', async (t) => {
    const { target, seen } = await start_socket_io(t);
    const acknowledged = ['--join', '420["join","{room}"]', '--publisher-join', '421["join","{room}"]', '--joined', '43'];
    assert_exact(await fanout(t, 'socketio', target, acknowledged), 5);
    assert.equal(seen.joined, 12);
  });

  test('socketio over polling: a session, polls and POSTs between them', async (t) => {
    const { target, seen } = await start_socket_io(t, { ping_interval: 100 });
    for (const args of [[], ['--join', '420["join","{room}"]', '--joined', '430[']]) {
      const result = await fanout(t, 'socketio', target, ['--transport', 'poll', '--duration', '1500ms', ...args]);
      assert_exact(result, 5);
      assert.equal(result.json.ended_connections, 0, result.summary);
    }
    assert.equal(seen.joined, 20);
    assert.ok(seen.pings >= 24, `${seen.pings} pongs`);
    await assert.rejects(ringload(t, ['resume', '--preset', 'socketio', '--target', target, '--transport', 'poll']), /neither echo nor resume/);
  });

  test('socketio: echoes', async (t) => {
    const { target } = await start_socket_io(t);
    assert_exact(await ringload(t, ['echo', '--preset', 'socketio', '--target', target, '--connections', '4', '--depth', '3']), 1);
  });

  test('socketio: its heartbeat is answered', async (t) => {
    const { target, seen } = await start_socket_io(t, { ping_interval: 100 });
    const result = await fanout(t, 'socketio', target, ['--duration', '1500ms']);
    assert.equal(result.json.ended_connections, 0, result.summary);
    assert_exact(result, 5);
    assert.ok(seen.pings >= 12, `${seen.pings} pongs`);
    assert.ok(!seen.closed.includes('ping timeout'));
  });

  test('centrifugo: several replies in a frame', async (t) => {
    const { target, seen } = await start_centrifugo(t);
    const result = await fanout(t, 'centrifugo', target, ['--publishers', '2']);
    assert_exact(result, 5);
    assert.equal(seen.pongs, 14);
    assert.ok(seen.batches > 0);
  });

  test('centrifugo: an error that the server sends is one', async (t) => {
    const { target } = await start_centrifugo(t);
    const { json, summary } = await fanout(t, 'centrifugo', target, ['--publish', '{"publisch":{"data":"{payload}"},"id":3}', '--fail-if', 'errors>0']);
    assert.equal(json.errors.server_error, json.published_in_all, summary);
    assert.match(summary, /bad request/);
    assert.equal(json.lost, json.published_in_all * 5);
  });

  for (const transport of ['websocket', 'sse']) {
    test(`nchan over ${transport}`, async (t) => {
      const { target, seen } = await start_nchan(t);
      const result = await fanout(t, 'nchan', target, ['--transport', transport]);
      assert_exact(result, 5);
      assert.deepEqual([...seen.types], ['text/plain']);
    });
  }

  test('what a preset cannot is refused before anything is sent', async (t) => {
    for (const [args, why] of [[['--preset', 'nchan', '--transport', 'poll'], /nchan has no transport poll/], [['--preset', 'nobody'], /no preset nobody; there are ringcast/]]) {
      await assert.rejects(ringload(t, ['fanout', ...args]), why);
    }
  });
});
