// SPDX-License-Identifier: Apache-2.0
// The dashboard in a real browser: its figures move, it asks for the key, and how it looks.

import assert from 'node:assert/strict';
import { suite } from '../integration/lib/runner.js';
import { open_tab } from './browser.js';
import { low_contrast, unnamed_controls } from './contrast.js';

const kKey = 'dashboard-test-key-0123456789';
const kPage = 'dashboard.html';

const live = (tab) => tab.page.waitForSelector('#state[data-state="open"]');

suite('dashboard', { at_once: 1, settings: { presence_leave_grace: '100ms' } }, (test) => {
  test('the figures follow what happens', async (t) => {
    const room = t.name('room');
    const tab = await open_tab(t, { query: kPage });
    await live(tab);
    const member = await t.member(room);
    await tab.page.waitForFunction((name) => [...document.querySelectorAll('#rooms tbody tr')].some((row) => row.textContent === `${name}1`), room);
    await tab.page.waitForFunction((cores) => document.querySelectorAll('#cores tbody tr').length === cores, t.combination.reactors);
    const titles = await tab.page.$$eval('.chart h2', (nodes) => nodes.map((node) => node.textContent));
    assert.deepEqual(titles, ['Connections', 'Messages per second', 'Bytes per second', 'Load per core', 'Memory']);
    // Published until a rate shows.
    await t.say(room, 'x');
    await tab.page.waitForFunction(() => {
      const chart = [...document.querySelectorAll('.chart')].find((node) => node.textContent.startsWith('Messages per second'));
      const points = chart.querySelector('polyline').getAttribute('points')?.split(' ') ?? [];
      return points.some((point) => Number(point.split(',')[1]) < 99);
    });
    await tab.page.waitForFunction(() => document.querySelectorAll('.chart')[0].querySelector('polyline').getAttribute('points').split(' ').length >= 3);
    // Those of other tests may be counted a moment longer.
    await tab.page.waitForFunction(() => /^Connections over the last five minutes; now websocket 1\b/.test(document.querySelector('.chart svg[role="img"]').getAttribute('aria-label')));
    await member.close();
    await tab.page.waitForFunction(() => /websocket 0/.test(document.querySelector('.chart svg[role="img"]').getAttribute('aria-label')));
    assert.deepEqual(tab.problems, []);
  });

  test('it asks for the API key, says when it is wrong, and remembers the right one', async (t) => {
    const server = await t.start_server({ api_keys: [kKey] });
    const tab = await open_tab(t, { base: server.url, query: kPage });
    await tab.page.waitForSelector('#key-form:not([hidden])');
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
    // The browser itself notes the refusals; there is nothing else.
    assert.deepEqual(tab.problems.filter((problem) => !/401/.test(problem)), []);
  });

  test('it comes back when it was cut off', async (t) => {
    const proxy = await t.proxy();
    const tab = await open_tab(t, { base: proxy.url, query: kPage });
    await live(tab);
    proxy.refusing = true;
    proxy.cut();
    await tab.page.waitForSelector('#state[data-state="waiting"]');
    proxy.refusing = false;
    await live(tab);
  });

  for (const [width, scheme] of [[360, 'light'], [360, 'dark'], [820, 'dark'], [1400, 'light']]) {
    test(`at ${width} px, ${scheme}: no sideways scroll, contrast, every control named`, async (t) => {
      const room = `${t.name('a-room-with-quite-a-long-name')}-${'x'.repeat(90)}`;
      await t.member(room);
      const tab = await open_tab(t, { query: kPage, width, height: 780, scheme });
      await live(tab);
      await tab.page.waitForFunction(() => [...document.querySelectorAll('.chart figcaption')].every((legend) => legend.children.length));
      await tab.page.evaluate(() => { document.querySelector('#key-form').hidden = false; });
      const [scrolls, shows] = await tab.page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      assert.ok(scrolls <= shows, `${scrolls} > ${shows}`);
      assert.deepEqual(await low_contrast(tab.page), []);
      assert.deepEqual(await unnamed_controls(tab.page), []);
      await tab.picture(`dashboard-${width}-${scheme}`);
      assert.deepEqual(tab.problems, []);
    });
  }
});
