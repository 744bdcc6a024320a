// SPDX-License-Identifier: Apache-2.0
// Over several nodes: what is revoked at one of them is revoked at all, those that start later included, whatever happens
// to Redis.

import assert from 'node:assert/strict';
import { cluster, ready } from './lib/cluster.js';
import { until } from './lib/deadline.js';
import { suite } from './lib/runner.js';
import { Files, Key, now_s } from './lib/tokens.js';

const files = new Files();
const key = new Key('HS256', { id: 'own' });
const kSecret = 'a-secret-of-some-length';
const settings = { jwt_keys: [files.key(key)], api_keys: `billing:${kSecret}`, jwt_leeway: '0s' };
const headers = { 'X-API-Key': kSecret };
const kHash = 'ringcast:revoked';

const history = (t, token, at) => t.get('/history', { room: '@me', token }, { at });
const revoke = (t, path, at) => t.http('DELETE', path, { headers, at });
async function is_refused(t, token, at) {
  const answer = await history(t, token, at);
  t.refused(answer, 401);
  assert.match(answer.text, /revoked/);
}

suite('cluster tokens', { server: false, at_once: 2 }, (test) => {
  test('a revocation ends connections on all nodes, and a node that starts later knows it', async (t) => {
    const { redis, nodes, start } = await cluster(t, 2, settings);
    const jti = t.name('jti');
    const [ann, bob] = [t.name('ann'), t.name('bob')];
    const [one, all, namesake] = [key.token({ sub: ann, jti }), key.token({ sub: bob, iat: now_s() - 10 }), key.token({ sub: bob, tenant: 'red', iat: now_s() - 10 })];
    const sockets = [];
    for (const at of nodes) for (const token of [one, all, namesake]) sockets.push(await t.ws({ token }, {}, at));
    const stream = await t.sse({ rooms: ['@me'], token: one }, {}, nodes[1]);
    assert.deepEqual((await revoke(t, `/tokens/${jti}`)).json, { token_id: jti, status: 'revoked' });
    assert.deepEqual((await revoke(t, `/users/${bob}/tokens`, nodes[1])).json, { user: bob, status: 'revoked' });
    for (const [n, socket] of sockets.entries()) if (n % 3 !== 2) assert.equal((await socket.close_code()).code, 4001);
    assert.equal((await stream.next('close')).code, 4001);
    // Answered is stored: who starts now reads it before it takes a token.
    const third = await start(2);
    await ready(t, third);
    for (const at of [...nodes, third]) {
      for (const token of [one, all]) await is_refused(t, token, at);
      for (const token of [namesake, key.token({ sub: ann }), key.token({ sub: bob, iat: now_s() + 5 })]) assert.equal((await history(t, token, at)).status, 200);
    }
    for (const [n, socket] of sockets.entries()) if (n % 3 === 2) await socket.fence();
    assert.equal(await redis.ask('HLEN', kHash), 2);
    assert.match((await t.get('/metrics', {}, { headers, at: third })).text, /^ringcast_broker_revocations 2$/m);
    // Again, with no change; ids with any bytes.
    assert.equal((await revoke(t, `/tokens/${jti}`)).status, 200);
    const odd = `${t.name('odd')} 1 2 \n é`;
    assert.equal((await revoke(t, `/tokens/${encodeURIComponent(odd)}`)).json.token_id, odd);
    await until(async () => (await history(t, key.token({ jti: odd }), third)).status === 401, 'the odd one to be refused');
    assert.equal(await redis.ask('HLEN', kHash), 3);
  });

  test('what Redis loses, the nodes add again', async (t) => {
    const { redis, nodes, start } = await cluster(t, 2, settings);
    const ids = Array.from({ length: 600 }, (_, n) => `${t.name('jti')}-${n}`);
    await Promise.all(ids.map(async (jti, n) => assert.equal((await revoke(t, `/tokens/${jti}`, nodes[n % 2])).status, 200)));
    assert.equal(await redis.ask('HLEN', kHash), ids.length);
    await redis.kill();
    await redis.run();
    await until(async () => await redis.ask('HLEN', kHash) === ids.length, 'all to be there again');
    // So when one node is alone, and the data goes without a new connection.
    nodes[1].signal('SIGKILL');
    await redis.ask('DEL', kHash);
    await until(async () => await redis.ask('HLEN', kHash) === ids.length, 'all to be there again', { ms: 60000 });
    const late = await start(2);
    await ready(t, late);
    for (const jti of [ids[0], ids[1], ids.at(-1)]) await is_refused(t, key.token({ jti }), late);
  });

  test('while Redis is away: the node itself refuses, the others learn it later; a start takes no tokens', async (t) => {
    const { redis, nodes, start } = await cluster(t, 2, settings);
    const token = key.token({ jti: t.name('jti') });
    const { jti } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
    const socket = await t.ws({ token }, {}, nodes[1]);
    await redis.kill();
    const answer = await revoke(t, `/tokens/${jti}`);
    t.refused(answer, 503, 'broker_unavailable');
    await is_refused(t, token, nodes[0]);
    assert.notEqual((await history(t, token, nodes[1])).status, 401);
    const third = await start(2);
    t.refused(await history(t, key.token(), third), 503, 'try_again');
    const client = t.ws_raw(`/ws?token=${key.token()}`, {}, third);
    assert.equal((await client.close_code()).code, 1013);
    await redis.run();
    assert.equal((await socket.close_code()).code, 4001);
    for (const at of [nodes[1], third]) await until(async () => (await history(t, token, at)).status === 401, 'all to know it');
    await ready(t, third);
    assert.equal((await history(t, key.token(), third)).status, 200);
  });

  test('they are forgotten when no token can be good any more, and kept out of a Redis that is full', async (t) => {
    const { redis, nodes } = await cluster(t, 2, { ...settings, broker_revocations_ttl: '2s' });
    assert.equal((await revoke(t, `/tokens/${t.name('jti')}`)).status, 200);
    assert.equal(await redis.ask('HLEN', kHash), 1);
    await until(async () => await redis.ask('EXISTS', kHash, `${kHash}:ends`) === 0, 'them to be forgotten');
    await redis.ask('CONFIG', 'SET', 'maxmemory', '1');
    const jti = t.name('full');
    t.refused(await revoke(t, `/tokens/${jti}`), 503, 'broker_unavailable');
    await is_refused(t, key.token({ jti }), nodes[0]);
  });
});
