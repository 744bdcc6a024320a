// One connection to a ringcast server over a transport of choice, with reconnection and exact resumption.
// Owned by whoever created it. No DOM in here, so that a page and a test can use it alike.
//
// Every channel has a position: the id of the last message taken. A reconnect names the positions, the server replays
// what came after them, and whatever is at or below a position is a duplicate and dropped.

import { EventStream } from './event_stream.js';
import { LongPoll } from './long_poll.js';
import { backoff_ms } from './resume.js';
import { Socket } from './socket.js';

const kTransports = { websocket: Socket, sse: EventStream, poll: LongPoll };
const kStableMs = 5000;       // a connection that lived so long earns an immediate retry
// These carry an id that is an answer or a position, not a message of the channel's sequence.
const kNotInSequence = new Set(['ack', 'joined', 'left', 'members', 'history', 'gap', 'lagged', 'connection_id', 'error', 'problem']);

export class Connection {
  // options: base (URL of the server), transport, user, token, tenant
  // handlers: on_event(event), on_state(state, detail) with state connecting | open | waiting | stopped
  constructor(options, handlers) {
    this.base = new URL(options.base);
    this.user = options.user ?? '';
    this.token = options.token ?? '';
    this.tenant = options.tenant ?? '';
    this.handlers = handlers;
    this.rooms = new Set();
    this.positions = new Map();
    this.pending = new Map();  // idempotency key → {room, content, resolve, reject}; sent again after a reconnect
    this.attempt = 0;
    this.opened_at = 0;
    this.retry_timer = 0;
    this.stopped = false;
    this.connection_id = '';
    this.inbox = this.user ? `@${this.user}` : null;
    this.duplicates = 0;
    this.next_key = 0;
    this.key_prefix = Math.random().toString(36).slice(2, 10) + Date.now().toString(36);
    this.link = new kTransports[options.transport](this);
  }

  // What a stream has to name and a WebSocket hears by itself. `anonymous` has no inbox.
  channels() {
    return this.user ? [...this.rooms, '@me', '*'] : [...this.rooms, '*'];
  }

  url(path, query) {
    const url = new URL(path, this.base);
    const parts = Object.entries({ user: this.user, token: this.token, tenant: this.tenant, ...query })
      .filter(([, value]) => value !== '' && value !== undefined)
      .map(([key, value]) => `${key}=${value.raw ?? encodeURIComponent(value)}`);
    url.search = parts.join('&');
    return url;
  }

  open() { this.connect_now(); }

  join(room) {
    if (this.rooms.has(room)) return;
    this.rooms.add(room);
    this.link.join(room);
  }

  leave(room) {
    if (!this.rooms.delete(room)) return;
    this.positions.delete(room);
    this.link.leave(room);
  }

  // Resolves when the server has given the message its id. Retried with one key until then, so never said twice.
  send(room, content) {
    const key = `${this.key_prefix}-${++this.next_key}`;
    return new Promise((resolve, reject) => {
      const message = { key, room, content, resolve, reject };
      this.pending.set(key, message);
      this.link.send(message);
    });
  }

  typing(room) { this.link.action({ action: 'typing', room }); }
  set_status(status) { this.link.action({ action: 'status', status }); }

  close() {
    this.stop('Disconnected');
    for (const message of this.pending.values()) message.reject(new Error('disconnected'));
    this.pending.clear();
  }

  // A read over HTTP, the same for all transports.
  async get(path, query = {}) {
    const response = await fetch(this.url(path, query), { cache: 'no-store' });
    if (!response.ok) throw new Error(`${path}: HTTP ${response.status}`);
    return response.json();
  }

  // --- for the transports -------------------------------------------------------------------------------------------

  connect_now() {
    if (this.stopped) return;
    clearTimeout(this.retry_timer);
    this.retry_timer = 0;
    this.state('connecting');
    this.link.connect();
  }

  opened(event) {
    this.connection_id = event?.connection_id ?? this.connection_id;
    this.opened_at = Date.now();
    this.state('open');
  }

  // The transport is gone; come back with the positions. `at_least` skips the immediate retry where the server is busy.
  lost(reason, { after_ms = 0, at_least = 0 } = {}) {
    if (this.stopped || this.retry_timer) return;
    if (this.opened_at && Date.now() - this.opened_at >= kStableMs) this.attempt = 0;
    this.opened_at = 0;
    this.attempt = Math.max(this.attempt, at_least);
    const delay = Math.max(after_ms, backoff_ms(this.attempt++));
    this.state('waiting', { reason, delay_ms: delay });
    this.retry_timer = setTimeout(() => this.connect_now(), delay);
  }

  stop(reason, detail = {}) {
    if (this.stopped) return;
    this.stopped = true;
    clearTimeout(this.retry_timer);
    this.link.disconnect();
    this.state('stopped', { reason, ...detail });
  }

  state(name, detail = {}) { this.handlers.on_state(name, detail); }

  // Every event of every transport comes through here.
  deliver(event) {
    const channel = event.room === undefined ? undefined : this.key_of(event.room);
    switch (event.event_type) {
      case 'connection_id':
        if (event.user && event.user !== 'anonymous') this.inbox = `@${event.user}`;
        for (const [name, id] of Object.entries(event.positions ?? {})) this.positions.set(this.key_of(name), id);
        break;
      case 'joined':
        if (Number.isSafeInteger(event.id)) this.positions.set(channel, event.id);
        break;
      case 'gap':
        // What follows is all that is left; after a reset the ids may be lower than before.
        if (Number.isSafeInteger(event.oldest)) this.positions.set(channel, event.oldest - 1);
        else this.positions.delete(channel);
        break;
      case 'left':
        if (event.reason !== 'left') this.rooms.delete(channel);  // taken out, not gone by itself
        this.positions.delete(channel);
        break;
      default:
        if (channel !== undefined && Number.isSafeInteger(event.id) && !kNotInSequence.has(event.event_type)) {
          if (event.id <= (this.positions.get(channel) ?? -1)) {
            this.duplicates++;
            return;
          }
          this.positions.set(channel, event.id);
        }
    }
    this.handlers.on_event(event);
  }

  // One's own inbox goes by two names; `@me` is the one that stays right when a token decides who we are.
  key_of(channel) {
    return channel === this.inbox ? '@me' : channel;
  }

  settle(key, error, answer) {
    const message = this.pending.get(key);
    if (!message) return;
    this.pending.delete(key);
    if (error) message.reject(error);
    else message.resolve(answer);
  }
}
