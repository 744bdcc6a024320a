// SPDX-License-Identifier: Apache-2.0
// Clients of other languages: Debian's python3-websockets and curl.

import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './lib/program.js';
import { suite } from './lib/runner.js';

const kPython = process.env.RINGCAST_TEST_PYTHON ?? '/usr/bin/python3';
const kScript = join(dirname(fileURLToPath(import.meta.url)), 'python_client.py');

suite('python websockets', {}, (test) => {
  test('every test of python_client.py', async (t) => {
    if ((await run(kPython, ['-c', 'import websockets'])).status !== 0) t.skip('no python3-websockets');
    const { status, stdout, stderr } = await run(kPython, [kScript, t.server.url, t.server.ws_url]);
    assert.equal(status, 0, stdout.split('\n').filter((line) => line.startsWith('not ok')).join('\n') + stderr);
    assert.match(stdout, /^1\.\.\d+$/m);
  });
});

suite('curl', {}, (test) => {
  const curl_with = async (t, input, ...args) => {
    const answer = await run('curl', ['-sS', '--max-time', '30', ...args], { input });
    if (answer.status === 'ENOENT') t.skip('no curl');
    return answer;
  };
  const curl = (t, ...args) => curl_with(t, '', ...args);

  test('posts and reads', async (t) => {
    const room = t.name('room');
    const sent = await curl(t, '-H', 'Content-Type: application/json', '-d', JSON.stringify({ room, user: 'curl', content: 'hi' }), `${t.server.url}/messages`);
    assert.equal(JSON.parse(sent.stdout).status, 'sent', sent.stderr);
    const history = await curl(t, '--http1.0', `${t.server.url}/history?room=${room}`);
    assert.equal(JSON.parse(history.stdout).messages[0].user, 'curl');
  });

  test('posts a body so large that it asks with Expect first', async (t) => {
    const room = t.name('room');
    const body = JSON.stringify(Array.from({ length: 30 }, (_, i) => ({ room, content: `${i} ${'x'.repeat(30000)}` })));
    const { stdout, stderr } = await curl_with(t, body, '-H', 'Content-Type: application/json', '-H', 'Expect: 100-continue', '--data-binary', '@-', `${t.server.url}/messages`);
    assert.equal(JSON.stringify(JSON.parse(stdout)).match(/event_id/g).length, 30, stderr);
  });

  test('streams events', async (t) => {
    const room = t.name('room');
    const { event_id } = await t.say(room, 'one');
    await t.say(room, 'the end', { final: true });
    // A final message ends the stream, so that curl ends by itself.
    const { status, stdout, stderr } = await curl(t, '-N', '-H', 'Accept: text/event-stream', '-H', `Last-Event-ID: ${event_id - 1}`, `${t.server.url}/events?rooms=${room}`);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /^event: message$/m);
    assert.match(stdout, /"content":"one"/);
    assert.match(stdout, /"content":"the end"/);
  });

  test('shows headers with -I and follows keep-alive', async (t) => {
    const { stdout } = await curl(t, '-I', `${t.server.url}/health`);
    assert.match(stdout, /^HTTP\/1\.1 200/);
    const twice = await curl(t, '-v', `${t.server.url}/health`, `${t.server.url}/ready`);
    assert.match(twice.stderr, /[Rr]e-using existing (http: )?connection/);
  });
});
