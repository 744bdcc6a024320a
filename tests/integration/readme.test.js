// SPDX-License-Identifier: Apache-2.0
// What README.md has applications send, as it stands there, and the page that it begins with.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { examples } from './lib/pages.js';
import { run } from './lib/program.js';
import { suite } from './lib/runner.js';

const kPage = 'README.md', kHeading = 'Publishing from your application';
const kSecret = 'a-secret-of-16-bytes';

suite('publishing as README.md has it', { settings: { api_keys: kSecret }, at_once: 4 }, (test) => {
  const languages = {
    sh: { command: ['bash'], hears: { query: { rooms: 'orders/17' }, type: 'packed', data: { parcels: 2 } } },
    python: { command: ['python3'], hears: { query: { rooms: '@me', user: 'alice' }, type: 'order', data: { order: 17, status: 'packed' } } },
    js: { command: ['node'], hears: { query: { rooms: 'general' }, type: 'message', content: 'Welcome!' } },
    php: { command: ['php'], hears: { query: { rooms: '*' }, type: 'message', content: 'Maintenance at 22:00' } },
  };
  for (const [language, { command, hears }] of Object.entries(languages)) {
    test(language, async (t) => {
      const [program] = command;
      if (!process.env.PATH.split(delimiter).some((folder) => existsSync(join(folder, program)))) t.skip(`no ${program}`);
      const stream = await t.sse(hears.query);
      const [code] = examples(kPage, kHeading, language);
      const folder = mkdtempSync(join(tmpdir(), 'ringcast-'));
      t.after(() => rmSync(folder, { recursive: true }));
      const file = join(folder, `publish.${language === 'js' ? 'mjs' : language}`);
      writeFileSync(file, code.replaceAll('http://localhost:3000', t.server.url));
      const done = await run(program, [file], { env: { ...process.env, KEY: kSecret } });
      assert.equal(done.status, 0, done.stderr);
      const event = await stream.next({ event_type: hears.type });
      assert.deepEqual({ data: event.data, content: event.content }, { data: hears.data, content: hears.content });
    });
  }
});
