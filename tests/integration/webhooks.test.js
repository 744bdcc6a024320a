// SPDX-License-Identifier: Apache-2.0
// Webhooks: what an operator's server is asked and notified of over real HTTP, and what becomes of its answers.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { Certificates } from './lib/certificates.js';
import { until, within } from './lib/deadline.js';
import { make_folder } from './lib/folder.js';
import { HookReceiver } from './lib/hook_receiver.js';
import { suite } from './lib/runner.js';

const kSecret = 'between you and me';
const hooks = await HookReceiver.start(kSecret);

const nowhere = 'http://127.0.0.1:1/';  // a port that nobody is given

const directory = make_folder('webhooks');
let files = 0;
function config(text) {
  const path = join(directory, `${++files}.toml`);
  writeFileSync(path, text);
  return path;
}

const settings = {
  vacated_grace: '50ms',
  undecided_messages_max: 4,
  config: config(`
[[webhooks]]
url = "${nowhere}"
events = ["publish"]
rooms = ["down/deny/*"]
on_failure = "deny"

[[webhooks]]
url = "${nowhere}"
events = ["publish"]
rooms = ["down/allow/*"]
on_failure = "allow"

[[webhooks]]
url = "${hooks.url}/ask"
secret = "${kSecret}"
events = ["connect", "publish"]
rooms = ["asked/**", "@*"]
timeout = "30s"

[[webhooks]]
url = "${hooks.url}/notify"
secret = "${kSecret}"
events = ["disconnect", "join", "leave", "occupied", "vacated"]
timeout = "60s"
retry_delay = "10ms"
`),
};

// Something that is answered when the test says so.
function gate() {
  let open;
  const opened = new Promise((resolve) => { open = resolve; });
  return { open, opened };
}

suite('webhooks', { settings }, (test) => {
  test('a connect is asked about, with a signature', async (t) => {
    const user = t.name('alice');
    const client = await t.ws({ user, tenant: 'acme' });
    const asked = await hooks.next({ event: 'connect', user });
    assert.equal(asked.tenant, 'acme');
    assert.equal(asked.transport, 'websocket');
    assert.equal(asked.address, '127.0.0.1');
    assert.equal(asked.connection, client.id);
    assert.ok(Math.abs(Date.parse(asked.time) - Date.now()) < 300_000);
    assert.equal(asked.call.path, '/ask');
    assert.equal(asked.call.signed, true);
    assert.equal(asked.call.headers['x-ringcast-event'], 'connect');
    assert.equal(asked.call.headers['x-ringcast-id'], asked.id);
    assert.equal(asked.call.headers['content-type'], 'application/json');
  });

  test('a connect may be refused, over each transport', async (t) => {
    const user = t.name('mallory');
    hooks.answer({ event: 'connect', user }, () => ({ body: { allow: false, code: 'no_entry', reason: 'not today' } }));
    const socket = t.ws_raw(`/ws?user=${user}`);
    const error = await socket.next('error');
    assert.equal(error.code, 'no_entry');
    assert.equal(error.message, 'not today');
    assert.equal((await socket.close_code()).code, 4003);
    for (const path of ['/events', '/poll']) t.refused(await t.get(path, { user, rooms: 'general' }), 403, 'no_entry');
  });

  test('403 refuses as well', async (t) => {
    const user = t.name('mallory');
    hooks.answer({ event: 'connect', user }, () => ({ status: 403, body: '' }));
    t.refused(await t.get('/events', { user, rooms: 'general' }), 403, 'refused');
  });

  test('a connect may get another user and tenant, and rooms besides', async (t) => {
    const [user, other, room] = [t.name('temp'), t.name('bob'), t.name('room')];
    hooks.answer({ event: 'connect', user }, () => ({ body: { user: other, tenant: 'acme', rooms: [room] } }));
    const client = await t.ws({ user });
    assert.equal(client.hello.user, other);
    assert.ok(room in client.hello.positions, JSON.stringify(client.hello));
    await t.publish({ room, content: 'for acme' }, { query: { tenant: 'acme' } });
    await client.next({ room, content: 'for acme' });
    const stream = await t.sse({ user, rooms: 'general' });
    await t.publish({ room, content: 'again' }, { query: { tenant: 'acme' } });
    await stream.next({ room, content: 'again' });
  });

  test('a message may be refused', async (t) => {
    const room = `asked/${t.name('room')}`;
    hooks.answer({ event: 'publish', room }, ({ message }) => ({ body: message.content === 'rude' ? { allow: false, code: 'rude', reason: 'be kind' } : {} }));
    const client = await t.member(room, { user: t.name('a') });
    const refused = await client.ask({ action: 'message', room, content: 'rude' });
    assert.equal(refused.event_type, 'error');
    assert.equal(refused.code, 'rude');
    assert.equal(refused.message, 'be kind');
    assert.equal((await client.ask({ action: 'message', room, content: 'kind', echo: false })).event_type, 'ack');
    const { messages } = await t.read('/history', { room });
    assert.deepEqual(messages.map(({ content }) => content), ['kind']);
  });

  test('what is asked about a message', async (t) => {
    const [room, user] = [`asked/${t.name('room')}`, t.name('a')];
    const client = await t.member(room, { user });
    client.send({ action: 'message', room, data: { n: [1, 2] }, event: 'order' });
    const asked = await hooks.next({ event: 'publish', room });
    assert.deepEqual(asked.message, { event: 'order', data: { n: [1, 2] } });
    assert.equal(asked.user, user);
    assert.equal(asked.connection, client.id);
    assert.deepEqual((await client.next('order')).data, { n: [1, 2] });
    client.send_binary(Buffer.from([0, 255]));
    assert.equal((await hooks.next({ event: 'publish', room })).message.binary, 'AP8=');
    await client.next('(frame)');
  });

  test('a message may be changed', async (t) => {
    const room = `asked/${t.name('room')}`;
    hooks.answer({ event: 'publish', room }, ({ message }) => ({ body: message.content ? { content: message.content.toUpperCase() } : { event: 'checked', data: null } }));
    const client = await t.member(room, { user: t.name('a') });
    client.send({ action: 'message', room, content: 'hello' });
    assert.equal((await client.next('message')).content, 'HELLO');
    client.send({ action: 'message', room, data: { kept: true } });
    assert.deepEqual((await client.next('checked')).data, { kept: true });
  });

  test('later messages to that channel wait, other channels go on', async (t) => {
    const [slow, fast, free] = [`asked/${t.name('slow')}`, `asked/${t.name('fast')}`, t.name('free')];
    const { open, opened } = gate();
    hooks.answer({ event: 'publish', room: slow }, async ({ message }) => { if (message.content === 'one') await opened; });
    const client = await t.member(slow, { user: t.name('a') });
    await client.join(fast);
    await client.join(free);
    client.send({ action: 'message', room: slow, content: 'one' });
    await hooks.next({ event: 'publish', room: slow });
    client.send({ action: 'message', room: slow, content: 'two' });
    client.send({ action: 'message', room: fast, content: 'other' });
    client.send({ action: 'message', room: free, content: 'free' });
    await client.next({ content: 'other' });
    await client.next({ content: 'free' });
    await client.fence();
    assert.deepEqual((await t.read('/history', { room: slow })).messages, []);
    open();
    const [one, two] = await client.take(2, { room: slow, event_type: 'message' });
    assert.deepEqual([one.content, two.content], ['one', 'two']);
  });

  test('what waits is bounded, and one who waits holds up nobody else', async (t) => {
    const room = `asked/${t.name('room')}`;
    const { open, opened } = gate();
    const slow = t.name('slow');
    hooks.answer({ event: 'publish', room, user: slow }, async () => { await opened; });
    const client = await t.member(room, { user: slow });
    const others = await t.member(room, { user: t.name('b') });
    for (let i = 0; i < 4; ++i) client.send({ action: 'message', room, content: `m${i}`, ref: `m${i}` });
    assert.equal((await client.ask({ action: 'message', room, content: 'm4' })).code, 'too_many_undecided');
    others.send({ action: 'message', room, content: 'mine' });
    await others.next({ content: 'mine' });
    open();
    const contents = (await others.take(4, ({ event_type, user }) => event_type === 'message' && user === slow)).map(({ content }) => content);
    assert.deepEqual(contents, ['m0', 'm1', 'm2', 'm3']);
    assert.equal((await client.ask({ action: 'message', room, content: 'm5' })).event_type, 'ack');
  });

  test('what was sent before the connection went is published', async (t) => {
    const room = `asked/${t.name('room')}`;
    const { open, opened } = gate();
    hooks.answer({ event: 'publish', room }, async () => { await opened; });
    const client = await t.member(room, { user: t.name('a') });
    const reader = await t.member(room, { user: t.name('b') });
    client.send({ action: 'message', room, content: 'one' });
    client.send({ action: 'message', room, content: 'two', ref: 'r' });
    await hooks.next({ event: 'publish', room });
    await client.fence();
    client.terminate();
    await hooks.next({ event: 'disconnect', connection: client.id });
    open();
    await reader.next({ content: 'one' });
    await reader.next({ content: 'two' });
  });

  test('messages over HTTP: refused, changed, in a batch', async (t) => {
    const room = `asked/${t.name('room')}`;
    hooks.answer({ event: 'publish', room }, ({ message }) => ({ body: message.content === 'rude' ? { allow: false, code: 'rude' } : { content: `${message.content}!` } }));
    t.refused(await t.http('POST', '/messages', { body: { room, content: 'rude' } }), 403, 'rude');
    assert.ok((await t.publish({ room, content: 'kind' })).event_id);
    const results = await t.publish([{ room, content: 'a' }, { room, content: 'rude' }, { room, content: 'b' }]);
    assert.equal(results[1].error.code, 'rude');
    assert.ok(results[0].event_id < results[2].event_id);
    assert.deepEqual((await t.read('/history', { room })).messages.map(({ content }) => content), ['kind!', 'a!', 'b!']);
  });

  test('to an inbox', async (t) => {
    const alice = t.name('alice');
    const client = await t.ws({ user: alice });
    const sender = await t.ws({ user: t.name('bob') });
    await sender.ask({ action: 'direct', to: alice, content: 'hi' });
    assert.equal((await hooks.next({ event: 'publish', room: `@${alice}` })).message.content, 'hi');
    await client.next('direct');
  });

  test('nobody answers: the setting decides', async (t) => {
    const [denied, allowed] = [`down/deny/${t.name('r')}`, `down/allow/${t.name('r')}`];
    const client = await t.member(denied, { user: t.name('a') });
    await client.join(allowed);
    assert.equal((await client.ask({ action: 'message', room: denied, content: 'x' })).code, 'undecided');
    assert.equal((await client.ask({ action: 'message', room: allowed, content: 'x' })).event_type, 'ack');
    t.refused(await t.http('POST', '/messages', { body: { room: denied, content: 'x' } }), 503, 'undecided');
    assert.ok((await t.publish({ room: allowed, content: 'x' })).event_id);
  });

  test('an answer that is none counts as no answer', async (t) => {
    const room = `asked/${t.name('room')}`;
    hooks.answer({ event: 'publish', room }, () => ({ body: '"yes"' }));
    const client = await t.member(room, { user: t.name('a') });
    assert.equal((await client.ask({ action: 'message', room, content: 'x' })).code, 'undecided');
  });

  test('joining and leaving are reported, in order', async (t) => {
    const [room, user] = [t.name('room'), t.name('a')];
    const client = await t.member(room, { user });
    await client.ask({ action: 'leave', room });
    await client.join(room);
    await client.close();
    const events = [];
    while (events.at(-1)?.event !== 'disconnect') events.push(await hooks.next(({ connection, call }) => connection === client.id && call.path === '/notify'));
    assert.deepEqual(events.map(({ event }) => event), ['join', 'leave', 'join', 'leave', 'disconnect']);
    assert.ok(events.slice(0, 4).every((event) => event.room === room && event.user === user && event.transport === 'websocket'), JSON.stringify(events));
    assert.ok(events.every(({ call }) => call.signed));
    assert.equal(new Set(events.map(({ id }) => id)).size, 5);
  });

  test('streams too', async (t) => {
    const [room, user] = [t.name('room'), t.name('a')];
    const stream = await t.sse({ user, rooms: room });
    await hooks.next({ event: 'join', room, user, transport: 'sse' });
    stream.close();
    await hooks.next({ event: 'leave', room, user });
    await hooks.next({ event: 'disconnect', user, transport: 'sse' });
  });

  test('a room is reported as occupied once, and as vacated when nobody came back', async (t) => {
    const room = t.name('room');
    const one = await t.member(room, { user: t.name('a') });
    const two = await t.member(room, { user: t.name('b') });
    await hooks.next({ event: 'occupied', room });
    await one.close();
    await two.close();
    await hooks.next({ event: 'vacated', room });
    await t.member(room, { user: t.name('c') });
    await hooks.next({ event: 'occupied', room });
    assert.deepEqual(hooks.events.seen.filter((event) => event.room === room && /occupied|vacated/.test(event.event)).map(({ event }) => event), ['occupied', 'vacated', 'occupied']);
  });

  test('what fails is sent again, under the same id', async (t) => {
    const room = t.name('room');
    const ids = [];
    hooks.answer({ event: 'join', room }, (_, { headers }) => ({ status: ids.push(headers['x-ringcast-id']) < 3 ? 503 : 200 }));
    await t.member(room, { user: t.name('a') });
    await hooks.next({ event: 'join', room });
    assert.equal(ids.length, 3);
    assert.equal(new Set(ids).size, 1);
  });

  test('who goes away while being asked about is forgotten', async (t) => {
    const user = t.name('a');
    const { open, opened } = gate();
    hooks.answer({ event: 'connect', user }, async () => { await opened; });
    const socket = t.ws_raw(`/ws?user=${user}`);
    await hooks.next({ event: 'connect', user });
    socket.terminate();
    const stream = t.sse_raw({ user, rooms: 'general' });
    await hooks.next({ event: 'connect', user });
    await until(async () => (await t.read('/users')).users.every((one) => one.user !== user), 'nobody of that name');
    open();
    await stream.ready();
    await until(async () => (await t.read(`/users/${user}`)).connections === 1, 'the stream alone to be there');
  });

  test('metrics', async (t) => {
    await t.ws({ user: t.name('a') });
    const { text } = await t.get('/metrics');
    assert.match(text, /^ringcast_webhook_calls_total\{endpoint="2"\} [1-9]/m);
    assert.match(text, /^ringcast_webhook_decisions_total\{endpoint="2",end="allowed"\} [1-9]/m);
    assert.match(text, /^ringcast_webhook_call_seconds_count\{endpoint="2"\} [1-9]/m);
  });
});

suite('webhooks of one server', { server: false }, (test) => {
  test('over https it is asked who has a certificate of the authorities that are named', async (t) => {
    const certificates = new Certificates().issue('hooks', 'DNS:localhost');
    const receiver = createServer({ key: certificates.read('hooks.key'), cert: certificates.read('hooks.pem') }, (request, response) => response.end('{}'));
    receiver.listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    t.after(() => { receiver.close(); receiver.closeAllConnections(); });
    const url = `https://localhost:${receiver.address().port}/`;
    const asks = (lines) => t.start_server({ config: config(`[[webhooks]]\n${lines}\nevents = ["connect"]\non_failure = "deny"\n`) });
    const named = `ca_file = "${certificates.ca_file}"`;
    await asks(`url = "${url}"\n${named}`);
    await t.ws({ user: t.name('a') });
    // Nobody else is believed: neither an unknown authority nor another name.
    for (const lines of [`url = "${url}"`, `url = "${url.replace('localhost', '127.0.0.1')}"\n${named}`]) {
      const at = await asks(lines);
      t.refused(await t.get('/poll', { user: t.name('a'), rooms: 'general' }, { at }), 503, 'undecided');
    }
  });

  test('what nobody decides in time is refused for the moment', async (t) => {
    const user = t.name('a');
    const { open, opened } = gate();
    t.after(open);
    hooks.answer({ event: 'connect', user }, async () => { await opened; });
    await t.start_server({ decision_timeout: '300ms', config: config(`
[[webhooks]]
url = "${hooks.url}"
events = ["connect"]
timeout = "60s"
on_failure = "allow"
`) });
    t.refused(await t.get('/poll', { user, rooms: 'general' }), 503, 'undecided');
    const socket = t.ws_raw(`/ws?user=${user}`);
    assert.equal((await socket.next('error')).code, 'undecided');
    assert.equal((await socket.close_code()).code, 1013);
  });

  test('a drain answers who is being asked about, and sends the events that are left', async (t) => {
    const user = t.name('a');
    const { open, opened } = gate();
    t.after(open);
    hooks.answer({ event: 'connect', user }, async () => { await opened; });
    const server = await t.start_server({ config: config(`
[[webhooks]]
url = "${hooks.url}"
events = ["connect", "disconnect"]
timeout = "60s"
`) });
    const open_one = await t.ws({ user: t.name('b') });
    const pending = t.get('/events', { user, rooms: 'general' });
    pending.catch(() => {});  // when the test has failed meanwhile
    await hooks.next({ event: 'connect', user });
    server.signal('SIGTERM');
    t.refused(await pending, 503, 'draining');
    await hooks.next({ event: 'disconnect', connection: open_one.id });
    open();
    assert.equal((await within(server.exited, 'the end')).code, 0);
  });
});
