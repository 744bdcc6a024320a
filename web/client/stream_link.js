// SPDX-License-Identifier: Apache-2.0
// The Server-Sent Events transport: one stream for all rooms. When they change, a new stream begins at the positions.

import { decode_base64 } from './base64.js';
import { Watchdog } from './environment.js';
import { Refusal, read_events } from './event_stream.js';
import { Publisher } from './publisher.js';
import { name_list, named_cursor, read_cursor } from './resume.js';
import { kSilent, kUnreachable, verdict_of_close, verdict_of_status } from './verdict.js';

export class StreamLink {
  constructor(client) {
    this.client = client;
    this.publisher = new Publisher(client);
    this.watchdog = new Watchdog(client.env.clock);
    this.reading = null;     // AbortController of the stream
    this.changed = false;    // the rooms have, and a new stream is about to begin
  }

  connect() { this.begin(); }

  async begin() {
    const { client } = this;
    this.reading?.abort();
    const reading = new AbortController();
    this.reading = reading;
    const channels = client.channels();
    const stream = { channels, opened: false, close: null };
    const cursor = named_cursor(client.known(channels));
    const url = client.url('/events', {
      rooms: { raw: name_list(channels) }, ...(cursor && { last_event_id: { raw: cursor } }), heartbeat: 'event',
    });
    this.watchdog.start(client.open_timeout_ms, () => client.lost(this, { ...kSilent, reason: 'no answer' }));
    let verdict;
    try {
      await read_events(url, {
        fetch: client.env.fetch,
        signal: reading.signal,
        on_event: (event) => { if (this.reading === reading) this.take(stream, event); },
        on_retry: (ms) => { stream.retry_ms = ms; },
      });
      verdict = this.end_of(stream);
    } catch (error) {
      verdict = error instanceof Refusal ? verdict_of_status(error.status, error.error, error.retry_after_s)
        : stream.opened ? { do: 'again', code: 0, reason: 'connection lost' } : kUnreachable;
    }
    if (this.reading === reading) client.lost(this, verdict);
  }

  // A `retry:` at the end of a stream is the server's wish for this time.
  end_of({ opened, close, retry_ms }) {
    const verdict = close ? verdict_of_close(close.code, close.reason) : { do: 'again', code: 0, reason: 'the stream ended', blocked: !opened };
    return opened ? verdict : { ...verdict, after_ms: retry_ms };
  }

  take(stream, { type, data, id }) {
    const { client } = this;
    const event = { event_type: type, ...JSON.parse(data) };
    if (type === 'connection_id') {
      stream.opened = true;
      stream.retry_ms = undefined;
      this.watchdog.start((event.heartbeat_interval_ms ?? 25000) + client.patience_ms, () => client.lost(this, kSilent));
      event.positions = this.positions_of(stream.channels, event.cursor ?? id, event.user);
    }
    this.watchdog.heard();
    if (type === 'heartbeat') return;
    if (type === 'close') {
      stream.close = event;
      return;
    }
    if (type === 'binary' && typeof event.data === 'string') event.data = decode_base64(event.data);
    client.deliver(event);
    if (type !== 'connection_id') return;
    client.opened(this, event);
    for (const room of stream.channels) client.settle_join(room, null, { event_type: 'joined', room, id: client.positions.get(room) });
  }

  positions_of(channels, cursor, user) {
    const names = channels.map((channel) => (channel === '@me' ? `@${user}` : channel));
    return Object.fromEntries(read_cursor(String(cursor), [...new Set(names)]) ?? []);
  }

  // Several changes of one moment are one new stream.
  change() {
    if (this.changed || !this.reading) return;
    this.changed = true;
    queueMicrotask(() => {
      this.changed = false;
      if (this.client.link === this && this.reading) this.begin();
    });
  }

  join() { this.change(); }
  leave() { this.change(); }
  async renew() { this.change(); }
  publish() { this.publisher.run(); }
  publish_all() { this.publisher.run(); }

  close() {
    this.watchdog.stop();
    this.publisher.close();
    this.reading?.abort();
    this.reading = null;
  }
}
