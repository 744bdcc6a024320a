// Sending for the transports that only receive: POST /messages, one at a time so that the order holds.

import { backoff_ms } from './resume.js';

export class Publisher {
  constructor(connection) {
    this.connection = connection;
    this.busy = false;
  }

  async run() {
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.connection.pending.size && !this.connection.stopped) {
        await this.post(this.connection.pending.values().next().value);
      }
    } finally {
      this.busy = false;
    }
  }

  async post({ key, room, content }) {
    const { connection } = this;
    for (let attempt = 0; !connection.stopped; ) {
      let retry_after_ms = 0;
      try {
        const response = await fetch(connection.url('/messages', {}), {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ room, user: connection.user || undefined, content, idempotency_key: key }),
        });
        const answer = await response.json().catch(() => ({}));
        if (response.ok) {
          connection.settle(key, null, { id: answer.event_id, receivers: answer.receivers });
          return;
        }
        if (response.status !== 429 && response.status < 500) {
          connection.settle(key, new Error(answer.error?.message ?? `HTTP ${response.status}`));
          return;
        }
        retry_after_ms = 1000 * (Number(response.headers.get('Retry-After')) || 0);
      } catch {
        // The network failed: the key makes it safe to say it again.
      }
      const delay = Math.max(retry_after_ms, backoff_ms(attempt++));
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }
}

// Where a stream over these channels has to begin. A poll without `since` answers at once with the position.
export async function learn_positions(connection, channels, signal) {
  await Promise.all(channels.filter((channel) => !connection.positions.has(channel)).map(async (channel) => {
    const response = await fetch(connection.url('/poll', { rooms: channel }), { cache: 'no-store', signal });
    if (!response.ok) return;  // without history there is nothing to resume
    const { cursor } = await response.json();
    const id = Number(cursor);
    if (/^\d+$/.test(String(cursor)) && Number.isSafeInteger(id) && !connection.positions.has(channel)) {
      connection.positions.set(channel, id);
    }
  }));
}
