// The long-polling transport of a Connection: one request waits, its answer brings the next cursor.

import { Publisher, learn_positions } from './publisher.js';
import { name_list, named_cursor } from './resume.js';

const kTimeoutS = 25;
const kGraceMs = 15000;  // beyond the poll's own timeout the server counts as silent

export class LongPoll {
  constructor(connection) {
    this.connection = connection;
    this.publisher = new Publisher(connection);
    this.running = null;
  }

  async connect() {
    const { connection } = this;
    this.drop();
    const running = new AbortController();
    this.running = running;
    try {
      const channels = connection.channels();
      await learn_positions(connection, channels, running.signal);
      connection.opened({});
      this.publisher.run();
      await this.loop(channels, running.signal);
    } catch (error) {
      if (!running.signal.aborted) connection.lost('The server cannot be reached');
    }
  }

  async loop(channels, signal) {
    const { connection } = this;
    // A room without history cannot be polled; its name would have the whole request refused.
    const polled = channels.filter((channel) => connection.positions.has(channel));
    let cursor = named_cursor(polled.map((channel) => [channel, connection.positions.get(channel)]));
    let raw = true;  // our own form is encoded already
    while (!signal.aborted) {
      const answer = await this.ask(polled, raw ? { raw: cursor } : cursor, signal);
      if (!answer) return;
      cursor = answer.cursor;
      raw = false;
      for (const gap of answer.gaps ?? []) connection.deliver({ event_type: 'gap', ...gap });
      for (const event of answer.events) connection.deliver(event);
    }
  }

  async ask(channels, since, signal) {
    const { connection } = this;
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), 1000 * kTimeoutS + kGraceMs);
    const give_up = () => patience.abort();
    signal.addEventListener('abort', give_up);
    try {
      const response = await fetch(connection.url('/poll', {
        rooms: { raw: name_list(channels) }, since, timeout: kTimeoutS,
      }), { cache: 'no-store', signal: patience.signal });
      if (response.ok && response.status !== 204) return await response.json();
      this.refused(response);
      return null;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', give_up);
    }
  }

  refused({ status, headers }) {
    const { connection } = this;
    if (status === 204) connection.stop('The room has ended');
    else if (status === 401) connection.stop('Unauthorized', { token: true });
    else if (status >= 400 && status < 500 && status !== 408 && status !== 429) connection.stop(`Refused (HTTP ${status})`);
    else connection.lost(`HTTP ${status}`, { at_least: 1, after_ms: 1000 * (Number(headers.get('Retry-After')) || 0) });
  }

  restart() {
    if (this.connection.stopped || this.connection.retry_timer) return;
    this.connection.connect_now();
  }

  join() { this.restart(); }
  leave() { this.restart(); }
  send() { this.publisher.run(); }
  action() { /* typing and status need a WebSocket */ }

  drop() { this.running?.abort(); }

  disconnect() { this.drop(); }
}
