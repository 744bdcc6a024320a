// SPDX-License-Identifier: Apache-2.0
// TLS by the server itself: with Node, Python, curl and openssl; certificates that are swapped, wrong or asked for;
// handshakes that are slow, many, resumed or no TLS at all.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { io } from 'socket.io-client';
import { Certificates } from './lib/certificates.js';
import { until, within } from './lib/deadline.js';
import { free_port } from './lib/free_port.js';
import { run } from './lib/program.js';
import { suite } from './lib/runner.js';
import { secure } from './lib/secure.js';

const certificates = new Certificates();
certificates.issue('own', 'DNS:localhost,IP:127.0.0.1').issue('other', 'DNS:other.test,DNS:*.wild.test').issue('client', 'DNS:client').issue_expired('expired');
const { ca, ca_file } = certificates;
const kOpen = 150;  // connections that outlive a change of certificates
const settings = { tls_listen: '127.0.0.1:0', ...certificates.settings('own', 'other') };

// One request of a connection of its own; `options` as https.request has them.
function ask(at, path, { body, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const request = https.request(`${at.url}${path}`, { ca, agent: false, method: body ? 'POST' : 'GET', ...options }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.once('error', reject);
      response.once('end', () => resolve({ status: response.statusCode, text: Buffer.concat(parts).toString() }));
    });
    request.once('error', reject);
    request.end(body);
  });
}

// A TLS connection past its handshake, or the reason why not.
async function shake(t, at, options = {}) {
  const socket = connect({ port: at.port, host: '127.0.0.1', ca, servername: 'localhost', ...options });
  t.after(() => socket.destroy());
  await within(once(socket, 'secureConnect'), 'the handshake');
  return socket;
}

async function metric(t, name, server = t.server) {
  const { text } = await t.get('/metrics', {}, { at: server });
  return [...text.matchAll(new RegExp(`^ringcast_${name}[{ ].*?(\\S+)$`, 'gm'))].reduce((sum, [, value]) => sum + Number(value), 0);
}
const handshakes = (outcome) => `tls_handshakes_total\\{[^}]*outcome="${outcome}"\\}`;
async function outcome(t, which, server = t.server) {
  const { text } = await t.get('/metrics', {}, { at: server });
  return [...text.matchAll(new RegExp(`^ringcast_${handshakes(which)} (\\d+)$`, 'gm'))].reduce((sum, [, value]) => sum + Number(value), 0);
}

suite('tls', { settings }, (test) => {
  test('WebSocket, stream, poll and server calls', async (t) => {
    const at = secure(t.server);
    const room = t.name('room');
    const socket = await t.ws({ user: 'ann' }, { ca }, at);
    await socket.join(room);
    const stream = await t.sse({ rooms: [room] }, { ca }, at);
    const sent = await ask(at, '/messages', { body: JSON.stringify({ room, user: 'ann', content: 'over TLS' }), headers: { 'Content-Type': 'application/json' } });
    assert.equal(sent.status, 200, sent.text);
    for (const reader of [socket, stream]) assert.equal((await reader.next('message')).content, 'over TLS');
    socket.send({ action: 'message', room, content: 'and back' });
    for (const reader of [socket, stream]) assert.equal((await reader.next('message')).content, 'and back');
    const history = JSON.parse((await ask(at, `/history?room=${room}`)).text);
    assert.deepEqual(history.messages.map(({ content }) => content), ['over TLS', 'and back']);
    const { tls } = await t.read('/stats');
    assert.ok(tls.connections >= 2 && tls.full_total + tls.resumed_total >= 4, JSON.stringify(tls));
    assert.deepEqual(Object.keys(tls), ['connections', 'handshakes_waiting', 'full_total', 'resumed_total', 'failed_total']);
    await socket.close();
  });

  test('much in both directions arrives whole', async (t) => {
    const at = secure(t.server);
    const room = t.name('room');
    const socket = await t.ws({ user: 'ann' }, { ca }, at);
    await socket.join(room);
    const contents = Array.from({ length: 12 }, (_, i) => `${i} `.padEnd(60000, String(i % 10)));
    // Not read while it is being sent, so that the server meets a full socket.
    const slow = await shake(t, at);
    slow.pause();
    slow.write(`GET /events?rooms=${room} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await within(once(slow, 'readable'), 'the head of the stream');
    for (const content of contents) socket.send({ action: 'message', room, content });
    for (const content of contents) assert.ok((await socket.next('message')).content === content);
    const answer = await ask(at, `/history?room=${room}&limit=100`);
    assert.ok(JSON.parse(answer.text).messages.every(({ content }, i) => content === contents[i]));
    assert.equal(JSON.parse(answer.text).messages.length, contents.length);
    slow.resume();
    let text = '';
    slow.on('data', (part) => { text += part; });
    await until(() => text.includes(contents.at(-1)), 'the last message of the slow stream', { describe: () => `${text.length} bytes` });
    const heard = [...text.matchAll(/"content":"(\d+) /g)].map(([, number]) => Number(number));
    assert.deepEqual(heard, contents.map((_, i) => i));
  });

  test('every test of python_client.py', async (t) => {
    const python = process.env.RINGCAST_TEST_PYTHON ?? '/usr/bin/python3';
    if ((await run(python, ['-c', 'import websockets'])).status !== 0) t.skip('no python3-websockets');
    const at = secure(t.server);
    const script = join(dirname(fileURLToPath(import.meta.url)), 'python_client.py');
    const { status, stdout, stderr } = await run(python, [script, at.url, at.ws_url], { env: { ...process.env, SSL_CERT_FILE: ca_file } });
    assert.equal(status, 0, stdout.split('\n').filter((line) => line.startsWith('not ok')).join('\n') + stderr);
    assert.match(stdout, /^1\.\.\d+$/m);
  });

  test('curl with either version, and never with an older one', async (t) => {
    const at = secure(t.server);
    const curl = async (...args) => {
      const answer = await run('curl', ['-sS', '--max-time', '60', '--cacert', ca_file, ...args, `${at.url}/health`]);
      if (answer.status === 'ENOENT') t.skip('no curl');
      return answer;
    };
    for (const version of [['--tlsv1.2', '--tls-max', '1.2'], ['--tlsv1.3'], ['--http2'], ['--http1.0']]) {
      const { stdout, stderr } = await curl(...version);
      assert.match(stdout, /OK/, stderr);
    }
    const old = await curl('--tlsv1.0', '--tls-max', '1.1', '--ciphers', 'DEFAULT@SECLEVEL=0');
    assert.equal(old.status, 35, old.stderr + old.stdout);
  });

  test('sessions are resumed on every core, and ALPN agrees on what is served', async (t) => {
    const at = secure(t.server);
    // Node keeps the ticket; another connection, most likely on another core, uses it.
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3']) {
      const first = await shake(t, at, { maxVersion, minVersion: maxVersion });
      first.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
      const session = maxVersion === 'TLSv1.2' ? first.getSession() : (await within(once(first, 'session'), 'a ticket'))[0];
      for (let i = 0; i < 6; i++) {
        const next = await shake(t, at, { maxVersion, minVersion: maxVersion, session });
        assert.equal(next.isSessionReused(), true, `${maxVersion}, ${i}`);
        next.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
        await within(once(next, 'data'), 'an answer');
        next.destroy();
      }
    }
    assert.ok(await outcome(t, 'resumed') >= 12);
    const agreed = await shake(t, at, { ALPNProtocols: ['h2', 'http/1.1'] });
    assert.equal(agreed.alpnProtocol, 'h2');
    assert.equal((await shake(t, at, { ALPNProtocols: ['http/1.1'] })).alpnProtocol, 'http/1.1');
    await assert.rejects(shake(t, at, { ALPNProtocols: ['spdy/3.1'] }), /no application protocol|NO_APPLICATION_PROTOCOL/i);
  });

  test('the certificate is that of the name', async (t) => {
    const at = secure(t.server);
    for (const [name, expected] of [['localhost', 'own'], ['other.test', 'other'], ['a.wild.test', 'other'], ['unknown.test', 'own']]) {
      const socket = await shake(t, at, { servername: name, checkServerIdentity: () => undefined });
      assert.equal(socket.getPeerCertificate().subject.CN, expected, name);
      socket.destroy();
    }
  });

  test('plain HTTP is answered in plain, and nonsense with an alert', async (t) => {
    const at = secure(t.server);
    const answer = await fetch(`http://127.0.0.1:${at.port}/health`);
    assert.equal(answer.status, 400);
    assert.equal((await answer.json()).error.code, 'tls_required');
    const socket = net.connect(at.port, '127.0.0.1');
    t.after(() => socket.destroy());
    socket.write(Buffer.from([22, 3, 1, 0, 5, 1, 0, 0, 1, 0]));
    const [alert] = await within(once(socket, 'data'), 'an alert');
    assert.equal(alert[0], 21);
    await within(once(socket, 'close'), 'the end');
    // TLS on the plain port is no HTTP.
    await assert.rejects(shake(t, t.server));
    assert.ok(await outcome(t, 'plain_http') >= 1);
    assert.ok(await outcome(t, 'failed') >= 1);
  });

  test('a connection ends with close_notify, and the client\'s end is seen', async (t) => {
    const at = secure(t.server);
    const socket = await shake(t, at);
    socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    socket.resume();
    await within(once(socket, 'end'), 'close_notify');  // without it Node has only "close"
    const { stdout } = await run('openssl', ['s_client', '-connect', `127.0.0.1:${at.port}`, '-CAfile', ca_file, '-quiet', '-ign_eof', '-verify_return_error'],
      { input: 'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' });
    assert.match(stdout, /^HTTP\/1\.1 200 OK/);
  });

  // With several cores a session's WebSocket mostly comes to another core than its handshake did.
  for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
    test(`socket.io-client over ${transports}`, async (t) => {
      const at = secure(t.server);
      const room = t.name('room');
      const clients = await Promise.all(Array.from({ length: 8 }, async () => {
        const socket = io(at.url, { ca, transports, forceNew: true, reconnection: false });
        t.after(() => socket.disconnect());
        const heard = [];
        socket.on('room-message', ({ content }) => heard.push(content));
        await within(new Promise((resolve, reject) => { socket.once('connect', resolve).once('connect_error', reject); }), 'the connect');
        assert.equal((await within(socket.emitWithAck('join-room', room), 'the acknowledgement')).status, 'ok');
        return { socket, heard };
      }));
      if (transports.length > 1) await until(() => clients.every(({ socket }) => socket.io.engine.transport.name === 'websocket'), 'the upgrades');
      const expected = [];
      for (const [i, { socket }] of clients.entries()) {
        expected.push(`${i}`);
        assert.equal((await within(socket.emitWithAck('room-message', { room, content: `${i}` }), 'the acknowledgement')).status, 'ok');
      }
      for (const { heard } of clients) await until(() => heard.length >= expected.length, 'all messages', { describe: () => heard.join() });
      for (const { heard } of clients) assert.deepEqual(heard, expected);
    });
  }

  test('publish and subscribe of the program itself', async (t) => {
    const at = secure(t.server);
    const room = t.name('room');
    const reader = spawn(t.bin, ['subscribe', '--url', at.url, '--ca-file', ca_file, '--room', room], { stdio: 'pipe' });
    t.after(() => reader.kill('SIGKILL'));
    let text = '';
    reader.stdout.on('data', (part) => { text += part; });
    await until(async () => (await t.read('/members', { room })).members?.length >= 1 || text !== '', 'the subscriber');
    const sent = await run(t.bin, ['publish', '--url', at.url, '--ca-file', ca_file, '--room', room, 'from the program']);
    assert.equal(sent.status, 0, sent.stderr);
    await until(() => text.includes('from the program'), 'the message', { describe: () => text });
    const untrusted = await run(t.bin, ['publish', '--url', at.url, '--room', room, 'x']);
    assert.notEqual(untrusted.status, 0);
    assert.match(untrusted.stderr, /certificate/i);
  });
});

suite('tls, servers of their own', { server: false }, (test) => {
  test('SIGHUP swaps certificates and closes nothing', async (t) => {
    const [pem, key] = [certificates.path(`${t.name('swapped')}.pem`), certificates.path(`${t.name('swapped')}.key`)];
    const use = (name) => { copyFileSync(certificates.path(`${name}.pem`), pem); copyFileSync(certificates.path(`${name}.key`), key); };
    use('own');
    const server = await t.start_server({ tls_listen: '127.0.0.1:0', tls_certificate: pem, tls_key: key, presence: false });
    const at = secure(server);
    const room = t.name('room');
    const sockets = await Promise.all(Array.from({ length: kOpen }, async () => {
      const socket = await t.ws({}, { ca }, at);
      await socket.join(room);
      return socket;
    }));
    const subject = async () => {
      const socket = await shake(t, at, { checkServerIdentity: () => undefined });
      const { CN } = socket.getPeerCertificate().subject;
      socket.destroy();
      return CN;
    };
    const says = async (content) => {
      await t.say(room, content);
      for (const socket of sockets) assert.equal((await socket.next('message')).content, content);
    };
    assert.equal(await subject(), 'own');
    use('other');
    server.signal('SIGHUP');
    await until(async () => await subject() === 'other', 'the new certificate');
    await says('after the swap');
    // A certificate without its key: refused, with the reason, and the old ones stay.
    copyFileSync(certificates.path('own.pem'), pem);
    server.signal('SIGHUP');
    await until(() => server.log.some((line) => /reload_refused.*tls_certificate, tls_key: .*this key does not belong/.test(line)), 'the refusal');
    assert.equal(await subject(), 'other');
    use('expired');
    server.signal('SIGHUP');
    await until(() => server.log.some((line) => /reload_refused.*has expired on 2020-02-01/.test(line)), 'the refusal');
    assert.equal(await subject(), 'other');
    await says('after the refusals');
    assert.equal(sockets.filter(({ socket }) => socket.readyState === 1).length, kOpen);
  });

  test('wrong settings stop the start and are said by --check-config', async (t) => {
    const good = { tls_listen: '127.0.0.1:0', ...certificates.settings('own') };
    const cases = [
      [{ tls_certificate: undefined }, /needs tls_certificate and tls_key/],
      [{ tls_listen: undefined }, /tls_certificate = .* has no use without tls_listen or admin_tls/],
      [{ tls_key: [certificates.path('own.key'), certificates.path('other.key')] }, /must have as many files/],
      [{ tls_certificate: certificates.path('none.pem') }, /tls_certificate, tls_key: .*none\.pem: No such file/],
      [{ tls_key: certificates.path('other.key') }, /this key does not belong to the first certificate of/],
      [certificates.settings('expired'), /has expired on 2020-02-01 00:00 UTC; renew it/],
      [{ tls_client_ca: certificates.path('own.key'), tls_client_auth: 'all' }, /tls_client_ca: .*there is no certificate in it/],
      [{ tls_client_ca: ca_file }, /asks nobody for a certificate/],
      [{ tls_client_auth: 'all' }, /has no use without tls_client_ca/],
      [{ tls_ticket_key_file: ca_file }, /tls_ticket_key_file: .*openssl rand/],
      [{ tls_listen: '127.0.0.1' }, /a port is missing/],
      [{ tls_listen: '0.0.0.0:0' }, /without authentication only loopback addresses/],
      [{ admin_tls: true }, /has no use without admin_listen/],
    ];
    await Promise.all(cases.map(async ([change, message]) => {
      const flags = Object.entries({ listen: '127.0.0.1:0', ...good, ...change }).filter(([, value]) => value !== undefined)
        .flatMap(([name, value]) => [].concat(value).map((each) => (each === true ? `--${name.replaceAll('_', '-')}` : `--${name.replaceAll('_', '-')}=${each}`)));
      for (const more of [[], ['--check-config']]) {
        const { status, stderr } = await run(t.bin, [...flags, ...more]);
        assert.equal(status, 1, stderr);
        assert.match(stderr, message);
      }
    }));
    const doctor = await run(t.bin, ['doctor', '--connections', '5', '--tls-listen=127.0.0.1:0', `--tls-certificate=${certificates.path('expired.pem')}`, `--tls-key=${certificates.path('expired.key')}`]);
    assert.equal(doctor.status, 1, doctor.stdout);
    assert.match(doctor.stdout, /certificate.*has expired/s);
  });

  test('half a handshake ends, and costs nobody else anything', async (t) => {
    const server = await t.start_server({ ...settings, tls_handshake_timeout: '300ms', tls_handshakes_max: 1 });
    const at = secure(server);
    const half = Array.from({ length: 4 }, () => {
      const socket = net.connect(at.port, '127.0.0.1');
      t.after(() => socket.destroy());
      socket.on('error', () => {});
      socket.write(Buffer.from([22, 3, 1, 2, 0, 1, 0, 1, 252]));
      return within(once(socket, 'close'), 'the end of half a handshake');
    });
    await until(() => ask(at, '/health').then(({ status }) => status === 200, () => false), 'an answer behind those that take their time');
    await Promise.all(half);
    assert.ok(await outcome(t, 'timed_out', server) > 0);
    assert.equal(await metric(t, 'tls_handshakes', server), 0);
    assert.equal(await metric(t, 'tls_handshakes_waiting', server), 0);
    assert.match((await ask(at, '/health')).text, /OK/);
  });

  test('the admin port asks for a certificate where it should', async (t) => {
    const port = await free_port();
    const server = await t.start_server({ ...settings, admin_listen: `127.0.0.1:${port}`, admin_tls: true, tls_client_ca: ca_file });
    const at = secure(server);
    const admin = { port, url: `https://127.0.0.1:${port}` };
    const identity = { cert: certificates.read('client.pem'), key: certificates.read('client.key') };
    assert.equal((await ask(admin, '/stats', identity)).status, 200);
    await assert.rejects(ask(admin, '/stats'));
    assert.match((await ask(at, '/health')).text, /OK/);  // others are not asked
    // A ticket from there does not open this door.
    const open = await shake(t, at);
    open.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const [session] = await within(once(open, 'session'), 'a ticket');
    await assert.rejects(ask(admin, '/stats', { session, servername: 'localhost' }));
  });

  test('all ports ask for one with tls_client_auth = all, and keys of tickets may come from a file', async (t) => {
    const keys = certificates.path(t.name('tickets'));
    writeFileSync(keys, Buffer.alloc(80, 7));
    const own = { ...settings, tls_client_ca: ca_file, tls_client_auth: 'all', tls_ticket_key_file: keys, tls_min_version: '1.3' };
    const [one, two] = await Promise.all([t.start_server(own), t.start_server(own)]);
    const identity = { cert: certificates.read('client.pem'), key: certificates.read('client.key') };
    await assert.rejects(ask(secure(one), '/health'));
    await assert.rejects(shake(t, secure(one), { ...identity, maxVersion: 'TLSv1.2' }));
    const first = await shake(t, secure(one), identity);
    first.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const [session] = await within(once(first, 'session'), 'a ticket');
    const second = await shake(t, secure(two), { ...identity, session });
    assert.equal(second.isSessionReused(), true);
  });
});
