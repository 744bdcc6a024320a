// SPDX-License-Identifier: Apache-2.0
// The client's parts by themselves: the parser of streams, the cursors, the types.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from '../integration/lib/runner.js';
import { EventParser } from '../../web/client/index.js';
import { named_cursor, read_cursor } from '../../web/client/resume.js';
import { verdict_of_close } from '../../web/client/verdict.js';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const kStrict = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext', '--moduleResolution', 'nodenext', '--lib', 'es2022,dom'];

// What a program says; it has to end well.
async function run(program, args, options = {}) {
  const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { output += text; });
  assert.equal((await once(child, 'close'))[0], 0, output);
  return output;
}

function parse(bytes, sizes) {
  const seen = [];
  const parser = new EventParser((event) => seen.push(event), (ms) => seen.push(ms));
  for (let at = 0, i = 0; at < bytes.length; at += sizes[i++ % sizes.length]) parser.feed(bytes.subarray(at, at + sizes[i % sizes.length]));
  return seen;
}

suite('parts', {}, (test) => {
  test('a stream gives the same events in whatever pieces it comes', async () => {
    const text = ': comment\nretry: 300\nid: 1\nevent: message\ndata: {"ü":"😀"}\ndata:second\n\r\nid: 2\rdata: cr\r\rdata: lf\n\nevent: no data\n\ndata\n\ndata: unfinished';
    const bytes = new TextEncoder().encode(text);
    const whole = parse(bytes, [bytes.length]);
    assert.deepEqual(whole, [300, { type: 'message', data: '{"ü":"😀"}\nsecond', id: '1' }, { type: 'message', data: 'cr', id: '2' },
      { type: 'message', data: 'lf', id: '2' }, { type: 'message', data: '', id: '2' }]);
    for (const size of [1, 2, 3, 5, 7, 64]) assert.deepEqual(parse(bytes, [size]), whole, `pieces of ${size}`);
  });

  test('the cursors of the server are read', async (t) => {
    const names = [t.name('z'), t.name('ｚ'), t.name('😀'), t.name('a b')];
    for (const name of names) await t.say(name, 'x');
    const ids = new Map();
    for (const name of names) ids.set(name, (await t.read('/history', { room: name })).newest);
    const { cursor } = await t.poll({ rooms: names });
    assert.deepEqual(read_cursor(cursor, names), new Map([...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))).map((name) => [name, ids.get(name)])));
    assert.equal(read_cursor(cursor, [...names.slice(1), 'other']), null);
    assert.equal(read_cursor(cursor, names.slice(1)), null);
    assert.deepEqual(read_cursor((await t.poll({ rooms: names[0] })).cursor, [names[0]]), new Map([[names[0], ids.get(names[0])]]));
    assert.equal(named_cursor([['a=b,c', 7], ['*', 8]]), 'a%3Db%2Cc=7,*=8');
  });

  test('the types fit an application, and what the package exports', { deadline_ms: 120000 }, async () => {
    await run(process.execPath, [here('../node_modules/typescript/bin/tsc'), ...kStrict, here('application.ts')]);
    const declared = [...readFileSync(here('../../web/client/index.d.ts'), 'utf8').matchAll(/^export (?:class|function) (\w+)/gm)].map(([, name]) => name);
    assert.deepEqual(Object.keys(await import('../../web/client/index.js')).sort(), [...new Set(declared)].sort());
  });

  test('the package, installed elsewhere by its name, has all it needs and no more', { deadline_ms: 120000 }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'ringcast-client-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const npm = (...args) => run('npm', [...args, '--offline', '--no-audit', '--no-fund', '--cache', join(folder, 'cache')], { cwd: folder });
    await npm('pack', here('../../web/client'));
    const [archive] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
    writeFileSync(join(folder, 'package.json'), '{"name": "application", "type": "module"}');
    await npm('install', `./${archive}`);
    assert.deepEqual(readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.')), ['@ringcast']);
    const installed = readdirSync(join(folder, 'node_modules/@ringcast/client')).sort();
    assert.deepEqual(installed, readdirSync(here('../../web/client')).sort());
    writeFileSync(join(folder, 'application.js'), `import { Client } from '@ringcast/client';
      const client = new Client({ url: ${JSON.stringify(t.server.url)}, rooms: ['packed'] });
      client.on('message', ({ content }) => { console.log(content); client.close(); });
      client.watch(({ state, transport }) => { if (state === 'open') client.publish('packed', 'over ' + transport); });
      client.open();`);
    const said = await run(process.execPath, ['application.js'], { cwd: folder });
    assert.equal(said.trim(), globalThis.WebSocket ? 'over websocket' : 'over sse');
    writeFileSync(join(folder, 'typed.ts'), readFileSync(here('application.ts'), 'utf8').replace('../../web/client/index.js', '@ringcast/client'));
    await run(process.execPath, [here('../node_modules/typescript/bin/tsc'), ...kStrict, 'typed.ts'], { cwd: folder });
  });

  // The reference page says what a client does; ends.test.js shows that this one does it.
  test('each close code of the reference is reacted to as it says', async () => {
    const page = readFileSync(here('../../docs/protocol.md'), 'utf8');
    const rows = [...page.split('## Close codes')[1].split('\n## ')[0].matchAll(/^\| ([\d, ]+) \| [^|]+ \| ([^|]+) \|$/gm)];
    const words = { stops: 'stop', backs: 'again', reconnects: 'again', fetches: 'token' };
    const ends = readFileSync(here('ends.test.js'), 'utf8');
    for (const [, codes, does] of rows) {
      for (const code of codes.split(/[, ]+/).filter(Boolean)) {
        const verdict = verdict_of_close(Number(code), '');
        assert.equal(verdict.do, words[/^\w+/.exec(does)[0]], `${code} ${does}`);
        assert.equal(verdict.busy ?? false, does.startsWith('backs'), `${code} ${does}`);
        assert.match(ends, new RegExp(`\\b${code}\\b`), `no test of ${code}`);
      }
    }
    assert.ok(rows.length >= 7);
  });
});
