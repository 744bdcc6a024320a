// SPDX-License-Identifier: Apache-2.0
// The long-polling transport: one request waits, its answer brings the next cursor.

import { decode_base64 } from './base64.js';
import { Timer } from './environment.js';
import { Refusal } from './event_stream.js';
import { Publisher } from './publisher.js';
import { name_list, named_cursor, read_cursor } from './resume.js';
import { kSilent, kUnreachable, verdict_of_status } from './verdict.js';

export class PollLink {
  constructor(client) {
    this.client = client;
    this.publisher = new Publisher(client);
    this.timer = new Timer(client.env.clock);
    this.polling = null;      // AbortController of the request that waits
    this.unpolled = new Set();  // rooms without history cannot be polled
    this.changed = false;
  }

  connect() { this.begin(); }

  async begin() {
    const { client } = this;
    this.polling?.abort();
    const polling = new AbortController();
    this.polling = polling;
    let verdict;
    try {
      const channels = client.channels();
      await this.learn(channels.filter((channel) => !client.positions.has(channel) && !this.unpolled.has(channel)), polling.signal);
      if (this.polling !== polling) return;
      client.opened(this, {});
      for (const room of channels) client.settle_join(room, null, { event_type: 'joined', room, id: client.positions.get(room) });
      await this.loop(channels.filter((channel) => !this.unpolled.has(channel)), polling);
      return;
    } catch (error) {
      verdict = error instanceof Refusal ? verdict_of_status(error.status, error.error, error.retry_after_s) : kUnreachable;
    }
    if (this.polling === polling) client.lost(this, verdict);
  }

  // Where these channels stand: a poll without `since` answers at once.
  async learn(channels, signal) {
    if (!channels.length) return;
    const { client } = this;
    try {
      const { cursor } = await this.ask({ rooms: { raw: name_list(channels) } }, client.open_timeout_ms, signal);
      const names = channels.map((channel) => (channel === '@me' ? client.inbox ?? channel : channel));
      const positions = read_cursor(String(cursor), names);
      if (positions) {
        for (const [name, id] of positions) client.positions.set(client.key_of(name), id);
        return;
      }
      if (channels.length === 1) return;
    } catch (error) {
      if (error.error?.code !== 'no_history') throw error;
      if (channels.length === 1) {
        this.unpolled.add(channels[0]);
        return;
      }
    }
    // One of them keeps no history, or only the server knows what `@me` is called.
    for (const channel of channels) await this.learn([channel], signal);
  }

  async loop(channels, polling) {
    const { client } = this;
    const rooms = { raw: name_list(channels) };
    let since = { raw: named_cursor(client.known(channels)) };
    while (this.polling === polling) {
      const answer = await this.ask({ rooms, since, timeout: client.poll_timeout_s }, 1000 * client.poll_timeout_s + client.patience_ms, polling.signal);
      if (this.polling !== polling) return;
      for (const gap of answer.gaps ?? []) client.deliver({ event_type: 'gap', ...gap });
      for (const event of answer.events) {
        if (this.polling !== polling) return;  // a listener has changed the rooms: what is left comes again
        if (event.event_type === 'binary' && typeof event.data === 'string') event.data = decode_base64(event.data);
        client.deliver(event);
      }
      since = answer.cursor;
    }
  }

  async ask(query, patience_ms, signal) {
    const { client } = this;
    this.timer.set(patience_ms, () => client.lost(this, kSilent));
    const response = await client.env.fetch(client.url('/poll', query), { cache: 'no-store', signal });
    if (response.status !== 200) throw await Refusal.from(response);
    const answer = await response.json();
    this.timer.clear();
    return answer;
  }

  // Several changes of one moment are one new request.
  change() {
    if (this.changed || !this.polling) return;
    this.changed = true;
    queueMicrotask(() => {
      this.changed = false;
      if (this.client.link === this && this.polling) this.begin();
    });
  }

  join() { this.change(); }
  leave() { this.change(); }
  async renew() { this.change(); }
  publish() { this.publisher.run(); }
  publish_all() { this.publisher.run(); }

  close() {
    this.timer.clear();
    this.publisher.close();
    this.polling?.abort();
    this.polling = null;
  }
}
