// SPDX-License-Identifier: Apache-2.0
// The client's parts by themselves: the parser of streams, the cursors, the types.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from '../integration/lib/runner.js';
import { Emitter } from '../../web/client/emitter.js';
import { Client, EventParser } from '../../web/client/index.js';
import { Ladder } from '../../web/client/ladder.js';
import { reactionToClose, reactionToRefusal } from '../../web/client/reactions.js';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

function parse(bytes, sizes) {
  const seen = [];
  const parser = new EventParser((event) => seen.push(event), (ms) => seen.push(ms));
  for (let at = 0, i = 0; at < bytes.length; at += sizes[i++ % sizes.length]) parser.feed(bytes.subarray(at, at + sizes[i % sizes.length]));
  return seen;
}

suite('parts', { server: false }, (test) => {
  test('a stream gives the same events in whatever pieces it comes', async () => {
    const text = ': comment\nretry: 300\nid: 1\nevent: message\ndata: {"ü":"😀"}\ndata:second\n\r\nid: 2\rdata: cr\r\rdata: lf\n\nevent: no data\n\ndata\n\ndata: unfinished';
    const bytes = new TextEncoder().encode(text);
    const whole = parse(bytes, [bytes.length]);
    assert.deepEqual(whole, [300, { type: 'message', data: '{"ü":"😀"}\nsecond', id: '1' }, { type: 'message', data: 'cr', id: '2' },
      { type: 'message', data: 'lf', id: '2' }, { type: 'message', data: '', id: '2' }]);
    for (const size of [1, 2, 3, 5, 7, 64]) assert.deepEqual(parse(bytes, [size]), whole, `pieces of ${size}`);
  });

  test('positions survive JSON; what is no list of rooms, or no room, is refused', async () => {
    const first = new Client({ url: 'http://localhost/', positions: { general: 17, '@me': 3 } });
    const kept = JSON.parse(JSON.stringify(first.positions));
    assert.deepEqual(new Client({ url: 'http://localhost/', positions: kept }).positions, { general: 17, '@me': 3 });
    assert.deepEqual(new Client({ url: 'http://localhost/', positions: new Map([['a', 1]]) }).positions, { a: 1 });
    assert.throws(() => new Client({ url: 'http://localhost/', rooms: 'general' }), TypeError);
    for (const room of ['', 'a,b', '*', '@bob', 'x'.repeat(129), 'a\nb', '\ud800']) {
      await assert.rejects(first.join(room), { code: 'bad_room' }, JSON.stringify(room));
    }
    assert.deepEqual(first.rooms, []);
  });

  test('listeners: once, off, signals; loops end with the client, the signal and when they are too slow', async () => {
    const emitter = new Emitter();
    const seen = [];
    const listener = (event) => seen.push(event.n);
    const stopping = new AbortController();
    emitter.on('a', listener, { once: true });
    emitter.on('*', ({ n }) => seen.push(`* ${n}`), { signal: stopping.signal });
    emitter.emit('a', { n: 1 });
    emitter.on('a', listener);
    emitter.off('a', listener);
    emitter.emit('a', { n: 2 });
    stopping.abort();
    emitter.emit('a', { n: 3 });
    emitter.emit('state', { n: 4 });
    assert.deepEqual(seen, [1, '* 1', '* 2']);
    const loop = emitter.iterate('a');
    const waiting = loop.next();
    emitter.emit('a', { n: 5 });
    emitter.emit('a', { n: 6 });
    assert.equal((await waiting).value.n, 5);
    emitter.end();
    assert.deepEqual([(await loop.next()).value.n, (await loop.next()).done], [6, true]);
    const slow = emitter.iterate('a');
    for (let n = 0; n <= 10000; n++) emitter.emit('a', { n });
    await assert.rejects(slow.next(), { code: 'too_slow' });
    const aborted = emitter.iterate('a', { signal: stopping.signal });
    assert.equal((await aborted.next()).done, true);
  });

  test('a better transport is probed after seconds, then minutes; one that breaks at once is passed over', () => {
    let now = 0;
    const ladder = new Ladder(['websocket', 'sse', 'poll'], { clock: { now: () => now }, random: () => 0.5 });
    ladder.begin();
    assert.equal(ladder.failed(), true);
    ladder.opened('sse');
    const delays = [];
    for (let i = 0; i < 8; i++) {
      const { kind, delayMs } = ladder.nextProbe();
      assert.equal(kind, 'websocket');
      delays.push(delayMs);
      now += delayMs;
      ladder.probeFailed('websocket');
    }
    assert.deepEqual(delays, [5000, 10000, 20000, 40000, 80000, 160000, 300000, 300000]);
    now += 300000;
    ladder.opened('websocket');
    assert.equal(ladder.nextProbe(), null);
    ladder.ended('websocket', 'early');
    ladder.begin();
    assert.equal(ladder.kind, 'sse', 'it has not worked since it was passed over');
    now += 400000;
    ladder.opened('websocket');
    ladder.ended('websocket', 'well');
    for (let i = 0; i < 2; i++) ladder.ended('websocket', 'early');
    ladder.begin();
    assert.equal(ladder.kind, 'websocket');
    ladder.ended('websocket', 'early');
    ladder.begin();
    assert.equal(ladder.kind, 'sse');
    // When nothing gets through, the next round begins at the top.
    for (const rung of ladder.rungs) rung.failures = 2;
    while (ladder.failed());
    ladder.begin();
    assert.equal(ladder.kind, 'websocket');
  });

  // The reference page says what a client does; ends.test.js shows that this one does it.
  test('each close code of the reference is reacted to as it says', async () => {
    const page = readFileSync(here('../../docs/protocol.md'), 'utf8');
    const rows = [...page.split('## Close codes')[1].split('\n## ')[0].matchAll(/^\| ([\d, ]+) \| [^|]+ \| ([^|]+) \|$/gm)];
    const words = { stops: 'stop', backs: 'again', reconnects: 'again', fetches: 'token' };
    const ends = readFileSync(here('ends.test.js'), 'utf8');
    for (const [, codes, does] of rows) {
      for (const code of codes.split(/[, ]+/).filter(Boolean)) {
        const reaction = reactionToClose(Number(code), '');
        assert.equal(reaction.do, words[/^\w+/.exec(does)[0]], `${code} ${does}`);
        assert.equal(reaction.busy ?? false, does.startsWith('backs'), `${code} ${does}`);
        assert.match(ends, new RegExp(`\\b${code}\\b`), `no test of ${code}`);
      }
    }
    assert.ok(rows.length >= 7);
  });

  test('the table of ends is what the client does', () => {
    const page = readFileSync(here('../../docs/client.md'), 'utf8');
    const table = page.split('## When a connection ends')[1].split('\n\n')[2].split('\n').slice(2);
    const cells = table.map((row) => row.split('|').map((cell) => cell.trim()));
    const numbers = (cell, digits) => [...cell.matchAll(new RegExp(`\\b\\d{${digits}}\\b`, 'g'))].map(Number);
    const checked = { 3: 0, 4: 0 };
    for (const [, what, codes, socket, stream, poll, does] of cells) {
      const known = [...codes.matchAll(/`(\w+)`/g)].map(([, code]) => code);
      const kind = /^(stops|reconnects|backs off|fetches)/.exec(does)?.[1];
      const check = (reaction, from) => {
        checked[String(from).length]++;
        assert.equal(reaction.do, { stops: 'stop', reconnects: 'again', 'backs off': 'again', fetches: 'token' }[kind], `${what}: ${from}`);
        assert.equal(reaction.busy ?? false, kind === 'backs off', `${what}: ${from}`);
        assert.ok(known.includes(reaction.code), `${what}: ${from} is ${reaction.code}`);
      };
      for (const code of numbers(socket, 4)) check(reactionToClose(code, ''), code);
      for (const status of [...numbers(stream, 3), ...numbers(poll, 3)]) {
        check(reactionToRefusal({ status, error: status === 204 ? undefined : { code: known[0] }, message: '', retryAfterMs: 0 }), status);
      }
    }
    assert.ok(checked[4] >= 16 && checked[3] >= 14, JSON.stringify(checked));
  });
});
