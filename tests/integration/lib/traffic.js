// SPDX-License-Identifier: Apache-2.0
// Traffic over the nodes of a cluster while something fails, and what members must have got of it. A test's.

import assert from 'node:assert/strict';
import { until } from './deadline.js';

// Publishes 1, 2, 3 … at all nodes in turn until stopped; what was acknowledged, with its id. Those whose outcome is not
// known are repeated with the same key until it is.
export function publisher(t, room, nodes) {
  const sent = new Map();
  const unknown = new Set();  // those of which one try may have been taken without our knowing
  let stopped = false;
  let error;
  let next = 0;
  const run = async () => {
    while (!stopped) {
      const number = ++next;
      const at = nodes[number % nodes.length];
      await until(async () => {
        const answer = await t.http('POST', '/messages', { body: { room, content: `${number}`, idempotency_key: `k${number}` }, at });
        if (answer.status === 200) sent.set(number, answer.json.event_id);
        else assert.match(answer.json.error.code, /^(broker_unavailable|outcome_unknown)$/, answer.text);
        if (answer.json.error?.code === 'outcome_unknown') unknown.add(number);
        return answer.status === 200;
      }, 'a publish to be taken', { ms: 60000 });
    }
  };
  const done = run().catch((problem) => { error = problem; });
  const check = () => { if (error) throw error; return true; };
  return {
    sent, unknown,
    async stop() { stopped = true; await done; check(); return sent; },
    async until(count) { await until(() => check() && sent.size >= count, `${count} publishes`, { ms: 60000 }); },
  };
}

// What a member got is in order and once, and complete but for what its gaps say.
export function check_received(client, room, sent, { gaps = false, unknown = new Set() } = {}) {
  const events = client.events.seen.filter((event) => event.room === room && (event.event_type === 'message' || event.event_type === 'gap'));
  const messages = events.filter((event) => event.event_type === 'message');
  const ids = messages.map(({ id }) => id);
  assert.deepEqual(ids, [...new Set(ids)].sort((a, b) => a - b), 'in order, none twice');
  const numbers = messages.map(({ content }) => Number(content));
  // Where Redis lost its data it lost the keys too: what was repeated because its outcome was not known may be there twice.
  const once = gaps ? numbers.filter((number) => !unknown.has(number)) : numbers;
  assert.equal(new Set(once).size, once.length, 'no content twice');
  const got = new Map(messages.map(({ id, content }) => [Number(content), id]));
  for (const [number, id] of sent) if (got.has(number)) assert.ok(gaps ? got.get(number) >= id : got.get(number) === id, `the id of ${number}`);
  const had_gap = events.some((event) => event.event_type === 'gap');
  if (!gaps) assert.ok(!had_gap, 'no gap');
  const missing = [...sent.keys()].filter((number) => !got.has(number));
  if (!had_gap) assert.deepEqual(missing, [], 'nothing is missing');
  return { missing, had_gap, messages };
}

export async function last_word(t, room, nodes, clients) {
  const answer = await until(async () => {
    const said = await t.http('POST', '/messages', { body: { room, content: '1000000', idempotency_key: 'last' }, at: nodes[0] });
    return said.status === 200 && said.json;
  }, 'the last word to be taken', { ms: 60000 });
  for (const client of clients) await client.next({ room, content: '1000000' }, { ms: 60000 });
  return answer;
}
