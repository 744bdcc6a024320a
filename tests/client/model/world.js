// SPDX-License-Identifier: Apache-2.0
// A world in virtual time for the model test: a clock, a network that delays, cuts, refuses, swallows and falls silent, and
// a model of the server behind it. What the client uses of its environment is here: clock, random, fetch, WebSocket.

const kHistory = 12;            // messages kept per channel
const kHeartbeatMs = 25000;
const kTokenMs = 120000;

// mulberry32
export function random_of(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export class World {
  constructor(seed) {
    this.random = random_of(seed);
    this.now_ms = 1_000_000;
    this.timers = [];            // a heap by (at, number)
    this.cancelled = new Set();
    this.numbers = 0;
    this.clock = {
      now: () => this.now_ms,
      setTimeout: (run, ms) => this.after(ms, run),
      clearTimeout: (timer) => this.cancelled.add(timer),
    };
    this.network = { websocket: 'ok', sse: 'ok', poll: 'ok', rest: 'ok' };  // or refuse, swallow, forbid, short
    this.silent = false;         // everything is swallowed, in both directions, and nothing says so
    this.down = false;           // connects are refused
    this.lines = new Set();      // that are open
    this.server = new Server(this);
    this.connects = [];          // times
    this.heard_at = 0;           // the client has received something
  }

  pick(list) { return list[Math.floor(this.random() * list.length)]; }
  chance(probability) { return this.random() < probability; }
  latency() { return 1 + Math.floor(this.random() * 40); }

  after(ms, run) {
    const timer = { at: this.now_ms + Math.max(0, ms), number: ++this.numbers, run };
    const heap = this.timers;
    let i = heap.push(timer) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(timer, heap[parent])) break;
      heap[i] = heap[parent];
      i = parent;
    }
    heap[i] = timer;
    return timer.number;
  }

  pop() {
    const heap = this.timers;
    const first = heap[0];
    const last = heap.pop();
    if (heap.length) {
      let i = 0;
      for (;;) {
        let child = 2 * i + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child++;
        if (!before(heap[child], last)) break;
        heap[i] = heap[child];
        i = child;
      }
      heap[i] = last;
    }
    return first;
  }

  // Lets `ms` go by; what was begun by a timer is done before the next.
  async run(ms, check = () => {}) {
    const end = this.now_ms + ms;
    await settle();
    while (this.timers.length && this.timers[0].at <= end) {
      const timer = this.pop();
      if (this.cancelled.delete(timer.number)) continue;
      this.now_ms = Math.max(this.now_ms, timer.at);
      timer.run();
      await settle();
      check();
    }
    this.now_ms = end;
  }

  cut() {
    for (const line of [...this.lines]) line.cut();
  }

  heal() {
    for (const kind of Object.keys(this.network)) this.network[kind] = 'ok';
    this.silent = false;
    this.down = false;
    this.server.calm();
  }

  // What stands between the client and the server for a request of this kind, or null.
  obstacle(kind) {
    this.connects.push(this.now_ms);
    if (this.down) return 'refuse';
    if (this.silent) return 'swallow';
    const how = this.network[kind];
    return how === 'ok' ? null : how;
  }

  get WebSocket() {
    const world = this;
    return class { constructor(url) { return new Socket(world, new URL(url)); } };
  }

  get fetch() {
    return (url, options = {}) => {
      const { pathname } = url;
      const kind = pathname === '/events' ? 'sse' : pathname === '/poll' ? 'poll' : 'rest';
      return new Promise((resolve, reject) => { new Exchange(this, kind, url, options, resolve, reject).begin(); });
    };
  }
}

const before = (a, b) => a.at < b.at || (a.at === b.at && a.number < b.number);
const settle = () => new Promise((resolve) => { setImmediate(resolve); });

// A connection in both directions: what is sent arrives in order, after some time, or not at all.
class Line {
  constructor(world) {
    this.world = world;
    this.open = true;
    this.up_at = this.down_at = 0;
    world.lines.add(this);
  }

  carry(direction, run) {
    const { world } = this;
    const at = Math.max(world.now_ms + world.latency(), this[direction]);
    this[direction] = at;
    const silent_then = world.silent;
    world.after(at - world.now_ms, () => {
      if (!this.open || silent_then || world.silent || this.lost) {
        this.lost ||= silent_then || world.silent;  // a stream with a hole in it is never whole again
        return;
      }
      if (direction === 'down_at') world.heard_at = world.now_ms;
      run();
    });
  }

  cut() {
    if (!this.open) return;
    this.open = false;
    this.world.lines.delete(this);
    this.on_cut?.();
  }
}

class Socket {
  constructor(world, url) {
    this.world = world;
    this.url = url;
    this.readyState = 0;
    this.line = new Line(world);
    this.line.on_cut = () => this.broken();
    const obstacle = world.obstacle('websocket');
    if (obstacle === 'swallow') return;
    if (obstacle && obstacle !== 'short') {
      world.after(world.latency(), () => this.line.cut());
      return;
    }
    if (obstacle === 'short') world.after(1000, () => this.line.cut());
    this.line.carry('up_at', () => {
      this.peer = world.server.websocket(url.searchParams, {
        send: (event) => this.line.carry('down_at', () => {
          if (this.readyState > 1) return;
          this.readyState = 1;
          this.onmessage?.({ data: JSON.stringify(event) });
        }),
        close: (code, reason) => this.line.carry('down_at', () => this.end(code, reason)),
      });
    });
  }

  send(text) {
    if (this.readyState !== 1) throw new Error('the model of a WebSocket is not open');
    this.line.carry('up_at', () => this.peer?.take(JSON.parse(text)));
  }

  close() {
    if (this.readyState > 1) return;
    this.readyState = 3;
    this.line.open = false;
    this.world.lines.delete(this.line);
    // The server learns of it when the network lets it.
    this.world.after(this.world.latency(), () => this.peer?.gone());
  }

  broken() {
    this.peer?.gone();
    const was = this.readyState;
    this.readyState = 3;
    if (was > 1) return;
    this.world.after(0, () => {
      this.onerror?.({});
      this.onclose?.({ code: 1006, reason: '' });
    });
  }

  end(code, reason) {
    this.readyState = 3;
    this.line.open = false;
    this.world.lines.delete(this.line);
    this.peer?.gone();
    this.onclose?.({ code, reason });
  }
}

// One request over HTTP with its answer, which may be a stream.
class Exchange {
  constructor(world, kind, url, { method = 'GET', body, signal }, resolve, reject) {
    Object.assign(this, { world, kind, url, method, body, resolve, reject });
    this.line = new Line(world);
    this.line.on_cut = () => this.broken(new TypeError('fetch failed'));
    this.chunks = [];
    this.readers = [];
    if (signal?.aborted) this.abort(signal);
    signal?.addEventListener('abort', () => this.abort(signal));
  }

  abort(signal) {
    if (!this.line.open) return;
    this.line.open = false;
    this.world.lines.delete(this.line);
    this.world.after(this.world.latency(), () => this.peer?.gone());
    this.fail(signal.reason);
  }

  broken(error) {
    this.peer?.gone();
    this.fail(error);
  }

  fail(error) {
    this.problem = error;
    this.reject(error);
    for (const { reject } of this.readers.splice(0)) reject(error);
  }

  begin() {
    const { world, kind } = this;
    const obstacle = world.obstacle(kind);
    if (!this.line.open || obstacle === 'swallow') return;
    if (obstacle === 'refuse') {
      world.after(world.latency(), () => this.line.cut());
      return;
    }
    this.line.carry('up_at', () => {
      if (obstacle === 'forbid') return this.head(403, null);
      this.peer = world.server.request(kind, this.url, this.body === undefined ? null : JSON.parse(this.body), {
        answer: (status, body, headers) => this.line.carry('down_at', () => this.head(status, body, headers, true)),
        stream: () => this.line.carry('down_at', () => this.head(200, null, { 'Content-Type': 'text/event-stream' })),
        event: (event, type) => this.line.carry('down_at', () => this.chunk(`event: ${type ?? event.event_type}\ndata: ${JSON.stringify(event)}\n\n`)),
        end: () => this.line.carry('down_at', () => { this.close(); this.chunk(null); }),
      });
      if (obstacle === 'short') world.after(1000, () => this.line.cut());
      return undefined;
    });
  }

  close() {
    this.line.open = false;
    this.world.lines.delete(this.line);
  }

  head(status, body, headers = {}, whole = false) {
    if (whole) this.close();
    this.resolve({
      status, ok: status < 300, headers: { get: (name) => headers[name] ?? null },
      json: () => (body ? Promise.resolve(structuredClone(body)) : Promise.reject(new SyntaxError('no JSON'))),
      body: { getReader: () => ({ read: () => this.read() }) },
    });
  }

  chunk(text) {
    const chunk = text === null ? { done: true } : { value: new TextEncoder().encode(text), done: false };
    const reader = this.readers.shift();
    if (reader) reader.resolve(chunk);
    else this.chunks.push(chunk);
  }

  read() {
    if (this.chunks.length) return Promise.resolve(this.chunks.shift());
    if (this.problem) return Promise.reject(this.problem);
    return new Promise((resolve, reject) => { this.readers.push({ resolve, reject }); });
  }
}

// --- the server -----------------------------------------------------------------------------------------------------

class Channel {
  constructor(first) {
    this.next = first;
    this.messages = [];     // the newest kHistory
    this.log = [];          // all, for the model
    this.keys = new Map();  // idempotency key → id
  }

  get newest() { return this.next - 1; }
  get oldest() { return this.next - this.messages.length; }
}

class Server {
  constructor(world) {
    this.world = world;
    this.epoch = 0;
    this.connections = new Set();
    this.names = 0;
    this.made = {};         // kind → when a connection of it was confirmed last
    this.published = [];    // {epoch, room, id, content}, for the model
    this.calm();
    this.restart();
  }

  // Nothing is refused for a passing reason.
  calm() {
    this.full = false;
    this.limited = 0;       // share of messages refused with rate_limited
    this.room_limited = 0;  // of joins
    this.forbids_all = false;
  }

  // Everything is gone, and ids begin elsewhere: higher as a rule, lower where they are configured to begin at 1.
  restart() {
    this.epoch++;
    this.channels = new Map();
    this.first = this.world.chance(0.8) ? this.epoch * 1_000_000 : 1;
    for (const connection of [...this.connections]) connection.line_gone?.();
    this.connections.clear();
  }

  channel(name) {
    let channel = this.channels.get(name);
    if (!channel) this.channels.set(name, channel = new Channel(this.first));
    return channel;
  }

  token_error(token) {
    if (!token) return null;
    const [word, until] = token.split('-');
    if (word !== 'good') return { code: 'unauthorized', message: 'a bad token', close: 4001 };
    return Number(until) <= this.world.now_ms ? { code: 'unauthorized', message: 'the token has expired', close: 4010 } : null;
  }

  static token(world) { return `good-${world.now_ms + kTokenMs}`; }

  publish(name, content, { key, exclude } = {}) {
    const channel = this.channel(name);
    const known = key === undefined ? undefined : channel.keys.get(key);
    if (known !== undefined) return { id: known, duplicate: true };
    const id = channel.next++;
    const event = { id, event_type: name === '@me' ? 'direct' : 'message', room: name === '@me' ? '@me-user' : name, user: 'x', content };
    channel.messages.push(event);
    channel.log.push(event);
    if (channel.messages.length > kHistory) channel.messages.shift();
    if (key !== undefined) channel.keys.set(key, id);
    this.published.push({ epoch: this.epoch, room: name, id, content });
    for (const connection of this.connections) if (connection.rooms.has(name) && connection.name !== exclude) connection.deliver(event);
    return { id };
  }

  // What a join brings: {position, gap, missed}.
  resume(name, cursor) {
    const channel = this.channel(name);
    if (cursor === undefined) return { position: channel.newest, missed: [] };
    const reset = cursor > channel.newest;
    const lost = reset || cursor < channel.oldest - 1;
    const from = lost ? channel.oldest - 1 : cursor;
    return { position: from, ...(lost && { gap: { room: name === '@me' ? '@me-user' : name, oldest: channel.oldest, ...(reset && { reset }) } }), missed: channel.messages.filter(({ id }) => id > from) };
  }

  refuses(room) {
    if (room.startsWith('forbidden')) return { code: 'forbidden', message: `no ${room}` };
    return null;
  }

  websocket(query, line) {
    const token = this.token_error(query.get('token'));
    if (this.full) {
      line.send({ event_type: 'error', code: 'full', message: 'full' });
      line.close(1013, 'try again later');
      return { take() {}, gone() {} };
    }
    const rooms = (query.get('rooms') ?? '').split(',').filter(Boolean);
    const refused = rooms.map((room) => this.refuses(room)).find(Boolean);
    if (token || refused) {
      line.send({ event_type: 'error', ...(token ?? refused) });
      line.close(token ? token.close : 4003, 'refused');
      return { take() {}, gone() {} };
    }
    const since = new Map((query.get('since') ?? '').split(',').filter(Boolean).map((item) => item.split('=')).map(([name, id]) => [decodeURIComponent(name), Number(id)]));
    return new WebSocketConnection(this, line, query.get('token'), rooms, since);
  }

  request(kind, url, body, line) {
    const refuse = (status, code, headers) => { line.answer(status, { error: { code, message: code } }, headers); return { gone() {} }; };
    const token = this.token_error(url.searchParams.get('token'));
    if (token) return refuse(401, token.code);
    if (kind === 'rest') {
      if (url.pathname === '/messages') {
        if (this.world.chance(this.limited)) return refuse(429, 'rate_limited', { 'Retry-After': '1' });
        if (body.room?.startsWith('forbidden')) return refuse(403, 'forbidden');
        const { id, duplicate } = this.publish(body.room ?? '@me', body.content, { key: body.idempotency_key, exclude: body.exclude });
        line.answer(200, { status: 'sent', event_id: id, receivers: 1, ...(duplicate && { duplicate }) });
      } else {
        line.answer(200, { room: url.searchParams.get('room'), count: 0, members: [], messages: [], oldest: 0, newest: 0 });
      }
      return { gone() {} };
    }
    if (this.full && kind === 'poll') return refuse(503, 'full', { 'Retry-After': '2' });
    if (this.full) {
      line.stream();
      line.event({ event_type: 'problem', code: 'full', message: 'full' });
      line.event({ code: 1013, reason: 'full' }, 'close');
      line.end();
      return { gone() {} };
    }
    return kind === 'sse' ? new StreamConnection(this, line, body, url) : new Poll(this, line, body);
  }
}

class Connection {
  constructor(server, line, kind) {
    Object.assign(this, { server, line, kind, rooms: new Set(), name: `c${++server.names}`, alive: true });
    server.connections.add(this);
    server.made[kind] = server.world.now_ms;
  }

  gone() {
    this.alive = false;
    this.server.connections.delete(this);
  }

  line_gone() { this.alive = false; }

  // Of a token: its end ends the connection.
  watch(token) {
    if (!token) return;
    const until = Number(token.split('-')[1]);
    const { world } = this.server;
    world.after(until - world.now_ms - 10000, () => { if (this.alive) this.expiring(); });
    world.after(until - world.now_ms, () => { if (this.alive && token === this.token) this.expired(); });
    this.token = token;
  }

  schedule_heartbeat() {
    this.server.world.after(kHeartbeatMs, () => {
      if (!this.alive) return;
      this.heartbeat();
      this.schedule_heartbeat();
    });
  }
}

class WebSocketConnection extends Connection {
  constructor(server, line, token, rooms, since) {
    super(server, line, 'websocket');
    const positions = {};
    const joined = [];
    for (const name of [...rooms, '@me', '*']) {
      const resumed = server.resume(name, since.get(name));
      positions[name === '@me' ? '@me-user' : name] = resumed.position;
      this.rooms.add(name);
      joined.push([name, resumed]);
    }
    line.send({ event_type: 'connection_id', connection_id: this.name, user: 'me-user', positions, heartbeat_interval_ms: kHeartbeatMs });
    for (const [name, resumed] of joined) this.joined(name, resumed);
    this.watch(token);
  }

  joined(name, { position, gap, missed }, ref) {
    if (name !== '@me' && name !== '*') this.line.send({ event_type: 'joined', room: name, id: position, members: 1, replayed: missed.length, recovered: !gap, ref });
    if (gap) this.line.send({ event_type: 'gap', ...gap });
    for (const event of missed) this.deliver(event);
  }

  deliver(event) { this.line.send(event); }
  expiring() { this.line.send({ event_type: 'token_expiring', expires_in_ms: 10000 }); }
  expired() {
    this.line.close(4010, 'token expired');
    this.gone();
  }

  take({ action, ref, room, ...fields }) {
    const { server } = this;
    if (!this.alive) return;
    const error = (code, more) => this.line.send({ event_type: 'error', code, message: code, ref, ...more });
    if (action === 'ping') {
      this.line.send({ event_type: 'pong' });
    } else if (action === 'join') {
      if (server.world.chance(server.room_limited)) return error('rate_limited', { retry_after_ms: 500 });
      if (server.refuses(room)) return error('forbidden');
      if (this.rooms.has(room)) return error('already_joined');
      this.rooms.add(room);
      this.joined(room, server.resume(room, fields.last_id), ref);
    } else if (action === 'leave') {
      if (!this.rooms.delete(room)) return error('not_joined');
      this.line.send({ event_type: 'left', room, reason: 'left', ref });
    } else if (action === 'message' || action === 'direct') {
      if (server.world.chance(server.limited)) return error('rate_limited', { retry_after_ms: 500 });
      if (room?.startsWith('forbidden')) return error('forbidden');
      const answer = server.publish(room ?? '@me', fields.content, { key: fields.idempotency_key, exclude: fields.echo === false ? this.name : undefined });
      this.line.send({ event_type: 'ack', ref, ...answer });
    } else if (action === 'refresh') {
      if (server.token_error(fields.token)) return error('unauthorized');
      this.watch(fields.token);
      this.line.send({ event_type: 'ack', ref });
    } else if (action === 'members' || action === 'history') {
      this.line.send({ event_type: action, ref, room, count: 0, members: [], messages: [] });
    } else if (action === 'status') {
      this.status = fields.status;
    }
    return undefined;
  }
}

class StreamConnection extends Connection {
  constructor(server, line, { rooms, positions }, url) {
    super(server, line, 'sse');
    line.stream();
    const known = {};
    const joined = [];
    const refused = [];
    for (const name of rooms) {
      const error = server.refuses(name);
      if (error) {
        refused.push({ event_type: 'problem', room: name, ...error });
        continue;
      }
      const resumed = server.resume(name, positions[name]);
      known[name === '@me' ? '@me-user' : name] = resumed.position;
      this.rooms.add(name);
      joined.push(resumed);
    }
    line.event({ event_type: 'connection_id', connection_id: this.name, user: 'me-user', positions: known, heartbeat_interval_ms: kHeartbeatMs });
    for (const event of refused) line.event(event);
    for (const { gap, missed } of joined) {
      if (gap) line.event({ event_type: 'gap', ...gap });
      for (const event of missed) this.deliver(event);
    }
    this.schedule_heartbeat();
    this.watch(url.searchParams.get('token'));
  }

  deliver(event) { this.line.event(event); }
  heartbeat() { this.line.event({ event_type: 'heartbeat' }); }
  expiring() { this.line.event({ event_type: 'token_expiring', expires_in_ms: 10000 }); }
  expired() {
    this.line.event({ code: 4010, reason: 'token expired' }, 'close');
    this.line.end();
    this.gone();
  }
}

class Poll extends Connection {
  constructor(server, line, { rooms, positions, timeout }) {
    super(server, line, 'poll');
    this.events = [];
    this.gaps = [];
    this.positions = {};
    let at_once = timeout === 0;
    for (const name of rooms) {
      const error = server.refuses(name);
      if (error) {
        this.events.push({ event_type: 'error', room: name, ...error });
        continue;
      }
      if (positions[name] === undefined) at_once = true;
      const { position, gap, missed } = server.resume(name, positions[name]);
      this.rooms.add(name);
      if (gap) this.gaps.push(gap);
      this.positions[name] = missed.length ? missed.at(-1).id : position;
      this.events.push(...missed);
    }
    if (at_once || this.events.length || this.gaps.length) this.finish();
    else server.world.after(1000 * timeout, () => { if (this.alive) this.finish(); });
  }

  deliver(event) {
    if (!this.alive) return;
    this.events.push(event);
    this.positions[event.room === '@me-user' ? '@me' : event.room] = event.id;
    this.finish();
  }

  finish() {
    this.gone();
    const positions = Object.fromEntries(Object.entries(this.positions).map(([name, id]) => [name === '@me' ? '@me-user' : name, id]));
    this.line.answer(200, { events: this.events, gaps: this.gaps, positions });
  }
}

export const token_of = Server.token;
