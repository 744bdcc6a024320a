// SPDX-License-Identifier: Apache-2.0
// Files of the operator's: found, typed, in parts, unchanged, edited, and nothing outside of the directory.

import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { until, within } from './lib/deadline.js';
import { suite } from './lib/runner.js';
import { Server } from './lib/server.js';

suite('files of a directory', { server: false, at_once: 2 }, (test) => {
  const start = async (t, settings = {}) => {
    const folder = dirname(t.config_file(''));
    mkdirSync(join(folder, 'www/deep'), { recursive: true });
    const write = (name, body) => writeFileSync(join(folder, 'www', name), body);
    write('index.html', '<p>hello');
    write('deep/index.html', '<p>deep');
    write('app.js', 'let a = 1;');
    write('letters.txt', 'abcdefghij');
    write('.secret', 'no');
    writeFileSync(join(folder, 'outside.txt'), 'no');
    symlinkSync(join(folder, 'outside.txt'), join(folder, 'www/link.txt'));
    const server = await t.start_server({ static_dir: join(folder, 'www'), ...settings });
    const get = (path, headers = {}, method = 'GET') => t.http(method, path, { headers, at: server });
    return { folder, write, server, get };
  };

  test('types, HEAD, index.html, directories, 404', async (t) => {
    const { get } = await start(t);
    const script = await get('/static/app.js');
    assert.deepEqual([script.status, script.text, script.headers['content-type']], [200, 'let a = 1;', 'text/javascript; charset=utf-8']);
    assert.equal(script.headers['content-security-policy'], undefined);
    const head = await get('/static/app.js', {}, 'HEAD');
    assert.deepEqual([head.status, head.text, head.headers['content-length']], [200, '', '10']);
    assert.equal((await get('/static/')).text, '<p>hello');
    const moved = await get('/static/deep?x=1');
    assert.deepEqual([moved.status, moved.headers.location], [301, '/static/deep/?x=1']);
    assert.equal((await get('/static/deep/')).text, '<p>deep');
    for (const path of ['/static/none', '/static', '/static/app.js/', '/static/.secret', '/static/link.txt', '/static/..%2foutside.txt',
      '/static/%2e%2e/outside.txt', '/static/deep/../../outside.txt', '/static//app.js', '/static/%00']) {
      const answer = await get(path);
      assert.ok([400, 404].includes(answer.status), `${path}: ${answer.status}`);
      assert.ok(!answer.text.includes('no"') && answer.text !== 'no');
    }
  });

  test('what has not changed is not sent again; an edit is seen at once', async (t) => {
    const { get, write, folder } = await start(t);
    const first = await get('/static/app.js');
    for (const headers of [{ 'If-None-Match': first.headers.etag }, { 'If-Modified-Since': first.headers['last-modified'] }]) {
      const again = await get('/static/app.js', headers);
      assert.deepEqual([again.status, again.text], [304, '']);
    }
    write('app.js', 'let a = 2;');
    const edited = await get('/static/app.js', { 'If-None-Match': first.headers.etag });
    assert.deepEqual([edited.status, edited.text], [200, 'let a = 2;']);
    // Of the same size and with the old time: the file was written nevertheless.
    write('app.js', 'let a = 3;');
    utimesSync(join(folder, 'www/app.js'), 1e9, 1e9);
    assert.equal((await get('/static/app.js')).text, 'let a = 3;');
    rmSync(join(folder, 'www/app.js'));
    t.refused(await get('/static/app.js'), 404);
    write('new.css', 'p{}');
    assert.equal((await get('/static/new.css')).headers['content-type'], 'text/css; charset=utf-8');
  });

  test('ranges', async (t) => {
    const { get } = await start(t);
    const etag = (await get('/static/letters.txt')).headers.etag;
    for (const [range, status, text, content_range] of [
      ['bytes=2-4', 206, 'cde', 'bytes 2-4/10'], ['bytes=7-', 206, 'hij', 'bytes 7-9/10'], ['bytes=-2', 206, 'ij', 'bytes 8-9/10'],
      ['bytes=5-99', 206, 'fghij', 'bytes 5-9/10'], ['bytes=10-', 416, '', 'bytes */10'], ['bytes=-0', 416, '', 'bytes */10'],
      ['bytes=4-2', 200, 'abcdefghij', undefined], ['bytes=0-1,3-4', 200, 'abcdefghij', undefined], ['lines=1-2', 200, 'abcdefghij', undefined],
    ]) {
      const answer = await get('/static/letters.txt', { Range: range });
      assert.deepEqual([answer.status, answer.text, answer.headers['content-range']], [status, text, content_range], range);
    }
    assert.equal((await get('/static/letters.txt', { Range: 'bytes=0-1', 'If-Range': etag })).status, 206);
    assert.equal((await get('/static/letters.txt', { Range: 'bytes=0-1', 'If-Range': '"old"' })).status, 200);
  });

  test('at / too, with the policy that is set, and no larger than is set; the log names the setting', async (t) => {
    const { get, write, server } = await start(t, { static_prefix: '/', content_security_policy: "default-src 'self'", static_file_size_max: '1KiB' });
    for (const path of ['/', '/static/']) {
      const page = await get(path);
      assert.deepEqual([page.text, page.headers['content-security-policy']], ['<p>hello', "default-src 'self'"]);
    }
    write('large.bin', Buffer.alloc(1025));
    t.refused(await get('/large.bin'), 500, 'file_too_large');
    await until(() => server.log.some((line) => /refused/.test(line) && /settings=static_file_size_max/.test(line)), 'the log line');
  });

  test('a directory that is missing stops the start', async (t) => {
    for (const settings of [{ static_dir: '/no/such' }, { web_root: '/no/such' }, { static_prefix: '/files/' }]) {
      const server = new Server(t.bin, settings);
      const { code } = await within(server.exited, 'the server to refuse to start');
      assert.notEqual(code, 0);
      assert.match(server.log.join('\n'), /(static_dir|web_root|static_prefix) = ".*(is not a directory|must be)/);
    }
  });
});
