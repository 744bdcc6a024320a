// SPDX-License-Identifier: Apache-2.0
// The page that README.md begins with, saved as it says.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { examples } from '../integration/lib/pages.js';
import { suite } from '../integration/lib/runner.js';
import { open_tab } from './browser.js';

suite('the page of README.md', { server: false }, (test) => {
  test('two tabs talk, and connect again after a restart', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'ringcast-'));
    t.after(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'index.html'), examples('README.md', 'A page of your own', 'html')[0]);
    const settings = { web_root: folder, retry: '200ms' };
    const server = await t.start_server(settings);
    const [one, two] = [await open_tab(t), await open_tab(t)];
    const say = async (tab, text) => {
      await tab.page.locator('#text').pressSequentially(text);
      await tab.page.press('#text', 'Enter');
    };
    const has = (tab, text) => tab.page.waitForSelector(`li:text-is("${text}")`).catch((error) => { throw new Error(`${tab.problems}`, { cause: error }); });
    await say(one, 'Hello');
    for (const tab of [one, two]) await has(tab, 'Hello');
    await server.stop_cleanly();
    await t.start_server({ ...settings, port: server.port });
    await say(two, 'Hello again');
    for (const tab of [one, two]) await has(tab, 'Hello again');
    assert.deepEqual(await one.page.locator('li').allTextContents(), ['Hello', 'Hello again']);
  });
});
