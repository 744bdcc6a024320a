// SPDX-License-Identifier: Apache-2.0
// The Socket.IO chat, with the real socket.io-client: over polling, over WebSockets and with the upgrade between
// them; and its rooms, which are those of everybody else.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until, within } from './lib/deadline.js';
import { free_port } from './lib/free_port.js';
import { HookReceiver } from './lib/hook_receiver.js';
import { suite } from './lib/runner.js';
import { Chat, chat, kTransports } from './lib/socketio_client.js';
import { Key } from './lib/tokens.js';

// Names are for those of one test: everybody is in one room.
const by = (id) => (arg) => arg.userId === id || arg.from === id;

// The transcript of a chat that knows `join`, `message`, `direct-message`, `join-room`, `room-message`, value by value.
async function play_chat(t, connect, transports) {
  const [alice, bob] = [await connect({ transports }), await connect({ transports })];
  if (transports.length > 1) await Promise.all([alice.upgraded(), bob.upgraded()]);
  const room = t.name('room');

  // Without join there is no username.
  bob.emit('message', { content: t.name('early') });
  const early = await alice.next('message', by(bob.id));
  assert.deepEqual(Object.keys(early), ['userId', 'content', 'timestamp']);

  const name = t.name('Alice');
  alice.emit('join', name);
  for (const client of [alice, bob]) {
    const joined = await client.next('user-joined', by(alice.id));
    assert.deepEqual(Object.keys(joined), ['userId', 'username', 'timestamp']);
    assert.equal(joined.username, name);
    assert.equal(new Date(joined.timestamp).toISOString(), joined.timestamp);
  }
  assert.ok((await alice.next('online-users')).some(([id, user]) => id === alice.id && user === name));
  bob.emit('join', t.name('Bob'));
  const online = await bob.next('online-users');
  assert.ok(online.some(([id, user]) => id === alice.id && user === name), JSON.stringify(online));
  assert.ok(online.some(([id]) => id === bob.id));

  alice.emit('message', { content: 'hello' });
  for (const client of [alice, bob]) {
    const message = await client.next('message', by(alice.id));
    assert.deepEqual(Object.keys(message), ['userId', 'username', 'content', 'timestamp']);
    assert.equal(message.username, name);
    assert.equal(message.content, 'hello');
  }

  bob.emit('direct-message', { to: alice.id, content: 'psst' });
  const direct = await alice.next('direct-message');
  assert.deepEqual(Object.keys(direct), ['from', 'username', 'content', 'timestamp']);
  assert.equal(direct.from, bob.id);
  assert.equal(direct.content, 'psst');

  alice.emit('join-room', room);
  const entered = await alice.next('user-joined-room', by(alice.id));
  assert.deepEqual(entered, { userId: alice.id, username: name, room });
  // Whether or not the sender is in it.
  bob.emit('room-message', { room, content: 'in here' });
  const said = await alice.next('room-message', by(bob.id));
  assert.deepEqual(Object.keys(said), ['userId', 'username', 'content', 'timestamp']);
  assert.equal(said.content, 'in here');
  bob.emit('join-room', room);
  for (const client of [alice, bob]) await client.next('user-joined-room', by(bob.id));
  assert.equal(bob.queue.all(({ event }) => event === 'room-message' || event === 'direct-message').length, 0);

  const { id } = bob;
  bob.socket.disconnect();
  const left = await alice.next('user-left', by(id));
  assert.deepEqual(Object.keys(left), ['userId', 'username', 'timestamp']);
}

suite('Socket.IO chat', { settings: { socketio_namespaces: ['/', '/admin'] } }, (test) => {
  for (const [how, transports] of Object.entries(kTransports)) {
    test(`the transcript over ${how}`, (t) => play_chat(t, (options) => chat(t, options), transports));
  }

  test('messages of one client keep their order, over the upgrade too', async (t) => {
    const bob = await chat(t);
    const alice = await chat(t);
    for (let i = 0; i < 60; ++i) alice.emit('message', { content: `${i}` });
    for (let i = 0; i < 60; ++i) assert.equal((await bob.next('message', by(alice.id))).content, `${i}`);
  });

  test('acknowledgements say what became of it', async (t) => {
    const alice = await chat(t);
    assert.deepEqual(await alice.ask('join', t.name('Alice')), { status: 'ok' });
    const sent = await alice.ask('message', { content: 'hi' });
    assert.equal(sent.status, 'ok');
    assert.ok(sent.id > 0);
    for (const [event, arg, code] of [
      ['join', '', 'bad_user'], ['join', { name: 'x' }, 'bad_user'], ['message', {}, 'missing_field'], ['join-room', '@alice', 'bad_room'], ['join-room', 'a,b', 'bad_room'],
      ['room-message', { content: 'x' }, 'bad_room'], ['direct-message', { to: 'x', content: 'x' }, 'not_found'], ['direct-message', { content: 'x' }, 'missing_field'],
      ['leave-room', t.name('never'), 'not_joined'], ['leave-room', 'lobby', 'bad_room'], ['no-such-event', 1, 'unknown_event'],
      ['message', { content: 'x'.repeat(65536) }, 'too_large'], ['message', { content: { _placeholder: true, num: 3 } }, 'bad_field'],
      ['message', { content: { file: Buffer.from('x') } }, 'bad_field'], ['direct-message', { to: alice.id, content: Buffer.from('x') }, 'bad_field'],
    ]) {
      const answer = await alice.ask(event, arg);
      assert.equal(answer.status, 'error', event);
      assert.equal(answer.code, code, `${event} ${answer.message}`);
    }
    assert.deepEqual(await alice.ask('direct-message', { to: alice.id, content: 'me' }), { status: 'ok' });
    assert.equal((await alice.next('direct-message')).content, 'me');
    assert.equal((await alice.ask('join-room', 42)).status, 'ok');
    assert.equal((await alice.ask('leave-room', 42)).status, 'ok');
  });

  test('a native client, an event stream and Socket.IO clients in one room hear each other', async (t) => {
    const room = t.name('room');
    const native = await t.member(room, { user: t.name('native') });
    const stream = await t.sse({ rooms: room });
    const [alice, bob] = [await chat(t, { transports: ['polling'] }), await chat(t, { transports: ['websocket'] })];
    const name = t.name('Alice');
    await alice.ask('join', name);
    for (const client of [alice, bob]) await client.ask('join-room', room);

    alice.emit('room-message', { room, content: 'from a socket' });
    for (const client of [native, stream]) {
      const event = await client.next({ content: 'from a socket' });
      assert.equal(event.event_type, 'message');
      assert.equal(event.user, name);
    }
    assert.equal((await bob.next('room-message')).username, name);
    native.send({ action: 'message', room, content: 'from a native one' });
    for (const client of [alice, bob]) {
      const message = await client.next('room-message', ({ content }) => content === 'from a native one');
      assert.deepEqual(Object.keys(message), ['username', 'content', 'timestamp']);
    }
    await t.publish({ room, event: 'price', data: { of: ['x', 1] } });
    for (const client of [alice, bob]) assert.deepEqual(await client.next('price'), { of: ['x', 1] });
    await t.publish({ room, event: 'news', content: 'text' });
    for (const client of [alice, bob]) assert.equal(await client.next('news'), 'text');
    await t.publish({ room, data: [1] });
    for (const client of [alice, bob]) assert.deepEqual(await client.next('message', Array.isArray), [1]);
  });

  test('the lobby is that of others, everybody hears a broadcast, a user the inbox, a socket what is sent to it', async (t) => {
    const user = t.name('user');
    const alice = await chat(t, { query: { user } });
    const bob = await chat(t);
    const content = t.name('all');
    await t.say('lobby', content);
    for (const client of [alice, bob]) await client.next('message', (arg) => arg?.content === content);
    await t.publish({ broadcast: true, event: 'tick', data: { at: content } });
    for (const client of [alice, bob]) await client.next('tick', ({ at }) => at === content);
    await t.publish({ to: user, content: `${content} direct` });
    assert.equal((await alice.next('direct-message')).content, `${content} direct`);
    await t.publish({ to: user, event: 'order', data: 7 });
    assert.equal(await alice.next('order'), 7);
    await t.publish({ to_connection: bob.id, event: 'yours', data: 8 });
    assert.equal(await bob.next('yours'), 8);
    // Who has shown a name keeps it.
    await alice.ask('join', 'somebody else');
    assert.equal((await alice.next('user-joined', by(alice.id))).username, user);
  });

  test('binary content arrives as it was, over either transport, and at native members', async (t) => {
    const room = t.name('room');
    const native = await t.member(room, { binary: 'raw' });
    const clients = [await chat(t, { transports: ['polling'] }), await chat(t, { transports: ['websocket'] })];
    for (const client of clients) await client.ask('join-room', room);
    const bytes = Buffer.from([0, 255, 30, 4, 5]);
    for (const sender of clients) {
      assert.equal((await sender.ask('room-message', { room, content: bytes })).status, 'ok');
      for (const client of clients) assert.deepEqual(Buffer.from((await client.next('room-message')).content), bytes);
      assert.deepEqual(Buffer.from((await native.next((event) => event.binary ?? event.bytes)).binary ?? bytes), bytes);
    }
  });

  test('namespaces keep apart, over one connection', async (t) => {
    const [main, admin] = [await chat(t), await chat(t, {}, { nsp: '/admin' })];
    const room = t.name('room');
    for (const client of [main, admin]) await client.ask('join-room', room);
    admin.emit('room-message', { room, content: 'admins' });
    assert.equal((await admin.next('room-message')).content, 'admins');
    await t.publish({ room: `admin/${room}`, event: 'only', data: 1 });
    assert.equal(await admin.next('only'), 1);
    main.emit('room-message', { room, content: 'all' });
    assert.equal((await main.next('room-message')).content, 'all');
    assert.equal(main.queue.all(({ event }) => event === 'only').length, 0);
    const { io: manager } = main.socket;
    const other = manager.socket('/admin');
    await within(new Promise((resolve) => { other.once('connect', resolve); }), 'the other namespace');
    assert.notEqual(other.id, main.id);
    const refused = manager.socket('/nobody');
    const error = new Promise((resolve) => { refused.once('connect_error', resolve); });
    assert.equal((await within(error, 'the refusal')).message, 'Invalid namespace');
    other.disconnect();
    assert.equal((await main.ask('message', { content: 'still here' })).status, 'ok');
  });

  test('an administrator disconnects a socket', async (t) => {
    const alice = await chat(t);
    const answer = await t.http('DELETE', `/connections/${alice.id}`);
    assert.ok(answer.status < 300, answer.text);
    assert.equal(await within(alice.gone, 'the disconnect'), 'io server disconnect');
  });

  test('a client that goes without a word is gone for others', async (t) => {
    const watcher = await chat(t);
    for (const transports of [['websocket'], ['polling']]) {
      const client = await chat(t, { transports });
      const { id } = client;
      await client.ask('join', t.name('Gone'));
      if (transports[0] === 'websocket') client.socket.io.engine.transport.ws.terminate?.();
      client.socket.io.engine.close();
      await watcher.next('user-left', by(id));
    }
  });

  test('many clients, on any core, all hear all', async (t) => {
    const room = t.name('room');
    const clients = await Promise.all(Array.from({ length: 12 }, (_, i) => chat(t, { transports: Object.values(kTransports)[i % 3] })));
    for (const client of clients) await client.ask('join-room', room);
    for (const [i, client] of clients.entries()) client.emit('room-message', { room, content: i });
    for (const client of clients) {
      const heard = [];
      while (heard.length < clients.length) heard.push((await client.next('room-message')).content);
      assert.deepEqual(heard.sort((a, b) => a - b), clients.map((_, i) => i));
    }
  });
});

suite('socket.io settings', { server: false }, (test) => {
  test('the small server: message comes back as response', async (t) => {
    const at = await t.start_server({ socketio_application: 'response' });
    for (const transports of Object.values(kTransports)) {
      const client = await chat(t, { transports }, { at });
      client.emit('message', { text: 'hi' });
      assert.deepEqual(await client.next('response'), { text: 'hi' });
      client.emit('message', Buffer.from([1, 2]));
      assert.deepEqual([...await client.next('response')], [1, 2]);
    }
  });

  test('transports, path and room are settings', async (t) => {
    const at = await t.start_server({ socketio_transports: 'polling', socketio_path: '/chat/', socketio_room: 'hall' });
    const client = await chat(t, { path: '/chat/' }, { at });
    await t.publish({ room: 'hall', content: 'here' });
    assert.equal((await client.next('message')).content, 'here');
    assert.equal(client.socket.io.engine.transport.name, 'polling');
    assert.equal((await t.get('/chat/', { EIO: 4, transport: 'websocket' })).status, 400);
    t.refused(await t.get('/socket.io/', { EIO: 4, transport: 'polling' }), 404);
    const off = await t.start_server({ config: t.config_file('socketio_path = ""\n') });
    t.refused(await t.get('/socket.io/', { EIO: 4, transport: 'polling' }, { at: off }), 404);
  });

  test('a token in auth, in the query, in a cookie; none and a bad one are connect errors', async (t) => {
    const key = new Key('HS256');
    const rules = t.config_file('[[permissions]]\nmatch = "**"\nallow = ["subscribe", "publish"]\n');
    const at = await t.start_server({ config: rules, jwt_keys: `HS256:${t.config_file(key.text)}`, token_cookie: 'session' });
    const token = key.token();
    for (const options of [{ auth: { token } }, { query: { token } }, { extraHeaders: { Cookie: `session=${token}` } }]) {
      for (const transports of [['polling'], ['websocket']]) {
        const client = await chat(t, { ...options, transports }, { at });
        assert.deepEqual(await client.ask('join', 'mallory'), { status: 'ok' });
        assert.equal((await client.next('user-joined', by(client.id))).username, 'alice');
      }
    }
    for (const options of [{}, { auth: { token: 'bad' } }, { query: { token: 'bad' } }]) {
      await assert.rejects(chat(t, options, { at }), (error) => typeof error.message === 'string' && error.message !== 'Invalid namespace');
    }
  });

  test('limits on what a connection sends are reported in the acknowledgement', async (t) => {
    const at = await t.start_server({ connection_messages_per_second: 1, rate_burst: '1s', rate_strikes_max: 5 });
    const client = await chat(t, {}, { at });
    const answers = await Promise.all(Array.from({ length: 4 }, () => client.ask('message', { content: 'x' })));
    assert.ok(answers.some(({ code }) => code === 'rate_limited'), JSON.stringify(answers));
    for (let i = 0; i < 40; ++i) client.emit('message', { content: 'x' });
    await within(client.gone, 'the end');
  });

  test('hooks decide about messages', async (t) => {
    const secret = 'a secret of a webhook, long enough';
    const hooks = await HookReceiver.start(secret);
    t.after(() => hooks.server.close());
    hooks.answer({ event: 'publish' }, ({ message }) => (
      { body: message.content === 'bad' ? { allow: false, code: 'rude', reason: 'be kind' } : { allow: true, data: { seen: message.content } } }));
    const config = t.config_file(`[[webhooks]]\nurl = "${hooks.url}"\nsecret = "${secret}"\nevents = ["publish"]\n`);
    const at = await t.start_server({ config });
    const [alice, bob] = [await chat(t, {}, { at }), await chat(t, {}, { at })];
    const refused = await alice.ask('message', { content: 'bad' });
    assert.deepEqual([refused.status, refused.code], ['error', 'rude']);
    assert.equal((await alice.ask('message', { content: 'good' })).status, 'ok');
    assert.deepEqual((await bob.next('message', by(alice.id))).content, { seen: 'good' });
    const asked = await hooks.next(({ message }) => message?.content === 'good');
    assert.deepEqual([asked.connection, asked.transport, asked.room], [alice.id, 'socketio', 'lobby']);
  });

  test('the client’s bundle is served', async (t) => {
    const folder = dirname(t.config_file(''));
    writeFileSync(join(folder, 'socket.io.js'), '// the bundle');
    const at = await t.start_server({ socketio_client_dir: folder });
    const answer = await t.get('/socket.io/socket.io.js', {}, { at });
    assert.equal(answer.text, '// the bundle');
    assert.match(answer.headers['content-type'], /javascript/);
    assert.equal((await chat(t, {}, { at })).socket.connected, true);
  });

  test('a drain ends sessions, and clients go to the next server', async (t) => {
    const at = await t.start_server();
    const clients = [];
    for (const transports of Object.values(kTransports)) clients.push(await chat(t, { transports }, { at }));
    at.process.kill('SIGTERM');
    for (const client of clients) assert.notEqual(await within(client.gone, 'the end'), 'io client disconnect');
    await at.exited;
  });

  test('pages of listed origins may use it, others may not', async (t) => {
    const at = await t.start_server({ origins: 'https://example.org', cors_credentials: true });
    const asked = (origin) => t.get('/socket.io/', { EIO: 4, transport: 'polling' }, { at, headers: { Origin: origin } });
    const allowed = await asked('https://example.org');
    assert.equal(allowed.status, 200);
    assert.equal(allowed.headers['access-control-allow-origin'], 'https://example.org');
    assert.equal(allowed.headers['access-control-allow-credentials'], 'true');
    assert.equal((await asked('https://example.net')).status, 403);
  });
});

// A page's code block that begins with this line, as a file.
function snippet(t, page, first_line) {
  const text = readFileSync(fileURLToPath(new URL(`../../docs/${page}`, import.meta.url)), 'utf8');
  const code = text.split('```').find((block) => block.split('\n')[1] === first_line);
  assert.ok(code, `${page} has no block that begins with ${first_line}`);
  const path = join(dirname(t.config_file('')), 'snippet.mjs');
  writeFileSync(path, code.substring(code.indexOf('\n') + 1));
  return path;
}

suite('socket.io applications', { server: false }, (test) => {
  const kSecret = 'a secret of a webhook, long enough';
  const kEvents = '"event"';
  async function with_application(t, { events = kEvents, more = '', settings = {} } = {}) {
    const hooks = await HookReceiver.start(kSecret);
    t.after(() => hooks.server.close());
    const config = t.config_file(`[[webhooks]]\nurl = "${hooks.url}"\nsecret = "${kSecret}"\nevents = [${events}]\n${more}`);
    return { hooks, at: await t.start_server({ config, ...settings }) };
  }

  for (const [how, transports] of Object.entries(kTransports)) {
    test(`the chat as a webhook of the documentation, over ${how}`, async (t) => {
      const own = await free_port();
      const program = spawn(process.execPath, [snippet(t, 'socketio.md', '// chat.mjs: the chat as a webhook')],
        { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, PORT: '0', RINGCAST: `http://127.0.0.1:${own}` } });
      t.after(() => program.kill());
      const port = await within(new Promise((resolve) => { program.stdout.once('data', (text) => resolve(Number(/(\d+)\s*$/.exec(text)[1]))); }), 'the webhook');
      const config = t.config_file(`socketio_application = "none"\n[[webhooks]]\nurl = "http://127.0.0.1:${port}"\nevents = ["event", "join", "disconnect"]\n`);
      const at = await t.start_server({ config, port: own });
      await play_chat(t, (options) => chat(t, options, { at }), transports);
    });
  }

  test('a webhook is asked about what no table takes, and its answer is the acknowledgement', async (t) => {
    const { hooks, at } = await with_application(t);
    hooks.answer({ event: 'event' }, ({ name, arguments: args }) => ({
      sum: { body: { ack: [args[0] + args[1], 'done'] } }, enter: { body: { rooms: args, ack: [] } }, go: { body: { leave: args } },
      refuse: { body: { allow: false, code: 'rude', reason: 'be kind' } }, forbid: { status: 403, body: '' }, tell: { status: 204, body: '' },
    })[name]);
    const user = t.name('user');
    const client = await chat(t, { query: { user } }, { at });
    assert.deepEqual(await within(new Promise((resolve) => { client.emit('sum', 2, 3, (...got) => resolve(got)); }), 'the acknowledgement'), [5, 'done']);
    const asked = await hooks.next({ event: 'event', name: 'sum' });
    assert.deepEqual([asked.connection, asked.user, asked.transport, asked.namespace, asked.arguments, asked.rooms, asked.acknowledge, asked.call.signed],
      [client.id, user, 'socketio', '/', [2, 3], ['lobby'], true, true]);
    assert.deepEqual(await client.ask('tell', { a: [1] }), { status: 'ok' });
    assert.deepEqual(await client.ask('refuse'), { status: 'error', code: 'rude', message: 'be kind' });
    assert.equal((await client.ask('forbid')).code, 'refused');
    // Binary arguments, without an acknowledgement.
    client.emit('tell', 'file', Buffer.from([0, 255, 7]));
    const file = await hooks.next(({ name, attachments }) => name === 'tell' && attachments !== undefined);
    assert.deepEqual([file.arguments, file.attachments, file.acknowledge], [['file', { _placeholder: true, num: 0 }], ['AP8H'], false]);
    // Rooms as the application wants them.
    const room = t.name('room');
    assert.equal(await client.ask('enter', room), undefined);
    await until(async () => (await t.read(`/rooms/${room}/members`, {}, { at })).count === 1, 'the join');
    await t.publish({ room, event: 'inside', data: 1 }, { at });
    assert.equal(await client.next('inside'), 1);
    client.emit('tell');
    assert.deepEqual((await hooks.next(({ name, arguments: args }) => name === 'tell' && args.length === 0)).rooms.sort(), ['lobby', room].sort());
    await client.ask('go', room);
    await until(async () => (await t.read(`/rooms/${room}/members`, {}, { at })).count === 0, 'the leave');
    // What the table knows is not asked about; what is too large is not either.
    assert.equal((await client.ask('message', { content: 'x' })).status, 'ok');
    assert.equal((await client.ask('tell', 'x'.repeat(65536))).code, 'too_large');
    assert.equal(hooks.calls.filter(({ body }) => body.name === 'message').length, 0);
  });

  test('events of a client are asked about one at a time and in order; those of others do not wait', async (t) => {
    const { hooks, at } = await with_application(t, { settings: { socketio_application: 'none' } });
    let release;
    const released = new Promise((resolve) => { release = resolve; });
    hooks.answer({ name: 'slow' }, () => released.then(() => ({ body: {} })));
    const [alice, bob] = [await chat(t, {}, { at }), await chat(t, {}, { at })];
    const answers = [alice.ask('slow')];
    for (let i = 0; i < 20; ++i) answers.push(alice.ask('quick', i));
    await hooks.next({ name: 'slow' });
    assert.equal((await bob.ask('quick', 'bob')).status, 'ok');
    assert.equal(hooks.calls.filter(({ body }) => body.connection === alice.id).length, 1);
    release();
    for (const answer of await Promise.all(answers)) assert.equal(answer.status, 'ok');
    assert.deepEqual(hooks.calls.filter(({ body }) => body.connection === alice.id && body.name === 'quick').map(({ body }) => body.arguments[0]),
      Array.from({ length: 20 }, (_, i) => i));
  });

  test('an application that is away, slow, broken, or asked too much', async (t) => {
    const { hooks, at } = await with_application(t, { more: 'timeout = "300ms"\nqueue_max = 1\nconcurrency = 1\nretries = 0\n' });
    let release;
    const released = new Promise((resolve) => { release = resolve; });
    hooks.answer({ name: 'never' }, () => released.then(() => ({ body: {} })));
    hooks.answer({ name: 'broken' }, () => ({ body: '{"ack":5}' }));
    hooks.answer({ name: 'fails' }, () => ({ status: 500, body: '' }));
    const clients = await Promise.all(Array.from({ length: 6 }, () => chat(t, {}, { at })));
    for (const event of ['broken', 'fails']) assert.equal((await clients[0].ask(event)).code, 'undecided', event);
    // One is under way, one waits, the others find no room; none waits for longer than the timeout.
    const answers = await Promise.all(clients.map((client) => client.ask('never')));
    assert.deepEqual(new Set(answers.map(({ status, code }) => `${status} ${code}`)), new Set(['error undecided']));
    release();
    hooks.server.closeAllConnections();
    hooks.server.close();
    assert.equal((await clients[0].ask('gone')).code, 'undecided');
    // The server is none the worse for it.
    assert.equal((await clients[0].ask('message', { content: 'x' })).status, 'ok');
    const lenient = await with_application(t, { more: 'timeout = "100ms"\nretries = 0\non_failure = "allow"\n' });
    lenient.hooks.answer({ name: 'fails' }, () => ({ status: 500, body: '' }));
    const client = await chat(t, {}, { at: lenient.at });
    assert.deepEqual(await client.ask('fails'), { status: 'ok' });
  });

  test('a server asks a client for an acknowledgement', async (t) => {
    const at = await t.start_server({ heartbeat_interval: '1s' });
    const ask = (to_connection, fields = {}) => t.http('POST', '/messages', { body: { to_connection, event: 'question', data: { n: 20 }, ack_timeout_ms: 50000, ...fields }, at });
    for (const transports of Object.values(kTransports)) {
      const client = await chat(t, { transports }, { at });
      const { id } = client;
      client.socket.on('question', ({ n }, answer) => answer?.(n + 1, { seen: true }));
      assert.deepEqual((await ask(id)).json, { status: 'sent', receivers: 1, ack: [21, { seen: true }] });
      const many = await Promise.all(Array.from({ length: 10 }, (_, n) => ask(client.id, { data: { n } })));
      assert.deepEqual(many.map(({ json }) => json.ack[0]), Array.from({ length: 10 }, (_, n) => n + 1));
      client.socket.on('file', (_, answer) => answer(Buffer.from([0, 255, 7])));
      assert.deepEqual((await ask(client.id, { event: 'file' })).json, { status: 'sent', receivers: 1, ack: [{ _placeholder: true, num: 0 }], attachments: ['AP8H'] });
      // No answer in time; none because the client has gone.
      assert.deepEqual((await ask(client.id, { event: 'nobody-listens', ack_timeout_ms: 50 })).json, { status: 'sent', receivers: 1, ack: null });
      const waiting = ask(client.id, { event: 'nobody-listens' });
      await client.next('nobody-listens', () => true);
      await client.next('nobody-listens', () => true);
      client.socket.disconnect();
      assert.deepEqual((await waiting).json, { status: 'sent', receivers: 1, ack: null });
      assert.deepEqual((await ask(id)).json, { status: 'sent', receivers: 0, ack: null });
    }
    // Other clients acknowledge nothing.
    const native = await t.ws({}, {}, at);
    assert.deepEqual((await ask(native.id)).json, { status: 'sent', receivers: 1, ack: null });
    t.refused(await t.http('POST', '/messages', { body: { room: 'r', data: 1, ack_timeout_ms: 5 }, at }), 400, 'bad_target');
    for (const ack_timeout_ms of [0, 60001, 'x']) t.refused(await ask('a', { ack_timeout_ms }), 400, 'bad_field');
    t.refused(await t.http('POST', '/messages', { body: [{ to_connection: 'a', data: 1, ack_timeout_ms: 5 }], at }), 400, 'bad_field');
    // A client that acknowledges what nobody has asked is not heard.
    const client = await chat(t, {}, { at });
    client.socket.io.engine.write('3999[1]');
    assert.equal((await client.ask('message', { content: 'x' })).status, 'ok');
  });

  test('a polling session counts for its user between its requests, also one whose token comes with the connect', async (t) => {
    const at = await t.start_server({ connections_per_user_max: 2 });
    const user = t.name('user');
    const first = await chat(t, { query: { user }, transports: ['polling'] }, { at });
    await (await chat(t, { query: { user } }, { at })).upgraded();
    t.refused(await t.get('/socket.io/', { EIO: 4, transport: 'polling', user }, { at }), 429, 'too_many_connections');
    assert.equal((await t.ws_raw(`/ws?user=${user}`, {}, at).opened.then(() => null, (error) => error))?.status, 429);
    first.socket.disconnect();
    await until(async () => chat(t, { query: { user }, transports: ['polling'] }, { at }).then(() => true, () => false), 'the place of the session that is gone');

    const key = new Key('HS256');
    const rules = t.config_file('[[permissions]]\nmatch = "**"\nallow = ["subscribe", "publish"]\n');
    const keyed = await t.start_server({ config: rules, jwt_keys: `HS256:${t.config_file(key.text)}`, connections_per_user_max: 1 });
    const token = key.token();
    for (const transports of [['polling'], ['websocket'], ['polling']]) {
      // As soon as the place of the one before is free again.
      let holder = null;
      await until(async () => (holder = await chat(t, { auth: { token }, transports }, { at: keyed }).catch(() => null)) !== null, 'a place');
      await assert.rejects(chat(t, { auth: { token }, transports }, { at: keyed }), /the limit of this user is 1 connections at once/);
      holder.socket.disconnect();
    }
  });

  test('what comes with a connect is bounded', async (t) => {
    const at = await t.start_server();
    await assert.rejects(chat(t, { auth: { text: 'x'.repeat(70000) } }, { at }), /larger than message_size_max/);
    await chat(t, { auth: { text: 'x'.repeat(60000) } }, { at });
  });

  test('clients come back through restarts, wherever their upgrade was', async (t) => {
    let at = await t.start_server();
    const { port } = at;
    const clients = Object.values(kTransports).concat(Object.values(kTransports)).map((transports) => {
      const client = new Chat(t, '', { transports, reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 50, timeout: 5000 }, at);
      return client;
    });
    for (let restart = 0; restart < 4; ++restart) {
      // In the middle of whatever they do: the first time all are connected, later as soon as one is.
      const up = () => clients.filter(({ socket }) => socket.connected).length;
      await until(() => up() >= (restart === 0 ? clients.length : 1), 'clients to connect', { ms: 60000 });
      at.process.kill('SIGKILL');
      await at.exited;
      await until(() => up() === 0, 'the end of all connections', { ms: 60000 });
      at = await t.start_server({ port });
    }
    await until(() => clients.every(({ socket }) => socket.connected), 'all clients to be back', { ms: 60000 });
    const content = t.name('after');
    assert.equal((await clients[0].ask('message', { content })).status, 'ok');
    for (const client of clients) await client.next('message', (arg) => arg.content === content);
  });
});
