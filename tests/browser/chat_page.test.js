// SPDX-License-Identifier: Apache-2.0
// The chat page in a real browser: talking over each transport, being cut off, and how it looks.

import assert from 'node:assert/strict';
import { suite } from '../integration/lib/runner.js';
import { Files, Key } from '../integration/lib/tokens.js';
import { open_tab } from './browser.js';
import { low_contrast, unnamed_controls } from './contrast.js';

const kTransports = ['websocket', 'sse', 'poll'];

suite('chat page', { settings: { retry: '200ms', presence_leave_grace: '300ms', presence_poll_grace: '2s' }, at_once: 1 }, (test) => {
  for (const transport of kTransports) {
    test(`two tabs talk over ${transport}`, async (t) => {
      const room = t.name('room');
      const [one, two] = [await open_tab(t), await open_tab(t)];
      await one.connect({ user: 'Alice', room, transport });
      await two.connect({ user: 'Bob', room, transport });
      await one.has_member('Bob');
      await two.has_member('Alice');
      await one.say('Hello Bob');
      await two.hears('Hello Bob');
      await one.hears('Hello Bob');
      await two.say('<b>Hello</b> & good day, Alice');
      for (const tab of [one, two]) await tab.hears('<b>Hello</b> & good day, Alice');
      assert.deepEqual(await one.texts(), ['Hello Bob', '<b>Hello</b> & good day, Alice']);
      assert.deepEqual(await two.texts(), await one.texts());
      assert.equal(await one.page.locator('.entry b').count(), 0);
      await one.picture(`chat-${transport}`);
      assert.deepEqual(one.problems.concat(two.problems), []);
    });

    test(`a tab that is cut off over ${transport} resumes without loss`, async (t) => {
      const room = t.name('room');
      const proxy = await t.proxy();
      const cut = await open_tab(t, { base: proxy.url });
      await cut.connect({ user: 'Cut', room, transport });
      const expected = [];
      const say = async (text) => {
        expected.push(text);
        await t.say(room, text);
      };
      await say('before');
      await cut.hears('before');
      for (let round = 0; round < 3; round++) {
        proxy.refusing = true;
        proxy.cut();
        await cut.page.waitForSelector('#state:not([data-state="open"])');
        for (let i = 0; i < 5; i++) await say(`missed ${round} ${i}`);
        proxy.refusing = false;
        await cut.hears(`missed ${round} 4`);
        await cut.open();
        await say(`live ${round}`);
        await cut.hears(`live ${round}`);
      }
      assert.deepEqual(await cut.texts(), expected);
      assert.equal(await cut.page.locator('.event.warn').count(), 0);
    });

    test(`what is said while cut off over ${transport} is sent once`, async (t) => {
      const room = t.name('room');
      const proxy = await t.proxy();
      const watcher = await t.member(room, { user: t.name('w') });
      const cut = await open_tab(t, { base: proxy.url });
      await cut.connect({ user: 'Cut', room, transport });
      proxy.refusing = true;
      proxy.cut();
      await cut.page.waitForSelector('#state:not([data-state="open"])');
      await cut.say('from the tunnel');
      await cut.page.waitForSelector('.entry.pending');
      proxy.refusing = false;
      await watcher.next({ content: 'from the tunnel' });
      await cut.hears('from the tunnel');
      await cut.page.waitForSelector('.entry.pending', { state: 'detached' });
      await t.say(room, 'end');
      await watcher.next({ content: 'end' });
      assert.equal(watcher.events.all({ content: 'from the tunnel' }).length, 1);
      assert.deepEqual((await cut.texts()).filter((text) => text === 'from the tunnel').length, 1);
    });

    test(`a second room over ${transport}: unread count, switching, leaving`, async (t) => {
      const [first, second] = [t.name('first'), t.name('second')];
      const tab = await open_tab(t);
      await tab.connect({ user: t.name('Ann'), room: first, transport });
      await tab.page.fill('#room', second);
      await tab.page.click('#connect');
      await tab.page.waitForFunction((room) => document.querySelector('#rooms [aria-pressed="true"]')?.textContent === room, second);
      await tab.has_member('Ann');
      await t.say(second, 'in the second');
      await tab.hears('in the second');
      await t.say(first, 'in the first');
      await tab.page.waitForSelector('#rooms .unread');
      await tab.page.click(`#rooms button:has-text("${first}")`);
      await tab.hears('in the first');
      await tab.page.click('#leave');
      await tab.page.waitForFunction(() => document.querySelectorAll('#rooms button').length === 1);
      await t.say(second, 'still here');
      await tab.hears('still here');
      assert.deepEqual(tab.problems, []);
    });

    test(`history is shown on entering over ${transport}`, async (t) => {
      const room = t.name('room');
      for (let i = 0; i < 60; i++) await t.say(room, `m${i}`);
      const tab = await open_tab(t);
      await tab.connect({ user: 'Late', room, transport });
      await tab.hears('m59');
      await t.say(room, 'live');
      await tab.hears('live');
      const texts = await tab.texts();
      assert.deepEqual(texts, [...Array.from({ length: 50 }, (_, i) => `m${i + 10}`), 'live']);
    });
  }

  test('the page lives under a strict Content-Security-Policy', async (t) => {
    const tab = await open_tab(t);
    const policy = tab.headers['content-security-policy'] ?? '';
    assert.match(policy, /default-src '(self|none)'/);
    assert.doesNotMatch(policy, /unsafe/);
    await tab.connect({ user: 'Strict', room: t.name('room'), transport: 'websocket' });
    assert.deepEqual(tab.problems, []);
  });

  test('typing and status over WebSocket are shown', async (t) => {
    const room = t.name('room');
    const [one, two] = [await open_tab(t), await open_tab(t)];
    await one.connect({ user: 'Alice', room, transport: 'websocket' });
    await two.connect({ user: 'Bob', room, transport: 'websocket' });
    await one.has_member('Bob');
    // It is shown for a while only.
    await one.page.evaluate(() => {
      const line = document.querySelector('#typing');
      window.shown = [];
      new MutationObserver(() => window.shown.push(line.textContent)).observe(line, { childList: true });
    });
    await two.page.locator('#message').pressSequentially('Hel');
    await one.page.waitForFunction(() => window.shown.includes('Bob is typing…'));
    await two.page.selectOption('#status', 'busy');
    await one.page.waitForSelector('#members .presence[data-status="busy"]');
    await two.page.click('#disconnect');
    await one.page.waitForFunction(() => document.querySelector('#member-count').textContent === '1');
    assert.deepEqual(one.problems.concat(two.problems), []);
  });

  test('a kick stops the page, and it says so', async (t) => {
    const tab = await open_tab(t);
    const user = t.name('Kicked');
    await tab.connect({ user, room: t.name('room'), transport: 'websocket' });
    await t.http('DELETE', `/users/${user}/connections`);
    await tab.page.waitForSelector('#state[data-state="stopped"]');
    assert.equal(await tab.page.textContent('#state-text'), 'Disconnected');
    assert.equal(await tab.page.textContent('#notice'), 'Closed by an administrator.');
    assert.equal(await tab.page.isVisible('#member-count'), false);
    assert.equal(await tab.page.isEnabled('#user'), true);
  });

  test('a gap is shown', async (t) => {
    const server = await t.start_server({ history_messages: 3 });
    const room = t.name('room');
    const proxy = await t.proxy(server);
    const tab = await open_tab(t, { base: proxy.url });
    await tab.connect({ user: 'Gap', room, transport: 'websocket' });
    proxy.refusing = true;
    proxy.cut();
    for (let i = 0; i < 10; i++) await t.http('POST', '/messages', { body: { room, content: `m${i}` }, at: server });
    proxy.refusing = false;
    await tab.hears('m9');
    await tab.page.waitForSelector('.event.warn');
    assert.deepEqual(await tab.texts(), ['m7', 'm8', 'm9']);
  });

  test('the panel shows the live figures, and none when there are none', async (t) => {
    const proxy = await t.proxy();
    const tab = await open_tab(t, { base: proxy.url });
    const has = (text) => tab.page.waitForFunction((wanted) => document.querySelector('#stats').textContent.includes(wanted), text);
    await tab.page.waitForFunction(() => document.querySelectorAll('#stats .tiles div').length === 6);
    proxy.refusing = true;
    proxy.cut();
    await has('cannot be reached');
    assert.equal(await tab.page.locator('#stats .tiles div').count(), 0);
    const server = await t.start_server({ api_keys: ['a-key-for-the-panel-0123'] });
    const other = await open_tab(t, { base: server.url });
    // As with status_open = false, under which the tests would not find the server's health.
    await other.page.route('**/stats', (route) => route.fulfill({ status: 401 }));
    await other.page.waitForFunction(() => document.querySelector('#stats').textContent.includes('API key'));
    await other.page.click('text=Dashboard');
    await other.page.waitForSelector('#key-form:not([hidden])');
  });

  test('empty lists say why they are', async (t) => {
    const tab = await open_tab(t);
    const says = (id, text) => tab.page.waitForFunction(([where, wanted]) => document.querySelector(where).textContent.startsWith(wanted), [id, text]);
    await says('#log-empty', 'Connect to see');
    await says('#members-empty', 'Join a room');
    await tab.connect({ user: t.name('Ann'), room: t.name('room'), transport: 'websocket' });
    await says('#log-empty', 'The server keeps no messages of this room');
    await tab.has_member('Ann');
    await tab.page.click('#leave');
    await says('#log-empty', 'Join a room');
    await says('#members-empty', 'Join a room');
    await tab.page.click('#disconnect');
    await says('#log-empty', 'Connect to see');
  });

  test('the newest message stays in view when a warning appears', async (t) => {
    const room = t.name('room');
    for (let i = 0; i < 40; i++) await t.say(room, `m${i}`);
    const proxy = await t.proxy();
    const tab = await open_tab(t, { base: proxy.url, width: 360, height: 700 });
    await tab.connect({ user: 'Reader', room, transport: 'websocket' });
    await tab.hears('m39');
    proxy.refusing = true;
    proxy.cut();
    await tab.page.waitForSelector('#notice:not([hidden])');
    await tab.page.waitForFunction(() => {
      const log = document.querySelector('#log').getBoundingClientRect();
      const last = document.querySelector('#log').lastElementChild.getBoundingClientRect();
      return last.bottom <= log.bottom && last.top >= log.top;
    });
    // One line of text, however narrow the page.
    assert.ok(await tab.page.$eval('label[for="file"]', (label) => label.getBoundingClientRect().height) < 50);
  });

  for (const [width, scheme] of [[360, 'light'], [360, 'dark'], [768, 'light'], [1180, 'dark'], [1600, 'light']]) {
    test(`at ${width} px, ${scheme}: no sideways scroll, contrast, every control named`, async (t) => {
      const room = `${t.name('a-room-with-quite-a-long-name')}-${'x'.repeat(60)}`;
      const tab = await open_tab(t, { width, height: 780, scheme });
      await tab.connect({ user: `Bartholomew-${'y'.repeat(40)}`, room, transport: 'websocket' });
      await t.say(room, 'Good morning! The build is green again.');
      await tab.say(`${'unbroken'.repeat(40)} https://example.org/${'z'.repeat(120)}`);
      await t.say(room, 'Short one.', { user: 'Björn' });
      await tab.hears('Short one.');
      await tab.page.waitForSelector('#stats .tiles div');
      const [scrolls, shows] = await tab.page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      assert.ok(scrolls <= shows, `${scrolls} > ${shows}`);
      assert.deepEqual(await low_contrast(tab.page), []);
      assert.deepEqual(await unnamed_controls(tab.page), []);
      await tab.picture(`page-${width}-${scheme}`);
      assert.deepEqual(tab.problems, []);
    });
  }
});

const files = new Files();
const key = new Key('HS256');
const may = (...allow) => [{ match: '**', allow }];
const kAll = may('subscribe', 'publish', 'presence', 'history');

suite('chat page with tokens', { settings: { jwt_keys: files.key(key), presence_leave_grace: '100ms' }, at_once: 1 }, (test) => {
  const enter = async (tab, { transport, token, room }) => {
    await tab.page.fill('#room', room);
    await tab.page.selectOption('#transport', transport);
    await tab.page.fill('#token', token);
    await tab.page.click('#connect');
  };
  for (const transport of kTransports) {
    test(`over ${transport} the page shows the name of the token, and one's own messages as one's own`, async (t) => {
      const tab = await open_tab(t);
      const user = t.name('alice');
      await enter(tab, { transport, room: t.name('room'), token: key.token({ sub: user, permissions: kAll }) });
      await tab.open();
      await tab.page.waitForFunction((name) => document.querySelector('#user').value === name, user);
      await tab.has_member(`${user} (you)`);
      await tab.say('mine');
      await tab.hears('mine');
      assert.equal(await tab.page.locator('.entry.mine').count(), 1);
      assert.deepEqual(tab.problems, []);
    });

    test(`over ${transport} refusals are shown in the server's words`, async (t) => {
      const tab = await open_tab(t);
      const room = t.name('room');
      const notice = (text) => tab.page.waitForFunction((wanted) => document.querySelector('#notice').textContent.startsWith(wanted), text);
      await enter(tab, { transport, room, token: '' });
      await notice('This needs a token');
      assert.equal(await tab.page.textContent('#state-text'), 'Token needed');
      assert.equal(await tab.page.textContent('#log-empty'), 'Not connected.');
      await enter(tab, { transport, room, token: 'nonsense' });
      await notice('The token is not valid');
      await enter(tab, { transport, room, token: key.token({ sub: t.name('mute'), permissions: may('publish') }) });
      await tab.page.waitForFunction(() => /^You are not in this room\. .*subscribe/.test(document.querySelector('#log-empty').textContent));
      assert.equal(await tab.page.isDisabled('#message'), true);
      assert.equal(await tab.page.isVisible('#member-count'), false);
      await tab.page.click('#disconnect');
      await enter(tab, { transport, room, token: key.token({ sub: t.name('reader'), permissions: may('subscribe') }) });
      await tab.page.waitForFunction(() => /^Earlier messages cannot be shown\. .*history/.test(document.querySelector('#log-empty').textContent));
      await tab.page.waitForFunction(() => /presence/.test(document.querySelector('#members-empty').textContent));
      await tab.say('not allowed');
      await tab.page.waitForFunction(() => /^not sent: .*publish/.test(document.querySelector('.entry.failed .kind')?.textContent));
    });
  }
});
