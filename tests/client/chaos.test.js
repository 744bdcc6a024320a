// SPDX-License-Identifier: Apache-2.0
// The model test's promises against a real server, through a proxy that cuts, delays, refuses and swallows. The client's
// clock runs ten times as fast. RINGCAST_CHAOS_SEEDS says how many seeds, RINGCAST_CHAOS_FROM which is the first.

import assert from 'node:assert/strict';
import { until } from '../integration/lib/deadline.js';
import { suite } from '../integration/lib/runner.js';
import { kBlocks } from './lib/blocking_proxy.js';
import { blocking_proxy, contents, observe } from './lib/observed_client.js';
import { random_of } from './model/world.js';

const kSeeds = Number(process.env.RINGCAST_CHAOS_SEEDS ?? 8);
const kFrom = Number(process.env.RINGCAST_CHAOS_FROM ?? 1);
const kFaster = 10;

const kClock = {
  now: () => performance.now() * kFaster,
  setTimeout: (run, ms) => setTimeout(run, ms / kFaster),
  clearTimeout: (timer) => clearTimeout(timer),
};

async function run_seed(t, seed) {
  const random = random_of(seed);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
  const rooms = [t.name('a'), t.name('ü b'), t.name('c')];
  const passing = t.name('passing');
  const proxy = await blocking_proxy(t);
  const watcher = await t.member(rooms[0]);
  const client = observe(t, { url: proxy.url, user: random() < 0.5 ? t.name('Eve') : undefined, rooms, clock: kClock, random });
  const expected = new Map(rooms.map((room) => [room, []]));
  const calls = [];
  const own = [];
  for (let step = 0; step < 14; step++) {
    switch (pick(['say', 'say', 'publish', 'publish', 'cut', 'block', 'unblock', 'hold', 'outage', 'hasty', 'read'])) {
      case 'say':
        for (const room of rooms) {
          expected.get(room).push(`${step}`);
          await t.say(room, `${step}`);
        }
        break;
      case 'publish':
        own.push(`own ${step}`);
        calls.push(client.publish(rooms[0], `own ${step}`));
        calls.push(client.publish(rooms[1], `other ${step}`, { idempotencyKey: `key ${step}` }), client.publish(rooms[2], `other ${step}`, { idempotencyKey: `key ${step}` }));
        break;
      case 'cut': proxy.cut(); break;
      case 'block': proxy.block(pick(['/ws', '/ws', '/events', '/poll', '/messages']), pick(kBlocks)); break;
      case 'unblock': proxy.blocked.clear(); break;
      case 'hold':
        proxy.hold();
        await pause(random() * 600);
        proxy.release();
        break;
      case 'outage':
        proxy.block('*', 'reset');
        proxy.cut();
        await pause(random() * 1500);
        proxy.unblock('*');
        break;
      case 'hasty':
        for (let i = 0; i < 4; i++) {
          if (i % 2) client.leave(passing);
          else calls.push(client.join(passing).catch(({ code }) => assert.equal(code, 'left')));
        }
        break;
      case 'read': calls.push(client.history(rooms[0]).catch(({ code }) => assert.ok(code))); break;
      default: break;
    }
    await pause(random() * 150);
  }
  proxy.blocked.clear();
  proxy.release();
  // One that has never been there begins with what comes from now on.
  for (const room of rooms) await client.join(room);
  for (const room of rooms) {
    expected.get(room).push('end');
    await t.say(room, 'end');
    await client.heard.next({ room, content: 'end' });
  }
  const acks = await Promise.all(calls);
  assert.deepEqual(acks.filter((ack) => ack?.duplicate !== undefined).filter(({ id }) => !Number.isSafeInteger(id)), []);
  for (const content of own) await watcher.next({ content });
  await watcher.next({ content: 'end' });
  assert.deepEqual(watcher.events.all({ event_type: 'message' }).filter(({ content }) => content.startsWith('own')).map(({ content }) => content).sort(), [...own].sort());
  assert.deepEqual(client.heard.all('gap'), []);
  for (const room of rooms) {
    const log = (await t.read('/history', { room, limit: 500 })).messages;
    const seen = client.heard.all({ event_type: 'message', room });
    assert.deepEqual(seen.map(({ id }) => id), log.map(({ id }) => id).filter((id) => id >= seen[0].id), `what was heard in ${room}`);
    assert.deepEqual(contents(client, room).filter((content) => !/^o/.test(content)), expected.get(room).slice(-contents(client, room).filter((content) => !/^o/.test(content)).length));
  }
  while (client.transport !== 'websocket' || client.state.name !== 'open') await client.states.next('open');
  await until(async () => (await t.read('/members', { room: passing })).count === 0, 'the room to be left');
}

suite('chaos', { at_once: 8, settings: { heartbeat_interval: '10s', presence_leave_grace: '200ms', history_messages: 500 } }, (test) => {
  for (let seed = kFrom; seed < kFrom + kSeeds; seed++) {
    test(`seed ${seed}: nothing is lost, doubled or left waiting, and the best transport is regained`, { deadline_ms: 120000 }, (t) => run_seed(t, seed));
  }
});
