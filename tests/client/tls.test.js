// SPDX-License-Identifier: Apache-2.0
// The JavaScript client over TLS, in Node: each transport, cut off and back, and a certificate that it does not trust.

import assert from 'node:assert/strict';
import { Agent, fetch as undici_fetch } from 'undici';
import WebSocket from 'ws';
import { Certificates } from '../integration/lib/certificates.js';
import { CuttingProxy } from '../integration/lib/proxy.js';
import { suite } from '../integration/lib/runner.js';
import { secure } from '../integration/lib/secure.js';
import { ManualClock } from './lib/manual_clock.js';
import { contents, observe } from './lib/observed_client.js';

const certificates = new Certificates();
certificates.issue('own', 'DNS:localhost,IP:127.0.0.1');
const settings = { tls_listen: '127.0.0.1:0', retry: '100ms', ...certificates.settings('own') };

// What an application passes whose certificates are its own.
function trusting(t) {
  const dispatcher = new Agent({ connect: { ca: certificates.ca } });
  t.after(() => dispatcher.destroy());
  return {
    fetch: (url, options) => undici_fetch(url, { ...options, dispatcher }),
    WebSocket: class extends WebSocket {
      constructor(url, protocols) { super(url, protocols, { ca: certificates.ca }); }
    },
  };
}

suite('client over TLS', { settings }, (test) => {
  for (const transport of ['websocket', 'sse', 'poll']) {
    test(`${transport}: publishes, hears, and loses nothing when it is cut off`, async (t) => {
      const room = t.name('room');
      const proxy = await CuttingProxy.start(secure(t.server).port);
      t.after(() => proxy.stop());
      const clock = new ManualClock();
      const client = observe(t, { url: `https://127.0.0.1:${proxy.port}`, rooms: [room], user: t.name('Ada'), transports: [transport], clock, ...trusting(t) });
      await client.states.next('open');
      const sent = await client.publish(room, 'from here');
      assert.equal((await client.heard.next({ content: 'from here' })).id, sent.id);
      for (let round = 0; round < 2; round++) {
        proxy.refusing = true;
        proxy.cut();
        await client.states.next('waiting');
        await t.say(room, `missed ${round}`);
        proxy.refusing = false;
        clock.advance(client.state.delayMs);
        await client.states.next('open');
        await client.heard.next({ content: `missed ${round}` });
      }
      assert.deepEqual(contents(client, room), ['from here', 'missed 0', 'missed 1']);
      assert.deepEqual(client.heard.all('gap'), []);
    });

    test(`${transport}: a certificate that nobody vouches for`, async (t) => {
      const client = observe(t, { url: secure(t.server).url, rooms: [t.name('room')], transports: [transport], clock: new ManualClock() });
      assert.equal((await client.states.next('waiting')).code, 'unreachable');
      assert.deepEqual(client.states.all('open'), []);
      assert.equal((await trusting(t).fetch(`${secure(t.server).url}/health`)).status, 200);
    });
  }
});
