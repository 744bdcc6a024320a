// SPDX-License-Identifier: Apache-2.0
// A server that loses, doubles, reorders, alters and cuts on purpose: ringload counts each, to the message.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { suite } from '../integration/lib/runner.js';
import { assert_exact, ringload } from './lib/ringload.js';
import { kRelayArgs, RelayServer } from './lib/relay_server.js';

const kMembers = 4;
const kMessages = 100;

suite('ringload exactness', { server: false, at_once: 2 }, (test) => {
  const fanout = async (t, pass, args = []) => {
    const server = await RelayServer.start(t, pass);
    return ringload(t, ['fanout', ...kRelayArgs, '--target', server.target, '--members', kMembers, '--rate', kMessages, ...args].map(String));
  };
  const counts = ({ json }) => ({ received: json.received, lost: json.lost, duplicates: json.duplicates, reordered: json.reordered });
  const all = kMembers * kMessages;

  test('a faithful server has nothing to answer for', async (t) => {
    assert_exact(await fanout(t), kMembers);
  });

  test('every tenth message lost', async (t) => {
    const result = await fanout(t, (send, text, number) => { if (number % 10 !== 3) send(text); });
    assert.deepEqual(counts(result), { received: all * 0.9, lost: all * 0.1, duplicates: 0, reordered: 0 }, result.summary);
  });

  test('the last messages lost', async (t) => {
    const result = await fanout(t, (send, text, number) => { if (number < 95) send(text); });
    assert.deepEqual(counts(result), { received: 95 * kMembers, lost: 5 * kMembers, duplicates: 0, reordered: 0 }, result.summary);
  });

  test('one member of several loses', async (t) => {
    const result = await fanout(t, (send, text, number, member, index) => { if (index !== 2 || number % 2) send(text); });
    assert.deepEqual(counts(result), { received: all - 50, lost: 50, duplicates: 0, reordered: 0 }, result.summary);
  });

  // As a server does that has no core for a while: longer than silence means loss.
  test('a server that stands still for long loses nothing', async (t) => {
    const server = await RelayServer.start(t);
    server.listener.on('connection', (socket, { url }) => {
      if (!url.startsWith('/publisher/')) return;
      let number = 0;
      socket.on('message', () => {
        if (number++ !== 50) return;
        socket.pause();
        setTimeout(() => socket.resume(), 3000);
      });
    });
    const result = await ringload(t, ['fanout', ...kRelayArgs, '--target', server.target, '--members', String(kMembers), '--rate', String(kMessages)]);
    assert_exact(result, kMembers);
  });

  test('every tenth message twice', async (t) => {
    const result = await fanout(t, (send, text, number) => {
      send(text);
      if (number % 10 === 5) send(text);
    });
    assert.deepEqual(counts(result), { received: all, lost: 0, duplicates: all * 0.1, reordered: 0 }, result.summary);
  });

  test('every tenth message behind the next', async (t) => {
    const kept = new Map();
    const result = await fanout(t, (send, text, number, member) => {
      if (number % 10 === 7) return kept.set(member, text);
      send(text);
      if (number % 10 === 8) send(kept.get(member));
      return undefined;
    });
    assert.deepEqual(counts(result), { received: all, lost: 0, duplicates: 0, reordered: all * 0.1 }, result.summary);
  });

  test('all of these at once', async (t) => {
    const kept = new Map();
    const result = await fanout(t, (send, text, number, member) => {
      const digit = number % 10;
      if (digit === 3) return;
      if (digit === 7) return void kept.set(member, text);
      send(text);
      if (digit === 5) send(text);
      if (digit === 8) send(kept.get(member));
    });
    assert.deepEqual(counts(result), { received: all * 0.9, lost: all * 0.1, duplicates: all * 0.1, reordered: all * 0.1 }, result.summary);
  });

  test('a damaged message is none', async (t) => {
    const result = await fanout(t, (send, text, number) => send(number === 50 ? text.replace(/^(~r.{8})./, '$1!') : text));
    assert.deepEqual(counts(result), { received: all - kMembers, lost: kMembers, duplicates: 0, reordered: 0 }, result.summary);
  });

  test('another room’s message is an error', async (t) => {
    let stray;
    const result = await fanout(t, (send, text, number, member, index) => {
      send(text);
      if (number === 0 && index === 0) {
        if (stray) send(stray);
        stray ??= text;
      }
    }, ['--rooms', 2, '--members', 2]);
    assert.equal(result.json.lost + result.json.duplicates, 0, result.summary);
    assert.deepEqual(result.json.errors, { bad_answer: 1 }, result.summary);
  });

  test('a member that the server cuts loses what comes after', async (t) => {
    const result = await fanout(t, (send, text, number, member, index) => {
      if (index === 1 && number === 20) member.close(1011, 'broken');
      if (index === 2 && number === 30) member.terminate();
      if (member.readyState === 1) send(text);
    });
    const { received, lost } = result.json;
    assert.deepEqual([received, lost], [2 * kMessages + 20 + 30, 80 + 70], result.summary);
    assert.equal(result.json.ended_connections, 2);
    const { closed_by_server: closed = 0, reset_by_server: reset = 0 } = result.json.errors;
    assert.equal(closed + reset, 2, result.summary);
    assert.match(result.summary, /close code 1011/);
  });

  test('echoes are counted like deliveries', async (t) => {
    const server = await RelayServer.start(t);
    server.listener.removeAllListeners('connection');
    server.listener.on('connection', (socket) => {
      let number = 0;
      socket.on('message', (data) => {
        if (number % 10 !== 3) socket.send(data.toString());
        if (number % 10 === 5) socket.send(data.toString());
        number++;
      });
    });
    const result = await ringload(t, ['echo', '--preset', 'raw', '--target', server.target, '--connections', '2', '--rate', '40']);
    assert.deepEqual(counts(result), { received: 36, lost: 4, duplicates: 4, reordered: 0 }, result.summary);
  });

  // Requests that fall due while the server stands still wait for it, and their latency with them.
  test('a server that stands still shows in everything that was due meanwhile', async (t) => {
    let answered = 0;
    const server = createServer((request, response) => {
      if (answered++ === 5) setTimeout(() => response.end('late'), 400);
      else response.end('ok');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => { server.closeAllConnections?.(); server.close(); });
    const { json, summary } = await ringload(t, ['echo', '--transport', 'http', '--target', `127.0.0.1:${server.address().port}`, '--connections', '1', '--rate', '50']);
    const { corrected, uncorrected } = json.latency_ms;
    assert.equal(corrected.count, 50, summary);
    assert.equal(uncorrected.count, 50, summary);
    // The nineteen that were due within the 400 ms were sent after them: 380 ms late, 360 and so on, 3.8 s together. Who
    // asks only for the time since the actual send sees one slow answer. However slow this machine is, it is no less.
    assert.ok(corrected.mean - uncorrected.mean >= 70, summary);
  });
});
