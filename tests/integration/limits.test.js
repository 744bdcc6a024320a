// Limits on connections, and what a client is told at the limit.

import assert from 'node:assert/strict';
import { until } from './lib/deadline.js';
import { suite } from './lib/runner.js';

suite('connection limit', { server: false }, (test) => {
  test('at the limit: 503 with Retry-After, a stream 200 with problem; a place that gets free is given', async (t) => {
    const server = await t.start_server({ connections_max: 8 });
    const held = [];
    for (let i = 0; i < 8; i++) {
      // What other connections of the test itself took shows here as an earlier refusal.
      const client = t.ws_raw('/ws?user=a', {}, server);
      if (!await client.opened.then(() => true, () => false)) break;
      held.push(client);
    }
    assert.ok(held.length >= 6, `${held.length} connections`);
    const refusal = await until(async () => {
      const client = t.ws_raw('/ws?user=late', {}, server);
      const error = await client.opened.then(() => null, (problem) => problem);
      if (!error) held.push(client);
      return error;
    }, 'a refusal');
    assert.equal(refusal.status, 503);
    assert.ok(Number(refusal.headers['retry-after']) >= 1);
    const stream = t.sse_raw({ rooms: ['r'] }, {}, server);
    assert.equal((await stream.response).statusCode, 200);
    assert.ok((await stream.next('(retry)')).retry > 0);
    await stream.next('problem');
    await stream.end();
    const plain = t.raw(server).write('GET /poll?rooms=r HTTP/1.1\r\nHost: x\r\n\r\n');
    assert.equal((await plain.response()).status, 503);
    for (const client of held.splice(0, 4)) await client.close();
    await until(async () => {
      const client = t.ws_raw('/ws?user=next', {}, server);
      return client.opened.then(() => true, () => false);
    }, 'a place');
  });

  test('out of descriptors the server refuses and recovers', async (t) => {
    const server = await t.start_server({ connections_max: 100 });
    const sockets = [];
    for (let i = 0; i < 130; i++) sockets.push(t.raw(server));
    await Promise.all(sockets.map((socket) => socket.connected));
    for (const socket of sockets) socket.destroy();
    await until(async () => t.ws_raw('/ws?user=a', {}, server).opened.then(() => true, () => false), 'the server to recover');
  });
});
