// The WebSocket transport of a Connection: rooms and cursors in the URL, so that a reconnect is one round trip.

import { name_list, named_cursor } from './resume.js';

const kUrlRoomsMax = 30;     // the server takes 32 cursors in the query; the inbox and `*` need two
const kPongWaitMs = 10000;

// What each close code asks of the client. Anything else (1006: cut off) comes back with the usual back-off.
const kCloses = new Map([
  [1000, { stop: 'The server closed the connection' }],
  [1001, { after: true }],
  [1002, { stop: 'Protocol error' }],
  [1003, { stop: 'Unsupported data' }],
  [1007, { stop: 'Invalid text' }],
  [1008, { stop: 'Refused by policy' }],
  [1009, { stop: 'Message too big' }],
  [1011, { at_least: 1 }],
  [1013, { at_least: 1 }],
  [4001, { stop: 'Unauthorized', token: true }],
  [4003, { stop: 'Forbidden' }],
  [4008, {}],
  [4010, { stop: 'The token has expired', token: true }],
  [4011, { stop: 'Closed by an administrator' }],
  [4029, { at_least: 1 }],
]);

export class Socket {
  constructor(connection) {
    this.connection = connection;
    this.socket = null;
    this.ready = false;
    this.after_ms = 0;
    this.heartbeat_ms = 25000;
    this.heard_at = 0;
    this.watch_timer = 0;
  }

  connect() {
    const { connection } = this;
    const rooms = [...connection.rooms].slice(0, kUrlRoomsMax);
    const inbox_and_broadcast = [...connection.positions].filter(([name]) => name === '*' || name.startsWith('@'));
    const cursor = named_cursor([...rooms.filter((room) => connection.positions.has(room))
      .map((room) => [room, connection.positions.get(room)]), ...inbox_and_broadcast]);
    const url = connection.url('/ws', {
      rooms: { raw: name_list(rooms) },
      ...(cursor && { since: { raw: cursor } }),
    });
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(url, ['ringcast.v1']);
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    this.after_ms = 0;
    socket.onmessage = ({ data }) => {
      this.heard_at = Date.now();
      // The frame after a `binary` event is its content, which the event has announced already.
      if (typeof data === 'string') this.take(JSON.parse(data));
    };
    socket.onclose = ({ code, reason }) => {
      if (this.socket === socket) this.closed(code, reason);
    };
  }

  take(event) {
    const { connection } = this;
    switch (event.event_type) {
      case 'connection_id':
        this.ready = true;
        if (event.heartbeat_interval_ms) this.heartbeat_ms = event.heartbeat_interval_ms;
        connection.opened(event);
        connection.deliver(event);
        this.rejoin_the_rest();
        for (const message of connection.pending.values()) this.send(message);
        this.watch();
        return;
      case 'ack':
        connection.settle(event.ref, null, event);
        return;
      case 'error':
        if (connection.pending.has(event.ref)) {
          connection.settle(event.ref, new Error(event.message ?? event.code));
          return;
        }
        break;
      case 'reconnect':
        this.after_ms = event.after_ms ?? 0;
        break;
      case 'pong':
        return;
    }
    connection.deliver(event);
  }

  rejoin_the_rest() {
    for (const room of [...this.connection.rooms].slice(kUrlRoomsMax)) this.join(room);
  }

  join(room) {
    this.action({ action: 'join', room, last_id: this.connection.positions.get(room) });
  }

  leave(room) { this.action({ action: 'leave', room }); }

  send({ key, room, content }) {
    this.action({ action: 'message', room, content, ref: key, idempotency_key: key });
  }

  action(fields) {
    if (this.ready) this.socket.send(JSON.stringify(fields));
  }

  // JavaScript cannot see the server's pings, so a silent server is asked.
  watch() {
    clearTimeout(this.watch_timer);
    const socket = this.socket;
    this.watch_timer = setTimeout(() => {
      if (this.socket !== socket) return;
      const silent_ms = Date.now() - this.heard_at;
      if (silent_ms >= this.heartbeat_ms + kPongWaitMs) {
        this.drop();
        this.connection.lost('The server went silent');
        return;
      }
      if (silent_ms >= this.heartbeat_ms) this.action({ action: 'ping' });
      this.watch();
    }, Math.min(this.heartbeat_ms, kPongWaitMs) / 2);
  }

  closed(code, reason) {
    this.drop();
    const meaning = kCloses.get(code) ?? {};
    const text = reason ? `${meaning.stop ?? 'Connection closed'} (${code}: ${reason})` : meaning.stop ? `${meaning.stop} (${code})` : `Connection lost (${code})`;
    if (meaning.stop) this.connection.stop(text, { token: meaning.token });
    else this.connection.lost(text, { after_ms: meaning.after ? this.after_ms : 0, at_least: meaning.at_least });
  }

  drop() {
    clearTimeout(this.watch_timer);
    const socket = this.socket;
    this.socket = null;
    this.ready = false;
    if (socket && socket.readyState <= WebSocket.OPEN) socket.close(1000);
  }

  disconnect() { this.drop(); }
}
