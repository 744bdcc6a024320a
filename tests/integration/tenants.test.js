// SPDX-License-Identifier: Apache-2.0
// Nothing crosses tenants: rooms, inboxes, broadcasts, users, reads.

import assert from 'node:assert/strict';
import { suite } from './lib/runner.js';

suite('tenants', { at_once: 1 }, (test) => {
  test('the same names in two tenants are two of each', async (t) => {
    const of = async (tenant) => {
      const client = await t.ws({ user: 'alice', tenant });
      await client.join('general');
      return client;
    };
    const [red, blue, none] = [await of('red'), await of('blue'), await of(undefined)];
    const all = [red, blue, none];
    red.send({ action: 'message', room: 'general', content: 'red only' });
    await red.next({ content: 'red only' });
    await blue.ask({ action: 'direct', to: 'alice', content: 'blue only' });
    await blue.next({ content: 'blue only' });
    await t.publish({ broadcast: true, user: 'S', content: 'red broadcast' }, { query: { tenant: 'red' } });
    await red.next({ content: 'red broadcast' });
    await t.publish({ broadcast: true, user: 'S', content: 'broadcast of none' });
    await none.next({ content: 'broadcast of none' });
    await Promise.all(all.map((client) => client.fence()));
    const heard = all.map((client) => client.events.seen.map(({ content }) => content).filter(Boolean));
    assert.deepEqual(heard, [['red only', 'red broadcast'], ['blue only'], ['broadcast of none']]);
    for (const client of all) assert.equal(client.events.all('member_joined').length, 0);
  });

  test('reads are scoped too', async (t) => {
    await t.publish({ room: 'secret', user: 'S', content: 'x' }, { query: { tenant: 'green' } });
    const green = await t.read('/rooms', { tenant: 'green' });
    assert.deepEqual(green.rooms.map(({ room }) => room), ['secret']);
    const { rooms } = await t.read('/rooms');
    assert.ok(!rooms.some(({ room }) => room === 'secret'));
    assert.equal((await t.read('/history', { room: 'secret', tenant_id: 'green' })).messages.length, 1);
    const other = await t.get('/history', { room: 'secret', tenant: 'yellow' });
    assert.deepEqual(other.json.messages ?? [], []);
    await t.ws({ user: 'only-green', tenant: 'green' });
    assert.equal((await t.read('/users/only-green', { tenant: 'green' })).online, true);
    assert.ok(!(await t.get('/users/only-green')).json.online);
  });

  test('a connection of another tenant cannot be sent to', async (t) => {
    const client = await t.ws({ user: 'a', tenant: 'red' });
    const answer = await t.http('POST', '/messages?tenant=blue', { body: { to_connection: client.id, content: 'x' } });
    assert.ok(answer.status === 404 || answer.json.receivers === 0, answer.text);
    await client.fence();
    assert.equal(client.events.all({ content: 'x' }).length, 0);
  });

  test('a connection of another tenant cannot be closed', async (t) => {
    const client = await t.ws({ user: 'a', tenant: 'red' });
    assert.equal((await t.http('DELETE', `/connections/${client.id}?tenant=blue`)).status, 404);
    await client.fence();
  });

  test('streams and polls are scoped', async (t) => {
    const red = await t.sse({ rooms: ['r'], tenant: 'red' });
    const { cursor } = await t.poll({ rooms: ['r'], tenant: 'red' });
    await t.say('r', 'of none');
    await t.publish({ room: 'r', user: 'S', content: 'of red' }, { query: { tenant: 'red' } });
    await red.next({ content: 'of red' });
    assert.equal(red.events.all('message').length, 1);
    const { events } = await t.poll({ rooms: ['r'], tenant: 'red', since: cursor });
    assert.deepEqual(events.map(({ content }) => content), ['of red']);
  });

  test('a bad tenant is refused', async (t) => {
    for (const tenant of ['a b', 'x'.repeat(65), 'a/b', 'ü']) t.refused(await t.get('/rooms', { tenant }), 400);
  });
});
