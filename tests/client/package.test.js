// SPDX-License-Identifier: Apache-2.0
// What is handed out: the committed builds, the package installed elsewhere, the files that the server serves.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { open_tab } from '../browser/browser.js';
import { suite } from '../integration/lib/runner.js';
import { outdated, version } from './build.js';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const kTsc = here('../node_modules/typescript/bin/tsc');
const kStrict = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext', '--moduleResolution', 'nodenext', '--lib', 'es2022,dom'];
const kScriptBytesMax = 12 << 10;

// What a program says; it has to end well.
async function run(program, args, options = {}) {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { output += text; });
  assert.equal((await once(child, 'close'))[0], 0, output);
  return output;
}

function folder_of(t) {
  const folder = mkdtempSync(join(tmpdir(), 'ringcast-client-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

suite('package', {}, (test) => {
  test('the committed builds are what the sources make; the script is small', { deadline_ms: 120000 }, async () => {
    assert.deepEqual(await outdated(), []);
    for (const name of ['ringcast.min.js', 'ringcast.mjs', 'shared_worker.js']) {
      const text = readFileSync(here(`../../web/client/v1/${name}`));
      const size = gzipSync(text, { level: 9 }).length;
      console.log(`# ${name}: ${text.length} bytes, ${size} gzipped`);
      assert.ok(size <= kScriptBytesMax, `${name}: ${size} bytes`);
    }
  });

  test('its version is that of the server', () => {
    assert.match(readFileSync(here('../../meson.build'), 'utf8'), new RegExp(`version: '${version.replaceAll('.', '\\.')}'`));
  });

  test('installed in an empty project: ESM, CommonJS, a script tag and strict TypeScript', { deadline_ms: 180000 }, async (t) => {
    const folder = folder_of(t);
    const npm = (...args) => run('npm', [...args, '--offline', '--no-audit', '--no-fund', '--cache', join(folder, 'cache')], { cwd: folder });
    await npm('pack', here('../../web/client'));
    const [archive] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
    console.log(`# ${archive}: ${statSync(join(folder, archive)).size} bytes`);
    writeFileSync(join(folder, 'package.json'), '{"name": "application", "type": "module"}');
    await npm('install', `./${archive}`);
    assert.deepEqual(readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.')), ['@ringcast']);
    const installed = readdirSync(join(folder, 'node_modules/@ringcast/client')).sort();
    assert.deepEqual(installed, readdirSync(here('../../web/client')).filter((name) => name !== 'tsconfig.json').sort());
    const body_of = (room) => `const client = new Client({ url: ${JSON.stringify(t.server.url)}, rooms: ['${room}'] });
      const heard = new Promise((resolve) => { client.once('message', ({ content }) => resolve(content)); });
      client.on('state', async ({ name, transport }) => {
        if (name !== 'open') return;
        await client.publish('${room}', 'over ' + transport);
        console.log(await heard);
        client.close();
      });
      client.open();`;
    writeFileSync(join(folder, 'application.js'), `import { Client } from '@ringcast/client';\n${body_of(t.name('esm'))}`);
    writeFileSync(join(folder, 'application.cjs'), `const { Client } = require('@ringcast/client');\n${body_of(t.name('cjs'))}`);
    for (const name of ['application.js', 'application.cjs']) {
      assert.equal((await run(process.execPath, [name], { cwd: folder })).trim(), globalThis.WebSocket ? 'over websocket' : 'over sse', name);
    }
    writeFileSync(join(folder, 'typed.ts'), readFileSync(here('application.ts'), 'utf8'));
    writeFileSync(join(folder, 'typed.cts'), "import { Client, type State } from '@ringcast/client';\nconst state: State = new Client({ rooms: ['a'] }).state;\nstate.name;\n");
    await run(process.execPath, [kTsc, ...kStrict, 'typed.ts', 'typed.cts'], { cwd: folder });
    const tab = await open_tab(t, { query: 'health' });
    const script = createRequire(join(folder, 'application.js')).resolve('@ringcast/client/ringcast.min.js');
    assert.ok(script.startsWith(folder));
    await tab.page.route('**/installed.js', (route) => route.fulfill({ path: script }));
    await tab.page.setContent(`<script src="/installed.js"></script><script>const { Client } = ringcast; var said = []; const console = { log: (text) => said.push(text) }; ${body_of(t.name('script'))}</script>`);
    await tab.page.waitForFunction(() => globalThis.said?.length === 1);
    assert.deepEqual([await tab.page.evaluate(() => globalThis.said), errors_of(tab)], [['over websocket'], []]);
  });

  test('the server serves it at its address, to pages of every origin', async (t) => {
    for (const name of ['ringcast.min.js', 'ringcast.mjs', 'shared_worker.js']) {
      const answer = await t.get(`/client/v1/${name}`);
      assert.equal(answer.status, 200, name);
      assert.equal(answer.text, readFileSync(here(`../../web/client/v1/${name}`), 'utf8'));
      assert.match(answer.headers['content-type'], /^text\/javascript/);
      assert.equal(answer.headers['cross-origin-resource-policy'], 'cross-origin');
      assert.equal(answer.headers['access-control-allow-origin'], '*');
    }
    assert.equal((await t.get('/')).headers['cross-origin-resource-policy'], 'same-origin');
  });

  // Each block of code is a program: type-checked, and run against a server. HTML is a page.
  for (const page of ['web/client/README.md', 'docs/client.md']) {
    const snippets = snippets_of(readFileSync(here(`../../${page}`), 'utf8'));
    const programs = snippets.filter(({ language }) => language !== 'html');
    const pages = snippets.filter(({ language }) => language === 'html');

    if (snippets.length) {
      test(`${page}: ${snippets.length} snippets are type-checked`, { deadline_ms: 180000 }, async (t) => {
        const folder = folder_of(t);
        write_application(folder);
        writeFileSync(join(folder, 'globals.d.ts'), "declare module 'ws';\ndeclare function require(name: string): any;\ndeclare const ringcast: typeof import('@ringcast/client');\n");
        for (const { file, code, language } of snippets) {
          const scripts = language === 'html' ? [...code.matchAll(/<script[^>]*>([\s\S]*?)<\/script>/g)].map(([, script]) => script).join('\n') : code;
          // A module of its own: what it declares is not the next one's.
          writeFileSync(join(folder, file), /^import /m.test(scripts) || language === 'cjs' ? scripts : `${scripts}\nexport {};\n`);
        }
        await run(process.execPath, [kTsc, ...kStrict, '--allowJs', '--checkJs', 'globals.d.ts', ...snippets.map(({ file }) => file)], { cwd: folder });
      });
    }

    for (const { file, code, language, line } of programs) {
      test(`${page}:${line}: the snippet does what it says`, { deadline_ms: 60000 }, async (t) => {
        const folder = folder_of(t);
        write_application(folder);
        writeFileSync(join(folder, 'runner.js'), kRunner);
        const script = file.replace(/ts$/, 'js');
        writeFileSync(join(folder, script), at_server(t, language === 'ts' ? await stripped(code) : code));
        await run(process.execPath, ['runner.js', `./${script}`], { cwd: folder });
      });
    }

    for (const { code, line } of pages) {
      test(`${page}:${line}: the page opens a client`, { deadline_ms: 60000 }, async (t) => {
        const tab = await open_tab(t, { query: 'health' });
        await tab.page.setContent(at_server(t, code));
        await tab.page.waitForFunction("client.state.name === 'open'").catch((error) => { throw new Error(`${error.message} ${tab.problems.join('; ')}`); });
        assert.deepEqual(errors_of(tab), []);
      });
    }
  }
});

// Without the icon, which browsers look for by themselves.
const errors_of = ({ problems }) => problems.filter((text) => !text.startsWith('Failed to load resource'));

function snippets_of(text) {
  return [...text.matchAll(/^```(js|ts|cjs|html)\n([\s\S]*?)^```$/gm)].map(({ 1: language, 2: code, index }, i) => ({
    language, code, file: `snippet${i}.${language === 'html' ? 'js' : language}`, line: text.slice(0, index).split('\n').length,
  }));
}

// The server of the examples is the one of the test.
const at_server = (t, code) => code.replaceAll('https://push.example.org/', `${t.server.url}/`);

function write_application(folder) {
  mkdirSync(join(folder, 'node_modules/@ringcast'), { recursive: true });
  symlinkSync(here('../../web/client'), join(folder, 'node_modules/@ringcast/client'));
  symlinkSync(here('../node_modules/ws'), join(folder, 'node_modules/ws'));
  writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
}

// Ends well when the program has come to its end, each of its clients has been open and has heard what it has said.
const kRunner = `
import { createRequire } from 'node:module';
import { Client } from '@ringcast/client';
const opened = [];
const heard = [];
for (const each of [Client, createRequire(import.meta.url)('@ringcast/client').Client]) {
  const { open, publish } = each.prototype;
  each.prototype.publish = async function (room, ...rest) {
    const sent = await publish.call(this, room, ...rest);
    heard.push(new Promise((resolve) => {
      const look = () => { if (!this.rooms.includes(room) || this.positions[room] >= sent.id) resolve(); };
      this.on('*', look);
      look();
    }));
    return sent;
  };
  each.prototype.open = function () {
    opened.push(new Promise((resolve, reject) => {
      this.on('state', (state) => {
        if (state.name === 'open') resolve();
        if (state.name === 'stopped') reject(new Error(state.reason));
      });
    }));
    return open.call(this);
  };
}
const alive = setInterval(() => {}, 1000);
await import(process.argv[2]);
await Promise.all(opened);
await Promise.all(heard);
process.exit(0);
`;

async function stripped(code) {
  const { transform } = await import('esbuild');
  return (await transform(code, { loader: 'ts' })).code;
}
