// SPDX-License-Identifier: Apache-2.0
// The JavaScript client in pages and web workers.

import assert from 'node:assert/strict';
import { blocking_proxy } from '../client/lib/observed_client.js';
import { suite } from '../integration/lib/runner.js';
import { open_tab } from './browser.js';

// A page that is nobody's, with the client that the server hands out as `client`; what it went through is `states`.
// `frozen`: its time stands still until the test moves it.
async function open_client(t, { base = t.server.url, ...options }, { frozen = false } = {}) {
  const tab = await open_tab(t, { base, query: 'health' });
  if (frozen) {
    await tab.page.clock.install();
    await tab.page.clock.pauseAt(Date.now() + 60000);
  }
  await tab.page.evaluate(async (given) => {
    const { Client } = await import(`${given.url}/client/v1/ringcast.mjs`);
    window.states = [];
    window.heard = [];
    window.client = new Client(given);
    window.client.on('state', (state) => window.states.push(state));
    window.client.on('*', (event) => window.heard.push(event));
    window.client.open();
  }, { url: base, ...options });
  return tab;
}

const is_in = (tab, name, transport) => tab.page.waitForFunction(([wanted, over]) => window.client.state.name === wanted && (!over || window.client.transport === over), [name, transport]);

// For a moment, until the client has got the event that it is back.
async function lose_network(tab) {
  await tab.page.evaluate(() => { window.online_again = new Promise((resolve) => addEventListener('online', resolve, { once: true })).then(() => true); });
  await tab.page.context().setOffline(true);
  await tab.page.waitForFunction(() => !navigator.onLine);
  await tab.page.context().setOffline(false);
  assert.ok(await tab.page.evaluate(() => window.online_again));
}

suite('client in a page', { settings: { heartbeat_interval: '25s' } }, (test) => {
  test('back online, what waits does not wait any longer', async (t) => {
    const proxy = await blocking_proxy(t);
    const tab = await open_client(t, { base: proxy.url, rooms: [t.name('room')] }, { frozen: true });
    await is_in(tab, 'open');
    await tab.page.context().setOffline(true);
    proxy.block('*', 'reset');
    proxy.cut();
    // The first retry is made at once; the time of the second never comes.
    await tab.page.waitForFunction(() => window.client.state.name === 'waiting' && window.client.state.delayMs === 0);
    await tab.page.clock.runFor(1);
    await tab.page.waitForFunction(() => window.client.state.name === 'waiting' && window.client.state.delayMs >= 1000);
    proxy.unblock('*');
    await tab.page.context().setOffline(false);
    await is_in(tab, 'open', 'websocket');
  });

  test('back online, an open connection that is dead is noticed after silenceTimeoutMs', async (t) => {
    const proxy = await blocking_proxy(t);
    const tab = await open_client(t, { base: proxy.url, rooms: [t.name('room')], transports: ['websocket'], silenceTimeoutMs: 2000 }, { frozen: true });
    await is_in(tab, 'open');
    proxy.hold();
    await lose_network(tab);
    await tab.page.clock.runFor(2000);
    await is_in(tab, 'waiting');
    assert.equal(await tab.page.evaluate(() => window.client.state.code), 'silent');
  });

  test('back online, a better transport is probed at once', async (t) => {
    const proxy = await blocking_proxy(t);
    proxy.block('/ws', 'reset');
    const tab = await open_client(t, { base: proxy.url, rooms: [t.name('room')] }, { frozen: true });
    await is_in(tab, 'open', 'sse');
    // On the new network nothing is in the way.
    proxy.unblock('/ws');
    await lose_network(tab);
    // The stream may be dead and gets a successor; the probe comes after that.
    await tab.page.waitForFunction(() => window.heard.filter(({ type }) => type === 'connection_id').length === 2);
    await tab.page.clock.runFor(1);
    await is_in(tab, 'open', 'websocket');
    assert.deepEqual(await tab.page.evaluate(() => window.states.filter(({ name }) => name === 'waiting')), []);
  });

  for (const transports of [undefined, ['websocket'], ['sse'], ['poll']]) {
    test(`a page whose origin is not allowed learns of the setting (${transports ?? 'all transports'})`, async (t) => {
      const tab = await open_tab(t, { base: t.server.url.replace('127.0.0.1', 'localhost'), query: 'health' });
      const state = await tab.page.evaluate(async ({ url, transports }) => {
        const { Client } = await import(`${url}/client/v1/ringcast.mjs`);
        const client = new Client({ url, rooms: ['r'], transports });
        const waiting = new Promise((resolve) => { client.on('state', (state) => { if (state.name === 'waiting' || state.name === 'stopped') resolve(state); }); });
        client.open();
        return waiting.finally(() => client.close());
      }, { url: t.server.url, transports });
      assert.deepEqual([state.name, state.code], ['waiting', 'unreachable']);
      assert.ok(state.reason.includes(`"http://localhost:${t.server.port}" has to be in the server's setting "origins"`), state.reason);
    });
  }

  test('the reason says nothing of origins to a page of the server\'s own', async (t) => {
    const proxy = await blocking_proxy(t);
    const tab = await open_client(t, { base: proxy.url, rooms: [t.name('room')] }, { frozen: true });
    await is_in(tab, 'open');
    proxy.block('*', 'reset');
    proxy.cut();
    await is_in(tab, 'waiting');
    await tab.page.clock.runFor(1);
    await tab.page.waitForFunction(() => window.states.some(({ code }) => code === 'unreachable'));
    assert.equal(await tab.page.evaluate(() => window.states.find(({ code }) => code === 'unreachable').reason), `the server at ${proxy.url} cannot be reached`);
  });
});

suite('client in a web worker', {}, (test) => {
  const kLoads = {
    module: (url) => `const { Client } = await import('${url}/client/v1/ringcast.mjs');`,
    script: (url) => `importScripts('${url}/client/v1/ringcast.min.js'); const { Client } = ringcast;`,
  };
  for (const [kind, load] of Object.entries(kLoads)) {
    for (const transport of ['websocket', 'sse', 'poll']) {
      test(`${kind}, ${transport}: joins, publishes, hears`, async (t) => {
        const room = t.name('room');
        const tab = await open_tab(t, { query: 'health' });
        const said = await tab.page.evaluate(([type, program]) => new Promise((resolve, reject) => {
          const worker = new Worker(URL.createObjectURL(new Blob([program], { type: 'text/javascript' })), { type });
          worker.onmessage = ({ data }) => resolve(data);
          worker.onerror = ({ message }) => reject(new Error(message));
        }), [kind === 'module' ? 'module' : 'classic', `(async () => {
          ${load(t.server.url)}
          const client = new Client({ url: '${t.server.url}', rooms: ['${room}'], transports: ['${transport}'] });
          const heard = client.events('message');
          client.open();
          const { id } = await client.publish('${room}', 'from a worker');
          const { value } = await heard.next();
          postMessage({ same: value.id === id, content: value.content, transport: client.transport });
        })();`]);
        assert.deepEqual(said, { same: true, content: 'from a worker', transport });
      });
    }
  }
});
