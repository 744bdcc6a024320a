// SPDX-License-Identifier: Apache-2.0
// gRPC with @grpc/grpc-js: each call beside the request that it stands for, refusals, time-outs, sizes, the push
// gateway's call, keys and rights, the drain. Bare calls where a library would not let one see what the server says.

import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Certificates } from './lib/certificates.js';
import { until } from './lib/deadline.js';
import { make_folder } from './lib/folder.js';
import { BareCall, GrpcClient, decoded, encoded, kProto } from './lib/grpc_client.js';
import { run } from './lib/program.js';
import { suite } from './lib/runner.js';
import { chat } from './lib/socketio_client.js';
import { Files, Key } from './lib/tokens.js';

const kPython = process.env.RINGCAST_TEST_PYTHON ?? '/usr/bin/python3';
const kHere = dirname(fileURLToPath(import.meta.url));
const kService = 'ringcast.v1.Ringcast';
const kPublish = `/${kService}/Publish`;
const certificates = new Certificates();
certificates.issue('own', 'DNS:localhost,IP:127.0.0.1');

function client(t, options = {}, server = t.server) {
  const made = new GrpcClient(`127.0.0.1:${options.port ?? server.port}`, options);
  t.after(() => made.close());
  return made;
}
const health = (t, server) => client(t, { service: 'grpc.health.v1.Health' }, server);

async function metric(t, name, options = {}) {
  const { text } = await t.get('/metrics', {}, options);
  return [...text.matchAll(new RegExp(`^ringcast_${name}[{ ].*?(\\S+)$`, 'gm'))].reduce((sum, [, value]) => sum + Number(value), 0);
}
const calls = (t, status, options) => metric(t, `grpc_calls_total\\{[^}]*status="${status}"\\}`, options);

// Skips where the server was built without gRPC: an unknown path of HTTP then.
async function need_grpc(t) {
  const session = await BareCall.connect(t, t.server.url);
  const call = new BareCall(session, kPublish);
  call.end();
  if ((await call.over()).http === 404) t.skip('built without gRPC');
}

suite('grpc', { settings: { tls_listen: '127.0.0.1:0', ...certificates.settings('own'), clients_may_direct: 'yes', message_size_max: '900KiB', history_size_max: '16MiB', close_timeout: '10s' } }, (test) => {
  const secure_port = (t) => t.server.log.map((line) => /https:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1]).find(Boolean);

  for (const where of ['by prior knowledge', 'over TLS']) {
    test(`publishes of every kind ${where}`, async (t) => {
      await need_grpc(t);
      const [room, user] = [t.name('room'), t.name('user')];
      const grpc = client(t, where === 'over TLS' ? { port: secure_port(t), ca: certificates.ca } : {});
      const member = await t.member(room, { user });
      const sent = await grpc.call('Publish', { room, content: 'Grüße "an" alle\n', user: 'Ann', event: 'greeting' });
      assert.equal(sent.status, 'sent');
      assert.equal(sent.receivers, 1);
      const event = await member.next('greeting');
      assert.deepEqual([event.id, event.content, event.user], [sent.event_id, 'Grüße "an" alle\n', 'Ann']);
      await grpc.call('Publish', { room, data: '{"n": 9007199254740993, "list": [1, {"a": null}]}' });
      assert.equal((await member.next((heard) => heard.data !== undefined)).data.list[1].a, null);
      await grpc.call('Publish', { to: user, content: 'for you' });
      assert.equal((await member.next('direct')).content, 'for you');
      const many = await grpc.call('Publish', { rooms: { names: [room, `${room}-b`] }, content: 'both' });
      assert.deepEqual(many.results.map((one) => [one.room, one.status, one.receivers]), [[room, 'sent', 1], [`${room}-b`, 'sent', 0]]);
      const users = await grpc.call('Publish', { users: { names: [user, `${user}-b`] }, content: 'two inboxes' });
      assert.deepEqual(users.results.map((one) => one.user), [user, `${user}-b`]);
      const one = await grpc.call('Publish', { to_connection: member.hello.connection_id, content: 'you alone', event: 'alone' });
      assert.equal(one.receivers, 1);
      await member.next('alone');
      const key = t.name('key');
      const first = await grpc.call('Publish', { room, content: 'once', idempotency_key: key });
      const again = await grpc.call('Publish', { room, content: 'once', idempotency_key: key });
      assert.deepEqual([again.event_id, again.duplicate, first.duplicate], [first.event_id, true, false]);
      const batch = await grpc.call('PublishBatch', { messages: [{ room, content: 'a' }, { to: user, data: '[]' }, { rooms: { names: [room] }, content: 'c' }] });
      assert.deepEqual(batch.results.map((result) => [result.status, result.results.length]), [['sent', 0], ['sent', 0], ['sent', 1]]);
      await grpc.call('Publish', { room, content: 'the last', final: true });
      assert.equal((await member.next('left')).reason, 'final');
    });
  }

  test('rooms, members, history', async (t) => {
    await need_grpc(t);
    const room = t.name('a room/with "marks" & ümlauts?%2F');
    const grpc = client(t);
    await t.member(room, { user: 'ann' });
    const { event_id } = await t.say(room, 'hello', { event: 'greeting' });
    await t.publish({ room, data: { big: 12345678901234, text: 'ü"' } });
    const history = await grpc.call('History', { room });
    const rest = await t.read('/history', { room });
    assert.deepEqual([history.room, history.oldest, history.newest], [room, rest.oldest, rest.newest]);
    assert.equal(history.messages.length, 2);
    const [text, json] = history.messages;
    assert.deepEqual([text.id, text.event_type, text.room, text.user, text.content], [event_id, 'greeting', room, 'System', 'hello']);
    assert.equal(text.timestamp_ms, Date.parse(rest.messages[0].timestamp));
    assert.deepEqual([json.payload, JSON.parse(json.data)], ['data', { big: 12345678901234, text: 'ü"' }]);
    const later = await grpc.call('History', { room, after: event_id, limit: 1 });
    assert.deepEqual(later.messages.map((message) => message.id), [json.id]);
    const empty = await grpc.call('History', { room: t.name('nothing') });
    assert.deepEqual([empty.messages, empty._oldest], [[], undefined]);
    const members = await grpc.call('Members', { room });
    assert.deepEqual([members.room, members.count, members.members], [room, 1, [{ user: 'ann', status: 'online', connections: 1 }]]);
    const listed = [];
    for (let after = ''; ;) {
      const page = await grpc.call('Rooms', { limit: 2, after });
      listed.push(...page.rooms);
      if (!page.next) break;
      after = page.next;
    }
    assert.deepEqual(listed.find((one) => one.room === room), { room, members: 1, id: json.id, messages: 2 });
    assert.deepEqual(await grpc.call('Purge', { room }), { room, status: 'purged' });
    assert.equal((await grpc.call('History', { room })).messages.length, 0);
  });

  test('users and connections are listed, removed and closed', async (t) => {
    await need_grpc(t);
    const [room, user] = [t.name('room'), t.name('user')];
    const grpc = client(t);
    const one = await t.member(room, { user });
    const other = await t.member(room, { user: `${user}-b` });
    assert.deepEqual(await grpc.call('User', { user }), { user, online: true, status: 'online', connections: 1 });
    assert.deepEqual(await grpc.call('User', { user: `${user}-gone` }), { user: `${user}-gone`, online: false, status: 'offline', connections: 0 });
    assert.ok((await grpc.call('Users', { limit: 1000 })).users.some((given) => given.user === user && given.online));
    const { connections } = await grpc.call('Connections', { room });
    assert.deepEqual(connections.map((given) => given.user).sort(), [user, `${user}-b`]);
    assert.equal((await grpc.call('Connections', { user })).connections[0].connection_id, one.hello.connection_id);
    assert.deepEqual(await grpc.call('RemoveMember', { room, user }), { room, user, removed: 1 });
    assert.equal((await one.next('left')).reason, 'kicked');
    assert.deepEqual(await grpc.call('DisconnectUser', { user }), { user, disconnected: 1 });
    assert.equal((await one.close_code()).code, 4011);
    const { connection_id } = other.hello;
    assert.deepEqual(await grpc.call('Disconnect', { connection_id }), { connection_id, disconnected: 1 });
    const gone = await grpc.refusal('Disconnect', { connection_id: 'nobody' });
    assert.deepEqual([gone.status, gone.error], ['NOT_FOUND', 'not_found']);
    await t.say(room, 'kept');
    assert.deepEqual(await grpc.call('CloseRoom', { room }), { room, status: 'closed' });
  });

  test('figures, and what probes ask', async (t) => {
    await need_grpc(t);
    const room = t.name('room');
    await t.member(room);
    const stats = await client(t).call('Stats');
    const rest = await t.read('/stats');
    assert.equal(stats.version, rest.version);
    assert.equal(stats.cores.length, rest.cores.length);
    assert.ok(stats.total_clients >= 1 && stats.transports.websocket >= 1);
    assert.ok(stats.rooms[room] === 1 || Object.keys(rest.rooms).length >= 100);
    for (const service of ['', kService, 'grpc.health.v1.Health', 'woolive.SSEService']) {
      assert.equal((await health(t).call('Check', { service })).status, 'SERVING', service);
    }
    assert.equal((await health(t).refusal('Check', { service: 'other.Service' })).status, 'NOT_FOUND');
    assert.ok((await calls(t, 'OK')) >= 5);
    assert.ok((await calls(t, 'NOT_FOUND')) >= 1);
  });

  test('what is wrong is refused with its status, its code and words', async (t) => {
    await need_grpc(t);
    const grpc = client(t);
    for (const [method, message, status, error] of [
      ['Publish', { room: '@', content: 'x' }, 'INVALID_ARGUMENT', 'bad_user'],
      ['Publish', { room: 'a,b', content: 'x' }, 'INVALID_ARGUMENT', 'bad_room'],
      ['Publish', { room: 'a' }, 'INVALID_ARGUMENT', 'missing_field'],
      ['Publish', { room: 'a', data: '1,"broadcast":true' }, 'INVALID_ARGUMENT', 'bad_json'],
      ['Publish', { room: 'a', content: 'x', event: 'joined' }, 'INVALID_ARGUMENT', 'bad_event'],
      ['Publish', { users: { names: [] }, content: 'x' }, 'INVALID_ARGUMENT', 'bad_target'],
      ['Publish', { room: 'a', content: 'x'.repeat(900 << 10) + 'x' }, 'RESOURCE_EXHAUSTED', 'too_large'],
      ['PublishBatch', {}, 'INVALID_ARGUMENT', 'empty_batch'],
      ['PublishBatch', { messages: [{ content: 'x' }, { data: '{' }] }, 'INVALID_ARGUMENT', 'bad_json'],
      ['History', {}, 'INVALID_ARGUMENT', 'missing_field'],
      ['History', { room: 'a', limit: 1000000 }, 'INVALID_ARGUMENT', 'bad_query'],
      ['User', { user: 'a\u0001' }, 'INVALID_ARGUMENT', 'bad_user'],
      ['CloseRoom', { room: t.name('never') }, 'NOT_FOUND', 'not_found'],
      ['RevokeUser', { user: 'ann' }, 'NOT_FOUND', 'not_found'],
    ]) {
      const refused = await grpc.refusal(method, message);
      assert.deepEqual([refused.status, refused.error], [status, error], `${method} ${JSON.stringify(message).slice(0, 80)}: ${refused.details}`);
      assert.ok(refused.details.length > 5);
    }
    assert.match((await grpc.refusal('PublishBatch', { messages: [{ content: 'x' }, { data: '{' }] })).details, /item 1/);
    const missing = client(t, { name: 'ringcast.v2.Ringcast' });
    assert.equal((await missing.refusal('Stats')).status, 'UNIMPLEMENTED');
    assert.equal((await client(t, { service: 'grpc.health.v1.Health', name: 'ringcast.v1.Ringcast' }).refusal('Check')).status, 'UNIMPLEMENTED');
  });

  test('bytes that are no call', async (t) => {
    await need_grpc(t);
    const session = await BareCall.connect(t, t.server.url);
    const good = encoded(kService, 'Publish', { room: t.name('room'), content: 'x' });
    const ask = async (bytes, fields = {}, path = kPublish) => {
      const call = new BareCall(session, path, fields);
      call.end(bytes);
      return call.over();
    };
    const whole = await ask(good, { 'content-type': 'application/grpc+proto' });
    assert.deepEqual([whole.http, whole.status, whole.head['content-type']], [200, 'OK', 'application/grpc']);
    assert.equal(decoded(kService, 'Publish', whole.body).status, 'sent');
    assert.equal((await ask(good, { 'content-length': good.length })).status, 'OK');
    for (const [bytes, status, fields] of [
      [Buffer.alloc(0), 'INTERNAL'],
      [good.subarray(0, 4), 'INTERNAL'],
      [good.subarray(0, good.length - 1), 'INTERNAL'],
      [Buffer.concat([good, good]), 'UNIMPLEMENTED'],
      [Buffer.concat([Buffer.from([2]), good.subarray(1)]), 'INTERNAL'],
      [Buffer.concat([Buffer.from([1]), good.subarray(1)]), 'UNIMPLEMENTED'],
      [Buffer.from([0, 0, 0, 0, 2, 0xff, 0xff]), 'INVALID_ARGUMENT'],
      [Buffer.from([0, 0, 0, 0, 3, 0x0a, 1, 0xff]), 'INVALID_ARGUMENT'],
      [good, 'UNIMPLEMENTED', { 'content-type': 'application/grpc+json' }],
      [good, 'INVALID_ARGUMENT', { 'grpc-timeout': 'soon' }],
      [good, 'DEADLINE_EXCEEDED', { 'grpc-timeout': '0n' }],
    ]) {
      const answer = await ask(bytes, fields);
      assert.deepEqual([answer.http, answer.status], [200, status], `${bytes.toString('hex').slice(0, 40)} ${JSON.stringify(fields)}: ${answer.details}`);
    }
    // What only looks like it is a request like any other.
    for (const type of ['application/grpc-web', 'application/grpcx', 'application/json']) assert.equal((await ask(good, { 'content-type': type })).http, 404);
    const split = new BareCall(session, kPublish);
    for (const byte of good) split.write(Buffer.from([byte]));
    split.end();
    assert.equal((await split.over()).status, 'OK');
  });

  test('compressed messages are refused', async (t) => {
    await need_grpc(t);
    const refused = await client(t, { options: { 'grpc.default_compression_algorithm': 2 } }).refusal('Publish', { room: 'a', content: 'x'.repeat(5000) });
    assert.equal(refused.status, 'UNIMPLEMENTED');
    assert.match(refused.details, /compressed/);
    const session = await BareCall.connect(t, t.server.url);
    const call = new BareCall(session, kPublish, { 'grpc-encoding': 'gzip' });
    call.end(encoded(kService, 'Publish', { content: 'x' }));
    const { status, head } = await call.over();
    assert.deepEqual([status, head['grpc-accept-encoding']], ['UNIMPLEMENTED', 'identity']);
  });

  test('large answers come whole, also several at once and through a small window', async (t) => {
    await need_grpc(t);
    const room = t.name('room');
    const text = 'y'.repeat(300000);
    for (let i = 0; i < 9; i++) await t.say(room, `${i}${text}`);
    const grpc = client(t);
    const answers = await Promise.all(Array.from({ length: 4 }, () => grpc.call('History', { room, limit: 100 })));
    for (const { messages } of answers) assert.deepEqual(messages.map(({ content }) => content), Array.from({ length: 9 }, (_, i) => `${i}${text}`));
    // Node's windows are 64 KiB; the end must come behind all of it.
    const session = await BareCall.connect(t, t.server.url);
    const call = new BareCall(session, `/${kService}/History`);
    call.end(encoded(kService, 'History', { room, limit: 100 }));
    const { status, body } = await call.over();
    assert.equal(status, 'OK');
    assert.equal(body.length, 5 + body.readUInt32BE(1));
    assert.equal(decoded(kService, 'History', body).messages.length, 9);
  });

  test('a message may be as large as a body', async (t) => {
    await need_grpc(t);
    const grpc = client(t);
    const room = t.name('room');
    const messages = Array.from({ length: 10 }, (_, i) => ({ room, content: `${i}`.repeat(90000) }));
    assert.equal((await grpc.call('PublishBatch', { messages })).results.length, 10);
    const large = await grpc.refusal('PublishBatch', { messages: [...messages, ...messages] });
    assert.deepEqual([large.status, large.error], ['RESOURCE_EXHAUSTED', 'too_large']);
    assert.equal((await grpc.refusal('User', { user: 'x'.repeat(20000) })).status, 'RESOURCE_EXHAUSTED');
  });

  test('time-outs are the server\'s too', async (t) => {
    await need_grpc(t);
    const session = await BareCall.connect(t, t.server.url);
    const before = await calls(t, 'DEADLINE_EXCEEDED');
    const half = new BareCall(session, kPublish, { 'grpc-timeout': '300m' });
    half.write(encoded(kService, 'Publish', { content: 'x' }).subarray(0, 6));
    assert.equal((await half.over()).status, 'DEADLINE_EXCEEDED');
    const never = new BareCall(session, `/${kService}/Stats`, { 'grpc-timeout': '200000u' });
    assert.equal((await never.over()).status, 'DEADLINE_EXCEEDED');
    assert.ok((await calls(t, 'DEADLINE_EXCEEDED')) >= before + 2);
    const room = t.name('room');
    const sent = await client(t).call('Publish', { room, content: 'in time' }, { deadline: Date.now() + 60000 });
    assert.equal(sent.status, 'sent');
  });

  test('a call that waits is cancelled, ends with its time, or gets its acknowledgement', async (t) => {
    await need_grpc(t);
    const peer = await chat(t);
    const question = (event) => ({ to_connection: peer.id, event, data: '{"n": 20}', ack_timeout_ms: 60000 });
    const grpc = client(t);
    peer.socket.on('answered', ({ n }, answer) => answer(n + 1, Buffer.from([0, 255])));
    const answered = await grpc.call('Publish', question('answered'));
    assert.deepEqual([answered.status, answered.receivers, JSON.parse(answered.ack)[0]], ['sent', 1, 21]);
    assert.deepEqual([...answered.attachments[0]], [0, 255]);
    const late = await grpc.call('Publish', { ...question('nobody-listens'), ack_timeout_ms: 50 });
    assert.deepEqual([late.status, late._ack], ['sent', undefined]);

    const session = await BareCall.connect(t, t.server.url);
    const timed = new BareCall(session, kPublish, { 'grpc-timeout': '400m' });
    timed.end(encoded(kService, 'Publish', question('timed')));
    await peer.next('timed');
    assert.equal((await timed.over()).status, 'DEADLINE_EXCEEDED');

    const before = await calls(t, 'CANCELLED');
    const some = Array.from({ length: 10 }, () => new BareCall(session, kPublish, { 'grpc-timeout': '1H' }));
    for (const call of some) call.end(encoded(kService, 'Publish', question('cancelled')));
    for (let i = 0; i < 10; i++) await peer.next('cancelled');
    for (const call of some.slice(1)) call.cancel();
    await until(async () => (await calls(t, 'CANCELLED')) >= before + 9, 'calls to be cancelled');
    session.destroy();
    await until(async () => (await calls(t, 'CANCELLED')) >= before + 10, 'the last to go with its connection');
  });

  test('a back-end pushes to users, under any package', async (t) => {
    await need_grpc(t);
    const accepted = { code: 200, msg: '推送成功' };
    for (const name of ['woolive.SSEService', 'com.example.push.v2.SSEService', 'SSEService']) {
      const [a, b] = [t.name('a'), t.name('b')];
      const open = async (user) => {
        const stream = t.stream(`/woolive/sse?user=${user}`);
        await stream.next('connection_id');
        return stream;
      };
      const [one, two] = [await open(a), await open(b)];
      const pushes = client(t, { service: 'ringcast.v1.SSEService', name });
      const push = (message) => pushes.call('PushToUsers', message);
      assert.deepEqual(await push({ userIds: [a, b, t.name('offline')], event: 'order.paid', jsonData: '{"amount": 5.00}' }), accepted);
      for (const stream of [one, two]) assert.equal((await stream.next('order.paid')).raw_data, '{"amount": 5.00}');
      assert.deepEqual(await push({ userIds: [a], jsonData: '"quoted"' }), accepted);
      const event = await one.next('message');
      assert.deepEqual([event.sse_event, event.raw_data], ['message', '"quoted"']);
      // Events that ringcast has itself, and names that others may not use.
      await push({ userIds: [a], event: 'status', jsonData: 'not JSON' });
      assert.equal((await one.next({ sse_event: 'status' })).raw_data, 'not JSON');
      await push({ userIds: [a], event: '订单', jsonData: '{}' });
      assert.equal((await one.next({ sse_event: '订单' })).raw_data, '{}');
      const refused = await pushes.refusal('PushToUsers', { userIds: [], jsonData: '{}' });
      assert.deepEqual([refused.status, refused.error], ['INVALID_ARGUMENT', 'bad_target']);
    }
  });

  test('python3-grpcio', async (t) => {
    await need_grpc(t);
    if ((await run(kPython, ['-c', 'import grpc'])).status !== 0) t.skip('no python3-grpcio');
    const generated = make_folder('grpc');
    const made = await run('protoc', [`--proto_path=${kProto}`, `--python_out=${generated}`, 'ringcast/v1/ringcast.proto']);
    assert.equal(made.status, 0, made.stderr);
    const { status, stdout, stderr } = await run(kPython, [join(kHere, 'grpc_client.py'), String(t.server.port), generated, t.name('room')]);
    assert.equal(status, 0, stderr);
    assert.deepEqual(JSON.parse(stdout), {
      sent: true, history: Array.from({ length: 20 }, (_, i) => 20001 + String(i).length), versions: 1,
      refused: ['INVALID_ARGUMENT', 'bad_room'], compressed: 'UNIMPLEMENTED',
    });
  });

  test('many calls of several clients', async (t) => {
    await need_grpc(t);
    const room = t.name('room');
    const member = await t.member(room);
    const clients = Array.from({ length: 4 }, () => client(t));
    await Promise.all(clients.map(async (grpc, i) => {
      for (let j = 0; j < 5; j++) {
        await Promise.all(Array.from({ length: 10 }, (_, k) => grpc.call('Publish', { room, content: `${i} ${j} ${k}` })));
      }
    }));
    const heard = await member.events.take(200, { event_type: 'message' }).then((events) => events.map((event) => event.content));
    assert.equal(new Set(heard).size, 200);
  });
});

const kKey = 'billing:a-secret-of-some-length';
const kSecret = 'a-secret-of-some-length';
const files = new Files();
const key = new Key('HS256', { id: 'one' });

suite('grpc with keys', { settings: { api_keys: kKey, jwt_keys: files.key(key), tenants: true } }, (test) => {
  const admin = { headers: { 'X-API-Key': kSecret } };

  test('an API key, by either field, or none', async (t) => {
    await need_grpc(t);
    const none = client(t);
    for (const [method, message] of [['Publish', { content: 'x' }], ['Rooms', {}], ['Users', {}]]) {
      const refused = await none.refusal(method, message);
      assert.deepEqual([refused.status, refused.error], ['UNAUTHENTICATED', 'unauthorized'], method);
    }
    assert.equal((await health(t).call('Check')).status, 'SERVING');
    assert.equal((await client(t, { key: kSecret }).call('Publish', { content: 'x' })).status, 'sent');
    assert.equal((await client(t, { metadata: { 'x-api-key': kSecret } }).call('Publish', { content: 'x' })).status, 'sent');
    assert.equal((await client(t, { key: 'wrong' }).refusal('Publish', { content: 'x' })).status, 'UNAUTHENTICATED');
    const push = client(t, { service: 'ringcast.v1.SSEService', name: 'woolive.SSEService' });
    assert.equal((await push.refusal('PushToUsers', { userIds: ['a'], jsonData: '1' })).status, 'UNAUTHENTICATED');
  });

  test('who may not publish is refused before the message has come', async (t) => {
    await need_grpc(t);
    const session = await BareCall.connect(t, t.server.url);
    const call = new BareCall(session, kPublish);
    call.write(Buffer.from([0]));
    assert.equal((await call.over()).status, 'UNAUTHENTICATED');
  });

  test('a user\'s token has the rights of its user', async (t) => {
    await need_grpc(t);
    const token = (permissions) => key.token({ sub: 'alice', permissions });
    const mine = client(t, { key: token([{ match: 'mine', allow: ['publish', 'history', 'presence'] }]) });
    assert.equal((await mine.call('Publish', { room: 'mine', content: 'x', user: 'mallory' })).status, 'sent');
    const [message] = (await mine.call('History', { room: 'mine' })).messages.slice(-1);
    assert.equal(message.user, 'alice');
    for (const [method, more] of [['Publish', { content: 'x' }], ['History', {}], ['Members', {}]]) {
      const refused = await mine.refusal(method, { room: 'theirs', ...more });
      assert.deepEqual([refused.status, refused.error], ['PERMISSION_DENIED', 'forbidden'], method);
    }
    assert.equal((await mine.refusal('Rooms')).status, 'PERMISSION_DENIED');
    const server = client(t, { key: kSecret });
    assert.deepEqual(await server.call('RevokeUser', { user: 'alice' }), { user: 'alice', status: 'revoked' });
    assert.deepEqual(await server.call('RevokeToken', { token_id: 'some id' }), { token_id: 'some id', status: 'revoked' });
    await until(async () => (await mine.call('Members', { room: 'mine' }).catch((error) => error)).code === 16, 'the token to be revoked');
  });

  test('a server names the tenant in its metadata', async (t) => {
    await need_grpc(t);
    const room = t.name('room');
    const red = client(t, { key: kSecret, metadata: { 'ringcast-tenant': 'red' } });
    await red.call('Publish', { room, content: 'red' });
    assert.equal((await red.call('History', { room })).messages.length, 1);
    assert.equal((await client(t, { key: kSecret }).call('History', { room })).messages.length, 0);
    assert.equal((await t.read('/history', { room, tenant: 'red' }, admin)).messages.length, 1);
    assert.equal((await client(t, { key: kSecret, metadata: { 'ringcast-tenant': 'a b' } }).refusal('Rooms')).status, 'INVALID_ARGUMENT');
  });
});

suite('grpc limits and ends', { server: false }, (test) => {
  test('limits are those of requests', async (t) => {
    const server = await t.start_server({ api_keys: kKey, key_messages_per_second: 1, rate_burst: '5s', rate_strikes_max: 1000 });
    await need_grpc(t);
    const grpc = client(t, { key: kSecret }, server);
    const outcomes = await Promise.all(Array.from({ length: 20 }, (_, i) => grpc.call('Publish', { content: String(i) }).catch((error) => error)));
    const refused = outcomes.filter((outcome) => outcome instanceof Error);
    assert.ok(refused.length >= 1 && refused.length < 20, String(refused.length));
    for (const error of refused) {
      assert.equal(error.code, 8, error.message);
      assert.equal(error.metadata.get('ringcast-error')[0], 'rate_limited');
      assert.ok(Number(error.metadata.get('grpc-retry-pushback-ms')[0]) >= 1000);
    }
  });

  test('a drain: probes hear of it, what was accepted is delivered, calls are refused', async (t) => {
    const server = await t.start_server({ drain_delay: '2s', drain_period: '500ms' });
    await need_grpc(t);
    const room = t.name('room');
    const member = await t.member(room);
    const [grpc, probe] = [client(t, {}, server), health(t, server)];
    assert.equal((await probe.call('Check')).status, 'SERVING');
    const sent = [];
    let unready = false;
    server.signal('SIGTERM');
    for (let i = 0; ; i++) {
      const answer = await grpc.call('Publish', { room, content: String(i) }).catch((error) => error);
      if (answer instanceof Error) {
        assert.equal(answer.code, 14, answer.message);
        break;
      }
      sent.push(String(i));
      if (!unready) unready = (await probe.call('Check').catch(() => ({}))).status === 'NOT_SERVING';
    }
    assert.ok(unready, 'no probe saw NOT_SERVING');
    await member.close_code();
    const heard = member.events.seen.filter((event) => event.event_type === 'message').map((event) => event.content);
    assert.deepEqual(heard.slice(0, sent.length), sent);
    grpc.close();
    probe.close();
    assert.deepEqual(await server.exited, { code: 0, signal: null });
  });

  test('without HTTP/2 there is no gRPC', async (t) => {
    const server = await t.start_server({ http2: false });
    const grpc = client(t, {}, server);
    assert.equal((await grpc.refusal('Stats', {}, { deadline: Date.now() + 3000 })).status.length > 0, true);
  });
});
