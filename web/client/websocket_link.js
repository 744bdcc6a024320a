// SPDX-License-Identifier: Apache-2.0
// The WebSocket transport: rooms and cursors in the URL, so that a reconnect is one round trip.

import { Timer, Watchdog } from './environment.js';
import { RingcastError } from './errors.js';
import { name_list, named_cursor } from './resume.js';
import { kSilent, kUnreachable, verdict_of_close } from './verdict.js';

const kUrlRoomsMax = 30;       // the server takes 32 cursors in the query; the inbox and `*` need two
const kUrlBytesMax = 4000;     // of rooms and cursors; a request line may have 8 KiB by default, and the token is in it, too
const kPassing = new Set(['draining']);  // nothing was published, and it will be after the reconnect

export class WebSocketLink {
  constructor(client) {
    this.client = client;
    this.socket = null;
    this.ready = false;
    this.joined = new Set();      // asked for on this connection
    this.answers = new Map();     // ref → {resolve, reject}
    this.refs = 0;
    this.announced = null;        // the `binary` event whose frame is next
    this.binary_room = null;
    this.timer = new Timer(client.env.clock);
    this.watchdog = new Watchdog(client.env.clock);
    this.asked = false;           // the server has been silent, and whether it lives
  }

  connect() {
    const { client } = this;
    const in_url = this.rooms_for_url();
    this.joined = new Set(in_url);
    const cursor = named_cursor([...client.known(in_url), ...client.known(['@me', '*'])]);
    const url = client.url('/ws', { rooms: { raw: name_list(in_url) }, ...(cursor && { since: { raw: cursor } }) });
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    let socket;
    try {
      socket = new client.env.WebSocket(url.href, ['ringcast.v1']);
    } catch (error) {  // not allowed here, e.g. without TLS from a page that has it
      client.lost(this, { ...kUnreachable, reason: error.message });
      return;
    }
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    this.timer.set(client.open_timeout_ms, () => client.lost(this, { ...kSilent, reason: 'no answer' }));
    socket.onmessage = ({ data }) => {
      if (this.socket !== socket) return;
      if (this.asked) this.watch();
      else this.watchdog.heard();
      if (typeof data === 'string') this.take(JSON.parse(data));
      else this.take_bytes(data);
    };
    socket.onerror = () => {};  // the close that follows says more
    socket.onclose = ({ code, reason }) => {
      if (this.socket !== socket) return;
      this.socket = null;
      client.lost(this, verdict_of_close(code, reason));
    };
  }

  rooms_for_url() {
    const { client } = this;
    const rooms = [];
    let bytes = 0;
    for (const room of client.rooms) {
      bytes += 2 * encodeURIComponent(room).length + 20;
      if (rooms.length === kUrlRoomsMax || bytes > kUrlBytesMax) break;
      rooms.push(room);
    }
    return rooms;
  }

  take(event) {
    const { client } = this;
    if (event.event_type === 'connection_id') {
      this.ready = true;
      this.timer.clear();
      this.heartbeat_ms = event.heartbeat_interval_ms ?? 25000;
      this.watch();
      client.deliver(event);
      for (const room of [...this.joined].filter((name) => !client.rooms.has(name))) this.leave(room);
      for (const room of client.rooms) this.join(room);
      client.opened(this, event);
      return;
    }
    if (event.event_type === 'binary') {
      this.announced = event;  // taken with its frame, or not at all: a cut between the two brings both again
      return;
    }
    if (event.event_type === 'pong' && event.ref === undefined) return;
    const answered = event.ref !== undefined && this.take_answer(event);
    if (!answered || event.event_type === 'joined' || event.event_type === 'left') client.deliver(event);
  }

  take_bytes(data) {
    const event = this.announced;
    this.announced = null;
    if (event) this.client.deliver({ ...event, data: new Uint8Array(data) });
  }

  // True when it was somebody's answer and not an event.
  take_answer(event) {
    const { client } = this;
    const { ref } = event;
    const error = event.event_type === 'error' ? new RingcastError(event.code, event.message) : null;
    if (client.pending.has(ref)) return (error && kPassing.has(error.code)) || client.settle(ref, error, event);
    const answer = this.answers.get(ref);
    if (!answer) return false;
    this.answers.delete(ref);
    if (error) answer.reject(error);
    else answer.resolve(event);
    return true;
  }

  // An action whose answer is waited for.
  request(fields) {
    const ref = `q${++this.refs}`;
    return new Promise((resolve, reject) => {
      this.answers.set(ref, { resolve, reject });
      this.action({ ...fields, ref });
    });
  }

  join(room) {
    if (!this.ready || this.joined.has(room)) return;  // named in the URL, or later when the connection is open
    const { client } = this;
    this.joined.add(room);
    this.request({ action: 'join', room, last_id: client.positions.get(room) }).catch((error) => {
      if (client.link !== this || error.code === 'disconnected') return;
      client.refuse_join(room, error);
      client.deliver({ event_type: 'error', room, code: error.code, message: error.message });
    });
  }

  leave(room) {
    this.joined.delete(room);
    this.action({ action: 'leave', room });
  }

  publish({ key, body, echo }) {
    const action = body.to === undefined ? 'message' : 'direct';
    this.action({ action, ...body, ...(echo === false && { echo }), ref: key, idempotency_key: key });
  }

  publish_all() {
    for (const message of this.client.pending.values()) this.publish(message);
  }

  send_binary(room, bytes) {
    if (this.binary_room !== room) this.action({ action: 'binary', room });
    this.binary_room = room;
    this.socket.send(bytes);
  }

  async renew(token) {
    // A server that does not know the action gets the token with a new connection, which goes on where this one was.
    await this.request({ action: 'refresh', token }).catch((error) => {
      if (error.code !== 'disconnected') this.client.lost(this, { do: 'again', code: 'token', reason: 'a new token' });
    });
  }

  action(fields) {
    if (this.ready) this.socket.send(JSON.stringify(fields));
  }

  // JavaScript cannot see the server's pings, so a silent server is asked.
  watch() {
    this.asked = false;
    this.watchdog.start(this.heartbeat_ms, () => {
      this.asked = true;
      this.action({ action: 'ping' });
      this.watchdog.start(this.client.patience_ms, () => this.client.lost(this, kSilent));
    });
  }

  close() {
    this.timer.clear();
    this.watchdog.stop();
    const { socket } = this;
    this.socket = null;
    this.ready = false;
    const error = new RingcastError('disconnected', 'the connection was lost before the answer came');
    for (const { reject } of this.answers.values()) reject(error);
    this.answers.clear();
    if (socket && socket.readyState <= 1) socket.close(1000);
  }
}
