// SPDX-License-Identifier: Apache-2.0
// Server-Sent Events (WHATWG HTML 9.2.6) over fetch: unlike EventSource it tells the status of a refusal, sends headers,
// leaves the reconnecting to its owner, and is there in Node 18.

export class EventParser {
  // on_event({type, data, id}), on_retry(ms)
  constructor(on_event, on_retry = () => {}) {
    this.on_event = on_event;
    this.on_retry = on_retry;
    this.decoder = new TextDecoder();
    this.rest = '';
    this.id = '';
    this.type = '';
    this.data = [];
  }

  feed(bytes) {
    const lines = (this.rest + this.decoder.decode(bytes, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop();
    for (const line of lines) this.line(line);
  }

  line(line) {
    if (line === '') {
      if (this.data.length) this.on_event({ type: this.type || 'message', data: this.data.join('\n'), id: this.id });
      this.type = '';
      this.data = [];
      return;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') this.data.push(value);
    else if (field === 'event') this.type = value;
    else if (field === 'id' && !value.includes('\0')) this.id = value;
    else if (field === 'retry' && /^\d+$/.test(value)) this.on_retry(Number(value));
  }
}

// An answer that is no stream: {status, error: the server's {code, message} if it is one of its answers, retry_after_s}.
export class Refusal extends Error {
  constructor(status, error, retry_after_s) {
    super(error?.message ?? `HTTP ${status}`);
    Object.assign(this, { status, error, retry_after_s });
  }

  static async from(response) {
    const body = await response.json().catch(() => null);
    const error = typeof body?.error?.code === 'string' ? body.error : undefined;
    return new Refusal(response.status, error, Number(response.headers.get('Retry-After')) || 0);
  }
}

// Reads a stream to its end. Throws a Refusal when it is refused, what fetch throws when it breaks.
export async function read_events(url, { fetch = globalThis.fetch, headers = {}, signal, on_event, on_retry }) {
  const response = await fetch(url, { headers: { Accept: 'text/event-stream', ...headers }, cache: 'no-store', signal });
  if (response.status !== 200 || !(response.headers.get('Content-Type') ?? '').startsWith('text/event-stream')) {
    throw await Refusal.from(response);
  }
  const parser = new EventParser(on_event, on_retry);
  const reader = response.body.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    parser.feed(value);
  }
}
