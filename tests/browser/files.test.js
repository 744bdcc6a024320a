// SPDX-License-Identifier: Apache-2.0
// Files on the chat page: sent over WebSocket in pieces, received over each transport, refused where they must be.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from '../integration/lib/runner.js';
import { BlockingProxy } from '../client/lib/blocking_proxy.js';
import { open_tab } from './browser.js';

const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');

// As a user does: the browser reads it from the disk. Bytes that are handed over go through the page as text, which takes
// long.
async function choose(t, tab, name, bytes) {
  const folder = await mkdtemp(join(tmpdir(), 'ringcast-files-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, name);
  await writeFile(path, bytes);
  await tab.page.setInputFiles('#file', path);
}

async function connected(t, user, room, transport = 'websocket', options = {}) {
  const tab = await open_tab(t, options);
  await tab.connect({ user, room, transport });
  return tab;
}

async function downloaded(tab, options) {
  await tab.page.waitForSelector('a.download', options);
  const [download] = await Promise.all([tab.page.waitForEvent('download'), tab.page.click('a.download')]);
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
}

suite('files', { at_once: 1 }, (test) => {
  test('a file arrives whole over each transport, and at its sender', async (t) => {
    const room = t.name('room');
    const sender = await connected(t, 'Alice', room);
    const others = [await connected(t, 'Bob', room), await connected(t, 'Carol', room, 'sse'), await connected(t, 'Dora', room, 'poll')];
    const content = randomBytes(300_001);
    await choose(t, sender, 'Größe & Maß.bin', content);
    for (const tab of [sender, ...others]) {
      const { name, bytes } = await downloaded(tab);
      assert.deepEqual([name, bytes.length, digest(bytes)], ['Größe & Maß.bin', content.length, digest(content)]);
      assert.equal(await tab.page.locator('.entry progress').count(), 0);
      assert.equal(await tab.page.locator('.entry').count(), 1);
      assert.deepEqual(tab.problems, []);
    }
    await others[0].picture('file');
  });

  test('two files at once do not mix', async (t) => {
    const room = t.name('room');
    const [one, two] = [await connected(t, 'Ann', room), await connected(t, 'Ben', room)];
    const contents = [randomBytes(200_000), randomBytes(150_000)];
    await Promise.all([one, two].map((tab, i) => choose(t, tab, `${i}.bin`, contents[i])));
    await one.page.waitForFunction(() => document.querySelectorAll('a.download').length === 2);
    for (const i of [0, 1]) {
      const [download] = await Promise.all([one.page.waitForEvent('download'), one.page.click(`a[download="${i}.bin"]`)]);
      assert.equal(digest(await readFile(await download.path())), digest(contents[i]));
    }
  });

  test('while it comes, its progress shows', async (t) => {
    const room = t.name('room');
    const proxy = await BlockingProxy.start(t.server.port);
    t.after(() => proxy.stop());
    const sender = await connected(t, 'Alice', room, 'websocket', { base: proxy.url });
    const watcher = await connected(t, 'Bob', room);
    const first = await t.member(room);
    await choose(t, sender, 'big.bin', randomBytes(1 << 20));
    await first.next('binary');
    proxy.hold();  // the sender hears nothing more of its pieces and waits
    await watcher.page.waitForFunction(() => {
      const bar = document.querySelector('.entry progress');
      return bar && bar.max === 32 && bar.value > 0 && bar.value < 32;
    });
    await watcher.picture('file-progress');
    proxy.release();
    await watcher.page.waitForSelector('a.download');
    await sender.page.waitForSelector('a.download');
  });

  test('a file that is too big is refused, and the limit is named', async (t) => {
    const room = t.name('room');
    const tab = await connected(t, 'Alice', room);
    await choose(t, tab, 'huge.bin', Buffer.alloc((8 << 20) + 1));
    await tab.page.waitForFunction(() => /huge\.bin: .*8 MiB/.test(document.querySelector('#notice').textContent));
    await choose(t, tab, 'empty.txt', Buffer.alloc(0));
    await tab.page.waitForFunction(() => /empty\.txt: .*empty/.test(document.querySelector('#notice').textContent));
    await tab.say('still here');
    await tab.hears('still here');
    assert.equal((await t.read('/history', { room })).messages.length, 1);
  });

  test('the biggest file that is allowed arrives', async (t) => {
    const room = t.name('room');
    const tab = await connected(t, 'Alice', room);
    const content = randomBytes(8 << 20);
    await choose(t, tab, '8.bin', content);
    assert.equal(digest((await downloaded(tab, { timeout: 120000 })).bytes), digest(content));
  });

  test('pieces that the server refuses: the sender sees its error, the others that it ended', async (t) => {
    const room = t.name('room');
    const watcher = await connected(t, 'Bob', room);
    const tab = await open_tab(t);
    await tab.page.routeWebSocket(/\/ws/, (socket) => {
      const server = socket.connectToServer();
      server.onMessage((message) => socket.send(message));
      socket.onMessage((message) => {
        if (typeof message === 'string') server.send(message);
        else socket.send(JSON.stringify({ event_type: 'error', code: 'rate_limited', message: 'too many bytes in a second' }));
      });
    });
    await tab.page.reload();
    await tab.connect({ user: 'Alice', room, transport: 'websocket' });
    await choose(t, tab, 'refused.bin', randomBytes(100_000));
    await tab.page.waitForFunction(() => /too many bytes/.test(document.querySelector('#notice').textContent));
    await tab.page.waitForFunction(() => /not sent: too many bytes/.test(document.querySelector('.entry .kind').textContent));
    await watcher.page.waitForFunction(() => /cancelled/.test(document.querySelector('.entry .kind')?.textContent));
    assert.equal(await watcher.page.locator('.entry progress').count(), 0);
  });

  test('pieces beyond the message size of the server end it, and it is said', async (t) => {
    const server = await t.start_server({ message_size_max: '16KiB' });
    const tab = await open_tab(t, { base: server.url });
    await tab.connect({ user: 'Alice', room: t.name('room'), transport: 'websocket' });
    await choose(t, tab, 'pieces.bin', randomBytes(20_000));
await tab.page.waitForFunction(() => /the message is too big/i.test(document.querySelector('#notice').textContent));
    await tab.page.waitForFunction(() => /not sent: the message is too big/.test(document.querySelector('.entry .kind').textContent));
  });

  test('taken out of the room while sending', async (t) => {
    const room = t.name('room');
    const user = t.name('Alice');
    const proxy = await BlockingProxy.start(t.server.port);
    t.after(() => proxy.stop());
    const watcher = await t.member(room);
    const tab = await connected(t, user, room, 'websocket', { base: proxy.url });
    await choose(t, tab, 'long.bin', randomBytes(1 << 20));
    await watcher.next('binary');
    proxy.hold();
    await t.http('DELETE', `/rooms/${room}/members/${user}`);
    await watcher.next('member_left');
    proxy.release();
    await tab.page.waitForFunction(() => /not sent: taken out of the room/.test(document.querySelector('.entry .kind').textContent));
  });
});
