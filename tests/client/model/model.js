// SPDX-License-Identifier: Apache-2.0
// The model test: the real client in a virtual world, driven by a seed, checked against what has to hold.
//
//  - every call settles
//  - state is the truth: `open` after the server has confirmed, and not while nothing has been heard for a minute
//  - nothing of a room is lost or doubled without a `gap`; nothing is published twice, each at the id that its promise says
//  - when the obstacles are gone the best transport is regained, the rooms of the server are those of the client, and one
//    connection is left
//  - attempts are bounded

import { World, token_of } from './world.js';

const kRooms = ['a', 'b', 'ü c', 'd'];
const kSilenceMs = 25000 + 10000 + 10000 + 30000;   // heartbeat, patience, opening, and a poll's turn
const kHealMs = 400000;
const kConnectsMax = 60;                            // in ten seconds

class Violation extends Error {
  name = 'Violation';
}

// A following of a room, from a join to a leave.
class Room {
  constructor(followed) {
    this.followed = followed;
    this.position = null;    // null: not known yet
  }
}

export async function run_seed(Client, seed) {
  const world = new World(seed);
  const { random } = world;
  const trace = [];
  const note = (text) => { trace.push(`${(world.now_ms - 1_000_000).toFixed().padStart(8)} ${text}`); };
  const violated = (text) => { throw new Violation(`seed ${seed}: ${text}\n${trace.slice(-Number(process.env.TRACE ?? 40)).join('\n')}`); };
  let problem = null;
  const inside = (run) => (...rest) => {
    try {
      run(...rest);
    } catch (error) {
      problem ??= error;
    }
  };

  const with_token = world.chance(0.4);
  const client = new Client({
    url: 'http://model.test/', user: 'me-user', clock: world.clock, random, fetch: world.fetch, WebSocket: world.WebSocket,
    rooms: kRooms.filter(() => world.chance(0.5)).concat(world.chance(0.2) ? ['forbidden-1'] : []),
    ...(with_token && {
      token: () => {
        if (world.chance(0.05)) return new Promise(() => {});
        if (world.chance(0.1)) return Promise.reject(new Error('no token'));
        if (world.chance(0.05)) return `bad-${world.now_ms}`;
        return token_of(world);
      },
    }),
  });

  // --- what the application sees ---
  const rooms = new Map([...kRooms, '*', '@me-user'].map((name) => [name, new Room(false)]));
  const calls = new Set();
  const answered = new Map();   // content → {id, epoch}
  let stops = 0;
  const follow = (name, followed) => rooms.has(name) && rooms.set(name, new Room(followed));
  for (const name of client.rooms) follow(name, true);
  follow('*', true);
  follow('@me-user', true);
  const waiting_for = (what, promise, done = () => {}) => {
    const call = { what, at: world.now_ms };
    calls.add(call);
    promise.then(inside(done), () => {}).finally(() => calls.delete(call));
  };

  client.on('*', inside((event) => {
    const { type, id } = event;
    const room = rooms.get(event.room);
    if (type === 'gap') {
      note(`gap ${event.room} ${event.oldest}`);
      room.position = event.oldest - 1;
    } else if (type === 'message' || type === 'direct') {
      if (!room?.followed) violated(`a message of ${event.room}, which is not followed`);
      if (room.position !== null && id <= room.position) violated(`${event.room}: ${id} again, after ${room.position}`);
      if (room.position !== null && id !== room.position + 1) violated(`${event.room}: ${id} after ${room.position}, and no gap`);
      room.position = id;
    } else if (type === 'joined') {
      if (!room?.followed) violated(`joined ${event.room}, which is not followed`);
      room.position ??= event.id;
    } else if (type === 'error' && event.room?.startsWith('forbidden') !== true && event.room !== undefined) {
      violated(`an error of ${event.room}: ${event.code}`);
    }
  }));
  let open_since = null;
  client.on('state', inside((state) => {
    note(`state ${state.name} ${state.transport ?? state.reason}`);
    if (state.name === 'open') {
      // A moment ago: its token may have ended while the confirmation was under way.
      const mine = world.server.made[state.transport] >= world.now_ms - 100;
      if (!mine || world.heard_at !== world.now_ms) violated(`open over ${state.transport}, and the server has not said so`);
    }
    if (state.name === 'open') open_since ??= world.now_ms;
    else open_since = null;
    if (state.name === 'stopped') {
      stops++;
      for (const room of rooms.values()) if (room.followed) room.stopped = true;
    }
  }));

  const check = () => {
    if (problem) throw problem;
    if (client.state.name === 'open' && world.now_ms - Math.max(world.heard_at, open_since) > kSilenceMs) {
      violated(`open, and nothing heard since ${world.heard_at - 1_000_000}`);
    }
    const { connects } = world;
    while (connects.length && connects[0] < world.now_ms - 10000) connects.shift();
    if (connects.length > kConnectsMax) violated(`${connects.length} requests within 10 s`);
  };

  // --- what happens to it ---
  let contents = 0;
  const publish = (room, options) => {
    const content = `own ${++contents}`;
    note(`publish ${room} ${content}`);
    waiting_for(`publish ${content}`, client.publish(room, content, options), ({ id }) => {
      const log = world.server.published.filter((message) => message.content === content);
      if (!log.some((message) => message.id === id)) violated(`${content} has the id ${id}, published as ${JSON.stringify(log)}`);
      answered.set(content, id);
    });
  };
  const join = (room) => {
    if (!client.rooms.includes(room)) follow(room, true);
    const entry = rooms.get(room);
    waiting_for(`join ${room}`, client.join(room), (event) => { entry.position ??= event.id; });
  };
  const leave = (room) => {
    follow(room, false);
    client.leave(room);
  };
  const steps = {
    others: () => { for (let i = Math.ceil(random() * 6); i > 0; i--) world.server.publish(world.pick([...kRooms, '*', '@me']), `other ${++contents}`); },
    flood: () => { const room = world.pick(kRooms); for (let i = 0; i < 20; i++) world.server.publish(room, `flood ${++contents}`); },
    publish: () => publish(world.pick(kRooms)),
    publish_twice: () => {  // one key in two rooms
      const idempotencyKey = `key ${contents}`;
      publish('a', { idempotencyKey });
      publish('b', { idempotencyKey });
    },
    publish_forbidden: () => waiting_for('publish forbidden', client.publish('forbidden-1', 'x')),
    join: () => { note('join'); join(world.pick(kRooms)); },
    join_forbidden: () => waiting_for('join forbidden', client.join('forbidden-2')),
    leave: () => { note('leave'); leave(world.pick(kRooms)); },
    hasty: () => {
      const room = world.pick(kRooms);
      note(`join and leave ${room} in haste`);
      for (let i = 0; i < 4; i++) (i % 2 ? leave : join)(room);
      if (world.chance(0.5)) join(room);
    },
    read: () => waiting_for('history', client.history(world.pick(kRooms))),
    status: () => client.setStatus('busy'),
    cut: () => { note('cut'); world.cut(); },
    block: () => {
      const kind = world.pick(['websocket', 'websocket', 'sse', 'poll', 'rest']);
      world.network[kind] = world.pick(kind === 'rest' ? ['refuse', 'swallow'] : ['refuse', 'swallow', 'forbid', 'short']);
      note(`${kind}: ${world.network[kind]}`);
    },
    unblock: () => {
      for (const kind of Object.keys(world.network)) if (world.chance(0.6)) world.network[kind] = 'ok';
      note(`network ${JSON.stringify(world.network)}`);
    },
    outage: () => {
      note('the server restarts');
      world.down = true;
      world.cut();
      if (world.chance(0.5)) world.server.restart();
      world.after(500 + random() * 20000, () => { world.down = false; note('the server is back'); });
    },
    silence: () => {
      note('silence');
      world.silent = true;
      world.after(1000 + random() * 90000, () => { world.silent = false; note('no silence'); });
    },
    full: () => { world.server.full = !world.server.full; note(`full ${world.server.full}`); },
    limits: () => {
      world.server.limited = world.pick([0, 0.3, 0.8]);
      world.server.room_limited = world.pick([0, 0.3]);
    },
    close: () => {
      note('close and open');
      client.close();
      client.open();
    },
  };
  const weights = { others: 8, flood: 2, publish: 6, publish_twice: 1, publish_forbidden: 1, join: 3, join_forbidden: 1, leave: 3, hasty: 2, read: 1, status: 1, cut: 4, block: 3, unblock: 3, outage: 2, silence: 1, full: 1, limits: 1, close: 0.5 };
  const names = Object.entries(weights).flatMap(([name, weight]) => Array(2 * weight).fill(name));

  client.open();
  const count = 20 + Math.floor(random() * 40);
  for (let i = 0; i < count; i++) {
    await world.run(random() < 0.5 ? random() * 200 : random() * 8000, check);
    if (client.state.name === 'stopped') client.open();
    steps[world.pick(names)]();
    check();
  }

  // --- and how it has to end ---
  note('healed');
  world.heal();
  for (let waited = 0; waited < kHealMs; waited += 10000) {
    await world.run(10000, check);
    if (client.state.name === 'stopped') client.open();   // a token refused again and again: the user signs in
  }
  // Until the sessions of the tokens agree: an ended one is renewed within this time.
  for (let i = 0; i < 30 && !(client.state.name === 'open' && client.transport === 'websocket'); i++) {
    await world.run(10000, check);
    if (client.state.name === 'stopped') client.open();
  }
  check();
  if (client.state.name !== 'open') violated(`${client.state.name} long after all obstacles are gone`);
  if (client.transport !== 'websocket') violated(`still over ${client.transport}`);
  for (const call of calls) violated(`${call.what} of ${call.at - 1_000_000} has not settled`);
  const connections = [...world.server.connections].filter(({ line }) => line);
  if (connections.length !== 1) violated(`${connections.length} connections are left: ${connections.map(({ kind }) => kind)}`);
  const [connection] = connections;
  if (client.connectionId !== connection.name) violated(`the connection is ${connection.name}, not ${client.connectionId}`);
  const server_rooms = [...connection.rooms].filter((name) => name !== '*' && name !== '@me').sort();
  if (server_rooms.join() !== [...client.rooms].sort().join()) violated(`the server has it in ${server_rooms}, the client in ${client.rooms}`);
  const expected = kRooms.filter((name) => rooms.get(name).followed).sort();
  if (expected.join() !== [...client.rooms].sort().join()) violated(`follows ${client.rooms}, wanted ${expected}`);
  for (const name of ['*', '@me-user', ...expected]) {
    const { newest } = world.server.channel(name === '@me-user' ? '@me' : name);
    const { position } = rooms.get(name);
    if (position !== null && position !== newest) violated(`${name}: heard up to ${position} of ${newest}`);
  }
  // One more of everything, so that a position that was never known is not an excuse.
  for (const name of ['*', '@me', ...expected]) world.server.publish(name, 'the end');
  await world.run(5000, check);
  for (const name of ['*', '@me-user', ...expected]) {
    if (rooms.get(name).position !== world.server.channel(name === '@me-user' ? '@me' : name).newest) violated(`${name}: the last message is missing`);
  }
  const seen = new Set();
  for (const { epoch, room, content } of world.server.published) {
    if (!content.startsWith('own')) continue;
    const once = `${epoch} ${room} ${content}`;
    if (seen.has(once)) violated(`${content} was published twice in ${room}`);
    seen.add(once);
  }
  client.close();
  await world.run(1000);
  if (problem) throw problem;
  return { connects: world.connects.length, stops };
}
