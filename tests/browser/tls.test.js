// SPDX-License-Identifier: Apache-2.0
// A browser and a server that speaks TLS with a certificate that was made for it: the chat page, WebSocket, EventSource
// and polls, all over https.

import assert from 'node:assert/strict';
import { Certificates } from '../integration/lib/certificates.js';
import { until } from '../integration/lib/deadline.js';
import { suite } from '../integration/lib/runner.js';
import { secure } from '../integration/lib/secure.js';
import { open_tab } from './browser.js';

const certificates = new Certificates();
certificates.issue('own', 'DNS:localhost,IP:127.0.0.1');

suite('TLS in a browser', { settings: { tls_listen: '127.0.0.1:0', ...certificates.settings('own') } }, (test) => {
  for (const transport of ['websocket', 'sse', 'poll']) {
    test(`two tabs talk over ${transport}`, async (t) => {
      const room = t.name('room');
      const at = { base: secure(t.server).url, accepts: true };
      const [one, two] = [await open_tab(t, at), await open_tab(t, at)];
      await one.connect({ user: 'Alice', room, transport });
      await two.connect({ user: 'Bob', room, transport });
      await one.say('Hello Bob');
      await two.hears('Hello Bob');
      await two.say('Hello Alice');
      await one.hears('Hello Alice');
      await one.picture(`tls-${transport}`);
      assert.deepEqual(one.problems.concat(two.problems), []);
      assert.equal(new URL(one.page.url()).protocol, 'https:');
    });
  }

  test('WebSocket and EventSource of a page of one\'s own', async (t) => {
    const room = t.name('room');
    const { url } = secure(t.server);
    const tab = await open_tab(t, { base: url, query: 'health', accepts: true });
    await tab.page.evaluate((name) => {
      window.heard = { socket: [], source: [] };
      const source = new EventSource(`/events?rooms=${name}`);
      source.addEventListener('message', (event) => window.heard.source.push(JSON.parse(event.data).content));
      const socket = new WebSocket(`wss://${location.host}/ws?rooms=${name}`);
      socket.onmessage = ({ data }) => {
        const event = JSON.parse(data);
        if (event.event_type === 'message') window.heard.socket.push(event.content);
      };
      const opened = (target) => new Promise((resolve, reject) => { target.onopen = resolve; target.onerror = () => reject(new Error(`no ${target.constructor.name}`)); });
      return Promise.all([opened(source), opened(socket)]).then(() => {});
    }, room);
    await until(async () => (await t.read('/members', { room })).members?.length === 2, 'both to be members');
    await t.say(room, 'end');
    await tab.page.waitForFunction(() => Object.values(window.heard).every((contents) => contents.at(-1) === 'end'));
  });

  test('a browser that has not accepted the certificate shows nothing', async (t) => {
    await assert.rejects(open_tab(t, { base: secure(t.server).url }), /ERR_CERT_AUTHORITY_INVALID/);
  });
});
