// SPDX-License-Identifier: Apache-2.0
// What users may do: rules of the settings and of tokens, for subscribing, publishing, presence and history.

import assert from 'node:assert/strict';
import { until } from './lib/deadline.js';
import { suite } from './lib/runner.js';
import { Files, Key, bearer } from './lib/tokens.js';

const files = new Files();
const key = new Key('HS256');
const kSecret = 'a-secret-of-some-length';
const config = files.write('ringcast.toml', `
jwt_keys = [${JSON.stringify(files.key(key))}]
api_keys = ["${kSecret}"]

[[permissions]]
match = "chat/*"
allow = ["subscribe", "publish", "presence", "history"]

[[permissions]]
match = "news"
allow = "subscribe"

[[permissions]]
match = "news"
allow = ["publish", "history"]
users = ["editor"]

[[permissions]]
match = "orders/{user}"
allow = ["subscribe", "history"]

[[permissions]]
match = "@support"
allow = ["publish"]
`);
const token_of = (sub, claims = {}) => key.token({ sub, ...claims });
const member = async (t, sub, claims) => t.ws({ token: token_of(sub, claims) });

suite('permissions', { settings: { config } }, (test) => {
  test('without rules there is the own inbox and the broadcast, and nothing else', async (t) => {
    const client = await member(t, 'zoe');
    assert.deepEqual(Object.keys(client.hello.positions).sort(), ['*', '@zoe']);
    for (const fields of [{ action: 'join', room: 'general' }, { action: 'message', room: 'general', content: 'x' }, { action: 'join', room: '@bob' },
      { action: 'members', room: 'general' }, { action: 'history', room: 'general' }, { action: 'direct', to: 'bob', content: 'x' },
      { action: 'message', room: '*', content: 'x' }, { action: 'binary', room: 'general' }, { action: 'members', room: '*' }, { action: 'history', room: '@bob' }]) {
      const answer = await client.ask(fields);
      assert.equal(answer.code, 'forbidden', JSON.stringify([fields, answer]));
    }
    assert.equal((await client.ask({ action: 'history', room: '@me' })).event_type, 'history');
    assert.equal((await client.ask({ action: 'direct', to: 'zoe', content: 'note to self' })).event_type, 'ack');
    await client.next('direct');
    await t.http('POST', '/messages', { body: { broadcast: true, user: 'S', content: 'to all' }, headers: { 'X-API-Key': kSecret } });
    await client.next({ content: 'to all' });
  });

  test('rules of the settings hold for everybody, or for those they name', async (t) => {
    const alice = await member(t, 'alice');
    const room = `chat/${t.name('r')}`;
    await alice.join(room);
    alice.send({ action: 'message', room, content: 'hello' });
    assert.equal((await alice.next({ content: 'hello' })).user, 'alice');
    assert.equal((await alice.ask({ action: 'members', room })).event_type, 'members');
    assert.equal((await alice.ask({ action: 'history', room })).messages.length, 1);
    assert.equal((await alice.ask({ action: 'join', room: `${room}/deeper` })).code, 'forbidden');

    await alice.join('news');
    assert.equal((await alice.ask({ action: 'message', room: 'news', content: 'x' })).code, 'forbidden');
    assert.equal((await alice.ask({ action: 'typing', room: 'news' })).code, 'forbidden');
    assert.equal((await alice.ask({ action: 'history', room: 'news' })).code, 'forbidden');
    assert.equal((await alice.ask({ action: 'members', room: 'news' })).code, 'forbidden');
    const editor = await member(t, 'editor');
    assert.equal((await editor.ask({ action: 'message', room: 'news', content: 'extra' })).event_type, 'ack');
    await alice.next({ content: 'extra' });

    await alice.join('orders/alice');
    assert.equal((await alice.ask({ action: 'join', room: 'orders/bob' })).code, 'forbidden');
    assert.equal((await alice.ask({ action: 'direct', to: 'support', content: 'help' })).event_type, 'ack');
    assert.equal((await alice.ask({ action: 'direct', to: 'bob', content: 'x' })).code, 'forbidden');
  });

  test('a token brings rules of its own', async (t) => {
    const client = await member(t, 'bob', { permissions: [{ match: 'x/**', allow: ['subscribe'] }, { match: '@*', allow: ['publish'] }, { match: '*', allow: ['broadcast'] }] });
    await client.join('x/a/b');
    assert.equal((await client.ask({ action: 'message', room: 'x/a/b', content: 'x' })).code, 'forbidden');
    assert.equal((await client.ask({ action: 'join', room: 'y' })).code, 'forbidden');
    assert.equal((await client.ask({ action: 'direct', to: 'alice', content: 'x' })).event_type, 'ack');
    assert.equal((await client.ask({ action: 'message', room: '*', content: 'to all' })).event_type, 'ack');
    assert.equal((await (await member(t, 'bob')).ask({ action: 'join', room: 'x/a/b' })).code, 'forbidden');
  });

  test('binary frames need the rule as well', async (t) => {
    const client = await member(t, 'bob');
    await client.join('news');
    client.send_binary(Buffer.from('x'));
    assert.equal((await client.next('error')).code, 'forbidden');
  });

  test('what is asked for at the start and may not be', async (t) => {
    const client = t.ws_raw(`/ws?rooms=chat/a,secret&token=${token_of('bob')}`);
    assert.equal((await client.close_code()).code, 4003);
    assert.equal(client.events.all('error')[0].code, 'forbidden');
    const inbox = t.ws_raw(`/ws?rooms=@alice&token=${token_of('bob')}`);
    assert.equal((await inbox.close_code()).code, 4003);
    const options = { headers: { Accept: 'text/event-stream', Authorization: `Bearer ${token_of('bob')}` } };
    for (const path of ['/events', '/poll']) {
      t.refused(await t.get(path, { rooms: ['chat/a', 'secret'] }, options), 403, 'forbidden');
      t.refused(await t.get(path, { rooms: ['@alice'] }, options), 403, 'forbidden');
      t.refused(await t.get(path, { rooms: ['orders/alice'] }, options), 403, 'forbidden');
    }
    t.refused(await t.get('/events', {}, options), 403, 'forbidden');  // general
    const stream = await t.sse({ rooms: ['chat/a', '@me', '*', 'orders/bob'] }, options);
    assert.equal(stream.hello.user, 'bob');
  });

  test('a position is worth nothing where history is not allowed', async (t) => {
    const headers = { 'X-API-Key': kSecret };
    const { json: { event_id } } = await t.http('POST', '/messages', { body: { room: 'news', user: 'S', content: t.name('old') }, headers });
    const joined = [];
    const client = await member(t, 'bob');
    joined.push(await client.join('news', { last_id: 1 }));
    const resumed = t.ws_raw(`/ws?rooms=news&since=news=1&token=${token_of('bob')}`);
    await resumed.ready();
    joined.push(await resumed.next('joined'));
    for (const each of joined) {
      assert.equal(each.recovered, false);
      assert.ok(each.id >= event_id);
    }
    await client.next('gap');
    await resumed.next('gap');
    await Promise.all([client.fence(), resumed.fence()]);
    const stream = await t.sse({ rooms: ['news'], last_event_id: 1, token: token_of('bob') });
    await stream.next('gap');
    const poll = await t.poll({ rooms: ['news'], since: 1, token: token_of('bob') });
    const messages = [client, resumed, stream].flatMap((reader) => reader.events.all({ event_type: 'message', room: 'news' }));
    messages.push(...poll.events.filter(({ event_type }) => event_type === 'message'));
    assert.ok(messages.every(({ id }) => id > event_id));  // other tests' are live
    const editor = await member(t, 'editor');
    await editor.join('news', { last_id: 1 });
    await editor.next('message');
  });

  test('a user\'s token publishes over HTTP as that user and within its rules', async (t) => {
    const reader = await member(t, 'reader');
    const room = `chat/${t.name('r')}`;
    await reader.join(room);
    const publish = (body, sub = 'carol', claims) => t.http('POST', '/messages', { body, ...bearer(token_of(sub, claims)) });
    assert.equal((await publish({ room, user: 'somebody else', content: 'one' })).status, 200);
    assert.equal((await reader.next({ content: 'one' })).user, 'carol');
    assert.equal((await publish([{ room, content: 'two' }, { to: 'carol', content: 'x' }, { to: 'support', content: 'x' }])).status, 200);
    assert.equal((await reader.next({ content: 'two' })).user, 'carol');
    for (const body of [{ room: 'news', content: 'x' }, { rooms: [room, 'news'], content: 'x' }, { to: 'bob', content: 'x' }, { users: ['carol', 'bob'], content: 'x' },
      { broadcast: true, content: 'x' }, { to_connection: reader.id, content: 'x' }, { room, content: 'x', final: true }, { content: 'x' }]) {
      t.refused(await publish(body), 403, 'forbidden');
    }
    const batch = await publish([{ room, content: 'never' }, { room: 'news', content: 'x' }]);
    t.refused(batch, 403, 'forbidden');
    assert.match(batch.json.error.message, /^item 1: /);
    assert.equal((await publish({ broadcast: true, content: 'x' }, 'carol', { permissions: [{ match: '**', allow: 'broadcast' }] })).status, 200);
    await reader.fence();
    assert.equal(reader.events.all({ content: 'never' }).length, 0);
  });

  test('reading over HTTP follows the rules', async (t) => {
    const read = (path, query, sub = 'dora') => t.get(path, query, bearer(token_of(sub)));
    assert.equal((await read('/history', { room: 'chat/a' })).status, 200);
    assert.equal((await read('/rooms/chat%2Fa/members')).status, 200);
    t.refused(await read('/members', { room: 'news' }), 403, 'forbidden');
    t.refused(await read('/history', { room: 'news' }), 403, 'forbidden');
    assert.equal((await read('/history', { room: 'news' }, 'editor')).status, 200);
    assert.equal((await read('/history', { room: '@me' })).json.room, '@dora');
    assert.equal((await read('/rooms/@dora/history')).status, 200);
    t.refused(await read('/rooms/@bob/history'), 403, 'forbidden');
    t.refused(await read('/rooms/@bob/members'), 403, 'forbidden');
    assert.equal((await read('/history', { room: '*' })).status, 200);
    t.refused(await read('/members', { room: '*' }), 403, 'forbidden');
    assert.equal((await t.get('/rooms/@bob/history', {}, bearer(kSecret))).status, 200);
  });
});

suite('permissions without tokens', { server: false }, (test) => {
  test('rules hold for clients, and change with a reload', async (t) => {
    const own = new Files();
    const write = (match) => own.write('ringcast.toml', `[[permissions]]\nmatch = "${match}"\nallow = ["subscribe"]\n`);
    const server = await t.start_server({ config: write('open/*') });
    const client = await t.ws({ user: 'alice' });
    await client.join('open/a');
    assert.equal((await client.ask({ action: 'join', room: 'later/a' })).code, 'forbidden');
    assert.equal((await client.ask({ action: 'message', room: 'open/a', content: 'x' })).code, 'forbidden');
    assert.equal((await t.http('POST', '/messages', { body: { room: 'open/a', user: 'S', content: 'from a server' } })).status, 200);
    await client.next({ content: 'from a server' });
    write('later/*');
    server.signal('SIGHUP');
    await until(async () => (await client.ask({ action: 'join', room: 'later/a' })).event_type !== 'error', 'the new rule');
    assert.equal((await client.ask({ action: 'join', room: 'open/b' })).code, 'forbidden');
  });

  for (const [what, section, message] of [
    ['no pattern', 'allow = ["publish"]', /needs match/],
    ['nothing allowed', 'match = "a"', /needs allow/],
    ['an unknown operation', 'match = "a"\nallow = ["join"]', /there is no "join", only subscribe, publish/],
    ['an unknown key', 'match = "a"\nallow = ["publish"]\nusres = ["a"]', /unknown setting of \[\[permissions\]\] "usres"/],
    ['a bad user', 'match = "a"\nallow = ["publish"]\nusers = ["a,b"]', /users/],
    ['a bad pattern', 'match = "a\\u0001"\nallow = ["publish"]', /match/],
  ]) {
    test(`a section with ${what} is refused`, async (t) => {
      const config_file = new Files().write('ringcast.toml', `[[permissions]]\n${section}\n`);
      await assert.rejects(t.start_server({ config: config_file }), message);
    });
  }
});

const kLimited = 'a-limited-key-of-some-length';
const keys_config = files.write('keys.toml', `
api_keys = ["billing:${kLimited}", "${kSecret}"]

[[permissions]]
match = "orders/**"
allow = ["subscribe", "publish", "history"]
keys = ["billing"]

[[permissions]]
match = "@*"
allow = "publish"
keys = ["billing"]
`);

suite('permissions of API keys', { settings: { config: keys_config } }, (test) => {
  const billing = { headers: { 'X-API-Key': kLimited } };
  const everything = { headers: { 'X-API-Key': kSecret } };

  test('a key that rules name does what they allow, and nothing else', async (t) => {
    const publish = (body) => t.http('POST', '/messages', { body, ...billing });
    const room = `orders/${t.name('r')}`;
    assert.equal((await publish({ room, user: 'anybody', content: 'x' })).status, 200);
    assert.equal((await publish({ to: 'alice', content: 'x' })).status, 200);
    assert.equal((await t.get('/history', { room }, billing)).json.messages[0].user, 'anybody');
    for (const body of [{ room: 'general', content: 'x' }, { broadcast: true, content: 'x' }, { room, content: 'x', final: true }, { rooms: [room, 'general'], content: 'x' }]) {
      t.refused(await publish(body), 403, 'forbidden');
    }
    t.refused(await t.get('/members', { room }, billing), 403, 'forbidden');
    t.refused(await t.get('/history', { room: 'general' }, billing), 403, 'forbidden');
    t.refused(await t.get('/history', { room: '@alice' }, billing), 403, 'forbidden');
    for (const [method, path] of [['GET', '/rooms'], ['GET', '/users'], ['DELETE', '/rooms/orders'], ['DELETE', '/users/alice/connections'], ['GET', '/metrics']]) {
      const answer = await t.http(method, path, billing);
      t.refused(answer, 403, 'forbidden');
      assert.match(answer.json.error.message, /"billing"/);
    }
  });

  test('its streams are within them too, and no inbox is its own', async (t) => {
    const room = `orders/${t.name('r')}`;
    const stream = await t.sse({ rooms: [room, '*'], user: 'alice' }, billing);
    assert.equal(stream.hello.user, 'alice');
    const options = { headers: { ...billing.headers, Accept: 'text/event-stream' } };
    t.refused(await t.get('/events', { rooms: ['general'] }, options), 403, 'forbidden');
    t.refused(await t.get('/poll', { rooms: ['@me'], user: 'alice' }, billing), 403, 'forbidden');
    const named = t.ws_raw('/ws?user=alice', billing);
    assert.equal((await named.close_code()).code, 4003);
    const client = await t.ws({ rooms: [room] }, billing);
    assert.equal((await client.ask({ action: 'join', room: 'general' })).code, 'forbidden');
    assert.equal((await client.ask({ action: 'message', room: '*', content: 'x' })).code, 'forbidden');
    assert.equal((await client.ask({ action: 'direct', to: 'alice', content: 'x' })).event_type, 'ack');
    assert.equal((await client.ask({ action: 'refresh', token: 'x.y.z' })).code, 'forbidden');
  });

  test('other keys may do everything', async (t) => {
    assert.equal((await t.get('/rooms', {}, everything)).status, 200);
    assert.equal((await t.http('POST', '/messages', { body: { broadcast: true, content: 'x' }, ...everything })).status, 200);
    const client = await t.ws({ user: 'alice' }, everything);
    await client.join('anywhere');
    // And people's clients are as free as without rules for keys.
    await (await t.ws({ user: 'bob' })).join('anywhere');
  });

  for (const [what, section, message] of [
    ['an unknown key', 'keys = ["bill"]', /there is no API key or inlet "bill"/],
    ['keys and users', 'keys = ["billing"]\nusers = ["alice"]', /for users or for keys/],
    ['no list of keys', 'keys = 1', /names of api_keys/],
  ]) {
    test(`a section with ${what} is refused`, async (t) => {
      const config_file = new Files().write('ringcast.toml', `api_keys = ["billing:${kLimited}"]\n[[permissions]]\nmatch = "a"\nallow = "publish"\n${section}\n`);
      await assert.rejects(t.start_server({ config: config_file }), message);
    });
  }
});
