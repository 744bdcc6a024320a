// SPDX-License-Identifier: Apache-2.0
// What the log says of the start, of clients and of refusals, and what it never says.

import assert from 'node:assert/strict';
import { until } from './lib/deadline.js';
import { suite } from './lib/runner.js';
import { Files, Key } from './lib/tokens.js';

const files = new Files();

// The lines of an event, with their fields.
function lines_of(server, event) {
  return server.log.flatMap((line) => {
    let record;
    try { record = JSON.parse(line); } catch { return []; }
    return record.event === event ? [record] : [];
  });
}
const line_of = (server, event, wanted) => until(
  () => lines_of(server, event).find((line) => Object.entries(wanted).every(([key, value]) => line[key] === value)),
  `a line ${event} ${JSON.stringify(wanted)}`,
);

suite('the log', { server: false }, (test) => {
  const start = (t, settings = {}) => t.start_server({ log_format: 'json', ...settings });

  test('the start says what differs from the defaults and where it listens, but no secret', async (t) => {
    const server = await start(t, { api_keys: 'ops:secret-of-the-operator', history_messages: 7, admin_listen: '127.0.0.1:0', insecure: true });
    assert.equal((await line_of(server, 'setting', { key: 'history_messages' })).value, '7');
    assert.match((await line_of(server, 'setting', { key: 'api_keys' })).value, /^ops:\(hidden/);
    await line_of(server, 'listening', { url: server.url });
    const { url } = await until(() => lines_of(server, 'listening').find((line) => / for the server calls$/.test(line.url)), 'the admin address');
    assert.equal((await t.http('GET', '/rooms', { at: { url: url.split(' ')[0] } })).status, 200);
    await line_of(server, 'started', {});
    assert.deepEqual(lines_of(server, 'setting').filter(({ key }) => key === 'heartbeat_interval'), []);
    assert.ok(!server.log.join('\n').includes('secret-of-the-operator'));
  });

  // The start is over when the server answers, and its lines were written before.
  for (const [what, settings, warned] of [
    ['api_keys alone', { api_keys: 'a-key-of-16-bytes' }, 1],
    ['api_keys alone, and meant so', { api_keys: 'a-key-of-16-bytes', insecure: true }, 0],
    ['api_keys beside keys for tokens', { api_keys: 'a-key-of-16-bytes', jwt_keys: files.key(new Key('HS256')) }, 0],
    ['no keys at all', {}, 0],
  ]) {
    test(`${what}: ${warned ? 'a' : 'no'} warning that clients may be any user`, async (t) => {
      const server = await start(t, settings);
      await line_of(server, 'started', {});
      assert.deepEqual(lines_of(server, 'clients_unidentified').map(({ level, settings: which }) => [level, which]),
        warned ? [['warning', 'jwt_keys, jwks, or a [[webhooks]] section with connect']] : []);
    });
  }

  test('the life of a client at info', async (t) => {
    const server = await start(t);
    const client = await t.ws({ user: 'alice' }, {}, server);
    const { connection } = await line_of(server, 'connected', { user: 'alice', transport: 'websocket', address: '127.0.0.1', clients: 1 });
    await client.join('lounge');
    await client.close();
    const end = await line_of(server, 'disconnected', { connection, transport: 'websocket', user: 'alice' });
    assert.equal(end.reason, 'peer_closed');
    assert.ok(end.seconds >= 0);
    assert.equal(end.clients, 0);
    await line_of(server, 'joined', { connection, room: 'lounge', members: 1 });
    await line_of(server, 'left', { connection, user: 'alice', room: 'lounge', reason: 'disconnected', members: 0 });
    assert.deepEqual([lines_of(server, 'joined').length, ...lines_of(server, 'request')], [1]);
  });

  test('joins and leaves with the size of the room, however a member leaves', async (t) => {
    const server = await start(t);
    const [ann, ben, cat] = [await t.ws({ user: 'ann' }, {}, server), await t.ws({ user: 'ben' }, {}, server), await t.ws({ user: 'cat' }, {}, server)];
    for (const [i, [user, client]] of [['ann', ann], ['ben', ben], ['cat', cat]].entries()) {
      await client.join('hall');
      await line_of(server, 'joined', { room: 'hall', user, members: i + 1 });
    }
    ann.send({ action: 'leave', room: 'hall' });
    await line_of(server, 'left', { connection: ann.id, room: 'hall', user: 'ann', reason: 'left', members: 2 });
    ben.terminate();
    await line_of(server, 'left', { connection: ben.id, room: 'hall', user: 'ben', reason: 'disconnected', members: 1 });
    await t.publish({ room: 'hall', content: 'the end', final: true }, { at: server });
    await line_of(server, 'left', { connection: cat.id, room: 'hall', user: 'cat', reason: 'final', members: 0 });
    await ann.join('hall');
    assert.equal((await t.http('DELETE', '/rooms/hall/members/ann', { at: server })).status, 200);
    await line_of(server, 'left', { connection: ann.id, room: 'hall', user: 'ann', reason: 'kicked', members: 0 });
    assert.equal(lines_of(server, 'left').length, 4);
  });

  test('failed pings and connections that are reset', async (t) => {
    const server = await start(t, { heartbeat_interval: '1s', heartbeat_timeout: '1s' });
    const mute = t.raw(server);
    await mute.upgrade('/ws?user=mute');
    await line_of(server, 'disconnected', { user: 'mute', reason: 'heartbeat_timeout' });
    const broken = t.raw(server);
    broken.write('GET /events?rooms=r&user=broken HTTP/1.1\r\nHost: x\r\n\r\n');
    await broken.read((bytes) => (bytes.includes('connection_id') ? { value: true, used: 0 } : null), 'the greeting');
    broken.socket.resetAndDestroy();
    await line_of(server, 'disconnected', { user: 'broken', reason: 'peer_reset' });
  });

  test('a body whose refusal does not say why', async (t) => {
    const server = await start(t, { preset: 'room_chat' });
    const bodies = { '{': 'bad_json', '{"user":"a"}': 'missing_field', '{"content":7}': 'bad_field' };
    for (const [body, code] of Object.entries(bodies)) {
      const answer = await t.http('POST', '/messages', { body, at: server });
      assert.deepEqual([answer.status, answer.text.trim()], [400, '{"error":"invalid body"}'], body);
      const { level, why } = await line_of(server, 'refused', { status: 400, code, address: '127.0.0.1' });
      assert.equal(level, 'info');
      assert.ok(why.length > 10, why);
    }
  });

  test('the life of a client at debug; tokens in a query stay out of it', async (t) => {
    const server = await start(t, { log_level: 'debug' });
    const client = await t.ws({ user: 'bob', token: 'not-to-be-seen' }, {}, server);
    await line_of(server, 'request', { method: 'GET', path: '/ws' });
    const { connection } = await line_of(server, 'connected', { user: 'bob' });
    await client.join('lounge');
    await line_of(server, 'joined', { connection, room: 'lounge', user: 'bob' });
    client.send({ action: 'message', content: 'hi' });
    await line_of(server, 'published', { connection, room: 'lounge', bytes: 4, level: 'debug' });
    client.send({ action: 'leave', room: 'lounge' });
    await line_of(server, 'left', { connection, room: 'lounge', reason: 'left', members: 0 });
    assert.equal((await client.ask({ action: 'dance' })).code, 'unknown_action');
    await line_of(server, 'refused', { connection, code: 'unknown_action', level: 'debug' });
    await client.close();
    await line_of(server, 'disconnected', { connection });
    assert.ok(!server.log.join('\n').includes('not-to-be-seen'));
  });

  test('a refusal is logged with the settings that decide', async (t) => {
    const server = await start(t, { api_keys: 'ops:0123456789abcdef', token_required: false, user_messages_per_second: 1, rate_burst: '1s', insecure: true });
    assert.equal((await t.get('/rooms', {}, { at: server })).status, 401);
    const unauthorized = await line_of(server, 'refused', { code: 'unauthorized', status: 401 });
    assert.match(unauthorized.settings, /api_keys/);
    assert.equal(unauthorized.level, 'info');
    assert.equal((await t.get('/health', {}, { at: server, headers: { Host: 'x', Origin: 'https://elsewhere.example' } })).status, 200);
    const page = t.ws_raw('/ws?user=a', { headers: { Origin: 'https://elsewhere.example' } }, server);
    await assert.rejects(page.opened);
    const origin = await line_of(server, 'refused', { code: 'forbidden_origin', status: 403 });
    assert.equal(origin.settings, 'origins');
    assert.match(origin.why, /elsewhere\.example/);
    const hasty = await t.ws({ user: 'hasty' }, {}, server);
    await hasty.join('lounge');
    for (let i = 0; i < 10; i++) hasty.send({ action: 'message', room: 'lounge', content: 'x' });
    const limited = await line_of(server, 'refused', { code: 'rate_limited', user: 'hasty' });
    assert.match(limited.settings, /messages_per_second/);
  });

  test('a room that a poll by POST may not have leaves a line', async (t) => {
    const server = await start(t, { rooms_per_websocket_max: 1 });
    const body = { rooms: ['a', 'b'], timeout: 0 };
    assert.equal((await t.http('POST', '/poll?user=dora', { at: server, body })).status, 200);
    const { settings } = await line_of(server, 'refused', { code: 'too_many_rooms', user: 'dora' });
    assert.match(settings, /rooms_per_websocket_max/);
  });

  test('behind a trusted proxy the address is the client\'s', async (t) => {
    const server = await start(t, { trusted_proxies: '127.0.0.1', api_keys: 'ops:0123456789abcdef', insecure: true });
    const headers = { 'X-Forwarded-For': '192.0.2.7' };
    await t.ws({ user: 'carol' }, { headers }, server);
    await line_of(server, 'connected', { user: 'carol', address: '192.0.2.7' });
    assert.equal((await t.get('/rooms', {}, { at: server, headers })).status, 401);
    await line_of(server, 'refused', { code: 'unauthorized', address: '192.0.2.7' });
  });

  test('what clients cause often is sampled, and the rest counted', async (t) => {
    const server = await start(t, { api_keys: 'ops:0123456789abcdef', insecure: true, reactors: 1 });
    let sent = 0;
    const send = async () => {
      sent++;
      assert.equal((await t.get('/rooms', {}, { at: server })).status, 401);
    };
    for (let i = 0; i < 200; i++) await send();
    // The count of those held back comes with the next that is logged. A line comes later than the answer.
    await until(async () => {
      const lines = lines_of(server, 'refused');
      if (lines.length + lines.reduce((sum, { held_back }) => sum + held_back, 0) === sent) return true;
      await send();
      return false;
    }, 'a line for each refusal, or its count', { every_ms: 300 });
    assert.ok(lines_of(server, 'refused').length < sent);
  });

  test('at warning, clients leave no line; slow ones do', async (t) => {
    const server = await start(t, { log_level: 'warning', outbox_size_max: '128KiB', send_buffer_size: '32KiB' });
    const slow = await t.ws({ user: 'slow' }, {}, server);
    await slow.join('flood');
    slow.socket.pause();
    await until(async () => {
      const body = Array.from({ length: 20 }, () => ({ room: 'flood', content: 'x'.repeat(30000) }));
      assert.equal((await t.http('POST', '/messages', { at: server, body })).status, 200);
      return lines_of(server, 'slow_client').length > 0;
    }, 'the slow client');
    const [line] = lines_of(server, 'slow_client');
    assert.equal(line.user, 'slow');
    assert.match(line.settings, /outbox_size_max/);
    assert.deepEqual(lines_of(server, 'connected'), []);
  });
});
