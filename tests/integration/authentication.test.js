// SPDX-License-Identifier: Apache-2.0
// Who comes in: tokens of every algorithm by every way there is, their end, their revocation, and API keys beside them.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { until } from './lib/deadline.js';
import { suite } from './lib/runner.js';
import { Files, Key, bearer, kAlgorithms, now_s } from './lib/tokens.js';

const kApiKey = 'billing:a-secret-of-some-length';
const kSecret = 'a-secret-of-some-length';
const files = new Files();
const keys = Object.fromEntries(kAlgorithms.map((algorithm) => [algorithm, new Key(algorithm, { id: `key-${algorithm}` })]));
const key = keys.HS256;
const unnamed = new Key('ES256');
const settings = {
  jwt_keys: [...Object.values(keys).map((each) => files.key(each)), files.key(unnamed, 'unnamed')], api_keys: kApiKey,
  jwt_leeway: '0s', token_cookie: 'session', clients_may_direct: 'yes',
};
const anywhere = [{ match: '**', allow: ['subscribe', 'publish', 'presence', 'history'] }];
const stream = { headers: { Accept: 'text/event-stream' } };

// Upgraded, notified of the reason, closed.
async function refused_socket(t, query, code, options = {}, at) {
  const client = t.ws_raw(`/ws${query}`, options, at);
  const closed = await client.close_code();
  assert.equal(closed.code, code);
  assert.equal(client.events.all('connection_id').length, 0);
  return { ...closed, error: client.events.all('error')[0] };
}

// What `come` makes of a token that ends soon; a machine that was too slow for that gets one that ends later.
async function before_the_end(come) {
  for (const seconds of [3, 12]) {
    const exp = now_s() + seconds;
    try {
      return await come(exp, seconds);
    } catch (error) {
      if (now_s() < exp || seconds === 12) throw error;
    }
  }
  return undefined;
}

suite('tokens', { settings }, (test) => {
  for (const algorithm of kAlgorithms) {
    test(`${algorithm} lets its user in`, async (t) => {
      const client = await t.ws({ token: keys[algorithm].token({ sub: `user of ${algorithm}` }), user: 'mallory', tenant: 'x' });
      assert.equal(client.hello.user, `user of ${algorithm}`);
      assert.ok(`@user of ${algorithm}` in client.hello.positions);
    });
  }

  test('a key without a name takes tokens with any or no key id', async (t) => {
    await t.ws({ token: unnamed.token() });
    await t.ws({ token: unnamed.token({}, { kid: 'whatever' }) });
  });

  test('a token comes by header, query, cookie and subprotocol', async (t) => {
    const token = key.token({ sub: 'bob' });
    const offered = await t.ws({}, { protocol: ['ringcast.v1', `bearer.${token}`] });
    assert.equal(offered.hello.user, 'bob');
    assert.equal(offered.socket.protocol, 'ringcast.v1');
    for (const options of [bearer(token), { headers: { Cookie: `a=b; session=${token}; c=d` } }]) {
      assert.equal((await t.ws({}, options)).hello.user, 'bob');
      assert.equal((await t.sse({ rooms: ['@me'] }, options)).hello.user, 'bob');
      assert.equal((await t.get('/poll', { rooms: ['@me'] }, options)).status, 200);
      assert.equal((await t.get('/history', { room: '@me' }, options)).status, 200);
    }
    assert.equal((await t.sse({ rooms: ['@me'], token })).hello.user, 'bob');
    assert.equal((await t.get('/poll', { rooms: ['@me'], token })).status, 200);
  });

  const good = key.token();
  const [head, payload, signature] = good.split('.');
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  const bad = {
    'no token': '',
    'no token at all': 'nonsense',
    'a changed signature': `${head}.${payload}.${signature[0] === 'A' ? 'B' : 'A'}${signature.slice(1)}`,
    'no signature': `${head}.${payload}.`,
    'the algorithm none': `${none}.${payload}.`,
    'another key': new Key('HS256', { id: 'key-HS256' }).token(),
    'an unknown key': new Key('ES256', { id: 'elsewhere' }).token(),
    'another algorithm than the key has': key.token({}, { alg: 'HS512' }),
    'the public key as a secret': Object.assign(new Key('HS256', { id: 'key-RS256' }), { secret: keys.RS256.text }).token(),
    'expired': key.token({ exp: now_s() - 5 }),
    'not good yet': key.token({ nbf: now_s() + 86400, exp: now_s() + 90000 }),
    'without an end': key.token({ exp: undefined }),
    'without a user': key.token({ sub: undefined }),
    'an anonymous user': key.token({ sub: 'anonymous' }),
    'a user that is no name': key.token({ sub: 'a,b' }),
    'a tenant that is none': key.token({ tenant: 'a b' }),
    'too large': key.token({ more: 'x'.repeat(5000) }),
    'permissions that are none': key.token({ permissions: [{ match: 'a', allow: ['everything'] }] }),
  };
  for (const [what, token] of Object.entries(bad)) {
    test(`refused: ${what}`, async (t) => {
      const given = token ? { token } : {};
      const query = token ? `?token=${token}` : '';
      const { reason, error } = await refused_socket(t, query, 4001);
      assert.equal(reason, 'Unauthorized');
      assert.equal(error.code, 'unauthorized');
      for (const [path, options] of [['/events', stream], ['/poll', {}], ['/history', {}], ['/members', {}]]) {
        const answer = await t.get(path, { rooms: ['@me'], room: '@me', ...given }, options);
        t.refused(answer, 401, 'unauthorized');
        assert.match(answer.headers['www-authenticate'], token ? /^Bearer error="invalid_token"$/ : /^Bearer$/);
      }
      t.refused(await t.http('POST', '/messages', { body: { room: 'a', content: 'x' }, ...(token && bearer(token)) }), 401);
    });
  }

  test('a refused socket may go on to send and is not read', async (t) => {
    const socket = t.raw();
    assert.equal((await socket.upgrade('/ws?token=x.y.z')).status, 101);
    socket.write(Buffer.alloc(300000, 0x81));
    assert.equal(await socket.close_code(), 4001);
  });

  test('a refused upgrade that is none is answered as such', async (t) => {
    t.refused(await t.get('/ws', { token: 'x.y.z' }), 426);
  });

  test('the tenant is the token\'s', async (t) => {
    const red = await t.ws({ token: key.token({ tenant: 'red' }), tenant: 'blue' });
    const same = await t.ws({ token: key.token({ sub: 'bob', tenant: 'red' }) });
    const blue = await t.ws({ token: key.token({ sub: 'bob', tenant: 'blue' }) });
    red.send({ action: 'direct', to: 'bob', content: 'within red' });
    assert.equal((await same.next('direct')).user, 'alice');
    await blue.fence();
    assert.equal(blue.events.all('direct').length, 0);
  });

  test('API keys open the server calls beside tokens', async (t) => {
    const server = { 'X-API-Key': kSecret };
    assert.equal((await t.get('/rooms', {}, { headers: server })).status, 200);
    assert.equal((await t.get('/rooms', {}, bearer(kSecret))).status, 200);
    t.refused(await t.get('/rooms'), 401);
    t.refused(await t.get('/rooms', {}, { headers: { 'X-API-Key': kApiKey } }), 401);
    for (const [method, path] of [['GET', '/rooms'], ['GET', '/users'], ['GET', '/connections'], ['DELETE', '/rooms/a'], ['DELETE', '/users/bob/tokens'], ['DELETE', '/tokens/x']]) {
      t.refused(await t.http(method, path, bearer(good)), 403, 'forbidden');
      t.refused(await t.http(method, path), 401);
    }
    const published = await t.http('POST', '/messages', { body: { room: t.name('r'), user: 'anybody', content: 'x' }, headers: server });
    assert.equal(published.status, 200);
    const as_server = await t.ws({ user: 'a-server' }, { headers: server });
    assert.equal(as_server.hello.user, 'a-server');
    await as_server.join(t.name('r'));
  });
});

suite('tokens and limits', { settings: { ...settings, connections_per_user_max: 1, user_messages_per_second: 1000 } }, (test) => {
  test('what a token says outlasts the question whether limits allow it', async (t) => {
    const token = key.token({ sub: 'limited', permissions: anywhere });
    const client = await t.ws({ token, rooms: ['a'] });
    assert.equal(client.hello.user, 'limited');
    t.refused(await t.get('/poll', { rooms: ['@me'], token }), 429, 'too_many_connections');
    assert.equal((await t.get('/history', { room: '@me', token })).json.room, '@limited');
    const published = await t.http('POST', '/messages', { body: { room: 'a', user: 'other', content: 'x' }, ...bearer(token) });
    assert.equal(published.status, 200);
    assert.equal((await client.next('message')).user, 'limited');
    await refused_socket(t, '?token=x.y.z', 4001);
    assert.equal((await t.poll({ rooms: ['@me'], token: key.token({ sub: 'somebody else' }) })).events.length, 0);
  });
});

suite('the end of tokens', { settings: { ...settings, token_notice: '60s' } }, (test) => {
  test('a WebSocket is notified before, and closed with 4010', async (t) => {
    const client = await before_the_end(async (exp, seconds) => {
      const opened = await t.ws({ token: key.token({ exp }) });
      const { expires_in_ms } = await opened.next('token_expiring');
      assert.ok(expires_in_ms > 0 && expires_in_ms <= 1000 * seconds);
      return opened;
    });
    assert.equal((await client.close_code()).code, 4010);
    assert.equal(client.events.all('token_expiring').length, 1);
  });

  test('a stream is notified, gets a problem and ends', async (t) => {
    const client = await before_the_end(async (exp) => {
      const opened = await t.sse({ rooms: ['@me'], token: key.token({ exp }) });
      await opened.next('token_expiring');
      return opened;
    });
    assert.equal((await client.next('problem')).code, 'token_expired');
    assert.equal((await client.next('close')).code, 4010);
    await client.end();
  });

  test('a poll does not outlast its token', async (t) => {
    const token = await before_the_end(async (exp) => {
      const short = key.token({ exp });
      const { cursor } = await t.poll({ rooms: ['@me'], token: short });
      const { events } = await t.poll({ rooms: ['@me'], token: short, since: cursor, timeout: 120 });
      assert.deepEqual(events, []);
      return short;
    });
    await until(async () => (await t.get('/poll', { rooms: ['@me'], token })).status === 401, '401');
  });

  test('a refreshed connection goes on', async (t) => {
    const { client, first } = await before_the_end(async (exp) => {
      const opened = await t.ws({ token: key.token({ exp }) });
      await opened.next('token_expiring');
      assert.equal((await opened.ask({ action: 'refresh', token: key.token({ exp: exp + 3600 }) })).event_type, 'ack');
      return { client: opened, first: exp };
    });
    await until(() => now_s() > first, 'the first token\'s end');
    const shorter = await before_the_end((exp) => t.ws({ token: key.token({ exp }) }));
    assert.equal((await shorter.close_code()).code, 4010);
    await client.fence();
    assert.equal(client.events.all('token_expiring').length, 1);
  });

  test('a refresh brings new permissions', async (t) => {
    const client = await t.ws({ token: key.token() });
    const room = t.name('r');
    assert.equal((await client.ask({ action: 'join', room })).code, 'forbidden');
    await client.ask({ action: 'refresh', token: key.token({ permissions: anywhere, exp: now_s() + 4000 }) });
    await client.join(room);
  });

  test('a refresh with a bad token closes, somebody else\'s too', async (t) => {
    for (const token of ['x.y.z', key.token({ exp: now_s() - 10 }), key.token({ sub: 'bob' }), key.token({ tenant: 'red' }), key.token({ exp: now_s() + 60 })]) {
      const client = await t.ws({ token: key.token() });
      assert.equal((await client.ask({ action: 'refresh', token })).code, 'unauthorized');
      assert.equal((await client.close_code()).code, 4001);
    }
    const client = await t.ws({ token: key.token() });
    assert.equal((await client.ask({ action: 'refresh' })).code, 'missing_field');
    const server = await t.ws({ user: 's' }, bearer(kSecret));
    assert.equal((await server.ask({ action: 'refresh', token: good_token() })).code, 'forbidden');
  });
});
const good_token = () => key.token();

suite('revocation', { settings: () => ({ ...settings, revocations_file: files.write('revoked', 'jti listed\nuser banned\nuser@red bob\n') }) }, (test) => {
  const headers = { 'X-API-Key': kSecret };

  test('a file lists tokens and users', async (t) => {
    for (const claims of [{ jti: 'listed' }, { sub: 'banned' }, { sub: 'bob', tenant: 'red' }]) {
      await refused_socket(t, `?token=${key.token(claims)}`, 4001);
    }
    await t.ws({ token: key.token({ sub: 'bob', jti: 'other' }) });
  });

  test('a token is taken back: its connections end, on whatever core they are', async (t) => {
    const token = key.token({ sub: 'carol', jti: t.name('jti') });
    const jti = JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).jti;
    const sockets = await Promise.all(Array.from({ length: 6 }, () => t.ws({ token })));
    const streams = await Promise.all(Array.from({ length: 4 }, () => t.sse({ rooms: ['@me'], token })));
    const { cursor } = await t.poll({ rooms: ['@me'], token });
    const polls = Array.from({ length: 4 }, () => t.get('/poll', { rooms: ['@me'], token, since: cursor, timeout: 120 }));
    await until(async () => (await t.http('GET', '/users/carol', { headers })).json.connections === 14, 'the polls to wait');
    const other = await t.ws({ token: key.token({ sub: 'carol' }) });
    const answer = await t.http('DELETE', `/tokens/${jti}`, { headers });
    assert.deepEqual(answer.json, { token_id: jti, status: 'revoked' });
    for (const socket of sockets) assert.equal((await socket.close_code()).code, 4001);
    for (const stream_client of streams) {
      assert.equal((await stream_client.next('close')).code, 4001);
      await stream_client.end();
    }
    for (const poll of polls) t.refused(await poll, 401);
    await other.fence();
    await refused_socket(t, `?token=${token}`, 4001);
  });

  test('all of a user\'s tokens until now are taken back', async (t) => {
    const old = key.token({ sub: 'dave', iat: now_s() - 10 });
    const client = await t.ws({ token: old });
    const namesake = await t.ws({ token: key.token({ sub: 'dave', tenant: 'red', iat: now_s() - 10 }) });
    assert.equal((await t.http('DELETE', '/users/dave/tokens', { headers })).json.status, 'revoked');
    assert.equal((await client.close_code()).code, 4001);
    t.refused(await t.get('/history', { room: '@me', token: old }), 401);
    await t.ws({ token: key.token({ sub: 'dave', iat: now_s() + 5 }) });
    await namesake.fence();
  });
});

suite('tokens and reloads', { server: false }, (test) => {
  test('keys rotate, and files are read again, on SIGHUP', async (t) => {
    const own = new Files();
    const [first, second] = [new Key('ES256', { id: 'a' }), new Key('EdDSA', { id: 'b' })];
    const config = (list) => own.write('ringcast.toml', `jwt_keys = [${list.map((each) => JSON.stringify(own.key(each))).join(', ')}]\nrevocations_file = ${JSON.stringify(`${own.path}/revoked`)}\n`);
    own.write('revoked', '');
    const server = await t.start_server({ config: config([first]), jwt_leeway: '0s' });
    const client = await t.ws({ token: first.token({ jti: 'x' }) });
    await refused_socket(t, `?token=${second.token()}`, 4001, {}, server);
    config([first, second]);
    server.signal('SIGHUP');
    await until(() => server.log.some((line) => line.includes('reloaded')), 'the reload');
    await t.ws({ token: second.token() });
    await t.ws({ token: first.token() });
    own.write('revoked', 'jti x\n');
    server.signal('SIGHUP');
    assert.equal((await client.close_code()).code, 4001);
    // A file that cannot be read changes nothing.
    own.write('revoked', 'nonsense\n');
    server.signal('SIGHUP');
    await until(() => server.log.some((line) => line.includes('reload_refused') && line.includes('revoked:1')), 'the refusal');
    await t.ws({ token: second.token() });
  });

  test('a JWKS comes over https from the host that its certificate names', async (t) => {
    const set = new Key('EdDSA', { id: 'one' });
    const own = new Files();
    const [private_key, certificate] = [`${own.path}/key.pem`, `${own.path}/certificate.pem`];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost',
      '-addext', 'subjectAltName=DNS:localhost', '-keyout', private_key, '-out', certificate], { stdio: 'pipe' });
    const issuer = https.createServer({ key: readFileSync(private_key), cert: readFileSync(certificate) }, (request, response) => {
      response.end(JSON.stringify({ keys: [set.jwk] }));
    });
    issuer.listen(0, '127.0.0.1');
    await once(issuer, 'listening');
    t.after(() => { issuer.close(); issuer.closeAllConnections(); });
    const jwks = `https://localhost:${issuer.address().port}/keys`;
    await t.start_server({ jwks, jwks_ca_file: certificate });
    await t.ws({ token: set.token() });
    // Nobody else is believed: neither an unknown certificate nor another name.
    for (const wrong of [{ jwks }, { jwks: jwks.replace('localhost', '127.0.0.1'), jwks_ca_file: certificate }]) {
      const server = await t.start_server(wrong);
      await until(() => server.log.some((line) => line.includes('jwks_failed')), 'the failure');
      await refused_socket(t, `?token=${set.token()}`, 1013, {}, server);
    }
  });

  test('a JWKS in a file is read at start and on SIGHUP', async (t) => {
    const own = new Files();
    const [first, second] = [new Key('RS384', { id: 'a' }), new Key('ES512', { id: 'b' })];
    const write = (...keys_there) => own.write('keys.json', JSON.stringify({ keys: keys_there.map(({ jwk }) => jwk) }));
    const server = await t.start_server({ jwks: write(first), listen: '127.0.0.1' });
    await t.ws({ token: first.token() });
    await refused_socket(t, `?token=${second.token()}`, 4001, {}, server);
    write(second);
    server.signal('SIGHUP');
    await until(() => server.log.some((line) => line.includes('reloaded')), 'the reload');
    await t.ws({ token: second.token() });
    await refused_socket(t, `?token=${first.token()}`, 4001, {}, server);
    for (const [text, why] of [['{"keys":[]}', /no key in it/], ['nonsense', /jwks/], ['{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}', /bits/]]) {
      await assert.rejects(t.start_server({ jwks: own.write('bad.json', text) }), why);
    }
  });

  // An issuer of keys whose answers wait while `holding` is set.
  async function key_issuer(t, set) {
    const issuer = { asked: 0, holding: undefined };
    const server = http.createServer(async (request, response) => {
      issuer.asked++;
      await issuer.holding;
      response.end(JSON.stringify({ keys: set.map(({ jwk }) => jwk) }));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => { server.close(); server.closeAllConnections(); });
    issuer.hold = () => {
      let release;
      issuer.holding = new Promise((resolve) => { release = resolve; });
      return release;
    };
    issuer.url = `http://127.0.0.1:${server.address().port}/keys`;
    return issuer;
  }

  test('a JWKS is fetched from its URL, again for an unknown key', async (t) => {
    const set = [new Key('ES384', { id: 'one' })];
    const issuer = await key_issuer(t, set);
    const server = await t.start_server({ jwks: issuer.url, jwks_refresh: '1s', jwt_issuers: 'us', jwt_audiences: 'push' });
    const claims = { iss: 'us', aud: ['other', 'push'] };
    await t.ws({ token: set[0].token(claims) });
    await refused_socket(t, `?token=${set[0].token({ iss: 'us' })}`, 4001, {}, server);
    await refused_socket(t, `?token=${set[0].token({ aud: 'push' })}`, 4001, {}, server);
    // A key that only has not been fetched yet: its tokens are refused for now.
    const release = issuer.hold();
    const added = new Key('RS256', { id: 'two' });
    set.push(added);
    const poll = (signed_by) => t.get('/poll', { rooms: ['@me'], token: signed_by.token(claims) });
    const early = await poll(added);
    assert.equal(early.status, 503);
    assert.equal(early.json.error.code, 'try_again');
    assert.ok(Number(early.headers['retry-after']) >= 1);
    await refused_socket(t, `?token=${added.token(claims)}`, 1013, {}, server);
    release();
    await until(async () => (await poll(added)).status === 200, 'the new key');
    set.shift();
    const asked = issuer.asked;
    // A key that a fetch since has not brought is refused for good.
    await until(async () => (await poll(key)).status === 401 && issuer.asked > asked, 'further fetches');
    assert.equal((await poll(added)).status, 200);
  });

  test('a refresh with a key that is being fetched leaves the connection open', async (t) => {
    const set = [new Key('ES384', { id: 'one' })];
    const issuer = await key_issuer(t, set);
    const server = await t.start_server({ jwks: issuer.url, jwks_refresh: '1s' });
    const socket = await t.ws({ token: set[0].token() }, {}, server);
    const release = issuer.hold();
    const added = new Key('RS256', { id: 'two' });
    set.push(added);
    const refresh = (signed_by) => socket.ask({ action: 'refresh', token: signed_by.token() });
    assert.equal((await refresh(added)).code, 'try_again');
    release();
    await until(async () => (await refresh(added)).event_type === 'ack', 'the new key');
  });

  test('a JWKS that cannot be fetched leaves the server up, and tokens refused for now', async (t) => {
    const server = await t.start_server({ jwks: 'http://127.0.0.1:1/keys', api_keys: kApiKey });
    await refused_socket(t, `?token=${key.token()}`, 1013, {}, server);
    await until(() => server.log.some((line) => line.includes('jwks_failed')), 'the failure');
    // Counted as what it is: for now, not for good.
    const errors = [...(await t.get('/metrics', {}, { ...bearer(kSecret), at: server })).text.matchAll(/^ringcast_errors_total\{[^}]*code="(\w+)"\} ([1-9]\d*)$/gm)];
    assert.deepEqual(errors.map(([, code, count]) => [code, count]), [['full', '1']]);
  });

  test('a JWKS may be a file', async (t) => {
    const own = new Files();
    const signer = new Key('RS512', { id: 'x' });
    await t.start_server({ jwks: own.write('jwks.json', JSON.stringify({ keys: [signer.jwk] })) });
    await t.ws({ token: signer.token() });
  });

  test('who may come without a token is anonymous', async (t) => {
    const server = await t.start_server({ ...settings, token_required: false });
    const client = await t.ws({ user: 'mallory', tenant: 'red' });
    assert.equal(client.hello.user, 'anonymous');
    assert.equal((await client.ask({ action: 'join', room: 'general' })).code, 'forbidden');
    await refused_socket(t, '?token=x.y.z', 4001, {}, server);
  });

  for (const [what, given, message] of [
    ['a file that is not there', { jwt_keys: 'HS256:/nowhere/secret' }, /jwt_keys: cannot read \/nowhere\/secret/],
    ['an unknown algorithm', { jwt_keys: 'PS256:/dev/null' }, /jwt_keys.*HS256, HS384/],
    ['a secret that is too short', { jwt_keys: `HS256:${files.write('short', 'short')}` }, /5 bytes; a secret for HS256 needs at least 32/],
    ['a JWKS file that is none', { jwks: files.write('bad.json', '{}') }, /jwks: .*not a JSON Web Key Set/],
    ['revocations that are none', { ...settings, revocations_file: files.write('bad', 'x\n') }, /bad:1: a line is/],
  ]) {
    test(`a server does not start with ${what}`, async (t) => {
      await assert.rejects(t.start_server(given), message);
    });
  }

  test('no log line has a token in it', async (t) => {
    const server = await t.start_server({ ...settings, log_level: 'debug' });
    const tokens = [key.token(), key.token({ exp: 1 }), new Key('HS256').token()];
    for (const token of tokens) {
      await t.get('/events', { token }, stream).catch(() => {});
      await t.get('/poll', { rooms: ['@me'], token });
      await t.get('/history', { room: '@me' }, bearer(token));
      await t.get('/rooms', {}, { headers: { 'X-API-Key': token, Cookie: `session=${token}` } });
      const client = t.ws_raw('/ws', { protocol: ['ringcast.v1', `bearer.${token}`] });
      await client.opened;
      client.send({ action: 'refresh', token });
      client.send({ action: 'refresh', token: `${token}x` });
      await client.close_code();
    }
    assert.equal((await server.stop()).code, 0);
    const log = server.log.join('\n');
    assert.match(log, /stopped/);
    for (const token of tokens) {
      for (const part of token.split('.').slice(1)) assert.ok(!log.includes(part), 'a part of a token is in the log');
    }
    assert.ok(!log.includes(kSecret));
  });
});

suite('failures are counted', { settings: { ...settings, token_notice: '0s' } }, (test) => {
  const count = async (t, reason) => {
    const { text } = await t.get('/metrics', {}, bearer(kSecret));
    const lines = text.split('\n').filter((line) => line.startsWith('ringcast_auth_failures_total{') && line.includes(`reason="${reason}"`));
    assert.ok(lines.length > 0, reason);
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  };
  const tokens = {
    no_credentials: '', bad_token: 'x.y.z', token_expired: key.token({ exp: now_s() - 100 }), token_revoked: key.token({ jti: 'taken-back' }),
  };

  test('by reason, over every transport', { alone: true }, async (t) => {
    await t.http('DELETE', '/tokens/taken-back', { headers: { 'X-API-Key': kSecret } });
    for (const [reason, token] of Object.entries(tokens)) {
      const before = await count(t, reason);
      await refused_socket(t, token && `?token=${token}`, 4001);
      for (const [path, options] of [['/events', stream], ['/poll', {}], ['/history', {}], ['/rooms', {}]]) {
        const answer = await t.get(path, { rooms: ['@me'], room: '@me' }, { headers: { ...options.headers, ...(token && bearer(token).headers) } });
        t.refused(answer, 401);
      }
      assert.equal(await count(t, reason) - before, 5, reason);
    }
    t.refused(await t.get('/rooms', {}, { headers: { 'X-API-Key': 'no such key as this' } }), 401);
    assert.equal(await count(t, 'bad_key'), 1);
    t.refused(await t.get('/rooms', {}, bearer(good_token())), 403);
    assert.equal(await count(t, 'needs_key'), 1);
    const { client, before } = await before_the_end(async (exp) => {
      const opened = await t.ws({ token: key.token({ exp }) });
      const counted = await count(t, 'token_ended');
      assert.ok(now_s() < exp, 'the token has ended already');
      return { client: opened, before: counted };
    });
    assert.equal((await client.close_code()).code, 4010);
    assert.ok(await count(t, 'token_ended') > before);
  });
});

suite('what logs say', { server: false }, (test) => {
  test('no token, no key and no query, whatever goes wrong', async (t) => {
    const own = new Files();
    const password = 'the-password-of-the-issuer';
    const config = (api_key) => own.write('ringcast.toml', `jwt_keys = [${JSON.stringify(own.key(key))}]\napi_keys = [${JSON.stringify(api_key)}]\n`);
    const bad_key = 'too-short-a-key'.slice(0, 15);
    const server = await t.start_server({ config: config(`billing:${kSecret}`), log_level: 'debug', jwt_leeway: '0s', jwks: `http://name:${password}@127.0.0.1:1/keys?secret=${password}` });
    const { client, token } = await before_the_end(async (exp) => {
      const short = key.token({ exp });
      return { client: await t.ws({ token: short }), token: short };
    });
    const broken = `${key.token().slice(0, -8)}AAAAAAAA`;
    for (const each of [token, broken]) {
      for (const options of [{ headers: { Cookie: `session=${each}` } }, bearer(each), { headers: { 'X-API-Key': each } }]) {
        await t.get('/history', { room: '@me' }, options);
        await t.get('/events', { rooms: ['@bob'], token: each }, options);
        await t.http('GET', `/nowhere?token=${each}%zz`, options);
        await t.http('POST', '/messages', { body: `{"token":"${each}"`, headers: { 'Content-Type': 'application/json', ...options.headers } });
      }
      t.ws_raw(`/ws?token=${each}&rooms=@bob`, { protocol: ['ringcast.v1', `bearer.${each}`] });
      t.ws_raw(`/ws?token=${each}&rooms=%zz`).opened.catch(() => {});
      const raw = t.raw();
      raw.write(`GET /ws?token=${each} HTTP/1.1\r\nbroken ${each}\r\n\r\n`);
      await raw.end();
    }
    const other = await t.ws({ token: key.token() });
    await other.ask({ action: 'refresh', token: broken });
    await other.close_code();
    assert.equal((await client.close_code()).code, 4010);
    config(bad_key);
    server.signal('SIGHUP');
    await until(() => server.log.some((line) => line.includes('reload_refused') && line.includes('api_keys')), 'the refusal');
    await until(() => server.log.some((line) => line.includes('jwks_failed')), 'the failure');
    await server.stop();
    await server.exited;
    const log = server.log.join('\n');
    assert.ok(log.includes('127.0.0.1:1/keys'), 'the URL of the keys');
    for (const secret of [kSecret, bad_key, password, token, broken, token.split('.')[1], broken.split('.')[2], key.text]) {
      assert.ok(!log.includes(secret), `${secret} in the log:\n${log}`);
    }
  });
});
