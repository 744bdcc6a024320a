// Tokens that end and tokens that are taken back, against a server that asks for them.

import assert from 'node:assert/strict';
import { suite } from '../integration/lib/runner.js';
import { Files, Key, now_s } from '../integration/lib/tokens.js';
import { contents, observe } from './lib/observed_client.js';

const kApiKey = 'a-secret-of-some-length';
const kTransports = ['websocket', 'sse', 'poll'];
const kPermissions = [{ match: '**', allow: ['subscribe', 'publish', 'presence', 'history'] }];
const files = new Files();
const key = new Key('HS256');
const settings = { jwt_keys: [files.key(key)], api_keys: kApiKey, jwt_leeway: '0s', token_notice: '60s', retry: '100ms' };

// Its first token ends after `seconds`, the next ones later; `issued` says what it was given.
function with_tokens(t, transport, room, seconds) {
  const user = t.name('ann');
  const issued = [];
  const token = async () => {
    issued.push(key.token({ sub: user, jti: `${user}-${issued.length}`, permissions: kPermissions, exp: now_s() + (issued.length ? 3600 : seconds) }));
    return issued.at(-1);
  };
  return { user, issued, client: observe(t, { url: t.server.url, user, rooms: [room], token, transports: [transport] }) };
}

const keyed = { headers: { 'X-API-Key': kApiKey } };

suite('tokens of a client', { settings }, (test) => {
  for (const transport of kTransports) {
    test(`${transport}: a new token before the old one ends, and nothing is lost`, async (t) => {
      const room = t.name('room');
      const { issued, client } = with_tokens(t, transport, room, 3);
      await client.states.next('open');
      await client.join(room);
      const expected = [];
      // Said all the while: one message for each that came.
      while (issued.length < 2 || expected.length < 20) {
        expected.push(`message ${expected.length}`);
        await t.publish({ room, user: 'System', content: expected.at(-1) }, keyed);
        await client.events.next({ content: expected.at(-1) }, { ms: 20000 });
      }
      assert.deepEqual(contents(client, room), expected);
      assert.deepEqual(client.events.all('gap'), []);
      if (transport !== 'poll') await client.events.next('token_expiring');
      if (transport === 'websocket') assert.deepEqual(client.states.all('waiting'), []);
      const { id } = await client.publish(room, 'with the new one');
      assert.ok(id > 0);
    });

    test(`${transport}: a token that is taken back makes way for the next`, async (t) => {
      const room = t.name('room');
      const { user, issued, client } = with_tokens(t, transport, room, 3600);
      await client.states.next('open');
      await client.join(room);
      await t.http('DELETE', `/tokens/${user}-0`, keyed);
      // A poll that waits is answered before it is asked for its token again.
      if (transport === 'poll') await t.publish({ room, user: 'System', content: 'go on' }, keyed);
      await client.states.next('waiting');
      await client.states.next('open');
      assert.equal(issued.length, 2);
      await t.publish({ room, user: 'System', content: 'still here' }, keyed);
      await client.events.next({ content: 'still here' });
      assert.deepEqual(client.events.all('gap'), []);
    });

    test(`${transport}: without a way to get a token a refusal stops it, and says that it is the token`, async (t) => {
      const client = observe(t, { url: t.server.url, rooms: [t.name('room')], token: key.token({ exp: now_s() - 60 }), transports: [transport] });
      const stopped = await client.states.next('stopped');
      assert.equal(stopped.token, true);
    });

    test(`${transport}: a room that the token does not open is refused by name`, async (t) => {
      const user = t.name('ann');
      const client = observe(t, { url: t.server.url, user, token: key.token({ sub: user }), transports: [transport] });
      await client.states.next('open');
      const closed_room = t.name('closed');
      if (transport === 'websocket') {
        await assert.rejects(client.join(closed_room), { code: 'forbidden' });
        assert.deepEqual([...client.rooms], []);
        assert.equal(client.state.state, 'open');
      } else {  // one stream for all rooms: refused as a whole
        client.join(closed_room);
        assert.equal((await client.states.next('stopped')).code, 'forbidden');
      }
    });
  }
});
