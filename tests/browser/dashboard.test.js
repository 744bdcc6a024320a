// SPDX-License-Identifier: Apache-2.0
// The dashboard in a real browser: its figures move and are there after a reload, it asks for the key, its actions act,
// and how it looks.

import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { until } from '../integration/lib/deadline.js';
import { Certificates } from '../integration/lib/certificates.js';
import { Redis, has_redis } from '../integration/lib/redis.js';
import { suite } from '../integration/lib/runner.js';
import { open_tab } from './browser.js';
import { low_contrast, unnamed_controls } from './contrast.js';

const kKey = 'dashboard-test-key-0123456789';
const kLimited = 'limited-test-key-0123456789';
const kPage = 'dashboard.html';

const live = (tab) => tab.page.waitForSelector('#state[data-state="open"]');

// Until the chart's legend has this beside the line.
const line_is = (tab, title, name, value) => tab.page.waitForFunction(([chart, line, wanted]) => {
  const figure = [...document.querySelectorAll('.chart')].find((node) => node.querySelector('h2').textContent === chart);
  return [...figure.querySelectorAll('.legend li')].some((row) => row.querySelector('span')?.textContent === line && new RegExp(wanted).test(row.querySelector('b').textContent));
}, [title, name, value]);

const tile = (tab, name) => tab.page.$$eval('.tiles div', (tiles, wanted) => tiles.find((node) => node.querySelector('dt').textContent === wanted)?.querySelector('dd').textContent ?? null, name);

// Fills the action's form and sends it; what the page says of it.
async function act(tab, action, values, { confirm = true, question = '' } = {}) {
  const form = `form[data-action="${action}"]`;
  for (const [name, value] of Object.entries(values)) await tab.page.fill(`${form} [name="${name}"]`, value);
  await tab.page.evaluate((selector) => { document.querySelector(`${selector} output`).textContent = ''; }, form);
  await tab.page.click(`${form} button`);
  if (question) {
    await tab.page.waitForSelector('#confirm[open]');
    assert.match(await tab.page.textContent('#confirm p'), question);
    await tab.page.click(`#confirm [value="${confirm ? 'yes' : 'no'}"]`);
    if (!confirm) return '';
  }
  await tab.page.waitForFunction((selector) => document.querySelector(`${selector} output`).textContent !== '', form);
  return tab.page.textContent(`${form} output`);
}

suite('dashboard', { at_once: 1, settings: { presence_leave_grace: '100ms' } }, (test) => {
  test('the figures follow what happens', async (t) => {
    const room = t.name('room');
    const tab = await open_tab(t, { query: kPage });
    await live(tab);
    const member = await t.member(room);
    await tab.page.waitForFunction((name) => [...document.querySelectorAll('#rooms tbody tr')].some((row) => row.textContent === `${name}1`), room);
    await tab.page.waitForFunction((cores) => document.querySelectorAll('#cores tbody tr').length === cores, t.combination.reactors);
    const titles = await tab.page.$$eval('.chart h2', (nodes) => nodes.map((node) => node.textContent));
    assert.deepEqual(titles, ['Clients', 'Messages', 'Network', 'Processor use', 'Memory', 'Trouble']);
    await line_is(tab, 'Clients', 'WebSocket', '^1$');
    const publishing = setInterval(() => { t.say(room, 'x').catch(() => {}); }, 100);
    t.after(() => clearInterval(publishing));
    await line_is(tab, 'Messages', 'published', '^[1-9].*/s$');
    await line_is(tab, 'Messages', 'delivered', '^[1-9].*/s$');
    clearInterval(publishing);
    await line_is(tab, 'Network', 'sent', '[1-9].* .?i?B/s$');
    await line_is(tab, 'Memory', 'process', '[1-9].* MiB$');
    await member.close();
    await line_is(tab, 'Clients', 'WebSocket', '^0$');
    assert.deepEqual(tab.problems, []);
  });

  test('after a reload the last minutes are there, and the arrow keys show them', async (t) => {
    const server = await t.start_server();
    const member = await t.ws({ user: 'ann', rooms: ['r'] }, {}, server);
    await until(async () => (await t.read('/stats/history', {}, { at: server })).transports.websocket.filter((count) => count === 1).length >= 3, 'samples of a client');
    await member.close();
    await until(async () => (await t.read('/stats/history', {}, { at: server })).transports.websocket.at(-1) === 0, 'a sample without the client');
    const tab = await open_tab(t, { base: server.url, query: kPage });
    const opened = await tab.page.evaluate(() => performance.timeOrigin);
    await live(tab);
    await line_is(tab, 'Clients', 'WebSocket', '^0$');
    await tab.page.focus('.chart .plot');
    const seen = new Set();
    await tab.page.press('.chart .plot', 'Home');
    for (let moves = 0; moves < 60 && !seen.has('1'); moves++) {
      seen.add(await tab.page.$eval('.chart .legend b', (node) => node.textContent));
      await tab.page.press('.chart .plot', 'ArrowRight');
    }
    assert.ok(seen.has('1'), `the client of before the page: ${[...seen]}`);
    // All charts show the same time, one of before the page was opened.
    await tab.page.press('.chart .plot', 'Home');
    const times = await tab.page.$$eval('.chart .at', (nodes) => nodes.map((node) => node.textContent));
    assert.equal(new Set(times).size, 1, times.join());
    const [, hours, minutes, seconds] = /^at (\d\d):(\d\d):(\d\d)$/.exec(times[0]).map(Number);
    const shown = await tab.page.evaluate(([h, m, s, now]) => { const at = new Date(now); at.setHours(h, m, s, 0); return at.getTime(); }, [hours, minutes, seconds, opened]);
    assert.ok(shown < opened, times[0]);
    assert.match(await tab.page.getAttribute('.chart .plot', 'aria-label'), /^Clients, the last five minutes; at .*: WebSocket \d+,/);
    await tab.page.press('.chart .plot', 'Escape');
    assert.equal(await tab.page.textContent('.chart .at'), 'now');
    assert.deepEqual(tab.problems, []);
  });

  test('the pointer shows the values of its time in all charts', async (t) => {
    const server = await t.start_server();
    await until(async () => (await t.read('/stats/history', {}, { at: server })).timestamp_ms.length >= 3, 'three samples');
    const tab = await open_tab(t, { base: server.url, query: kPage, width: 1280 });
    await live(tab);
    await tab.page.waitForSelector('.chart .u-over');
    const box = await (await tab.page.$('.chart .u-over')).boundingBox();
    await tab.page.mouse.move(box.x + box.width - 1, box.y + box.height / 2);
    await tab.page.waitForFunction(() => [...document.querySelectorAll('.chart .at')].every((node) => /^at \d\d:\d\d:\d\d$/.test(node.textContent)));
    await tab.page.mouse.move(2, 2);
    await tab.page.waitForFunction(() => [...document.querySelectorAll('.chart .at')].every((node) => node.textContent === 'now'));
  });

  test('it asks for the API key, says when it is wrong, remembers the right one, and forgets it', async (t) => {
    const server = await t.start_server({ api_keys: [kKey] });
    const tab = await open_tab(t, { base: server.url, query: kPage });
    await tab.page.waitForSelector('#key-form:not([hidden])');
    assert.equal(await tab.page.isVisible('#main'), false);
    await tab.picture('dashboard-key');
    await tab.page.fill('#key', 'wrong');
    await tab.page.press('#key', 'Enter');
    await tab.page.waitForFunction(() => /does not take/.test(document.querySelector('#key-reason').textContent));
    await tab.page.fill('#key', kKey);
    await tab.page.press('#key', 'Enter');
    await live(tab);
    assert.equal(await tab.page.isVisible('#key-form'), false);
    assert.doesNotMatch(tab.page.url(), new RegExp(kKey));
    await tab.page.reload();
    await live(tab);
    assert.match(await act(tab, 'publish', { room: 'r', content: 'x' }), /^Sent to r: 0 members there\.$/);
    await tab.page.click('#forget');
    await tab.page.waitForSelector('#key-form:not([hidden])');
    assert.equal(await tab.page.evaluate(() => sessionStorage.length), 0);
    // The browser itself notes the refusals; there is nothing else.
    assert.deepEqual(tab.problems.filter((problem) => !/401/.test(problem)), []);
  });

  test('a key that may not see the figures is refused in the server\'s words', async (t) => {
    const server = await t.start_server({ config: t.config_file(`api_keys = ["whole:${kKey}", "limited:${kLimited}"]\n[[permissions]]\nmatch = "**"\nallow = "subscribe"\nkeys = ["limited"]\n`) });
    const { json } = await t.get('/stats/stream', {}, { at: server, headers: { 'X-API-Key': kLimited } });
    const tab = await open_tab(t, { base: server.url, query: kPage });
    await tab.page.fill('#key', kLimited);
    await tab.page.press('#key', 'Enter');
    await tab.page.waitForSelector('#problem:not([hidden])');
    assert.ok((await tab.page.textContent('#problem-text')).includes(json.error.message), json.error.message);
    assert.equal(await tab.page.isVisible('#main'), false);
    await tab.picture('dashboard-refused');
    await tab.page.fill('#key', kKey);
    await tab.page.press('#key', 'Enter');
    await live(tab);
    assert.equal(await tab.page.isVisible('#problem'), false);
  });

  test('actions act, after a question where they cannot be undone', async (t) => {
    const [room, user] = [t.name('room'), t.name('user')];
    const member = await t.member(room, { user });
    const other = await t.member(room, { user: `${user}-2` });
    const tab = await open_tab(t, { query: kPage });
    await live(tab);
    assert.equal(await act(tab, 'publish', { room, content: 'a <b>test</b>' }), `Sent to ${room}: 2 members there.`);
    assert.equal((await member.next('message')).content, 'a <b>test</b>');

    await act(tab, 'purge', { room }, { question: /kept messages/, confirm: false });
    assert.equal((await t.read(`/rooms/${room}/history`)).messages.length, 1);
    assert.equal(await act(tab, 'purge', { room }, { question: /kept messages/ }), `The history of ${room} is empty now.`);
    assert.equal((await t.read(`/rooms/${room}/history`)).messages.length, 0);

    assert.equal(await act(tab, 'remove', { user: `${user}-2`, room }, { question: /stays connected/ }), `${user}-2 removed from ${room}.`);
    await other.next('left');
    assert.equal(await act(tab, 'remove', { user: `${user}-2`, room }, { question: /stays connected/ }), 'there is no such member');

    assert.equal(await act(tab, 'disconnect', { user }, { question: /Close all connections/ }), `1 connection of ${user} closed.`);
    await member.closed;
    assert.equal(await act(tab, 'disconnect', { user }, { question: /Close all connections/ }), `${user} has no connection here.`);
    // The browser itself notes the refusal.
    assert.deepEqual(tab.problems.filter((problem) => !/404/.test(problem)), []);
  });

  test('refused actions show the server\'s words', async (t) => {
    const tab = await open_tab(t, { query: kPage });
    await live(tab);
    const { json } = await t.http('POST', '/messages', { body: { room: 'a,b', content: 'x' } });
    assert.equal(await act(tab, 'publish', { room: 'a,b', content: 'x' }), json.error.message);
    assert.equal(await tab.page.getAttribute('form[data-action="publish"] output', 'data-mood'), 'bad');
    const purge = await t.http('DELETE', '/rooms/a%2Cb');
    assert.equal(await act(tab, 'purge', { room: 'a,b' }, { question: /kept messages/ }), purge.json.error.message);
  });

  test('it says that the server is gone and how old its figures are, and comes back', async (t) => {
    const proxy = await t.proxy();
    const tab = await open_tab(t, { base: proxy.url, query: kPage, width: 1280 });
    await live(tab);
    proxy.refusing = true;
    proxy.cut();
    await tab.page.waitForSelector('#state[data-state="waiting"]');
    assert.match(await tab.page.textContent('#problem-text'), /^The server cannot be reached\. What is below is from \d\d:\d\d:\d\d\./);
    assert.equal(await act(tab, 'publish', { room: 'r', content: 'x' }), 'The server cannot be reached.');
    assert.deepEqual(await low_contrast(tab.page), []);
    await tab.picture('dashboard-gone');
    proxy.refusing = false;
    await live(tab);
    assert.equal(await tab.page.isVisible('#problem'), false);
  });

  test('parts have a tile while they are on', async (t) => {
    const plain = await open_tab(t, { base: (await t.start_server({ http2: false })).url, query: kPage });
    await live(plain);
    await plain.page.waitForSelector('#tiles div');
    assert.equal(await plain.page.isVisible('#parts'), false);
    assert.equal(await plain.page.isVisible('#inlets-card'), false);

    if (!has_redis) t.skip('there is no redis-server and no valkey-server');
    const redis = await Redis.start();
    t.after(() => redis.stop());
    const inlets = `[[inlets]]\nname = "orders"\ntype = "redis_pubsub"\nurl = "${redis.url()}"\nfrom = "orders:*"\nroom = "{1}"\n`;
    const server = await t.start_server({ broker: redis.url(), tls_listen: '127.0.0.1:0', ...new Certificates().issue('own', 'IP:127.0.0.1').settings('own'), config: t.config_file(inlets) });
    const tab = await open_tab(t, { base: server.url, query: kPage, width: 1280, scheme: 'dark' });
    await live(tab);
    await tab.page.waitForFunction(() => [...document.querySelectorAll('#parts dd')].some((node) => node.textContent === '1 of 1'));
    for (const [name, value] of [['Nodes', '1'], ['TLS', '0'], ['HTTP/2 streams', null]]) assert.equal(await tile(tab, name), value, name);
    const session = connect(server.url);
    t.after(() => session.destroy());
    session.request({ ':path': '/events?rooms=r' });
    await tab.page.waitForFunction(() => [...document.querySelectorAll('#parts div')].some((node) => node.textContent === 'HTTP/2 streams1open on 1 connection'));
    assert.match(await tab.page.textContent('#inlets tbody'), /^ordersreads/);
    assert.deepEqual(await low_contrast(tab.page), []);
    await tab.picture('dashboard-parts');
  });

  for (const width of [360, 768, 1280, 1920]) {
    for (const scheme of ['light', 'dark']) {
      test(`at ${width} px, ${scheme}: nothing cut, no holes, contrast, every control named`, async (t) => {
        const room = `${t.name('a-room-with-quite-a-long-name')}-${'x'.repeat(90)}`;
        const member = await t.member(room);
        const tab = await open_tab(t, { query: kPage, width, height: 780, scheme });
        await live(tab);
        await tab.page.waitForFunction(() => [...document.querySelectorAll('.chart .legend')].every((legend) => legend.children.length > 0));
        await tab.page.waitForFunction(() => [...document.querySelectorAll('.chart canvas')].length === 6);
        await act(tab, 'publish', { room, content: 'x' });
        const found = await tab.page.evaluate(() => {
          const root = document.documentElement;
          const wrong = root.scrollWidth > root.clientWidth ? [`the page: ${root.scrollWidth} > ${root.clientWidth}`] : [];
          for (const box of document.querySelectorAll('.scroll, .plot')) {
            if (box.scrollWidth > box.clientWidth) wrong.push(`${box.className} ${box.ariaLabel}: ${box.scrollWidth} > ${box.clientWidth}`);
          }
          // The boxes of a grid fill each of its rows.
          for (const grid of document.querySelectorAll('#tiles, #parts, .charts, .tables, .actions')) {
            const right = grid.getBoundingClientRect().right;
            const rows = new Map();
            for (const box of grid.children) {
              const { top, right: end, width: wide } = box.getBoundingClientRect();
              if (wide > 0) rows.set(Math.round(top), Math.max(rows.get(Math.round(top)) ?? 0, end));
            }
            for (const [top, end] of rows) if (right - end > 2) wrong.push(`a hole in ${grid.id || grid.className} at ${top}: ${right - end}`);
          }
          return wrong;
        });
        assert.deepEqual(found, []);
        await tab.page.evaluate(() => { document.querySelector('#key-form').hidden = false; });
        assert.deepEqual(await low_contrast(tab.page), []);
        assert.deepEqual(await unnamed_controls(tab.page), []);
        await tab.page.evaluate(() => { document.querySelector('#key-form').hidden = true; });
        await tab.picture(`dashboard-${width}-${scheme}`);
        assert.deepEqual(tab.problems, []);
        await member.close();
      });
    }
  }
});
