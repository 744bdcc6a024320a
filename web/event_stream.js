// The Server-Sent Events transport of a Connection. EventSource reconnects and resumes by itself while the server lets
// it; when the room list changes, or it has given up, a new one begins at the positions.

import { Publisher, learn_positions } from './publisher.js';
import { name_list, named_cursor } from './resume.js';

const kTypes = ['connection_id', 'message', 'direct', 'binary', 'joined', 'left', 'member_joined', 'member_left', 'typing',
  'status', 'gap', 'lagged', 'reconnect', 'token_expiring', 'system', 'heartbeat'];
const kSilentMs = 15000;  // beyond the heartbeat interval

export class EventStream {
  constructor(connection) {
    this.connection = connection;
    this.publisher = new Publisher(connection);
    this.source = null;
    this.starting = null;
    this.watch_timer = 0;
    this.heartbeat_ms = 25000;
  }

  async connect() {
    const { connection } = this;
    this.drop();
    const starting = new AbortController();
    this.starting = starting;
    const channels = connection.channels();
    try {
      await learn_positions(connection, channels, starting.signal);
    } catch (error) {
      if (!starting.signal.aborted) connection.lost('The server cannot be reached');
      return;
    }
    if (starting.signal.aborted) return;
    const positions = channels.map((channel) => [channel, connection.positions.get(channel)]).filter(([, id]) => id !== undefined);
    const source = new EventSource(connection.url('/events', {
      rooms: { raw: name_list(channels) },
      ...(positions.length && { last_event_id: { raw: named_cursor(positions) } }),
      heartbeat: 'event',
    }));
    this.source = source;
    for (const type of kTypes) source.addEventListener(type, (event) => this.take(type, event));
    source.addEventListener('problem', (event) => {
      connection.deliver({ ...JSON.parse(event.data), event_type: 'problem' });
    });
    source.addEventListener('close', () => { /* the end of the stream follows */ });
    source.onerror = () => this.failed(source);
  }

  take(type, { data }) {
    const { connection } = this;
    const event = JSON.parse(data);
    this.watch();
    if (type === 'heartbeat') return;
    if (type === 'connection_id') {
      if (event.heartbeat_interval_ms) this.heartbeat_ms = event.heartbeat_interval_ms;
      connection.opened(event);
      this.publisher.run();
    }
    connection.deliver({ event_type: type, ...event });
  }

  // EventSource says neither why it failed nor with which status; the answer to a HEAD does.
  async failed(source) {
    const { connection } = this;
    if (this.source !== source) return;
    if (source.readyState === EventSource.CONNECTING) {
      connection.state('connecting', { reason: 'EventSource is reconnecting' });
      this.watch();
      return;
    }
    const url = source.url;
    this.drop();
    let status = 0;
    try {
      const response = await fetch(url, { method: 'HEAD', headers: { Accept: 'text/event-stream' }, cache: 'no-store' });
      status = response.status;
    } catch {
      // Not reachable: come back later.
    }
    if (status === 204) connection.stop('The room has ended');
    else if (status === 401) connection.stop('Unauthorized', { token: true });
    else if (status >= 400 && status < 500 && status !== 408 && status !== 429) connection.stop(`Refused (HTTP ${status})`);
    else connection.lost('Stream lost', { at_least: status >= 400 ? 1 : 0 });
  }

  watch() {
    clearTimeout(this.watch_timer);
    const source = this.source;
    this.watch_timer = setTimeout(() => {
      if (this.source !== source) return;
      this.drop();
      this.connection.lost('The server went silent');
    }, this.heartbeat_ms + kSilentMs);
  }

  restart() {
    if (this.connection.stopped || this.connection.retry_timer) return;
    this.connection.connect_now();
  }

  join() { this.restart(); }
  leave() { this.restart(); }
  send() { this.publisher.run(); }
  action() { /* typing and status need a WebSocket */ }

  drop() {
    clearTimeout(this.watch_timer);
    this.starting?.abort();
    this.source?.close();
    this.source = null;
  }

  disconnect() { this.drop(); }
}
