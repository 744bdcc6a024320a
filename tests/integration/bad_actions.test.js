// SPDX-License-Identifier: Apache-2.0
// What a WebSocket client can get wrong: an error event that names it, nothing half-applied, the connection goes on.

import assert from 'node:assert/strict';
import { suite } from './lib/runner.js';

const kDeep = `{"action":"message","data":${'['.repeat(200)}${']'.repeat(200)},"ref":"x"}`;

// [what, text or fields, code if it is a stable part of the contract]
const kBad = [
  ['no JSON', 'hello', 'bad_json'],
  ['half a JSON', '{"action":"ping"', 'bad_json'],
  ['an array', '[1,2]', 'bad_json'],
  ['a number', '17', 'bad_json'],
  ['nothing', '', 'bad_json'],
  ['two documents', '{"action":"ping"}{"action":"ping"}', 'bad_json'],
  ['no action', { room: 'general' }],
  ['an unknown action', { action: 'fly' }, 'unknown_action'],
  ['an action that is no string', { action: 17 }],
  ['join without room', { action: 'join' }, 'missing_field'],
  ['join with an empty room', { action: 'join', room: '' }, 'bad_room'],
  ['join of *', { action: 'join', room: 'a,b' }, 'bad_room'],
  ['join with a long name', { action: 'join', room: 'x'.repeat(129) }, 'bad_room'],
  ['join with a control character', { action: 'join', room: 'a\u0001b' }, 'bad_room'],
  ['join with a name that is no string', { action: 'join', room: 17 }, 'bad_field'],
  ['join with a last_id that is no cursor', { action: 'join', room: 'bad-actions', last_id: true }, 'bad_field'],
  ['history after what is no id', { action: 'history', room: 'bad-actions', after: 'soon' }, 'bad_field'],
  ['a message with a typing error', { action: 'message', rom: 'bad-actions-home', content: 'a' }, 'unknown_field'],
  ['a message to a user', { action: 'message', to: 'bob', content: 'a' }, 'unknown_field'],
  ['a join with what it does not take', { action: 'join', room: 'bad-actions', since: 5 }, 'unknown_field'],
  ['a ping with anything', { action: 'ping', hello: 'world' }, 'unknown_field'],
  ['leave of a room not joined', { action: 'leave', room: 'never-joined' }],
  ['message without content', { action: 'message', room: 'bad-actions-home' }],
  ['message with content and data', { action: 'message', room: 'bad-actions-home', content: 'a', data: 1 }],
  ['message with content that is no string', { action: 'message', room: 'bad-actions-home', content: 5 }],
  ['message with a type of the server\'s own', { action: 'message', room: 'bad-actions-home', content: 'a', event: 'joined' }],
  ['message with a bad type', { action: 'message', room: 'bad-actions-home', content: 'a', event: 'no spaces' }],
  ['message with an empty idempotency key', { action: 'message', room: 'bad-actions-home', content: 'a', idempotency_key: '' }],
  ['message nested too deep', kDeep, 'too_deep'],
  ['direct without to', { action: 'direct', content: 'a' }, 'missing_field'],
  ['direct to nobody', { action: 'direct', to: '', content: 'a' }],
  ['direct to a name with a comma', { action: 'direct', to: 'a,b', content: 'a' }],
  ['status that is none', { action: 'status', status: 'dancing' }],
  ['typing without a room', { action: 'typing' }],
  ['history with a bad limit', { action: 'history', room: 'bad-actions-home', limit: -5 }],
  ['a lone surrogate', '{"action":"message","room":"bad-actions-home","content":"\\ud800"}', 'bad_json'],
];

suite('bad actions', {}, (test) => {
  test('each is answered with an error and the connection goes on', async (t) => {
    const client = await t.ws({ user: t.name('a') });
    for (const [what, text, code] of kBad) {
      client.send(text);
      client.send({ action: 'ping', ref: what });
      const answer = await client.next(({ event_type }) => event_type === 'error' || event_type === 'pong');
      assert.equal(answer.event_type, 'error', `${what}: no error`);
      assert.equal(typeof answer.code, 'string', what);
      assert.ok(answer.message?.length > 3, what);
      if (code) assert.equal(answer.code, code, what);
      await client.next({ event_type: 'pong', ref: what });
    }
    assert.equal(client.events.all('message').length, 0);
    assert.equal((await t.read('/history', { room: 'bad-actions-home' })).messages.length, 0);
  });

  test('the ref of a bad action comes back with the error', async (t) => {
    const client = await t.ws({ user: t.name('a') });
    for (const fields of [{ action: 'join' }, { action: 'fly' }, { action: 'status', status: 'x' }]) {
      const answer = await client.ask(fields);
      assert.equal(answer.event_type, 'error');
    }
  });
});

suite('room limit', { settings: { rooms_per_websocket_max: 3, rooms_per_stream_max: 2 } }, (test) => {
  test('a WebSocket may join so many rooms and no more', async (t) => {
    const client = await t.ws({ user: t.name('a') });
    const rooms = [1, 2, 3].map(() => t.name('room'));
    for (const room of rooms) await client.join(room);
    assert.equal((await client.ask({ action: 'join', room: t.name('room') })).event_type, 'error');
    await client.ask({ action: 'leave', room: rooms[0] });
    await client.join(t.name('room'));
  });

  test('a WebSocket that names too many rooms in its URL is closed with the reason', async (t) => {
    const client = t.ws_raw(`/ws?rooms=${[1, 2, 3, 4].map(() => t.name('room'))}`);
    assert.equal((await client.close_code()).code, 4003);
    assert.equal(client.events.all('error')[0].code, 'too_many_rooms');
  });

  test('a stream may name so many rooms and no more', async (t) => {
    const rooms = [1, 2, 3].map(() => t.name('room'));
    const headers = { Accept: 'text/event-stream' };
    t.refused(await t.get('/events', { user: 'a', rooms }, { headers }), 400);
    t.refused(await t.get('/poll', { user: 'a', rooms }), 400);
    await t.sse({ user: 'a', rooms: rooms.slice(1) });
  });
});
