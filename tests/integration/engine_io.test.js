// SPDX-License-Identifier: Apache-2.0
// What the protocols of Engine.IO 4 and Socket.IO 5 promise, packet by packet, against --socketio-echo: the assertions
// of their documents, over polling and over WebSockets.

import assert from 'node:assert/strict';
import WebSocket from 'ws';
import { until, within } from './lib/deadline.js';
import { frames } from './lib/engine_frames.js';
import { suite } from './lib/runner.js';

const kEngine = '/engine.io/';
const kSockets = '/socket.io/';
const kOpening = ['sid', 'upgrades', 'pingInterval', 'pingTimeout', 'maxPayload'];
const kSeparator = '\x1e';

const get = (t, path, query = 'EIO=4&transport=polling', at = t.server) => t.http('GET', `${path}?${query}`, { at });
const poll = (t, path, sid, at = t.server) => get(t, path, `EIO=4&transport=polling&sid=${sid}`, at);
const post = (t, path, sid, body, at = t.server) => t.http('POST', `${path}?EIO=4&transport=polling&sid=${sid}`, { body, at });

async function shake(t, path, at = t.server) {
  const answer = await get(t, path, undefined, at);
  assert.equal(answer.status, 200, answer.text);
  return JSON.parse(answer.text.substring(1)).sid;
}

async function shake_frames(t, path, at = t.server) {
  const client = frames(t, path, '', at);
  client.opening = JSON.parse((await client.next()).substring(1));
  return client;
}

suite('engine.io', { settings: { socketio_echo: true, socketio_ping_interval: '50s', socketio_ping_timeout: '60s' } }, (test) => {
  test('handshake over polling: an open packet with exactly these keys', async (t) => {
    const answer = await get(t, kEngine);
    assert.equal(answer.status, 200);
    assert.equal(answer.text[0], '0');
    const opening = JSON.parse(answer.text.substring(1));
    assert.deepEqual(Object.keys(opening), kOpening);
    assert.equal(typeof opening.sid, 'string');
    assert.deepEqual({ ...opening, sid: '' }, { sid: '', upgrades: ['websocket'], pingInterval: 50000, pingTimeout: 60000, maxPayload: 1000000 });
    assert.notEqual(await shake(t, kEngine), opening.sid);
  });

  test('handshake over a WebSocket: likewise, and no upgrade is left', async (t) => {
    const client = await shake_frames(t, kEngine);
    assert.deepEqual(Object.keys(client.opening), kOpening);
    assert.deepEqual(client.opening.upgrades, []);
  });

  test('a handshake that is none is a 400 with the protocol’s code', async (t) => {
    for (const [query, code, message] of [
      ['transport=polling', 5, 'Unsupported protocol version'], ['EIO=abc&transport=polling', 5, 'Unsupported protocol version'],
      ['EIO=3&transport=polling', 5, 'Unsupported protocol version'], ['EIO=4', 0, 'Transport unknown'], ['EIO=4&transport=abc', 0, 'Transport unknown'],
      ['EIO=4&transport=polling&sid=abc', 1, 'Session ID unknown'], ['EIO=4&transport=websocket', 3, 'Bad request'],
    ]) {
      const answer = await get(t, kEngine, query);
      assert.equal(answer.status, 400, query);
      assert.deepEqual(answer.json, { code, message }, query);
    }
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const answer = await t.http(method, `${kEngine}?EIO=4&transport=polling`);
      assert.equal(answer.status, 400, method);
      assert.equal(answer.json.code, 2);
    }
    for (const query of ['EIO=4&transport=abc', 'EIO=abc&transport=websocket', 'EIO=4&transport=websocket&sid=abc']) {
      const socket = new WebSocket(`${t.server.ws_url}${kEngine}?${query}`);
      const status = new Promise((resolve) => { socket.on('error', () => {}); socket.on('unexpected-response', (_, answer) => resolve(answer.statusCode)); });
      assert.equal(await within(status, 'the refusal'), 400, query);
    }
  });

  test('messages over polling: text, several at once, binary', async (t) => {
    const sid = await shake(t, kEngine);
    const sent = await post(t, kEngine, sid, '4hello');
    assert.equal(sent.status, 200);
    assert.equal(sent.text, 'ok');
    assert.equal((await poll(t, kEngine, sid)).text, '4hello');
    await post(t, kEngine, sid, ['4test1', '4test2', '4test3'].join(kSeparator));
    assert.equal((await poll(t, kEngine, sid)).text, ['4test1', '4test2', '4test3'].join(kSeparator));
    await post(t, kEngine, sid, `4x${kSeparator}bAQIDBA==`);
    const answer = await poll(t, kEngine, sid);
    assert.equal(answer.text, `4x${kSeparator}bAQIDBA==`);
    assert.match(answer.headers['content-type'], /^text\/plain/);
  });

  test('a poll waits for what comes', async (t) => {
    const sid = await shake(t, kEngine);
    const waiting = poll(t, kEngine, sid);
    await post(t, kEngine, sid, '4late');
    assert.equal((await waiting).text, '4late');
  });

  test('messages over a WebSocket: text and binary', async (t) => {
    const client = await shake_frames(t, kEngine);
    client.send('4hello', Buffer.from([1, 2, 3, 4]), '4after');
    assert.equal(await client.next(), '4hello');
    assert.deepEqual([...await client.next()], [1, 2, 3, 4]);
    assert.equal(await client.next(), '4after');
  });

  test('garbage ends the session', async (t) => {
    const sid = await shake(t, kEngine);
    assert.equal((await post(t, kEngine, sid, 'abc')).status, 400);
    assert.equal((await poll(t, kEngine, sid)).status, 400);
    for (const body of ['', '4a' + kSeparator, 'b*', '2', '0{}', Buffer.from([0x34, 0xff])]) {
      const other = await shake(t, kEngine);
      assert.equal((await post(t, kEngine, other, body)).status, 400, body);
      assert.equal((await poll(t, kEngine, other)).status, 400, body);
    }
    const client = await shake_frames(t, kEngine);
    client.send('abc');
    await client.ends();
  });

  test('a second poll beside one that waits ends the session', async (t) => {
    const sid = await shake(t, kEngine);
    const first = poll(t, kEngine, sid);
    // Either may be the first to arrive.
    const answers = await Promise.all([first, poll(t, kEngine, sid)]);
    answers.sort((a, b) => a.status - b.status);
    assert.equal(answers[0].status, 200);
    assert.equal(answers[0].text, '1');
    assert.equal(answers[1].status, 400);
    assert.equal((await poll(t, kEngine, sid)).status, 400);
  });

  test('a poll that the client gives up ends the session', async (t) => {
    const sid = await shake(t, kEngine);
    const request = t.raw();
    await within(request.connected, 'the connection');
    request.socket.end(`GET ${kEngine}?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await within(request.closed, 'the end of the connection');  // before that, what is posted would be its answer
    await until(async () => (await post(t, kEngine, sid, '4x')).json?.code === 1, 'the end of the session');
  });

  test('the heartbeat is the server’s', async (t) => {
    const at = await t.start_server({ socketio_echo: true, socketio_ping_interval: '1s', socketio_ping_timeout: '60s' });
    const sid = await shake(t, kEngine, at);
    const client = await shake_frames(t, kEngine, at);
    for (let i = 0; i < 2; ++i) {
      assert.equal((await poll(t, kEngine, sid, at)).text, '2');
      await post(t, kEngine, sid, '3', at);
      assert.equal(await client.next(), '2');
      client.send('3');
    }
    client.send('2');
    await client.ends();
  });

  test('either side closes', async (t) => {
    const sid = await shake(t, kEngine);
    const waiting = poll(t, kEngine, sid);
    const ended = await post(t, kEngine, sid, '1');
    assert.equal(ended.status, 200);
    const last = await waiting;
    // The poll may have come when the session was gone already.
    assert.ok(last.status === 400 || last.text === '6', last.text);
    assert.equal((await poll(t, kEngine, sid)).status, 400);
    const client = await shake_frames(t, kEngine);
    client.send('1');
    await client.ends();
  });

  test('upgrade: probe, pong, upgrade; what was queued and what follows arrive in order', async (t) => {
    for (let i = 0; i < 8; ++i) {  // sockets land on any core
      const sid = await shake(t, kEngine);
      const client = frames(t, kEngine, `&sid=${sid}`);
      await within(client.opened, 'the WebSocket');
      client.send('2probe');
      assert.equal(await client.next(), '3probe');
      await post(t, kEngine, sid, `4queued${kSeparator}bAQI=`);
      client.send('5', '4hello');
      assert.equal(await client.next(), '4queued');
      assert.deepEqual([...await client.next()], [1, 2]);
      assert.equal(await client.next(), '4hello');
    }
  });

  test('a poll that waits during the probe is let go', async (t) => {
    const sid = await shake(t, kEngine);
    const waiting = poll(t, kEngine, sid);
    const client = frames(t, kEngine, `&sid=${sid}`);
    await within(client.opened, 'the WebSocket');
    client.send('2probe');
    assert.equal(await client.next(), '3probe');
    assert.equal((await waiting).text, '6');
    assert.equal((await poll(t, kEngine, sid)).text, '6');
    client.send('5', '4hello');
    assert.equal(await client.next(), '4hello');
  });

  test('after an upgrade requests and further WebSockets of the session are refused, and it goes on', async (t) => {
    const sid = await shake(t, kEngine);
    const client = frames(t, kEngine, `&sid=${sid}`);
    await within(client.opened, 'the WebSocket');
    client.send('2probe', '5', '4one');
    assert.equal(await client.next(), '3probe');
    assert.equal(await client.next(), '4one');
    assert.equal((await poll(t, kEngine, sid)).status, 400);
    assert.equal((await post(t, kEngine, sid, '4x')).status, 400);
    await frames(t, kEngine, `&sid=${sid}`).ends();
    client.send('4two');
    assert.equal(await client.next(), '4two');
  });

  test('a WebSocket that does not probe is closed, and polling goes on', async (t) => {
    const sid = await shake(t, kEngine);
    const client = frames(t, kEngine, `&sid=${sid}`);
    await within(client.opened, 'the WebSocket');
    client.send('4hello');
    await client.ends();
    await post(t, kEngine, sid, '4still');
    assert.equal((await poll(t, kEngine, sid)).text, '4still');
  });

  test('a WebSocket that goes in the middle of an upgrade leaves polling as it was', async (t) => {
    for (let i = 0; i < 4; ++i) {
      const sid = await shake(t, kEngine);
      const client = frames(t, kEngine, `&sid=${sid}`);
      await within(client.opened, 'the WebSocket');
      client.send('2probe');
      assert.equal(await client.next(), '3probe');
      client.socket.terminate();
      // Until that is known polls are let go at once.
      await post(t, kEngine, sid, '4still');
      await until(async () => (await poll(t, kEngine, sid)).text === '4still', 'the message');
    }
  });

  // How far an upgrade has got when one side is gone.
  const kSteps = { attached: [], probed: [['2probe', '3probe']], upgraded: [['2probe', '3probe'], ['5', null], ['4done', '4done']] };
  async function upgrade_until(t, step, at) {
    const sid = await shake(t, kEngine, at);
    const client = frames(t, kEngine, `&sid=${sid}`, at);
    await within(client.opened, 'the WebSocket');
    for (const [said, answer] of kSteps[step]) {
      client.send(said);
      if (answer !== null) assert.equal(await client.next(), answer);
    }
    return { sid, client };
  }

  for (const step of Object.keys(kSteps)) {
    test(`the client's WebSocket is cut when it is ${step}`, async (t) => {
      for (let i = 0; i < 4; ++i) {  // on any core
        const { sid, client } = await upgrade_until(t, step, t.server);
        client.socket._socket.resetAndDestroy();
        if (step === 'upgraded') {
          await until(async () => (await poll(t, kEngine, sid)).json?.code === 1, 'the end of the session');
        } else {
          assert.equal((await post(t, kEngine, sid, '4still')).status, 200);
          await until(async () => (await poll(t, kEngine, sid)).text === '4still', 'the message');
        }
      }
    });

    test(`the server is killed when the WebSocket is ${step}`, async (t) => {
      const before = await t.start_server({ socketio_echo: true });
      const { sid, client } = await upgrade_until(t, step, before);
      before.process.kill('SIGKILL');
      await client.ends();
      await before.exited;
      const after = await t.start_server({ socketio_echo: true, port: before.port });
      for (const answer of [await poll(t, kEngine, sid, after), await post(t, kEngine, sid, '4x', after)]) {
        assert.deepEqual([answer.status, answer.json], [400, { code: 1, message: 'Session ID unknown' }]);
      }
      await upgrade_until(t, 'upgraded', after);
    });
  }

  test('messages of many sessions over requests of many connections keep their order', async (t) => {
    const sids = await Promise.all(Array.from({ length: 8 }, () => shake(t, kEngine)));
    await Promise.all(sids.map(async (sid) => {
      for (let i = 0; i < 10; ++i) await post(t, kEngine, sid, `4${i}a${kSeparator}4${i}b`);
      const got = [];
      while (got.length < 20) got.push(...(await poll(t, kEngine, sid)).text.split(kSeparator).filter((packet) => packet !== '2'));
      assert.deepEqual(got, Array.from({ length: 20 }, (_, i) => `4${Math.floor(i / 2)}${'ab'[i % 2]}`));
    }));
  });

  test('a payload that is too large is refused', async (t) => {
    const sid = await shake(t, kEngine);
    assert.equal((await post(t, kEngine, sid, `4${'x'.repeat(1000000)}`)).status, 413);
    const client = await shake_frames(t, kEngine);
    client.send(`4${'x'.repeat(1000000)}`);
    await client.ends();
  });

  // --- Socket.IO ---

  const connected = async (t, packet = '40') => {
    const client = await shake_frames(t, kSockets);
    client.send(packet);
    client.connect = await client.next();
    client.auth = await client.next();
    return client;
  };

  test('connect to the main namespace and to another, with and without auth', async (t) => {
    for (const [packet, prefix, auth] of [
      ['40', '', '{}'], ['40{"token":"123"}', '', '{"token":"123"}'], ['40/custom,', '/custom,', '{}'], ['40/custom,{"token":"abc"}', '/custom,', '{"token":"abc"}'],
    ]) {
      const client = await connected(t, packet);
      assert.ok(client.connect.startsWith(`40${prefix}{"sid":"`), client.connect);
      const said = JSON.parse(client.connect.substring(2 + prefix.length));
      assert.deepEqual(Object.keys(said), ['sid']);
      assert.notEqual(said.sid, client.opening.sid);
      assert.equal(client.auth, `42${prefix}["auth",${auth}]`);
    }
  });

  test('over polling likewise', async (t) => {
    const sid = await shake(t, kSockets);
    await post(t, kSockets, sid, '40');
    const packets = [];
    while (packets.length < 2) packets.push(...(await poll(t, kSockets, sid)).text.split(kSeparator));
    assert.match(packets[0], /^40\{"sid":/);
    assert.equal(packets[1], '42["auth",{}]');
    await post(t, kSockets, sid, ['452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', 'bAQID', 'bBAUG'].join(kSeparator));
    assert.equal((await poll(t, kSockets, sid)).text, ['452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', 'bAQID', 'bBAUG'].join(kSeparator));
  });

  test('an unknown namespace is refused, the session goes on', async (t) => {
    const client = await shake_frames(t, kSockets);
    client.send('40/random');
    assert.equal(await client.next(), '44/random,{"message":"Invalid namespace"}');
    client.send('40');
    assert.match(await client.next(), /^40\{"sid":/);
  });

  test('disconnect leaves one namespace and keeps the others', async (t) => {
    const client = await connected(t);
    client.send('40/custom');
    assert.match(await client.next(), /^40\/custom,\{"sid":/);
    assert.equal(await client.next(), '42/custom,["auth",{}]');
    client.send('41', '42/custom,["message","message to custom namespace"]');
    assert.equal(await client.next(), '42/custom,["message-back","message to custom namespace"]');
  });

  test('events, binary ones, acknowledgements, binary ones', async (t) => {
    const client = await connected(t);
    client.send('42["message",1,"2",{"3":[true]}]');
    assert.equal(await client.next(), '42["message-back",1,"2",{"3":[true]}]');
    client.send('452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6]));
    assert.equal(await client.next(), '452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
    assert.deepEqual([[...await client.next()], [...await client.next()]], [[1, 2, 3], [4, 5, 6]]);
    client.send('42456["message-with-ack",1,"2",{"3":[false]}]');
    assert.equal(await client.next(), '43456[1,"2",{"3":[false]}]');
    client.send('452-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6]));
    assert.equal(await client.next(), '462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
    assert.deepEqual([[...await client.next()], [...await client.next()]], [[1, 2, 3], [4, 5, 6]]);
    // An acknowledgement that nobody asked for is none of the server's business.
    client.send('437["x"]', '42["message","on"]');
    assert.equal(await client.next(), '42["message-back","on"]');
  });

  test('what breaks the protocol ends the connection', async (t) => {
    const before = ['4abc', '42["message"]', '42/custom,["message"]', '40[]', '47', '44{"message":"x"}'];
    for (const packet of before) {
      const client = await shake_frames(t, kSockets);
      client.send(packet);
      await client.ends();
    }
    const after = ['4abc', '42{}', '42[]', '42abc["message-with-ack",1]', '42["message"', '42["connect"]', '40', '43["x"]', '451-["message"]{}',
      '452-["message",{"_placeholder":true,"num":0}]+42["message"]', Buffer.from([1]), '4599-["message"]', '44{"message":"x"}', '42/custom,["message"]'];
    for (const packet of after) {
      const client = await connected(t);
      client.send(...(typeof packet === 'string' ? packet.split('+') : [packet]));
      await client.ends();
    }
  });
});

suite('engine.io times', { settings: { socketio_echo: true, socketio_ping_interval: '100ms', socketio_ping_timeout: '100ms', socketio_connect_timeout: '100ms', outbox_messages_max: 8 } }, (test) => {
  test('who does not answer the heartbeat is gone, over either transport', async (t) => {
    const client = await shake_frames(t, kEngine);
    const sid = await shake(t, kEngine);
    await client.ends();
    await until(async () => (await poll(t, kEngine, sid)).status === 400, 'the end of the session');
  });

  test('who connects to no namespace is gone', async (t) => {
    const client = await shake_frames(t, kSockets);
    const pongs = (async () => { for (;;) if (await client.next() === '2') client.send('3'); })();
    pongs.catch(() => {});
    await client.ends();
  });

  test('what waits for a poll is bounded', async (t) => {
    const sid = await shake(t, kEngine);
    const answer = await post(t, kEngine, sid, Array.from({ length: 20 }, () => '4x').join(kSeparator));
    assert.equal(answer.status, 400);
    assert.equal((await poll(t, kEngine, sid)).status, 400);
  });

  test('sessions are bounded, in all and before they connect', async (t) => {
    const server = await t.start_server({ socketio_sessions_max: 1, socketio_unconnected_max: 1, reactors: 1 });
    const client = await shake_frames(t, kSockets, server);
    t.refused(await get(t, kSockets, undefined, server), 503, 'full');
    client.send('40');
    await client.next();
    t.refused(await get(t, kSockets, undefined, server), 503, 'full');
    client.socket.close();
    await until(async () => (await get(t, kSockets, undefined, server)).status === 200, 'the place of the one that is gone');
    const metrics = (await t.get('/metrics', {}, { at: server })).text;
    assert.match(metrics, /ringcast_socketio_refused_total\{core="0"\} [1-9]/);
  });
});
