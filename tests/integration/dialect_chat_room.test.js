// SPDX-License-Identifier: Apache-2.0
// The chat room over SSE: who is there, what is said, in public and in private, and what was said before.

import assert from 'node:assert/strict';
import { until } from './lib/deadline.js';
import { Redis, has_redis } from './lib/redis.js';
import { suite } from './lib/runner.js';

suite('SSE chat', {}, (test) => {
  const enter = async (t, name, at) => {
    const stream = t.stream(`/sse?username=${name}`, {}, at);
    stream.hello = await stream.next((event) => event.event_type !== '(retry)');
    return stream;
  };
  const say = async (t, body, at = t.server) => {
    const answer = await t.http('POST', '/send', { body, at });
    assert.equal(answer.status, 200, answer.text);
  };
  const list_with = (stream, ...names) => stream.next((event) => event.event_type === 'online_list' && names.every((name) => JSON.parse(event.raw_data).includes(name)));

  test('the transcript: connection_id, welcome, chat to all', async (t) => {
    const [a, b] = [t.name('ann'), t.name('ben')];
    const ann = await enter(t, a);
    assert.equal(ann.hello.event_type, 'connection_id');
    assert.deepEqual(Object.keys(JSON.parse(ann.hello.raw_data)), ['id']);
    await ann.next((event) => event.event_type === 'system' && event.content.includes(a));  // others enter, too
    const ben = await enter(t, b);
    assert.match((await ann.next((event) => event.event_type === 'system' && event.content.includes(b))).content, /welcome/);
    await list_with(ann, a, b);
    await list_with(ben, a, b);
    const content = t.name('hello');
    await say(t, { from: a, content });
    for (const stream of [ann, ben]) {
      assert.deepEqual(JSON.parse((await stream.next({ event_type: 'chat', content })).raw_data), { from: a, content, type: 'chat' });
    }
  });

  test('to makes it private', async (t) => {
    const [a, b, c] = [t.name('ann'), t.name('ben'), t.name('cat')];
    const [ben, cat] = [await enter(t, b), await enter(t, c)];
    await say(t, { from: a, to: b, content: 'psst' });
    assert.deepEqual(JSON.parse((await ben.next({ event_type: 'chat', content: 'psst' })).raw_data), { from: a, to: b, content: 'psst', type: 'chat' });
    const fence = t.name('fence');
    await say(t, { from: a, content: fence });
    await cat.next({ event_type: 'chat', content: fence });
    assert.ok(!cat.events.seen.some((event) => event.content === 'psst'));
  });

  test('history on connect', async (t) => {
    const server = await t.start_server();
    const [a, b] = [t.name('ann'), t.name('ben')];
    for (let i = 0; i < 3; ++i) await say(t, { from: a, content: `old ${i}` }, server);
    const ben = await enter(t, b, server);
    for (let i = 0; i < 3; ++i) {
      const old = JSON.parse((await ben.next('history')).raw_data);
      assert.deepEqual(Object.keys(old), ['From', 'Content', 'Time']);
      assert.equal(old.From, a);
      assert.equal(old.Content, `old ${i}`);
      assert.ok(!Number.isNaN(Date.parse(old.Time)));
    }
    await say(t, { from: a, content: 'new' }, server);
    assert.equal((await ben.next('chat')).content, 'new');
    assert.equal(ben.events.seen.filter((event) => event.event_type === 'history').length, 3);
  });

  test('a reconnect gets what it has missed as chat', async (t) => {
    const server = await t.start_server();  // the lobby is this test's
    const a = t.name('ann');
    const stream = await enter(t, a, server);
    const [first, second] = [t.name('m'), t.name('m')];
    await say(t, { from: a, content: first }, server);
    const { cursor_line } = await stream.next({ event_type: 'chat', content: first });
    stream.close();
    await say(t, { from: a, content: second }, server);
    const again = t.stream(`/sse?username=${a}`, { headers: { 'Last-Event-ID': cursor_line } }, server);
    assert.equal((await again.next('chat')).content, second);
    assert.ok(!again.events.seen.some(({ event_type }) => event_type === 'history'));
  });

  test('any page may read it in the preset, and only there', async (t) => {
    const server = await t.start_server({ preset: 'sse_chat' });
    for (const headers of [{}, { Origin: 'https://elsewhere.example' }]) {
      const { headers: got } = await t.stream('/sse?username=ann', { headers }, server).response;
      assert.equal(got['access-control-allow-origin'], '*');
    }
    assert.equal((await t.stream('/sse?username=ann').response).headers['access-control-allow-origin'], undefined);
  });

  test('who leaves is off the list at once', async (t) => {
    const [a, b] = [t.name('ann'), t.name('ben')];
    const ann = await enter(t, a);
    const ben = await enter(t, b);
    await list_with(ann, a, b);
    const before = ann.events.seen.length;  // the lists from before he came do not have him either
    ben.close();
    await until(() => ann.events.seen.slice(before).some((event) => event.event_type === 'online_list' && !JSON.parse(event.raw_data).includes(b)), 'a list without him');
  });

  test('without a name it is 匿名用户, who reads and posts, whatever the Content-Type says', async (t) => {
    const nobody = t.stream('/sse');
    await nobody.next((event) => event.event_type === 'system' && event.content.startsWith('匿名用户'));
    await list_with(nobody, '匿名用户');
    const content = t.name('who');
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    assert.equal((await t.http('POST', '/send', { body: JSON.stringify({ content }), headers })).status, 200);
    assert.deepEqual(JSON.parse((await nobody.next({ content })).raw_data), { from: '匿名用户', content, type: 'chat' });
    t.refused(await t.http('POST', '/send', { body: { words: 1 } }), 400, 'missing_field');
  });
});

suite('SSE chat: heartbeats', {}, (test) => {
  test('are events with the time in seconds', async (t) => {
    const config = t.config_file('[[routes]]\npath = "/room"\ndialect = "chat-room"\njoin = ["lobby", "@me"]\nheartbeat_interval = "1s"\n');
    const server = await t.start_server({ config });
    const stream = t.stream('/room?username=ann', {}, server);
    const heartbeat = JSON.parse((await stream.next('heartbeat')).raw_data);
    assert.deepEqual(Object.keys(heartbeat), ['type', 'time']);
    assert.equal(heartbeat.type, 'heartbeat');
    assert.ok(heartbeat.time > 1.7e9 && heartbeat.time < 1e11);
  });
});

suite('SSE chat: several nodes', { server: false }, (test) => {
  test('history comes from the store that the nodes share, and chat from all of them', async (t) => {
    if (!has_redis) t.skip('there is no redis-server and no valkey-server');
    if (t.combination.reactors === 1) t.skip('with more reactors only');
    const redis = await Redis.start();
    const nodes = [];
    for (const node_name of ['n0', 'n1']) nodes.push(await t.start_server({ broker: redis.url(), node_name, presence: false }));
    t.after(() => redis.stop());
    for (const at of nodes) await until(async () => (await t.get('/ready', {}, { at })).status === 200, '/ready');
    const say = async (content) => assert.equal((await t.http('POST', '/send', { body: { from: 'ben', content }, at: nodes[0] })).status, 200);
    await say('earlier');
    const ann = t.stream('/sse?username=ann', {}, nodes[1]);
    const { From, Content } = await ann.next('history');
    assert.deepEqual([From, Content], ['ben', 'earlier']);
    await say('now');
    assert.deepEqual(JSON.parse((await ann.next('chat')).raw_data), { from: 'ben', content: 'now', type: 'chat' });
  });
});
