// SPDX-License-Identifier: Apache-2.0
// socket.io-client in a real browser: its own bundle from /socket.io/socket.io.js, the page from a directory of files,
// over each transport, with a restart of the server; over TLS, where polls are streams of an HTTP/2 connection.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Certificates } from '../integration/lib/certificates.js';
import { suite } from '../integration/lib/runner.js';
import { open_tab } from './browser.js';

const kBundle = fileURLToPath(new URL('../node_modules/socket.io-client/dist', import.meta.url));
const kPage = `<!doctype html><title>chat</title><pre id="log"></pre><script src="/socket.io/socket.io.js"></script><script>
function log(text) { document.getElementById('log').textContent += text + '\\n'; }
const asked = new URLSearchParams(location.search);
const socket = io({ transports: asked.get('transports').split(','), reconnectionDelay: 50, reconnectionDelayMax: 200 });
let times = 0;
socket.on('connect', () => { log('connected ' + ++times); socket.emit('join-room', 'page'); });
socket.io.engine.on('upgrade', (transport) => log('upgraded to ' + transport.name));
socket.on('user-joined-room', ({ userId }) => { if (userId === socket.id) log('in ' + times); });
socket.on('room-message', ({ content }) => log(content instanceof ArrayBuffer ? 'bytes ' + new Uint8Array(content).join() : content));
function say(content) { socket.emit('room-message', { room: 'page', content }); }
</script>`;

suite('socket.io in a browser', { server: false }, (test) => {
  for (const transports of ['polling', 'websocket', 'polling,websocket']) {
    test(`over ${transports}, and again after a restart`, async (t) => {
      const folder = await mkdtemp(join(tmpdir(), 'ringcast-page-'));
      t.after(() => rm(folder, { recursive: true }));
      await writeFile(join(folder, 'chat.html'), kPage);
      const settings = { preset: 'socketio_chat', static_dir: folder, socketio_client_dir: kBundle, page: false };
      const server = await t.start_server(settings);
      const tab = await open_tab(t, { base: server.url, query: `chat.html?transports=${transports}` });
      const log = tab.page.locator('#log');
      const says = (text) => tab.page.waitForFunction((line) => document.getElementById('log').textContent.split('\n').includes(line), text);
      await says('in 1');
      if (transports.includes(',')) await says('upgraded to websocket');
      await tab.page.evaluate(() => { say('from the page'); say(new Uint8Array([1, 255]).buffer); });
      await says('from the page');
      await says('bytes 1,255');
      await server.stop_cleanly();
      const again = await t.start_server({ ...settings, port: server.port });
      await says('in 2');
      await t.publish({ room: 'page', content: 'after the restart' }, { at: again });
      await says('after the restart');
      assert.match(await log.textContent(), /connected 2/);
    });
  }

  for (const transports of ['polling', 'polling,websocket']) {
    test(`over ${transports} with TLS`, async (t) => {
      const folder = await mkdtemp(join(tmpdir(), 'ringcast-page-'));
      t.after(() => rm(folder, { recursive: true }));
      await writeFile(join(folder, 'chat.html'), kPage);
      const certificates = new Certificates();
      certificates.issue('own', 'DNS:localhost,IP:127.0.0.1');
      const server = await t.start_server({
        preset: 'socketio_chat', static_dir: folder, socketio_client_dir: kBundle, page: false, tls_listen: '127.0.0.1:0', ...certificates.settings('own'),
      });
      const base = server.log.map((line) => /https:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0]).find(Boolean);
      const tab = await open_tab(t, { base, query: `chat.html?transports=${transports}`, accepts: true });
      const says = (text) => tab.page.waitForFunction((line) => document.getElementById('log').textContent.split('\n').includes(line), text);
      await says('in 1');
      if (transports.includes(',')) await says('upgraded to websocket');
      await tab.page.evaluate(() => { say('from the page'); say(new Uint8Array([1, 255]).buffer); });
      await says('from the page');
      await says('bytes 1,255');
      await t.publish({ room: 'page', content: 'from a backend' }, { at: server });
      await says('from a backend');
      const protocols = await tab.page.evaluate(() => performance.getEntriesByType('resource')
        .filter((entry) => entry.name.includes('transport=polling')).map((entry) => entry.nextHopProtocol));
      assert.ok(protocols.length > 0 && protocols.every((protocol) => protocol === 'h2'), protocols.join());
    });
  }
});
