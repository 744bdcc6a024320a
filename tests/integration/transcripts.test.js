// SPDX-License-Identifier: Apache-2.0
// What clients of other systems get, byte for byte but for ids, times and the retry delay; and the lines that people
// type at a shell.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { until, within } from './lib/deadline.js';
import { suite } from './lib/runner.js';
import { Files, Key } from './lib/tokens.js';

const run = promisify(execFile);
const kWscat = fileURLToPath(new URL('../node_modules/.bin/wscat', import.meta.url));

// Without heartbeats, but for the one that greets; a list that has not changed may be sent again.
function masked(text) {
  return text.replace(/^: heartbeat\n\n|^event: \w+\ndata: {"type":"(?:periodic|healthcheck|heartbeat)".*\n\n/gm, '').replace(/(event: online_list\ndata: .*\n\n)\1+/g, '$1').replace(/^retry: \d+$/m, 'retry: *').replace(/^id: \S+$/gm, 'id: *')
    .replace(/"\d{4}-\d\d-\d\dT[\d:.]+Z"/g, '"TIME"').replace(/("(?:timestamp|time|event_id|id)":)\d+/g, '$1N')
    .replace(/"[0-9a-f]{32}"/g, '"ID"');
}

// The body of a stream so far; `shows` waits until it has a text.
function open(t, path, headers = {}, at = t.server) {
  const stream = { text: '' };
  const request = http.get(`${at.url}${path}`, { headers, agent: false });
  t.after(() => request.destroy());
  request.on('error', () => {});
  stream.response = new Promise((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
  });
  stream.response.then((response) => {
    response.setEncoding('utf8');
    response.on('data', (text) => { stream.text += text; });
    response.on('error', () => {});
  }, () => {});
  stream.end = stream.response.then((response) => new Promise((resolve) => { response.once('end', resolve); }));
  stream.shows = (text) => until(() => stream.text.includes(text), text, { describe: () => stream.text });
  return stream;
}

async function curl(...args) {
  const { stdout } = await run('curl', ['-sS', '--max-time', '60', ...args]);
  return stdout;
}

const settings = { preset: ['order_status', 'sse_broker', 'push_gateway', 'sse_chat', 'resumable_stream'] };

suite('transcripts over SSE', { settings }, (test) => {
  test('order-status stream', async (t) => {
    const id = t.name('order');
    const set = (data, more = {}) => t.publish({ room: `order-status/${id}`, data, ...more });
    await set({ status: 'received' });
    await set({ status: 'processing' });
    const stream = open(t, `/events/order-status/${id}`);
    await stream.shows('processing');
    await set({ status: 'shipped' }, { event: 'order-update' });
    await set('{"status":"completed"}');
    await within(stream.end, 'the end');
    assert.equal(masked(stream.text), 'retry: *\n\nid: *\n\nid: *\ndata: {"status":"processing"}\n\n'
      + 'id: *\nevent: order-update\ndata: {"status":"shipped"}\n\nid: *\ndata: {"status":"completed"}\n\n');
    const last = stream.text.match(/^id: (\S+)$/gm).at(-1).slice(4);
    const again = await t.get(`/events/order-status/${id}`, {}, { headers: { 'Last-Event-ID': last } });
    assert.deepEqual([again.status, again.text], [204, '']);
  });

  test('SSE broker, with curl as people type it', async (t) => {
    const user = randomUUID();
    const stream = open(t, `/sse/stream?user_id=${user}&tenant_id=&topics=a,,b`);
    await until(async () => (await t.get(`/users/${user}`)).json.online, 'the user');
    await curl('-X', 'POST', `${t.server.url}/api/test/send`, '-d', `{"user_id":"${user}","event":"test","data":"hello"}`);
    await curl('-X', 'POST', `${t.server.url}/api/test/send`, '-H', 'Content-Type:', '-d', `{"user_id":"${user}","data":{"id":7},"more":1}`);
    await t.publish({ topic: 'b', event: 'news', data: '{"title":"t"}' });
    await stream.shows('title');
    assert.equal(masked(stream.text), 'retry: *\n\nid: *\n\nevent: test\ndata: hello\nid: *\n\n'
      + 'event: message\ndata: {"id":N}\nid: *\n\nevent: news\ndata: {"title":"t"}\nid: *\n\n');
  });

  test('push gateway', async (t) => {
    const user = t.name('user');
    const stream = open(t, `/woolive/sse?user=${user}`);
    await stream.shows('initial');
    await t.publish({ users: [user], event: 'order.paid', data: '{"amount":5}' });
    await t.publish({ users: [user], data: { any: 'thing' } });
    const sent = await curl('-X', 'POST', `${t.server.url}/api/send?user=bob`, '-H', 'Content-Type: text/plain', '-d', `{"text":"hi","to":"${user}"}`);
    assert.equal(masked(sent).trim(), '{"status":"sent","event_id":N,"receivers":1}');
    await stream.shows('event: chat');
    await stream.shows('"hi"}');
    assert.equal(masked(stream.text), 'retry: *\n\nid: *\nevent: connection_id\ndata: {"connection_id":"ID"}\n\n'
      + `event: heartbeat\ndata: {"type":"initial","client_id":"ID","user_id":"${user}","timestamp":N,"data":"TIME"}\n\n`
      + 'event: order.paid\ndata: {"amount":5}\nid: *\n\nevent: message\ndata: {"any":"thing"}\nid: *\n\n'
      + `event: chat\ndata: {"from":"bob","to":"${user}","text":"hi"}\nid: *\n\n`);
  });

  test('SSE chat', async (t) => {
    const server = await t.start_server({ preset: 'sse_chat' });  // the lobby is this test's
    const say = (body) => curl('-X', 'POST', `${server.url}/send`, '-d', JSON.stringify(body));
    await say({ from: 'ben', content: 'earlier' });
    const stream = open(t, '/sse?username=ann', {}, server);
    await stream.shows('["ann"]');
    await say({ from: 'ben', content: 'hi' });
    await say({ content: 'who am I' });
    await say({ from: 'ben', to: 'ann', content: 'psst' });
    await stream.shows('psst');
    const other = open(t, '/sse?username=cat', {}, server);
    await stream.shows('"cat"]');
    (await other.response).destroy();
    await until(() => stream.text.match(/^data: \["ann"\]$/gm).length === 2, 'a list without her');
    assert.equal(masked(stream.text), 'retry: *\n\nid: *\nevent: connection_id\ndata: {"id":"ID"}\n\n'
      + 'event: system\ndata: {"from":"system","content":"ann is here, welcome","type":"system"}\n\n'
      + 'event: history\ndata: {"From":"ben","Content":"earlier","Time":"TIME"}\nid: *\n\n'
      + 'event: online_list\ndata: ["ann"]\n\n'
      + 'event: chat\ndata: {"from":"ben","content":"hi","type":"chat"}\nid: *\n\n'
      + 'event: chat\ndata: {"from":"匿名用户","content":"who am I","type":"chat"}\nid: *\n\n'
      + 'event: chat\ndata: {"from":"ben","to":"ann","content":"psst","type":"chat"}\nid: *\n\n'
      + 'event: system\ndata: {"from":"system","content":"cat is here, welcome","type":"system"}\nid: *\n\n'
      + 'event: online_list\ndata: ["ann","cat"]\n\nevent: online_list\ndata: ["ann"]\n\n');
  });

  test('resumable stream: ids from 1, and curl without a Content-Type', async (t) => {
    const server = await t.start_server({ preset: 'resumable_stream' });
    const say = (content) => curl('-X', 'POST', `${server.url}/messages`, '-d', JSON.stringify({ user: 'Alice', content, client: 'v1' }));
    for (const [i, content] of ['one', 'two', 'three'].entries()) {
      assert.equal((await say(content)).trim(), `{"status":"sent","event_id":${i + 1},"receivers":0}`);
    }
    const stream = open(t, '/events', { 'Last-Event-ID': '1' }, server);
    await stream.shows('three');
    assert.match((await say('four')).trim(), /^\{"status":"sent","event_id":4,"receivers":1\}$/);
    await stream.shows('four');
    const event = (id, content) => `id: ${id}\nevent: message\ndata: {"id":${id},"event_type":"message","room":"general","user":"Alice","content":"${content}","timestamp":"TIME"}\n\n`;
    const shown = stream.text.replace(/^: heartbeat\n\n/gm, '').replace(/"\d{4}-\d\d-\d\dT[\d:.]+Z"/g, '"TIME"');
    assert.ok(shown.endsWith(event(2, 'two') + event(3, 'three') + event(4, 'four')), shown);
    const stats = await t.read('/stats', {}, { at: server });
    assert.deepEqual([stats.active_connections, stats.buffered_events, stats.next_event_id], [1, 4, 5]);
    for (const cursor of ['evt_001', '']) {
      const odd = open(t, '/events', { 'Last-Event-ID': cursor }, server);
      assert.equal((await within(odd.response, 'the head')).statusCode, 200);
    }
  });

  test('polled notifications', async (t) => {
    const user = t.name('user');
    for (const since of ['', 'abc', '0']) {
      const empty = await curl(`${t.server.url}/notifications/poll?user=${user}&since=${since}&timeout=1`);
      assert.equal(masked(empty).trim(), '{"notifications":[],"timestamp":N}');
    }
    await t.publish({ to: user, data: { title: 'one' } });
    const first = await curl(`${t.server.url}/notifications/poll?user=${user}&since=1`);
    assert.equal(masked(first).trim(), '{"notifications":[{"title":"one"}],"timestamp":N}');
  });
});

// Each line is typed when the text before it has been shown; what is shown in all.
async function wscat(t, url, lines) {
  const client = spawn(process.execPath, [kWscat, '--no-color', '-c', url], { stdio: ['pipe', 'pipe', 'pipe'] });
  t.after(() => client.kill('SIGKILL'));
  let out = '';
  for (const from of [client.stdout, client.stderr]) from.on('data', (text) => { out += text; });
  await until(() => out.includes('{'), 'the first frame', { describe: () => out });
  for (const [line, shown] of lines) {
    client.stdin.write(`${line}\n`);
    await until(() => out.includes(shown), shown, { describe: () => out });
  }
  return out;
}

suite('transcripts over WebSocket', { server: false }, (test) => {
  test('room chat, as wscat shows it', async (t) => {
    const server = await t.start_server({ preset: 'room_chat' });
    const shown = await wscat(t, `${server.ws_url}/ws?user=Alice`,
      [['{"action":"join","room":"general"}', '"joined"'], ['{"action":"message","content":"Hello everyone!"}', 'everyone!","timestamp"']]);
    assert.match(masked(shown), /\{"id":N,"event_type":"message","room":"general","user":"Alice","content":"Hello everyone!","timestamp":"TIME"\}/);
    const { rooms, total_clients } = JSON.parse(await curl(`${server.url}/stats`));
    assert.deepEqual([rooms, total_clients], [{ general: 1 }, 1]);
    const posted = await curl('-X', 'POST', `${server.url}/messages`, '-d', '{"room":"general","user":"System","content":"Welcome!","x":1}');
    assert.equal(masked(posted).trim(), '{"status":"sent","event_id":N,"receivers":1}');
    const refused = await curl('-X', 'POST', `${server.url}/messages`, '-d', 'nonsense', '-w', '%{http_code}');
    assert.equal(refused, '{"error":"invalid body"}400');
    const page = await t.foreign_ws('/ws?user=Bob', { headers: { Origin: 'null' } }, server);
    await page.next('connection_id');
  });

  test('token hub', async (t) => {
    const key = new Key('HS256');
    const server = await t.start_server({ preset: 'token_hub', jwt_keys: [new Files().key(key)] });
    const hub = (claims) => t.foreign_ws(`/ws?token=${key.token(claims)}`, {}, server);
    const [alice, bob, carol] = [await hub({ sub: 42, name: 'Alice Liddell' }), await hub({ sub: 'bob' }), await hub({ sub: 'carol' })];
    for (const client of [alice, bob, carol]) client.send({ type: 'join-room', roomId: 'blue' });
    await until(async () => server.log.filter((line) => /joined/.test(line) && /blue/.test(line)).length === 3, 'all to join');
    alice.send({ type: 'send-message', roomId: 'blue', content: 'hello' });
    for (const client of [bob, carol]) {
      const message = await client.next({ type: 'new-message' });
      assert.equal(masked(JSON.stringify(message)), '{"type":"new-message","from":"Alice Liddell","content":"hello","timestamp":N}');
    }
    bob.send({ type: 'fly' });
    assert.deepEqual(Object.keys(await bob.next({ type: 'error' })), ['type', 'message']);
    assert.equal(alice.events.all(({ event_type }) => event_type !== '(ping)').length, 0);
  });

  test('chat hub', async (t) => {
    const server = await t.start_server({ preset: 'hub_chat' });
    const line = (type, content) => `{"type":"${type}","user_id":"ID","username":"Alice","content":"${content}","timestamp":"TIME"}`;
    const shown = masked(await wscat(t, `${server.ws_url}/ws?username=Alice`,
      [['{"type":"message","content":"hello"}', '"hello","timestamp"'], ['{"type":"typing"}', '"content":"","timestamp"'],
        ['{"type":"dm","to":"Bob","content":"psst"}', 'nobody']]));
    const frames = shown.match(/\{.*\}/g);
    assert.deepEqual(frames, [line('join', 'Alice joined the chat'), line('message', 'hello'), line('typing', ''),
      '{"type":"error","content":"nobody of that name is here"}']);
    assert.equal((await curl(`${server.url}/api/stats`)).trim(), '{"online_users":1}');
  });
});
