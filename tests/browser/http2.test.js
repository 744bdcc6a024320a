// SPDX-License-Identifier: Apache-2.0
// A page with more event streams than a browser opens connections: they are streams of one.

import assert from 'node:assert/strict';
import { Certificates } from '../integration/lib/certificates.js';
import { until } from '../integration/lib/deadline.js';
import { suite } from '../integration/lib/runner.js';
import { open_tab } from './browser.js';

const certificates = new Certificates();
certificates.issue('own', 'DNS:localhost,IP:127.0.0.1');
const kStreams = 10;

suite('http2 in a browser', { settings: { tls_listen: '127.0.0.1:0', ...certificates.settings('own') }, at_once: 1 }, (test) => {
  test('ten event streams and requests beside them over one connection', async (t) => {
    const port = t.server.log.map((line) => /https:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1]).find(Boolean);
    const room = t.name('room');
    const metric = async (name) => {
      const { text } = await t.get('/metrics');
      return [...text.matchAll(new RegExp(`^ringcast_${name}\\{.*?(\\d+)$`, 'gm'))].reduce((sum, [, value]) => sum + Number(value), 0);
    };
    const tab = await open_tab(t, { base: `https://127.0.0.1:${port}`, accepts: true });
    await tab.page.evaluate(({ name, count }) => {
      window.heard = Array.from({ length: count }, () => []);
      for (let i = 0; i < count; i++) {
        const source = new EventSource(`/events?rooms=${name}${i}&rooms=${name}`);
        source.addEventListener('message', (event) => window.heard[i].push(JSON.parse(event.data).content));
      }
    }, { name: room, count: kStreams });
    await until(async () => JSON.parse((await t.get(`/rooms/${room}/members`)).text).count === kStreams, 'all streams to be open');
    const status = await tab.page.evaluate(async (name) => {
      const answer = await fetch('/messages', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ room: name, content: 'of the page' }) });
      return answer.status;
    }, room);
    assert.equal(status, 200);
    for (let i = 0; i < kStreams; i++) await t.say(`${room}${i}`, `only ${i}`);
    await tab.page.waitForFunction((count) => window.heard.every((heard) => heard.length === 2) && window.heard.length === count, kStreams);
    assert.deepEqual(await tab.page.evaluate(() => window.heard), Array.from({ length: kStreams }, (_, i) => ['of the page', `only ${i}`]));
    assert.equal(await metric('http2_connections'), 1);
    assert.ok((await metric('http2_streams')) >= kStreams);
  });
});
