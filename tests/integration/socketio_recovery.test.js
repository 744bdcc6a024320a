// SPDX-License-Identifier: Apache-2.0
// Connection state recovery of Socket.IO: clients whose connection is cut come back to their rooms, with their socket
// id, and to what they missed. With the real socket.io-client, and packet by packet where it matters which event a
// client got last.

import assert from 'node:assert/strict';
import { until, within } from './lib/deadline.js';
import { frames } from './lib/engine_frames.js';
import { suite } from './lib/runner.js';
import { Key } from './lib/tokens.js';
import { Chat, chat, kTransports } from './lib/socketio_client.js';

// The connection is gone, without a word where there is one to cut; the client will not come back by itself.
async function cut(client) {
  const { engine } = client.socket.io;
  const gone = new Promise((resolve) => { client.socket.once('disconnect', resolve); });
  if (engine.transport.name === 'websocket') engine.transport.ws.terminate();
  else engine.close();
  await within(gone, 'the disconnect');
}

async function connect(client) {
  const connected = client.ready();
  client.socket.connect();
  await connected;
}

const contents = (client, event, from = () => true) => client.queue.all((got) => got.event === event && from(got.arg)).map(({ arg }) => arg.content);
const core_of = (pid) => Buffer.from(pid, 'base64url').readUInt16BE(0);
const core_of_session = (client) => core_of(client.socket.io.engine.id);

async function messages(client, count, event = 'room-message') {
  const got = [];
  while (got.length < count) got.push((await client.next(event)).content);
  return got;
}

// Over all cores.
async function metric(t, name, { at = t.server } = {}) {
  const { text } = await t.get('/metrics', {}, { at });
  return [...text.matchAll(new RegExp(`^${name}\\{.*\\} (.*)$`, 'gm'))].reduce((sum, [, figure]) => sum + Number(figure), 0);
}

// A client that speaks for itself: what it says of the last event that it got is the test's to choose.
class Raw {
  static async open(t, auth, { query = '', at = t.server, nsp = '' } = {}) {
    const client = new Raw();
    client.frames = frames(t, '/socket.io/', query, at);
    await client.frames.next();
    client.frames.send(`40${nsp}${auth ? JSON.stringify(auth) : ''}`);
    Object.assign(client, await client.packet('40'));
    return client;
  }

  async packet(head) {
    const text = await this.frames.queue.next((frame) => typeof frame === 'string' && frame.startsWith(head));
    return JSON.parse(text.substring(text.indexOf(head[1] === '0' ? '{' : '[')));
  }

  // [event, argument, offset]
  async event(fits) {
    for (;;) {
      const event = await this.packet('42');
      if (fits(event)) return event;
    }
  }
  emit(...args) { this.frames.send(`42${JSON.stringify(args)}`); }
  async ask(...args) {
    this.frames.send(`421${JSON.stringify(args)}`);
    return (await this.packet('431'))[0];
  }
  cut() { this.frames.socket.terminate(); }
}

const kSettings = { socketio_recovery: '5min', socketio_namespaces: ['/', '/admin'] };

suite('Socket.IO recovery', { settings: kSettings }, (test) => {
  for (const [how, transports] of Object.entries(kTransports)) {
    test(`what was missed comes in order and once, over ${how}`, async (t) => {
      const [room, other] = [t.name('room'), t.name('other')];
      const client = await chat(t, { transports });
      if (how === 'upgrade') await client.upgraded();
      assert.equal(client.socket.recovered, false);
      for (const name of [room, other]) await client.ask('join-room', name);
      for (let i = 0; i < 3; ++i) await t.say(room, `${i}`);
      assert.deepEqual(await messages(client, 3), ['0', '1', '2']);
      const { id } = client;
      for (let round = 1; round <= 3; ++round) {
        await cut(client);
        for (let i = 0; i < 10; ++i) await t.say(i % 2 ? room : other, `${round}.${i}`);
        await connect(client);
        assert.equal(client.socket.recovered, true);
        assert.equal(client.id, id);
        await t.say(room, `${round}.10`);
        // Each room's in their order; between rooms by their times, which may be the same.
        const got = await messages(client, 11);
        assert.equal(got.at(-1), `${round}.10`);
        for (const rest of [0, 1]) {
          const there = got.filter((_, at) => at < 10).filter((content) => Number(content.split('.')[1]) % 2 === rest);
          assert.deepEqual(there, Array.from({ length: 5 }, (_, i) => `${round}.${2 * i + rest}`));
        }
        const missed = client.queue.all(({ event, arg }) => event === 'room-message' && got.slice(0, 10).includes(arg.content));
        const times = missed.map(({ arg }) => arg.timestamp);
        assert.equal(times.length, 10);
        assert.deepEqual(times, [...times].sort());
      }
      assert.equal(contents(client, 'room-message').length, 3 + 3 * 11);
    });
  }

  test('each event has its offset behind its arguments, and the answer to a connect a pid', async (t) => {
    const client = await Raw.open(t);
    assert.deepEqual(Object.keys(client), ['frames', 'sid', 'pid']);
    const room = t.name('room');
    await client.ask('join-room', room);
    await t.publish({ room, event: 'price', data: { eur: 3 } });
    await client.packet('42["user-joined-room"');
    const [event, data, offset, ...more] = await client.packet('42["price"');
    assert.deepEqual([event, data, typeof offset, more], ['price', { eur: 3 }, 'string', []]);
    await t.publish({ to_connection: client.sid, event: 'yours', data: 1 });
    const yours = await client.packet('42["yours"');
    assert.equal(yours.length, 3);
    assert.notEqual(yours[2], offset);
    // What is to be acknowledged has none: the last argument is the acknowledgement.
    const asked = t.http('POST', '/messages', { body: { to_connection: client.sid, event: 'question', data: 1, ack_timeout_ms: 50000 } });
    const text = await client.frames.queue.next((frame) => /^42\d+\["question"/.test(frame));
    assert.match(text, /^42\d+\["question",1\]$/);
    client.frames.send(`43${/^42(\d+)/.exec(text)[1]}["answer"]`);
    assert.deepEqual((await asked).json.ack, ['answer']);
  });

  test('from whatever event a client got last, in whichever room', async (t) => {
    const rooms = [t.name('a'), t.name('b'), t.name('c')];
    const value = ([event, data]) => `${event} ${data.n}`;
    const is_ours = ([event]) => /^(room-\d|for-you|end)$/.test(event);
    const clients = [];
    for (const at of [0, 4, 7, 9, 12, 15, 22, 23]) {
      const client = await Raw.open(t);
      for (const room of rooms) await client.ask('join-room', room);
      clients.push({ client, at, got: [] });
    }
    // Several of a room at once, then another room, and some to each socket alone.
    const of = (n) => (n % 5 === 4 ? 'for-you' : `room-${Math.floor(n / 3) % 3}`);
    for (let n = 0; n < 24; ++n) {
      if (n % 5 !== 4) await t.publish({ room: rooms[Math.floor(n / 3) % 3], event: of(n), data: { n } });
      else for (const { client } of clients) await t.publish({ to_connection: client.sid, event: of(n), data: { n } });
    }
    for (const { client, at, got } of clients) {
      while (got.length < 24) got.push(await client.event(is_ours));
      client.cut();
      const again = await Raw.open(t, { pid: client.pid, offset: got[at][2] });
      assert.deepEqual([again.pid, again.sid], [client.pid, client.sid], `from ${at}`);
      const wanted = got.slice(at + 1);
      const missed = [];
      while (missed.length < wanted.length) missed.push(await again.event(is_ours));
      // Each in its order; between rooms by their times, which may be the same.
      for (const where of ['room-0', 'room-1', 'room-2', 'for-you']) {
        const there = (events) => events.filter(([event]) => event === where).map(value);
        assert.deepEqual(there(missed), there(wanted), `from ${at} in ${where}`);
      }
      await t.publish({ to_connection: client.sid, event: 'end', data: { n: at } });
      assert.equal(value(await again.event(is_ours)), `end ${at}`);
    }
  });

  test('a client that is cut off again and again while it comes back loses nothing', async (t) => {
    const room = t.name('room');
    let client = await Raw.open(t);
    const { sid, pid } = client;
    await client.ask('join-room', room);
    await client.packet('42["user-joined-room"');
    await t.say(room, '0');
    let [, { content }, offset] = await client.packet('42["room-message"');
    const got = [content];
    for (let i = 1; i <= 30; ++i) {
      client.cut();
      await t.say(room, `${i}`);
      // Also in the tick in which its session ends.
      const direct = { to_connection: sid, event: 'room-message', data: { content: `direct ${i}` } };
      if (i % 3 === 0) assert.equal((await t.publish(direct)).receivers, 1);
      client = await Raw.open(t, { pid, offset });
      assert.equal(client.pid, pid, `time ${i}`);
      if (i % 4 === 0) continue;  // cut before it has read anything
      // Some of what it gets, never all.
      const have = got.length;
      while (got.length < have + 1) {
        [, { content }, offset] = await client.packet('42["room-message"');
        got.push(content);
      }
    }
    const wanted = Array.from({ length: 31 }, (_, i) => `${i}`);
    const directs = Array.from({ length: 10 }, (_, i) => `direct ${3 * i + 3}`);
    while (got.length < wanted.length + directs.length) got.push((await client.packet('42["room-message"'))[1].content);
    assert.deepEqual(got.filter((text) => !text.startsWith('direct')), wanted);
    assert.deepEqual(got.filter((text) => text.startsWith('direct')), directs);
  });

  test('a client that comes back on another core is the same for all others', async (t) => {
    if (t.combination.reactors === 1) t.skip('with more reactors only');
    const room = t.name('room');
    const client = await chat(t, { transports: ['websocket'] });
    const bob = await chat(t);
    await client.ask('join', t.name('Alice'));
    await client.ask('join-room', room);
    const { id } = client;
    const seen = new Set([core_of_session(client)]);
    let sent = 0;
    await until(async () => {
      await cut(client);
      await t.say(room, `${sent}`);
      await t.publish({ to_connection: id, event: 'for-you', data: sent });
      await connect(client);
      assert.equal(client.socket.recovered, true);
      assert.equal(client.id, id);
      assert.equal((await client.next('room-message')).content, `${sent}`);
      assert.equal(await client.next('for-you'), sent);
      // By its socket id it is found where it is now.
      assert.equal((await t.publish({ to_connection: id, event: 'live', data: sent })).receivers, 1);
      assert.equal(await client.next('live'), sent);
      assert.equal((await bob.ask('direct-message', { to: id, content: sent })).status, 'ok');
      assert.equal((await client.next('direct-message')).content, sent);
      client.emit('room-message', { room, content: `mine ${sent}` });
      assert.equal((await client.next('room-message')).userId, id);
      const { connections } = await t.read('/connections', { room });
      assert.deepEqual(connections.map(({ connection_id }) => connection_id), [id]);
      ++sent;
      seen.add(core_of_session(client));
      return seen.size === t.combination.reactors;
    }, 'every core', { ms: 120000 });
    // Excluded from a message, and disconnected, by the same id.
    await t.publish({ room, content: 'not for it', exclude: id });
    await t.say(room, 'for it');
    assert.equal((await client.next('room-message')).content, 'for it');
    const end = new Promise((resolve) => { client.socket.once('disconnect', resolve); });
    assert.ok((await t.http('DELETE', `/connections/${id}`)).status < 300);
    assert.equal(await within(end, 'the end'), 'io server disconnect');
  });

  test('a connection that nobody has noticed to be dead is taken over', async (t) => {
    const room = t.name('room');
    const first = await Raw.open(t);
    await first.ask('join-room', room);
    await first.packet('42["user-joined-room"');
    await t.say(room, 'before');
    const [, , offset] = await first.packet('42["room-message"');
    await t.say(room, 'not received');
    const again = await Raw.open(t, { pid: first.pid, offset });
    assert.deepEqual([again.sid, again.pid], [first.sid, first.pid]);
    assert.equal((await again.packet('42["room-message"'))[1].content, 'not received');
    await first.frames.ends();
    await t.say(room, 'after');
    assert.equal((await again.packet('42["room-message"'))[1].content, 'after');
    assert.equal((await t.read(`/rooms/${room}/members`)).count, 1);
  });

  test('quiet rooms: who got nothing at all comes back all the same', async (t) => {
    const room = t.name('room');
    const client = await Raw.open(t);
    client.cut();
    const again = await Raw.open(t, { pid: client.pid });
    assert.equal(again.pid, client.pid);
    await again.ask('join-room', room);
    const [, , offset] = await again.packet('42["user-joined-room"');
    again.cut();
    await t.say(room, 'one');
    for (const given of [offset, undefined]) {
      const third = await Raw.open(t, { pid: client.pid, offset: given });
      assert.equal(third.pid, client.pid);
      assert.equal((await third.packet('42["room-message"'))[1].content, 'one');
      third.cut();
    }
  });

  test('for others it is still there, and nobody hears that it left', async (t) => {
    const watcher = await chat(t);
    const client = await chat(t, { transports: ['websocket'] });
    const name = t.name('Alice');
    await client.ask('join', name);
    const { id } = client;
    await cut(client);
    await until(async () => (await metric(t, 'ringcast_socketio_away')) > 0, 'the end to be noticed');
    watcher.emit('join', t.name('Watcher'));
    assert.ok((await watcher.next('online-users')).some(([socket, user]) => socket === id && user === name));
    await connect(client);
    assert.equal(client.socket.recovered, true);
    client.emit('message', { content: name });
    assert.equal((await watcher.next('message', ({ content }) => content === name)).username, name);
    assert.equal(watcher.queue.all(({ event, arg }) => event === 'user-left' && arg.userId === id).length, 0);
    client.socket.disconnect();
    await watcher.next('user-left', ({ userId }) => userId === id);
  });

  test('namespaces come back each by itself, with their rooms', async (t) => {
    const room = t.name('room');
    const client = await chat(t, {}, { nsp: '/admin' });
    await client.ask('join-room', room);
    const { id } = client;
    await cut(client);
    await t.publish({ room: `admin/${room}`, event: 'only', data: 1 });
    await t.say(room, 'not for it');
    await connect(client);
    assert.deepEqual([client.socket.recovered, client.id], [true, id]);
    assert.equal(await client.next('only'), 1);
    assert.deepEqual(contents(client, 'room-message'), []);
    // Its pid is nothing in another namespace.
    const admin = await Raw.open(t, undefined, { nsp: '/admin,' });
    admin.cut();
    const main = await Raw.open(t, { pid: admin.pid });
    assert.notEqual(main.pid, admin.pid);
    assert.notEqual(main.sid, admin.sid);
  });

  test('two namespaces of one connection', async (t) => {
    const [room] = [t.name('room')];
    const client = await chat(t);
    const admin = new Chat(t, '', {}, t.server);
    admin.socket.disconnect();
    admin.socket = client.socket.io.socket('/admin');
    admin.socket.onAny((event, ...args) => admin.queue.push({ event, args, arg: args[0] }));
    await within(new Promise((resolve) => { admin.socket.once('connect', resolve); }), 'the other namespace');
    for (const each of [client, admin]) await each.ask('join-room', room);
    await cut(client);
    await t.say(room, 'main');
    await t.say(`admin/${room}`, 'admin');
    const both = Promise.all([client, admin].map((each) => new Promise((resolve) => { each.socket.once('connect', resolve); })));
    client.socket.connect();
    admin.socket.connect();
    await within(both, 'both to be back');
    assert.deepEqual([client.socket.recovered, admin.socket.recovered], [true, true]);
    assert.deepEqual(await messages(client, 1), ['main']);
    assert.deepEqual(await messages(admin, 1), ['admin']);
  });

  test('who said goodbye, was disconnected, or shows what is none, begins anew', async (t) => {
    const goodbye = await Raw.open(t);
    goodbye.frames.send('41');
    const kicked = await Raw.open(t);
    await t.http('DELETE', `/connections/${kicked.sid}`);
    await kicked.frames.queue.next((frame) => frame === '41');
    const away = await Raw.open(t);
    const other = await Raw.open(t);
    away.cut();
    await until(async () => (await metric(t, 'ringcast_socketio_away')) > 0, 'the end to be noticed');
    // Away, and disconnected by an administrator.
    await until(async () => (await t.http('DELETE', `/connections/${away.sid}`)).status < 300, 'the disconnect');
    for (const [pid, offset] of [
      [goodbye.pid], [kicked.pid], [away.pid], ['x'], [''], ['A'.repeat(30)], [`${other.pid.slice(0, -1)}${other.pid.endsWith('A') ? 'B' : 'A'}`],
      [other.pid, 'not one of ours'],
    ]) {
      const again = await Raw.open(t, { pid, offset });
      assert.notEqual(again.pid, pid);
      assert.ok(![goodbye, kicked, away, other].some(({ sid }) => sid === again.sid), pid);
    }
  });

  test('who is disconnected by an operator in the moment in which it is cut off does not come back', async (t) => {
    for (let i = 0; i < 20; ++i) {
      const client = await Raw.open(t);
      client.cut();
      const { status } = await t.http('DELETE', `/connections/${client.sid}`);
      assert.ok(status < 300, `${status}`);
      const again = await Raw.open(t, { pid: client.pid });
      assert.notEqual(again.pid, client.pid, `time ${i}`);
      again.cut();
    }
  });

  test('another user has no use for a pid', async (t) => {
    const [alice, bob] = [t.name('alice'), t.name('bob')];
    const first = await Raw.open(t, undefined, { query: `&user=${alice}` });
    first.cut();
    for (const query of [`&user=${bob}`, '']) {
      const other = await Raw.open(t, { pid: first.pid }, { query });
      assert.notEqual(other.pid, first.pid);
    }
    await t.publish({ to: alice, content: 'in the inbox' });
    const again = await Raw.open(t, { pid: first.pid }, { query: `&user=${alice}` });
    assert.equal(again.pid, first.pid);
    assert.equal((await again.packet('42["direct-message"'))[1].content, 'in the inbox');
  });

  test('what history does not have any more is not recovered, and said to be by a new sid', async (t) => {
    const room = t.name('room');
    const client = await chat(t, { transports: ['websocket'] });
    await client.ask('join-room', room);
    const { id } = client;
    const away = await metric(t, 'ringcast_socketio_away');
    await cut(client);
    await until(async () => (await metric(t, 'ringcast_socketio_away')) > away, 'the end to be noticed');
    await t.say(room, 'lost');
    assert.ok((await t.http('DELETE', `/rooms/${room}`)).status < 300);
    await connect(client);
    assert.equal(client.socket.recovered, false);
    assert.notEqual(client.id, id);
    // It begins anew, in none of its rooms.
    assert.equal((await t.read(`/rooms/${room}/members`)).count, 0);
    assert.equal((await client.ask('message', { content: 'still works' })).status, 'ok');
    assert.equal((await t.publish({ to_connection: id, event: 'x', data: 1 })).receivers, 0);
  });

  test('binary messages are recovered as they were', async (t) => {
    const room = t.name('room');
    const [client, sender] = [await chat(t, { transports: ['websocket'] }), await chat(t)];
    await client.ask('join-room', room);
    await cut(client);
    const bytes = Buffer.from([0, 255, 30, 4, 5]);
    await sender.ask('room-message', { room, content: bytes });
    await sender.ask('room-message', { room, content: 'text' });
    await connect(client);
    assert.equal(client.socket.recovered, true);
    assert.deepEqual(Buffer.from((await client.next('room-message')).content), bytes);
    assert.equal((await client.next('room-message')).content, 'text');
  });

  test('many clients in several rooms, cut at any moment, get all, each once and in order', async (t) => {
    const rooms = [t.name('a'), t.name('b'), t.name('c')];
    const options = (i) => ({ transports: Object.values(kTransports)[i % 3], reconnection: true, reconnectionDelay: 1, reconnectionDelayMax: 5 });
    const clients = await Promise.all(Array.from({ length: 9 }, (_, i) => chat(t, options(i))));
    for (const client of clients) for (const room of rooms) await client.ask('join-room', room);
    const ids = clients.map(({ id }) => id);
    let anew = 0;
    for (const client of clients) client.socket.on('connect', () => { if (!client.socket.recovered) ++anew; });
    const kMessages = 120;
    for (let i = 0; i < kMessages; ++i) {
      await t.publish({ room: rooms[i % 3], event: 'tick', data: { room: i % 3, n: i } });
      if (i % 4 !== 0) continue;
      const { engine } = clients[(i / 4) % 9].socket.io;
      if (engine.transport.name === 'websocket') engine.transport.ws.terminate();
      else engine.close();
    }
    await until(() => clients.every(({ socket }) => socket.connected), 'all to be back');
    assert.equal(anew, 0);
    assert.deepEqual(clients.map(({ id }) => id), ids);
    for (const room of rooms) await t.publish({ room, event: 'last', data: room });
    for (const client of clients) {
      for (const room of rooms) await client.next('last', (arg) => arg === room);
      const ticks = client.queue.all(({ event }) => event === 'tick').map(({ arg }) => arg);
      for (let room = 0; room < 3; ++room) {
        assert.deepEqual(ticks.filter((tick) => tick.room === room).map(({ n }) => n), Array.from({ length: kMessages / 3 }, (_, i) => 3 * i + room));
      }
    }
  });
});

suite('Socket.IO recovery settings', { server: false }, (test) => {
  test('it is off by default: no pid, no offsets, nobody comes back', async (t) => {
    const at = await t.start_server();
    const client = await Raw.open(t, undefined, { at });
    assert.deepEqual(Object.keys(client), ['frames', 'sid']);
    await t.publish({ room: 'lobby', event: 'x', data: 1 }, { at });
    assert.deepEqual(await client.packet('42["x"'), ['x', 1]);
    client.cut();
    const again = await Raw.open(t, { pid: 'A'.repeat(30), offset: '0.1.1' }, { at });
    assert.deepEqual([again.pid, again.sid === client.sid], [undefined, false]);
  });

  test('who is away for too long begins anew, and others hear of it', async (t) => {
    const at = await t.start_server({ socketio_recovery: '1s' });
    const [watcher, client] = [await chat(t, {}, { at }), await chat(t, { transports: ['websocket'] }, { at })];
    await client.ask('join', 'Alice');
    const { id } = client;
    await cut(client);
    await watcher.next('user-left', ({ userId }) => userId === id);
    assert.equal(await metric(t, 'ringcast_socketio_away', { at }), 0);
    await connect(client);
    assert.equal(client.socket.recovered, false);
    assert.notEqual(client.id, id);
    assert.equal(await metric(t, 'ringcast_socketio_unrecovered_total', { at }), 1);
  });

  test('who missed too much, in messages or in bytes, begins anew', async (t) => {
    const at = await t.start_server({ socketio_recovery: '5min', socketio_recovery_messages_max: 3, socketio_recovery_size_max: '4KiB' });
    const direct = (client, data) => t.publish({ to_connection: client.id, event: 'for-you', data }, { at });
    const in_room = (client, data, room) => t.publish({ room, event: 'said', data }, { at });
    for (const publish of [direct, in_room]) {
      for (const [count, size, recovered] of [[3, 10, true], [4, 10, false], [1, 3000, true], [2, 3000, false]]) {
        const room = t.name('room');
        const client = await chat(t, { transports: ['websocket'] }, { at });
        await client.ask('join-room', room);
        await client.next('user-joined-room');
        const away = { id: client.id };
        await cut(client);
        const before = await metric(t, 'ringcast_socketio_away', { at });
        if (publish === direct) await until(async () => before > 0 || (await metric(t, 'ringcast_socketio_away', { at })) > 0, 'the end to be noticed');
        for (let i = 0; i < count; ++i) await publish(away, 'x'.repeat(size), room);
        await connect(client);
        assert.equal(client.socket.recovered, recovered, `${publish.name} ${count} × ${size}`);
        assert.equal(client.id === away.id, recovered);
        client.socket.disconnect();
        await until(async () => (await metric(t, 'ringcast_socketio_sessions', { at })) === 0, 'the end of the session');
      }
    }
  });

  test('what recovery remembers is bounded: the oldest is forgotten', async (t) => {
    const at = await t.start_server({ socketio_recovery: '5min', socketio_recovery_memory_max: '1MiB', reactors: 1 });
    const first = await Raw.open(t, undefined, { at });
    first.cut();
    await until(async () => (await metric(t, 'ringcast_socketio_away', { at })) === 1, 'the first to be away');
    const big = 'x'.repeat(60000);
    const others = [];
    for (let i = 0; i < 12; ++i) {
      const other = await Raw.open(t, undefined, { at });
      others.push(other);
      other.cut();
      await until(async () => (await metric(t, 'ringcast_socketio_away', { at })) > 0, 'the next to be away');
      await t.publish({ to_connection: other.sid, event: 'big', data: big }, { at });
    }
    await until(async () => (await metric(t, 'ringcast_socketio_away', { at })) < 13, 'some to be forgotten');
    assert.notEqual((await Raw.open(t, { pid: first.pid }, { at })).pid, first.pid);
    const last = others.at(-1);
    const again = await Raw.open(t, { pid: last.pid }, { at });
    assert.equal(again.pid, last.pid);
    assert.equal((await again.packet('42["big"'))[1], big);
  });

  test('rooms without history, and rights that have changed, are no reason to pretend', async (t) => {
    const config = t.config_file('[[rooms]]\nmatch = "bare-*"\nhistory_messages = 0\n');
    const at = await t.start_server({ config, socketio_recovery: '5min' });
    const client = await chat(t, { transports: ['websocket'] }, { at });
    await client.ask('join-room', 'bare-1');
    await cut(client);
    await connect(client);
    assert.equal(client.socket.recovered, true, 'nothing was missed');
    await cut(client);
    await t.publish({ room: 'bare-1', content: 'gone' }, { at });
    await connect(client);
    assert.equal(client.socket.recovered, false);

    const key = new Key('HS256');
    const rules = t.config_file('[[permissions]]\nmatch = "**"\nallow = ["subscribe", "publish"]\n');
    const keyed = await t.start_server({ config: rules, socketio_recovery: '5min', jwt_keys: `HS256:${t.config_file(key.text)}`, api_keys: 'server:secret-of-a-server' });
    const server = { at: keyed, headers: { Authorization: 'Bearer secret-of-a-server' } };
    const token = key.token();
    // Without the right to history nothing can be given, but who missed nothing comes back.
    const alice = await chat(t, { auth: { token }, transports: ['websocket'] }, { at: keyed });
    await alice.ask('join-room', 'r');
    await cut(alice);
    await connect(alice);
    assert.equal(alice.socket.recovered, true);
    await cut(alice);
    await t.publish({ room: 'r', content: 'x' }, server);
    await connect(alice);
    assert.equal(alice.socket.recovered, false);
  });

  test('after a drain or a restart clients begin anew', async (t) => {
    let at = await t.start_server({ socketio_recovery: '5min' });
    const { port } = at;
    for (const signal of ['SIGTERM', 'SIGKILL']) {
      const clients = [];
      for (const transports of Object.values(kTransports)) clients.push(await chat(t, { transports }, { at }));
      const ids = clients.map(({ id }) => id);
      const gone = Promise.all(clients.map(({ gone: end }) => end));
      at.process.kill(signal);
      await at.exited;
      await within(gone, 'the end');
      at = await t.start_server({ port, socketio_recovery: '5min' });
      for (const [i, client] of clients.entries()) {
        await connect(client);
        assert.equal(client.socket.recovered, false);
        assert.notEqual(client.id, ids[i]);
        await t.publish({ to_connection: client.id, event: 'here', data: i }, { at });
        assert.equal(await client.next('here'), i);
        client.socket.disconnect();
      }
    }
  });

  test('a room that keeps its last message shows it to who joins', async (t) => {
    const config = t.config_file('[[rooms]]\nmatch = "state-*"\nlast_value = true\n');
    for (const socketio_recovery of ['0s', '5min']) {
      const at = await t.start_server({ config, socketio_recovery });
      await t.publish({ room: 'state-1', event: 'state', data: 1 }, { at });
      await t.publish({ room: 'state-1', event: 'state', data: 2 }, { at });
      const client = await chat(t, {}, { at });
      await client.ask('join-room', 'state-1');
      assert.equal(await client.next('state'), 2);
      await t.publish({ room: 'state-1', event: 'state', data: 3 }, { at });
      assert.equal(await client.next('state'), 3);
    }
  });
});
