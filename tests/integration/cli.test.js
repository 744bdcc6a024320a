// SPDX-License-Identifier: Apache-2.0
// The program as a client: `ringcast token`, `publish` and `subscribe` against a running server.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { EventQueue } from './lib/event_queue.js';
import { suite } from './lib/runner.js';
import { Files, Key, kAlgorithms, now_s } from './lib/tokens.js';

const files = new Files();
const key = new Key('HS256');
const kSecret = 'a-secret-of-some-length';
const settings = { jwt_keys: files.key(key), api_keys: `billing:${kSecret}`, retry: '200ms' };
const key_file = files.write('api-key', `${kSecret}\n`);

// What it prints is JSON, an event a line.
class Program {
  constructor(t, ...args) {
    this.events = new EventQueue(`ringcast ${args[0]}`);
    this.out = this.err = '';
    this.process = spawn(t.bin, args, { stdio: 'pipe' });
    t.after(() => this.process.kill('SIGKILL'));
    this.process.stdin.on('error', () => {});  // it may be over before it was given its input
    let rest = '';
    this.process.stdout.setEncoding('utf8').on('data', (text) => {
      this.out += text;
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) if (line.startsWith('{')) this.events.push(JSON.parse(line));
    });
    this.process.stderr.setEncoding('utf8').on('data', (text) => { this.err += text; });
    this.closed = once(this.process, 'close').then(([code]) => {
      this.events.end(`exit ${code}: ${this.err}`);
      return code;
    });
  }

  async fails(code, message) {
    this.process.stdin.end();
    assert.equal(await this.closed, code, this.err + this.out);
    assert.match(this.err, message);
  }

  async works(input = '') {
    this.process.stdin.end(input);
    assert.equal(await this.closed, 0, this.err);
    return this.out;
  }
}

const token_for = async (t, ...args) => (await new Program(t, 'token', '--jwt-keys', settings.jwt_keys, ...args).works()).trim();

suite('token command', { server: false }, (test) => {
  test('signs with every algorithm, as the server verifies it', async (t) => {
    const own = new Files();
    const keys = kAlgorithms.map((algorithm) => new Key(algorithm, { id: `key-${algorithm}` }));
    await t.start_server({ jwt_keys: keys.map((each) => own.key(each)) });
    for (const each of keys) {
      const pem = each.secret ?? each.privateKey.export({ type: 'pkcs8', format: 'pem' });
      const file = `${each.algorithm}/${each.id}:${own.write(`private-${each.algorithm}`, pem)}`;
      const token = await new Program(t, 'token', '--user', each.algorithm, '--key-id', each.id, '--jwt-keys', file).works();
      assert.equal((await t.ws({ token: token.trim() })).hello.user, each.algorithm);
    }
  });

  test('says who a token speaks of, until when and what it may do, or why it is refused', async (t) => {
    const own = new Files();
    const named = new Key('ES256', { id: 'one' });
    const rules = '[[permissions]]\nmatch = "news/**"\nallow = ["subscribe", "history"]\n[[permissions]]\nmatch = "x"\nallow = "publish"\nusers = ["bob"]\n';
    const config = own.write('ringcast.toml', `jwt_keys = [${JSON.stringify(own.key(named))}]\n${rules}`);
    const check = (...args) => new Program(t, 'token', '--config', config, '--check', ...args);
    const claims = { tenant: 'red', jti: 'a-1', permissions: [{ match: 'chat/*', allow: ['subscribe', 'publish'] }] };
    const good = await check(named.token(claims)).works();
    assert.match(good, /^user: +alice\ntenant: +red\nkey: +ES256 one\nid: +a-1\nissued: .*\nuntil: +20\d\d-.*Z, for (59min|1h)/);
    assert.match(good, /subscribe, publish in chat\/\* \(the token\)\n +subscribe, history in news\/\*\* \(\[\[permissions\]\]\)\n$/);
    assert.equal(good.includes(' in x '), false);
    assert.match(await check('-').works(`${named.token({ sub: 'bob', exp: now_s() - 5 })}\n`), /user: +bob\n(.*\n)*until: .* over for \d+s and taken within jwt_leeway\n(.*\n)* +publish in x/);
    await check(named.token({ exp: now_s() - 3661 })).fails(1, /refused: the token has expired: it ended 20.*Z, 1h 1min ago/);
    await check(new Key('ES256', { id: 'one' }).token()).fails(1, /refused: .*none of the keys/);
    await check('abc').fails(1, /refused: .*not valid/);
    await check(named.token({ sub: undefined })).fails(1, /refused: .*"sub" does not name a user/);
    await check(named.token(), '--revocations-file', own.write('revoked', 'user alice\n')).fails(1, /refused: .*revoked/);
    await check('a.b.c', '--user', 'alice').fails(2, /it goes alone/);
    await new Program(t, 'token', '--check', 'a.b.c').fails(1, /no token is looked at/);
  });

  test('a new configuration starts, lets in who has its secrets, and replaces nothing', async (t) => {
    const own = new Files();
    const config = join(own.path, 'new.toml');
    const said = await new Program(t, 'init', config).works();
    const secret = join(own.path, 'new.secret');
    for (const file of [config, secret]) {
      assert.equal(statSync(file).mode & 0o777, 0o600);
      assert.ok(said.includes(file));
    }
    assert.equal(await new Program(t, '--config', config, '--check-config').works(), 'The configuration is valid.\n');
    const server = await t.start_server({ config });
    assert.equal((await fetch(`${server.url}/events?rooms=general`)).status, 401);
    const token = (await new Program(t, 'token', '--config', config, '--user', 'alice').works()).trim();
    assert.match(await new Program(t, 'token', '--config', config, '--check', token).works(), /alice/);
    const [, key] = readFileSync(config, 'utf8').match(/"server:([^"]+)"/);
    assert.ok(key.length >= 40);
    const send = (bearer) => fetch(`${server.url}/messages`, { method: 'POST', headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' }, body: '{"room":"general","content":"x"}' });
    assert.deepEqual([(await send(key)).status, (await send(token)).status, (await send(`${key}x`)).status], [200, 200, 401]);

    const before = readFileSync(config, 'utf8');
    await new Program(t, 'init', config).fails(1, /is there already/);
    assert.equal(readFileSync(config, 'utf8'), before);
    const other = join(own.path, 'other.toml');
    own.write('other.toml', 'port = 1\n');
    await new Program(t, 'init', other).fails(1, /other\.toml is there already/);
    assert.equal(existsSync(join(own.path, 'other.secret')), false);
    await new Program(t, 'init', join(own.path, 'a,b.toml')).fails(1, /without commas/);
    await new Program(t, 'init', '--config', other).fails(2, /ringcast init FILE/);
    const second = await new Program(t, 'init', join(own.path, 'second.toml')).works();
    assert.ok(second.includes('second.secret'));
    assert.notEqual(readFileSync(join(own.path, 'second.secret'), 'utf8'), readFileSync(secret, 'utf8'));
  });

  test('says what the server expects of issuer and audience', async (t) => {
    const own = new Files();
    const config = own.write('ringcast.toml', `jwt_keys = [${JSON.stringify(own.key(key))}]\njwt_issuers = ["us", "them"]\njwt_audiences = ["push"]\njwt_user_claim = "name"\n`);
    const claims_of = async (...args) => {
      const token = await new Program(t, 'token', '--config', config, '--user', 'alice', ...args).works();
      return JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
    };
    const claims = await claims_of('--token-id', 'one');
    assert.deepEqual([claims.iss, claims.aud, claims.name, claims.jti], ['us', 'push', 'alice', 'one']);
    assert.equal((await claims_of('--issuer', 'them')).iss, 'them');
    await new Program(t, 'token', '--config', config, '--user', 'alice', '--issuer', 'others').fails(1, /"iss"/);
    own.write('revoked', 'user alice\n');
    await new Program(t, 'token', '--config', config, '--user', 'alice', '--revocations-file', `${own.path}/revoked`).fails(1, /revoked/);
  });
});

suite('checking a configuration', { server: false }, (test) => {
  const own = new Files();
  const missing = join(own.path, 'no', 'such');
  const refusals = {
    'a key file that is missing': [['--jwt-keys', `HS256:${missing}`], /^ringcast: jwt_keys: cannot read .*No such file/],
    'a secret that is too short': [['--jwt-keys', `HS256:${own.write('short', 'secret')}`], /^ringcast: jwt_keys: .*needs at least 32/],
    'a key of another kind': [['--jwt-keys', `RS256:${own.write('none', 'secret')}`], /^ringcast: jwt_keys: .*PEM/],
    'a key set that is missing': [['--jwks', missing], /^ringcast: jwks: cannot read/],
    'a key set that is none': [['--jwks', own.write('jwks', '{}')], /^ringcast: jwks: /],
    'certificates that are missing': [['--jwks', 'https://127.0.0.1:9/keys', '--jwks-ca-file', missing], /^ringcast: jwks_ca_file: cannot read/],
    'certificates that are none': [['--jwks', 'https://127.0.0.1:9/keys', '--jwks-ca-file', own.write('ca', 'x')], /^ringcast: jwks_ca_file: .*no certificate/],
    'revocations that are missing': [['--jwt-keys', settings.jwt_keys, '--revocations-file', missing], /^ringcast: revocations_file: cannot read/],
    'a page that is missing': [['--web-root', missing], /^ringcast: web_root .*is not a directory/],
    'files that are missing': [['--static-dir', missing], /^ringcast: static_dir .*is not a directory/],
    'a socket in no directory': [['--listen', `unix:${missing}`], /^ringcast: listening on unix:.*the directory does not exist/],
    'a socket where a file is': [['--listen', `unix:${own.write('file', '')}`], /^ringcast: listening on unix:.*is not a socket/],
    'an address of another machine': [['--listen', '192.0.2.1', '--insecure'], /^ringcast: listening on 192\.0\.2\.1:0: .*no interface/],
    'an admin address of another machine': [['--listen', '127.0.0.1', '--admin-listen', '192.0.2.1:0', '--insecure'], /^ringcast: listening on 192\.0\.2\.1:0/],
    'a proxy address of another machine': [['--listen', '127.0.0.1', '--proxy-listen', '192.0.2.1', '--trusted-proxies', '192.0.2.2', '--insecure'], /^ringcast: listening on 192\.0\.2\.1:0/],
    'an origin that matches nothing': [['--origins', 'example.org'], /^ringcast: origins = .*https:\/\/example\.org/],
    'a log that cannot be written': [['--log-file', missing], /^ringcast: .*no\/such.*No such file/, 'checked alone'],
  };
  for (const [what, [flags, message, alone]] of Object.entries(refusals)) {
    // Lines of the log may precede it, where the system limits what was asked for.
    const line = new RegExp(message, 'm');
    test(`${what} is refused like at the start`, async (t) => {
      await new Program(t, '--check-config', '--port', '0', ...flags).fails(1, line);
      if (!alone) await new Program(t, '--port', '0', ...flags).fails(1, line);
    });
  }

  test('what another server holds is valid, and nothing is left behind', async (t) => {
    const socket = join(own.path, 'socket');
    const log = join(own.path, 'log');
    const server = await t.start_server({ jwt_keys: settings.jwt_keys });
    const flags = ['--jwt-keys', settings.jwt_keys, '--listen', `127.0.0.1:${server.port},unix:${socket}`, '--log-file', log];
    assert.equal(await new Program(t, '--check-config', ...flags).works(), 'The configuration is valid.\n');
    assert.deepEqual([existsSync(socket), existsSync(log)], [false, false]);
    assert.equal((await fetch(`${server.url}/health`)).status, 200);
  });

  test('a flag without a value and a word that is unknown say what there is', async (t) => {
    await new Program(t, '--port').fails(1, /--port needs a value: a whole number/);
    await new Program(t, 'publsh', 'x').fails(1, /unknown command "publsh"; did you mean "publish"\?/);
    await new Program(t, 'publish', '--rom', 'x').fails(2, /unknown flag "--rom"; did you mean "--room"\?/);
    await new Program(t, 'subscribe', '--room').fails(2, /--room needs a value/);
    await new Program(t, 'doctor', '--connections', '5', '--check-config').fails(2, /takes no command/);
    await new Program(t, 'token', '--user', 'a', '--check-config').fails(2, /takes no command/);
  });
});

suite('command line', { settings }, (test) => {
  const publish = (t, ...args) => new Program(t, 'publish', '--url', t.server.url, ...args);
  const subscribe = (t, ...args) => new Program(t, 'subscribe', '--url', t.server.url, ...args);
  const as_server = ['--api-key-file', key_file];

  test('a token that it makes opens the server, with the rules it says', async (t) => {
    const room = t.name('chat/r');
    const token = await token_for(t, '--user', 'alice', '--ttl', '5min', '--allow', 'subscribe,publish:chat/*', '--tenant', 'red');
    const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
    assert.equal(claims.exp - claims.iat, 300);
    assert.ok(claims.jti.length >= 16);
    const client = await t.ws({ token });
    assert.equal(client.hello.user, 'alice');
    await client.join(room);
    assert.equal((await client.ask({ action: 'members', room })).code, 'forbidden');
  });

  test('what token cannot make it does not', async (t) => {
    const token = (...args) => new Program(t, 'token', ...args);
    await token('--user', 'alice').fails(1, /no jwt_keys/);
    await token().fails(2, /--user NAME/);
    await token('--user', 'a,b', '--jwt-keys', settings.jwt_keys).fails(1, /would refuse it/);
    await token('--user', 'a', '--jwt-keys', settings.jwt_keys, '--key-id', 'x').fails(1, /has the id "x"/);
    await token('--user', 'a', '--jwt-keys', files.key(new Key('ES256'), 'public')).fails(1, /cannot sign/);
    await token('--user', 'a', '--allow', 'join:x', '--jwt-keys', settings.jwt_keys).fails(2, /there is no "join"/);
    await token('--user', 'a', '--ttl', 'soon', '--jwt-keys', settings.jwt_keys).fails(2, /--ttl "soon"/);
    await token('--user', 'a', '--nonsense').fails(2, /--nonsense/);
    assert.match(await token('--help').works(), /--allow/);
  });

  for (const [transport, ...flags] of [['Server-Sent Events'], ['a WebSocket', '--websocket']]) {
    test(`events are printed as they come, over ${transport}`, async (t) => {
      const room = t.name('r');
      const reader = subscribe(t, ...as_server, '--room', room, '--user', 'alice', '--count', '2', ...flags);
      assert.equal((await reader.events.next('connection_id')).user, 'alice');
      if (flags.length) await reader.events.next({ event_type: 'joined', room });
      const said = publish(t, ...as_server, '--room', room, '--user', 'System', 'hello');
      assert.equal(JSON.parse(await said.works()).status, 'sent');
      await publish(t, ...as_server, '--room', room, '--event', 'price', '--data', '{"a":[1,2]}').works();
      assert.equal((await reader.events.next('message')).content, 'hello');
      assert.deepEqual((await reader.events.next('price')).data, { a: [1, 2] });
      assert.equal(await reader.closed, 0, reader.err);
    });

    test(`everybody hears a broadcast, over ${transport}`, { alone: true }, async (t) => {
      const reader = subscribe(t, ...as_server, '-r', '*', '-r', t.name('r'), '-n', '1', ...flags);
      await reader.events.next('connection_id');
      await publish(t, ...as_server, '--broadcast', 'to all').works();
      await reader.events.next({ content: 'to all' });
      assert.equal(await reader.closed, 0, reader.err);
    });

    test(`a refusal is reported, over ${transport}`, async (t) => {
      await subscribe(t, '--room', 'r', ...flags).fails(1, /401|4001/);
      const token = await token_for(t, '--user', 'bob');
      await subscribe(t, '--room', 'r', '--token', token, ...flags).fails(1, /403|4003/);
    });

    test(`an inbox is heard with a token, over ${transport}`, async (t) => {
      const carol = t.name('carol');
      const file = files.write(t.name('token'), await token_for(t, '--user', carol));
      const reader = subscribe(t, '--token-file', file, ...(flags.length ? [] : ['--room', '@me']), '-n', '1', ...flags);
      await reader.events.next('connection_id');
      await publish(t, ...as_server, '--to', carol, 'for you').works();
      assert.equal((await reader.events.next('direct')).content, 'for you');
      assert.equal(await reader.closed, 0, reader.err);
    });

    test(`what was missed is asked for, over ${transport}`, async (t) => {
      const room = t.name('r');
      const { event_id } = JSON.parse(await publish(t, ...as_server, '--room', room, 'one').works());
      await publish(t, ...as_server, '--room', room).works('two\nthree\n');
      const since = flags.length ? `${room}=${event_id}` : `${event_id}`;
      const reader = subscribe(t, ...as_server, '--room', room, '--since', since, '-n', '2', ...flags);
      await reader.events.next({ content: 'two' });
      await reader.events.next({ content: 'three' });
      assert.equal(await reader.closed, 0, reader.err);
    });
  }

  test('binary messages come as base64', async (t) => {
    const room = t.name('r');
    const reader = subscribe(t, ...as_server, '--room', room, '--websocket', '-n', '1');
    await reader.events.next({ event_type: 'joined', room });
    const client = await t.ws({ user: 'bob' }, { headers: { 'X-API-Key': kSecret } });
    await client.join(room);
    client.send_binary(Buffer.from([1, 2, 3]));
    await reader.events.next('binary');
    assert.equal((await reader.events.next('binary_data')).data, 'AQID');
    assert.equal(await reader.closed, 0, reader.err);
  });

  test('a stream that is cut goes on where it was', async (t) => {
    const proxy = await t.proxy();
    const room = t.name('r');
    const reader = new Program(t, 'subscribe', '--url', `http://127.0.0.1:${proxy.port}`, ...as_server, '--room', room, '-n', '2');
    await reader.events.next('connection_id');
    await publish(t, ...as_server, '--room', room, 'before').works();
    await reader.events.next({ content: 'before' });
    proxy.cut();
    await publish(t, ...as_server, '--room', room, 'meanwhile').works();
    await reader.events.next({ content: 'meanwhile' });
    assert.equal(await reader.closed, 0, reader.err);
    assert.equal(reader.events.all({ content: 'before' }).length, 1);
  });

  test('the end of a room is the end of its reader', async (t) => {
    const room = t.name('r');
    const reader = subscribe(t, ...as_server, '--room', room);
    await reader.events.next('connection_id');
    await publish(t, ...as_server, '--room', room, '--final', 'last words').works();
    await reader.events.next({ content: 'last words' });
    assert.equal(await reader.closed, 0, reader.err);
  });

  test('several rooms and users in one call', async (t) => {
    const both = JSON.parse(await publish(t, ...as_server, '-r', t.name('a'), '-r', t.name('b'), 'x').works());
    assert.equal(both.results.length, 2);
    const users = JSON.parse(await publish(t, ...as_server, '-t', 'one', '-t', 'two', 'x').works());
    assert.equal(users.results.length, 2);
  });

  test('what publish cannot do it says', async (t) => {
    await publish(t, '--room', 'a', 'x').fails(1, /401.*unauthorized/);
    await publish(t, ...as_server, 'x').fails(2, /one of --room, --to and --broadcast/);
    await publish(t, ...as_server, '--room', 'a', '--to', 'b', 'x').fails(2, /one of/);
    await publish(t, ...as_server, '--room', 'a', '--data', '1', 'x').fails(2, /not both/);
    await publish(t, ...as_server, '--room', 'a,b', 'x').fails(1, /400.*bad_room/);
    await publish(t, '--room', 'a', '--api-key-file', '/nowhere', 'x').fails(2, /cannot read \/nowhere/);
    await new Program(t, 'publish', '--url', 'ftp://x', '--room', 'a', 'x').fails(2, /like http:/);
    await new Program(t, 'publish', '--url', 'http://127.0.0.1:1', '--room', 'a', 'x').fails(1, /127\.0\.0\.1:1/);
    await new Program(t, 'subscribe', '--url', 'http://127.0.0.1:1').fails(1, /127\.0\.0\.1:1/);
    assert.match(await publish(t, '--help').works(), /--broadcast/);
    assert.match(await subscribe(t, '--help').works(), /--websocket/);
  });
});
