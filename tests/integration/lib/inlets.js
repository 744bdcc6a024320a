// SPDX-License-Identifier: Apache-2.0
// What tests of inlets share: their metrics, many commands for Redis at once, and what a member must have got.

import assert from 'node:assert/strict';
import { until } from './deadline.js';

// The value of a metric of an inlet: `published_total`, or with a reason `unmapped_total`.
export async function inlet_metric(t, inlet, name, { at, reason, headers } = {}) {
  const { text } = await t.get('/metrics', {}, { at, headers });
  const labels = `inlet="${inlet}"${reason ? `,reason="${reason}"` : ''}`;
  const line = text.split('\n').find((each) => each.startsWith(`ringcast_inlet_${name}{${labels}}`));
  assert.ok(line, `ringcast_inlet_${name}{${labels}} is in /metrics`);
  return Number(line.slice(line.lastIndexOf(' ') + 1));
}

export async function inlet_until(t, inlet, name, value, options = {}) {
  await until(async () => await inlet_metric(t, inlet, name, options) >= value, `${name} of ${inlet} to be ${value}`, { ms: 60000, ...options });
}

// Numbers that a member got in a room, as they came.
export const numbers_of = (client, room) => client.events.seen
  .filter((event) => event.room === room && event.event_type === 'message').map(({ data }) => data.n);

// 1 to `count`, each once, in order, under ids without a hole.
export async function got_all(client, room, count, { ms = 60000 } = {}) {
  await until(() => numbers_of(client, room).length >= count || client.events.ended, `${count} messages in ${room}`, { ms });
  await client.fence();
  assert.deepEqual(numbers_of(client, room), Array.from({ length: count }, (_, n) => n + 1));
  const ids = client.events.seen.filter((event) => event.room === room && event.event_type === 'message').map(({ id }) => id);
  assert.equal(ids.at(-1) - ids[0], count - 1, 'ids without a hole');
}
