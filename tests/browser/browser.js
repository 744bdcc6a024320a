// SPDX-License-Identifier: Apache-2.0
// One chromium for all tests; each tab is a context of its own, and says what went wrong in it.

import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { kWaitMs } from '../integration/lib/deadline.js';

const kExecutable = process.env.RINGCAST_CHROMIUM ?? '/usr/bin/chromium';
const kLoadMs = 60000;  // a new process, fonts, and all that a page brings
const kFlags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

let browser = null;
let folder = '';

export function use_screenshots(path) {
  folder = path;
  if (path) mkdirSync(path, { recursive: true });
}

export async function close_browser() { await browser?.close(); }

// `beside`: another tab, whose storage and workers this one shares; `accepts`: as after "proceed to localhost (unsafe)".
export async function open_tab(t, { base = t.server.url, query = '', width = 1180, height = 800, scheme = 'light', beside = null, accepts = false } = {}) {
  const context = beside?.page.context() ?? await new_context(t, { viewport: { width, height }, colorScheme: scheme, ignoreHTTPSErrors: accepts });
  const page = await context.newPage();
  const problems = [];
  page.on('console', (message) => { if (message.type() === 'error') problems.push(message.text()); });
  page.on('pageerror', (error) => problems.push(String(error)));
  const response = await page.goto(`${base}/${query}`);
  return new Tab(page, problems, response);
}

async function new_context(t, options) {
  if (!existsSync(kExecutable)) t.skip(`no ${kExecutable}`);
  browser ??= await chromium.launch({ executablePath: kExecutable, args: kFlags });
  const context = await browser.newContext(options);
  t.after(() => context.close());
  context.setDefaultTimeout(kWaitMs);
  context.setDefaultNavigationTimeout(kLoadMs);
  return context;
}

export class Tab {
  constructor(page, problems, response) {
    this.page = page;
    this.headers = response?.headers() ?? {};  // a file has none
    this.problems = problems;
  }

  async connect({ user, room, transport }) {
    await this.page.fill('#user', user);
    await this.page.fill('#room', room);
    await this.page.selectOption('#transport', transport);
    await this.page.click('#connect');
    await this.open();
  }

  async open() {
    await this.page.waitForSelector('#state[data-state="open"]').catch((error) => {
      throw new Error(`${error.message} ${this.problems.join('; ')}`);
    });
  }

  async say(text) {
    await this.page.fill('#message', text);
    await this.page.press('#message', 'Enter');
  }

  hears(text) { return this.page.waitForFunction((wanted) => [...document.querySelectorAll('.entry:not(.pending) .text')].some((node) => node.textContent === wanted), text); }

  texts() { return this.page.$$eval('.entry:not(.pending) .text', (nodes) => nodes.map((node) => node.textContent)); }

  has_member(name) { return this.page.waitForFunction((wanted) => [...document.querySelectorAll('#members .name')].some((node) => node.textContent.startsWith(wanted)), name); }

  async picture(name) { if (folder) await this.page.screenshot({ path: join(folder, `${name}.png`), fullPage: true }); }
}
