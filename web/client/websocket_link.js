// SPDX-License-Identifier: Apache-2.0
// The WebSocket transport. Rooms and positions go into the URL as far as they fit, so that a reconnect is one round trip.
// Every action that has an answer goes through one queue: a few are under way at a time, and what the server refuses for
// a passing reason is sent again.

import { Timer, Watchdog } from './environment.js';
import { RingcastError } from './errors.js';
import { Link } from './link.js';
import { namedCursor } from './names.js';
import { isPassing, kCut, kSilent, reactionToClose, unreachable } from './reactions.js';

const kUrlRoomsMax = 30;       // the server takes 32 positions in the query; the inbox and `*` need two
const kUrlBytesMax = 4000;     // of rooms and positions; a request line may have 8 KiB by default, and the token is in it, too
const kUnderWayMax = 32;
const kPassingRetryMs = 1000;  // where the server names no time
const kErrorMs = 1000;         // for the close to follow an error

/**
 * @typedef {object} Call
 * @property {string} ref
 * @property {() => Record<string, unknown> | null} fields as they are when it is sent; null: not wanted any more
 * @property {(error: RingcastError | null, event?: any) => void} done
 */

export class WebSocketLink extends Link {
  /** @param {import('./core.js').Core} core */
  constructor(core) {
    super('websocket', core);
    /** @type {WebSocket | null} */
    this.socket = null;
    this.ready = false;
    /** @type {Set<string>} rooms with a join or a leave under way */
    this.changing = new Set();
    /** @type {Set<string>} refs of messages in the queue */
    this.publishing = new Set();
    /** @type {Call[]} */
    this.queue = [];
    /** @type {Map<string, Call>} */
    this.underWay = new Map();
    this.window = kUnderWayMax;
    this.refs = 0;
    /** @type {any} the `binary` event whose frame is next */
    this.announced = null;
    /** @type {string | null} */
    this.binaryRoom = null;
    /** @type {any} an `error` before it has opened: why it is about to be closed */
    this.refusal = null;
    this.timer = new Timer(core.env.clock);
    this.holdTimer = new Timer(core.env.clock);
    this.watchdog = new Watchdog(core.env.clock);
    this.heartbeatMs = 25000;
    this.pinged = false;
  }

  connect() {
    const { core } = this;
    const rooms = this.connection.roomsInUrl ? this.roomsForUrl() : [];
    this.asked = new Map(rooms.map((room) => [room, core.subscriptions.get(room)]));
    this.subscriptions = new Map(this.asked);
    this.from = new Map(core.known([...rooms, '@me', '*']));
    const url = core.url('/ws', { rooms: rooms.join(','), since: namedCursor(this.from) });
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    /** @type {WebSocket} */
    let socket;
    try {
      socket = new core.env.WebSocket(url.href, ['ringcast.v1']);
    } catch (error) {  // not allowed here, e.g. without TLS from a page that has it
      return this.lost({ ...unreachable(core.base), reason: String(/** @type {Error} */ (error).message) });
    }
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    socket.onmessage = ({ data }) => {
      if (this.socket !== socket) return;
      if (this.pinged) this.watch();
      else this.watchdog.heard();
      if (typeof data === 'string') this.take(JSON.parse(data));
      else this.takeBytes(data);
    };
    // The close that follows says more. Not every runtime sends one (Node 22 after a refused connect).
    socket.onerror = () => {
      if (this.socket !== socket) return;
      if (socket.readyState === 0) this.lost(unreachable(core.base));
      else this.timer.set(kErrorMs, () => this.lost(kCut));
    };
    socket.onclose = ({ code, reason }) => {
      if (this.socket !== socket) return;
      // One of the rooms is refused, but which? They are joined one by one.
      if (!this.ready && code === 4003 && this.asked.size && this.connection.candidate === this) {
        this.connection.roomsInUrl = false;
        this.connection.try('websocket');
        return;
      }
      const reaction = reactionToClose(code, reason, this.refusal);
      this.lost(!this.ready && reaction.code === 'connection_lost' ? unreachable(core.base) : reaction);
    };
    return undefined;
  }

  roomsForUrl() {
    const rooms = [];
    let bytes = 0;
    for (const room of this.core.subscriptions.keys()) {
      bytes += 2 * encodeURIComponent(room).length + 20;
      if (rooms.length === kUrlRoomsMax || bytes > kUrlBytesMax) break;
      rooms.push(room);
    }
    return rooms;
  }

  /** @param {any} event */
  take(event) {
    const { core } = this;
    const { event_type: type, ref } = event;
    if (!this.ready) {
      if (type === 'error') this.refusal = event;
      if (type === 'connection_id') this.open(event);
      return;
    }
    if (type === 'binary') {
      this.announced = event;  // taken with its frame, or not at all: a cut between the two brings both again
    } else if (ref !== undefined) {
      this.takeAnswer(event);
    } else if (type === 'joined') {
      const subscription = this.asked.get(event.room);
      if (subscription) this.confirm(event, subscription);
    } else if (type !== 'pong') {
      if (type === 'error' || type === 'problem') this.refusal = event;
      core.deliver(this, event);
    }
  }

  /** @param {any} event */
  open(event) {
    const { core } = this;
    this.ready = true;
    if (!this.connection.opened(this, event.connection_id ?? '')) return;
    this.heartbeatMs = event.heartbeat_interval_ms ?? this.heartbeatMs;
    this.watch();
    const { event_type: _type, positions = {}, ...rest } = event;
    for (const [name, id] of Object.entries(positions)) {
      if (name[0] === '@' || name === '*') core.begin(this, { [name]: id });
      else if (this.subscriptions.has(name) && !core.positions.has(name)) core.positions.set(name, id);
    }
    core.deliver(this, { event_type: 'connection_id', ...rest });
    if (core.status) this.action({ action: 'status', status: core.status });
    this.sync();
    this.publish();
  }

  /** @param {ArrayBuffer} data */
  takeBytes(data) {
    const event = this.announced;
    this.announced = null;
    if (event) this.core.deliver(this, { ...event, data: new Uint8Array(data) });
  }

  // --- the queue ----------------------------------------------------------------------------------------------------

  /** @param {any} event */
  takeAnswer(event) {
    const call = this.underWay.get(event.ref);
    if (!call) return;
    this.underWay.delete(event.ref);
    if (event.event_type !== 'error') {
      this.window = Math.min(2 * this.window, kUnderWayMax);
      call.done(null, event);
    } else if (isPassing(event.code)) {
      this.queue.unshift(call);
      this.window = 1;
      this.holdTimer.set(event.retry_after_ms ?? kPassingRetryMs, () => this.flush());
      return;
    } else {
      call.done(new RingcastError(event.code, event.message), event);
    }
    this.flush();
  }

  /**
   * @param {Call['fields']} fields
   * @param {Call['done']} done
   * @param {string} [ref]
   */
  call(fields, done, ref = `q${++this.refs}`) {
    this.queue.push({ ref, fields, done });
    this.flush();
  }

  flush() {
    while (this.ready && this.queue.length && this.underWay.size < this.window && !this.holdTimer.pending) {
      const call = /** @type {Call} */ (this.queue.shift());
      const fields = call.fields();
      if (!fields) continue;
      this.underWay.set(call.ref, call);
      this.action({ ...fields, ref: call.ref });
    }
  }

  /**
   * @param {Record<string, unknown>} fields
   * @returns {Promise<any>}
   */
  request(fields) {
    return new Promise((resolve, reject) => {
      this.call(() => fields, (error, event) => (error ? reject(error) : resolve(event)));
    });
  }

  // Of a room one thing at a time: a join or a leave that the server refuses for now must not overtake the next.
  sync() {
    if (!this.ready) return;
    const { subscriptions } = this.core;
    for (const [room, subscription] of this.asked) {
      if (subscriptions.get(room) !== subscription) this.leave(room);
    }
    for (const [room, subscription] of subscriptions) {
      if (!this.asked.has(room)) this.join(room, subscription);
    }
  }

  /** @param {string} room */
  leave(room) {
    this.subscriptions.delete(room);
    this.change(room, () => ({ action: 'leave', room }), () => { this.asked.delete(room); });
  }

  /**
   * @param {string} room
   * @param {any} subscription
   */
  join(room, subscription) {
    const { core } = this;
    this.change(room, () => {
      if (core.subscriptions.get(room) !== subscription) return null;
      const last_id = core.positions.get(room);
      if (last_id === undefined) this.from.delete(room);
      else this.from.set(room, last_id);
      return { action: 'join', room, last_id };
    }, (error, event) => {
      if (error) return core.refused(subscription, error);
      this.asked.set(room, subscription);
      if (core.subscriptions.get(room) !== subscription) return undefined;
      this.subscriptions.set(room, subscription);
      if (!core.positions.has(room)) core.positions.set(room, event.id);
      return this.confirm(event, subscription);
    });
  }

  /**
   * @param {string} room
   * @param {Call['fields']} fields
   * @param {Call['done']} done
   */
  change(room, fields, done) {
    if (this.changing.has(room)) return;
    this.changing.add(room);
    this.call(() => {
      const given = fields();
      if (!given) {
        this.changing.delete(room);
        queueMicrotask(() => this.sync());
      }
      return given;
    }, (error, event) => {
      if (error?.code === 'disconnected') return;
      this.changing.delete(room);
      done(error, event);
      this.sync();
    });
  }

  /**
   * @param {any} event
   * @param {any} subscription
   */
  confirm({ room, id, members, replayed, recovered }, subscription) {
    this.core.joined(subscription, this, { type: 'joined', room, id, members, replayed, recovered });
  }

  publish() {
    const { core } = this;
    if (!this.ready) return;
    for (const { ref, key, body, echo } of core.pending.values()) {
      if (this.publishing.has(ref)) continue;
      this.publishing.add(ref);
      const action = body.to === undefined ? 'message' : 'direct';
      this.call(
        () => (core.pending.has(ref) ? { action, ...body, ...(echo === false && { echo }), idempotency_key: key } : null),
        (error, event) => {
          if (error?.code === 'disconnected') return;
          this.publishing.delete(ref);
          core.settle(ref, error, event);
        },
        ref,
      );
    }
  }

  /**
   * @param {string} room
   * @param {Uint8Array | ArrayBuffer} bytes
   */
  sendBinary(room, bytes) {
    if (this.binaryRoom !== room) this.action({ action: 'binary', room });
    this.binaryRoom = room;
    this.socket?.send(/** @type {any} */ (bytes));
  }

  /** @param {string} token */
  renew(token) {
    this.call(() => ({ action: 'refresh', token }), (error) => {
      // Not renewed here: a new connection takes the new token, and goes on where this one was.
      if (error && error.code !== 'disconnected') this.connection.replace();
    });
  }

  /** @param {Record<string, unknown>} fields */
  action(fields) {
    if (this.ready && this.socket?.readyState === 1) this.socket.send(JSON.stringify(fields));
  }

  // JavaScript cannot see the server's pings, so a silent server is asked.
  watch() {
    this.pinged = false;
    this.watchdog.start(this.heartbeatMs, () => this.check());
  }

  check() {
    if (this.pinged) return;
    this.pinged = true;
    this.action({ action: 'ping' });
    this.watchdog.start(this.core.silenceTimeoutMs, () => this.lost(kSilent));
  }

  close() {
    this.timer.clear();
    this.holdTimer.clear();
    this.watchdog.stop();
    const { socket } = this;
    this.socket = null;
    this.ready = false;
    const error = new RingcastError('disconnected', 'the connection was lost before the answer came');
    const calls = [...this.underWay.values(), ...this.queue];
    this.underWay.clear();
    this.queue = [];
    for (const { done } of calls) done(error);
    if (socket && socket.readyState <= 1) socket.close(1000);
  }
}
