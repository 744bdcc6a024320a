// The client's parts by themselves: the parser of streams, the cursors, the types.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from '../integration/lib/runner.js';
import { EventParser } from '../../web/client/index.js';
import { named_cursor, read_cursor } from '../../web/client/resume.js';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

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

  test('the types fit an application, and what the package exports', async () => {
    const compiler = spawn(process.execPath, [here('../node_modules/typescript/bin/tsc'), '--noEmit', '--strict', '--target', 'es2022',
      '--module', 'nodenext', '--moduleResolution', 'nodenext', '--lib', 'es2022,dom', here('application.ts')]);
    let output = '';
    compiler.stdout.on('data', (text) => { output += text; });
    assert.equal((await once(compiler, 'exit'))[0], 0, output);
    const declared = [...readFileSync(here('../../web/client/index.d.ts'), 'utf8').matchAll(/^export (?:class|function) (\w+)/gm)].map(([, name]) => name);
    assert.deepEqual(Object.keys(await import('../../web/client/index.js')).sort(), [...new Set(declared)].sort());
  });
});
