// SPDX-License-Identifier: Apache-2.0
// One client of a ringcast server: which rooms it follows, how far it has read, and the transport of the moment.
//
// Every channel has a position: the id of the last message taken. Whatever transport comes next names the positions, the
// server replays what came after them, and what is at or below a position is a duplicate and dropped.

import { decode_base64 } from './base64.js';
import { Emitter } from './emitter.js';
import { Timer, environment_of } from './environment.js';
import { RingcastError } from './errors.js';
import { Ladder } from './ladder.js';
import { PollLink } from './poll_link.js';
import { backoff_ms } from './resume.js';
import { StreamLink } from './stream_link.js';
import { WebSocketLink } from './websocket_link.js';

const kLinks = { websocket: WebSocketLink, sse: StreamLink, poll: PollLink };
const kStableMs = 5000;         // a connection that lived so long earns an immediate retry
const kTokenRefusalsMax = 2;    // so many fresh tokens in a row refused: the next would be as well
// These carry an id that is an answer or a position, not a message of the channel's sequence.
const kNotInSequence = new Set(['ack', 'joined', 'left', 'members', 'history', 'gap', 'lagged', 'connection_id', 'error', 'problem']);

export class Client extends Emitter {
  // See index.d.ts for the options.
  constructor(options = {}) {
    super();
    this.env = environment_of(options);
    this.base = new URL(options.url ?? globalThis.location?.href);
    this.user = options.user ?? '';
    this.tenant = options.tenant ?? '';
    this.token_source = options.token ?? '';
    this.token = typeof this.token_source === 'string' ? this.token_source : '';
    this.token_wanted = typeof this.token_source === 'function';
    this.token_refusals = 0;
    this.open_timeout_ms = options.open_timeout_ms ?? 10000;
    this.patience_ms = options.patience_ms ?? 10000;
    this.poll_timeout_s = options.poll_timeout_s ?? 25;
    this.pending_max = options.pending_max ?? 1000;
    this.rooms = new Set(options.rooms ?? []);
    this.positions = new Map(Object.entries(options.positions ?? {}));
    this.pending = new Map();    // key → a message that the server has not confirmed; said again after a reconnect
    this.joining = new Map();    // room → {promise, resolve, reject}
    this.key_prefix = this.env.random().toString(36).slice(2, 12) + this.env.clock.now().toString(36);
    this.keys = 0;
    this.connection_id = '';
    this.inbox = this.user ? `@${this.user}` : null;
    this.link = null;
    this.attempt = 0;
    this.opened_at = null;
    this.after_ms = 0;           // what the server has asked for with `reconnect`
    this.retry_timer = new Timer(this.env.clock);
    const kinds = (options.transports ?? Object.keys(kLinks)).filter((kind) => kind !== 'websocket' || this.env.WebSocket);
    const unknown = kinds.find((kind) => !kLinks[kind]);
    if (unknown !== undefined) throw new TypeError(`transport "${unknown}"; there are: ${Object.keys(kLinks).join(', ')}`);
    if (!kinds.length) throw new TypeError('no transport is left: there is no WebSocket here, hand one in as options.WebSocket');
    this.ladder = new Ladder(kinds, this.env.clock);
  }

  get transport() { return this.ladder.kind; }

  open() {
    if (this.state.state !== 'idle' && this.state.state !== 'stopped') return this;
    this.attempt = this.token_refusals = 0;
    this.connect();
    return this;
  }

  // For good, until open() is called again. What has not been confirmed is rejected.
  close() { this.stop({ code: 'closed', reason: 'closed by the application' }); }

  // Resolves when the server has taken the client in.
  join(room) {
    const known = this.joining.get(room);
    if (known) return known.promise;
    const joining = {};
    joining.promise = new Promise((resolve, reject) => Object.assign(joining, { resolve, reject }));
    joining.promise.catch(() => {});  // the `error` event tells it, too
    if (this.rooms.has(room) && this.state.state === 'open' && this.positions.has(room)) {
      joining.resolve({ event_type: 'joined', room, id: this.positions.get(room) });
      return joining.promise;
    }
    this.joining.set(room, joining);
    this.rooms.add(room);
    this.link?.join(room);
    return joining.promise;
  }

  leave(room) {
    if (!this.rooms.delete(room)) return;
    this.forget(room, new RingcastError('left', `left ${room}`));
    this.link?.leave(room);
  }

  // Resolves with the server's confirmation {id, …}. Said again with one key until then, so never published twice.
  publish(room, payload, options = {}) { return this.submit({ room }, payload, options); }
  direct(user, payload, options = {}) { return this.submit({ to: user }, payload, options); }

  submit(target, payload, { event, echo, idempotency_key } = {}) {
    if (this.state.state === 'stopped') return Promise.reject(new RingcastError('closed', this.state.reason));
    if (this.pending.size >= this.pending_max) {
      return Promise.reject(new RingcastError('too_many_pending', `${this.pending_max} messages wait to be confirmed`));
    }
    const key = idempotency_key ?? `${this.key_prefix}-${++this.keys}`;
    const body = { ...target, ...(typeof payload === 'string' ? { content: payload } : { data: payload }), ...(event && { event }) };
    return new Promise((resolve, reject) => {
      const message = { key, body, echo, resolve, reject };
      this.pending.set(key, message);
      if (this.state.state === 'open') this.link.publish(message);
    });
  }

  // Binary messages have neither confirmation nor repetition: over a WebSocket that is open, or not at all.
  send_binary(room, bytes) {
    if (!this.link?.send_binary || this.state.state !== 'open') throw new RingcastError('needs_websocket', 'binary messages need an open WebSocket');
    this.link.send_binary(room, bytes);
  }

  // Passing things: said when there is a WebSocket to say them on, else not at all.
  typing(room) { this.link?.action?.({ action: 'typing', room }); }
  status(status) { this.link?.action?.({ action: 'status', status }); }

  members(room) { return this.ask('members', { room }); }

  async history(room, { after, limit } = {}) {
    const answer = await this.ask('history', { room, after, limit });
    for (const event of answer.messages) {
      if (event.event_type === 'binary' && typeof event.data === 'string') event.data = decode_base64(event.data);
    }
    return answer;
  }

  ask(what, fields) {
    if (this.link?.request && this.state.state === 'open') return this.link.request({ action: what, ...fields });
    return this.read(`/${what}`, fields);
  }

  async read(path, query) {
    const response = await this.env.fetch(this.url(path, query), { cache: 'no-store' });
    const body = await response.json().catch(() => null);
    if (!response.ok) throw new RingcastError(body?.error?.code ?? `http_${response.status}`, body?.error?.message ?? `HTTP ${response.status}`);
    return body;
  }

  // --- connecting ---------------------------------------------------------------------------------------------------

  async connect() {
    this.retry_timer.clear();
    this.drop_link();
    this.after_ms = 0;
    this.become({ state: 'connecting', transport: this.transport });
    const link = new kLinks[this.transport](this);
    this.link = link;
    if (this.token_wanted) {
      try {
        const token = await this.token_source();
        if (this.link !== link) return;
        this.take_token(token);
      } catch (error) {
        if (this.link === link) this.lost(link, { do: 'again', code: 'token', reason: `no token: ${error.message}`, busy: true });
        return;
      }
    }
    link.connect();
  }

  take_token(token) {
    this.token = token ?? '';
    this.token_wanted = false;
  }

  drop_link() {
    this.link?.close();
    this.link = null;
  }

  opened(link, event) {
    if (this.link !== link) return;
    this.connection_id = event.connection_id ?? '';
    if (this.state.state === 'open') return;  // a stream that was begun anew for other rooms
    this.opened_at = this.env.clock.now();
    this.token_refusals = 0;
    this.ladder.opened();
    this.link.publish_all();
    this.become({ state: 'open', transport: this.transport });
  }

  // The transport is gone; `verdict` as in verdict.js.
  lost(link, verdict) {
    if (this.link !== link) return;
    this.drop_link();
    if (verdict.do === 'stop') return this.stop(verdict);
    if (verdict.do === 'token' && !this.may_renew_token()) return this.stop({ ...verdict, token: true });

    const { clock, random } = this.env;
    const was_open = this.opened_at !== null;
    if (was_open && clock.now() - this.opened_at >= kStableMs) this.attempt = 0;
    this.opened_at = null;
    if (was_open) this.ladder.lost();
    else if (!verdict.blocked) this.ladder.refused();
    else if (this.ladder.failed()) return this.connect();  // another transport may get through
    if (verdict.busy) this.attempt = Math.max(this.attempt, 1);
    const delay_ms = Math.max(this.after_ms, verdict.after_ms ?? 0, backoff_ms(this.attempt++, random));
    this.become({ state: 'waiting', transport: this.transport, code: verdict.code, reason: verdict.reason, delay_ms });
    this.retry_timer.set(delay_ms, () => this.connect());
  }

  may_renew_token() {
    this.token_wanted = typeof this.token_source === 'function';
    return this.token_wanted && this.token_refusals++ < kTokenRefusalsMax;
  }

  stop({ code, reason, token = false }) {
    if (this.state.state === 'stopped') return;
    this.retry_timer.clear();
    this.drop_link();
    this.opened_at = null;
    this.become({ state: 'stopped', code, reason, token });
    const error = new RingcastError('closed', reason);
    for (const message of this.pending.values()) message.reject(error);
    this.pending.clear();
    for (const room of [...this.joining.keys()]) this.settle_join(room, error);
  }

  // What a stream has to name and a WebSocket hears by itself. `anonymous` has no inbox.
  channels() { return this.user || this.token ? [...this.rooms, '@me', '*'] : [...this.rooms, '*']; }

  // [channel, position] of those that have one.
  known(channels) { return channels.filter((channel) => this.positions.has(channel)).map((channel) => [channel, this.positions.get(channel)]); }

  // Values that are {raw} are encoded already.
  url(path, query = {}) {
    const url = new URL(this.base);
    url.pathname = this.base.pathname.replace(/[^/]*$/, '') + path.slice(1);
    url.hash = '';
    url.search = Object.entries({ user: this.user, token: this.token, tenant: this.tenant, ...query })
      .map(([key, value]) => [key, value?.raw ?? encodeURIComponent(value ?? '')])
      .filter(([, value]) => value !== '').map((pair) => pair.join('=')).join('&');
    return url;
  }

  // --- what the server says, over any transport ---------------------------------------------------------------------

  deliver(event) {
    const channel = event.room === undefined ? undefined : this.key_of(event.room);
    // Of a room that has been left meanwhile, or that nobody has asked for.
    if (channel !== undefined && event.event_type !== 'left' && event.event_type !== 'error' && !this.follows(channel)) return;
    switch (event.event_type) {
      case 'connection_id':
        if (event.user && event.user !== 'anonymous') this.inbox = `@${event.user}`;
        for (const [name, id] of Object.entries(event.positions ?? {})) {
          if (this.follows(this.key_of(name))) this.positions.set(this.key_of(name), id);
        }
        break;
      case 'joined':
        if (Number.isSafeInteger(event.id)) this.positions.set(channel, event.id);
        this.settle_join(channel, null, event);
        break;
      case 'gap':
        // What follows is all that is left; after a reset the ids may be lower than before.
        this.positions.set(channel, Math.max(event.oldest - 1, 0));
        break;
      case 'left':
        if (event.reason !== 'left') {  // taken out, not gone by itself
          this.rooms.delete(channel);
          this.forget(channel, new RingcastError(event.reason, `taken out of ${channel}: ${event.reason}`));
        }
        break;
      case 'reconnect':
        this.after_ms = event.after_ms ?? 0;
        break;
      case 'token_expiring':
        this.renew_token();
        break;
      default:
        if (channel !== undefined && Number.isSafeInteger(event.id) && !kNotInSequence.has(event.event_type)) {
          if (event.id <= (this.positions.get(channel) ?? -1)) return;
          this.positions.set(channel, event.id);
        }
    }
    this.emit(event);
  }

  async renew_token() {
    if (typeof this.token_source !== 'function') return;
    const link = this.link;
    try {
      const token = await this.token_source();
      if (this.link !== link) return;
      this.take_token(token);
      await link.renew(token);
    } catch {
      this.token_wanted = true;  // the close that follows the expiry asks again
    }
  }

  // One's own inbox goes by two names; `@me` is the one that stays right when a token decides who we are.
  key_of(channel) { return channel === this.inbox ? '@me' : channel; }

  follows(channel) { return channel === '@me' || channel === '*' || this.rooms.has(channel); }

  forget(room, error) {
    this.positions.delete(room);
    this.settle_join(room, error);
  }

  settle_join(room, error, event) {
    const joining = this.joining.get(room);
    if (!joining) return;
    this.joining.delete(room);
    if (error) joining.reject(error);
    else joining.resolve(event);
  }

  refuse_join(room, event) {
    this.rooms.delete(room);
    this.forget(room, new RingcastError(event.code, event.message));
  }

  settle(key, error, answer) {
    const message = this.pending.get(key);
    if (!message) return false;
    this.pending.delete(key);
    if (error) message.reject(error);
    else message.resolve(answer);
    return true;
  }
}
