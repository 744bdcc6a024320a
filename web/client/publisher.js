// Sending for the transports that only receive: POST /messages, one at a time so that the order holds.

import { Timer } from './environment.js';
import { RingcastError } from './errors.js';
import { backoff_ms } from './resume.js';

export class Publisher {
  constructor(client) {
    this.client = client;
    this.busy = false;
    this.stopping = new AbortController();
    this.timer = new Timer(client.env.clock);
  }

  async run() {
    if (this.busy) return;
    this.busy = true;
    for (let attempt = 0; this.client.pending.size && !this.stopping.signal.aborted;) {
      const retry_after_ms = await this.post(this.client.pending.values().next().value);
      if (retry_after_ms === null) {
        attempt = 0;
        continue;
      }
      if (this.stopping.signal.aborted) break;
      attempt++;
      const delay = Math.max(retry_after_ms, backoff_ms(attempt, this.client.env.random));
      await new Promise((resolve) => {
        this.go_on = resolve;
        this.timer.set(delay, resolve);
      });
    }
    this.busy = false;
  }

  // Null when it is settled, else how long to wait at least. The key makes it safe to say it again.
  async post({ key, body, echo }) {
    const { client } = this;
    let response;
    let answer;
    try {
      response = await client.env.fetch(client.url('/messages'), {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({
          ...body, user: client.user || undefined, idempotency_key: key,
          exclude: echo === false && client.connection_id ? client.connection_id : undefined,
        }),
        signal: this.stopping.signal,
      });
      answer = await response.json().catch((error) => {
        if (response.ok) throw error;  // cut off in the middle
        return {};
      });
    } catch {
      return 0;  // the network failed
    }
    if (response.status === 429 || response.status >= 500) return 1000 * (Number(response.headers.get('Retry-After')) || 0);
    const { event_id: id, receivers, duplicate, error } = answer;
    client.settle(key, response.ok ? null : new RingcastError(error?.code ?? `http_${response.status}`, error?.message ?? `HTTP ${response.status}`),
      { event_type: 'ack', id, receivers, ...(duplicate && { duplicate }) });
    return null;
  }

  close() {
    this.stopping.abort();
    this.timer.clear();
    this.go_on?.();
  }
}
