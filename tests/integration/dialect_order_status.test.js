// SPDX-License-Identifier: Apache-2.0
// The order-status stream: current state first, bare payloads, the end with the last state, 204 afterwards.

import assert from 'node:assert/strict';
import { EventSource } from 'eventsource';
import { until, within } from './lib/deadline.js';
import { suite } from './lib/runner.js';

suite('order-status stream', { settings: { preset: 'order_status' } }, (test) => {
  const set = (t, id, status) => t.publish({ room: `order-status/${id}`, data: { status } });
  const members = async (t, id) => (await t.read('/members', { room: `order-status/${id}` })).count;

  test('the transcript: state, changes, the end, 204', async (t) => {
    const id = t.name('order');
    await set(t, id, 'received');
    await set(t, id, 'processing');
    const stream = t.stream(`/events/order-status/${id}`);
    const response = await within(stream.response, 'the head');
    assert.equal(response.statusCode, 200);
    assert.match(response.headers['content-type'], /^text\/event-stream/);
    const first = await stream.next({ event_type: 'message' });
    assert.equal(first.raw_data, '{"status":"processing"}');
    assert.match(first.cursor_line, /^\d+$/);
    await set(t, id, 'shipped');
    assert.equal((await stream.next({ event_type: 'message' })).raw_data, '{"status":"shipped"}');
    await set(t, id, 'completed');
    assert.equal((await stream.next({ event_type: 'message' })).raw_data, '{"status":"completed"}');
    await stream.end();
    const types = new Set(stream.events.seen.map((event) => event.event_type));
    types.delete('(comment)');  // a heartbeat, which may come at any time
    assert.deepEqual([...types].sort(), ['(retry)', 'message'], 'other events were shown');

    const again = await t.http('GET', `/events/order-status/${id}`, { headers: { 'Last-Event-ID': stream.last_id, Accept: 'text/event-stream' } });
    assert.equal(again.status, 204);
  });

  test('the state is kept although nobody is connected, and who comes late sees the last one and the end', async (t) => {
    const id = t.name('order');
    await set(t, id, 'failed');
    const late = t.stream(`/events/order-status/${id}`);
    assert.equal((await late.next({ event_type: 'message' })).raw_data, '{"status":"failed"}');
    await late.end();
  });

  test('a message published as final ends it whatever it says', async (t) => {
    const id = t.name('order');
    const stream = t.stream(`/events/order-status/${id}`);
    await until(async () => (await members(t, id)) === 1, 'the member');
    await t.publish({ room: `order-status/${id}`, data: { status: 'refunded' }, final: true });
    assert.equal((await stream.next({ event_type: 'message' })).raw_data, '{"status":"refunded"}');
    await stream.end();
  });

  test('a state that comes as text is sent as that text and ends the stream too; a name that was given is kept', async (t) => {
    const id = t.name('order');
    const room = `order-status/${id}`;
    const stream = t.stream(`/events/order-status/${id}`);
    await until(async () => (await members(t, id)) === 1, 'the member');
    await t.publish({ room, event: 'order-update', data: '{ "status": "shipped" }' });
    const named = await stream.next({ event_type: 'order-update' });
    assert.deepEqual([named.sse_event, named.raw_data], ['order-update', '{ "status": "shipped" }']);
    await t.publish({ room, data: '{ "status": "completed" }' });
    assert.equal((await stream.next({ event_type: 'message' })).raw_data, '{ "status": "completed" }');
    await stream.end();
  });

  test('EventSource gets unnamed events and stops for good', async (t) => {
    const id = t.name('order');
    await set(t, id, 'processing');
    const source = new EventSource(`${t.server.url}/events/order-status/${id}`);
    t.after(() => source.close());
    const states = [];
    let closed;
    const over = new Promise((resolve) => { closed = resolve; });
    source.onmessage = async ({ data }) => {
      states.push(JSON.parse(data).status);
      if (states.length === 1) await set(t, id, 'completed');
    };
    source.onerror = () => { if (source.readyState === EventSource.CLOSED) closed(); };
    await within(over, 'the source to get 204', { describe: () => states.join() });
    assert.deepEqual(states, ['processing', 'completed']);
  });

  test('a cut stream resumes behind the state that it has', async (t) => {
    const id = t.name('order');
    await set(t, id, 'a');
    const stream = t.stream(`/events/order-status/${id}`);
    const first = await stream.next({ event_type: 'message' });
    stream.close();
    await set(t, id, 'b');
    await set(t, id, 'c');
    const again = t.stream(`/events/order-status/${id}`, { headers: { 'Last-Event-ID': first.cursor_line } });
    assert.equal((await again.next({ event_type: 'message' })).status, 'b');
    assert.equal((await again.next({ event_type: 'message' })).status, 'c');
  });

  test('it is cleaned up when the client goes', async (t) => {
    const id = t.name('order');
    const stream = t.stream(`/events/order-status/${id}`);
    await until(async () => (await members(t, id)) === 1, 'the member');
    stream.close();
    await until(async () => (await members(t, id)) === 0, 'the member to be gone');
  });
});

suite('order-status stream: heartbeat', { settings: { heartbeat_interval: '1s' } }, (test) => {
  test('heartbeats are comments', async (t) => {
    const stream = t.stream(`/events/order-status/${t.name('order')}`);
    assert.equal((await stream.next('(comment)')).comment, 'heartbeat');
  });
});
