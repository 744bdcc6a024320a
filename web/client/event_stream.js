// SPDX-License-Identifier: Apache-2.0
// Server-Sent Events (WHATWG HTML 9.2.6) over fetch: unlike EventSource it reports the status of a refusal, sends a body
// and headers, leaves reconnecting to its owner, and exists in Node 18.

/** @typedef {{ type: string, data: string, id: string }} StreamEvent */

/** The parser of a stream, fed with its bytes in any pieces. */
export class EventParser {
  /**
   * @param {(event: StreamEvent) => void} onEvent
   * @param {(ms: number) => void} [onRetry]
   */
  constructor(onEvent, onRetry = () => {}) {
    /** @private */ this.onEvent = onEvent;
    /** @private */ this.onRetry = onRetry;
    /** @private */ this.decoder = new TextDecoder();
    /** @private */ this.rest = '';
    /** @private */ this.id = '';
    /** @private */ this.type = '';
    /** @private @type {string[]} */ this.data = [];
  }

  /** @param {Uint8Array} bytes */
  feed(bytes) {
    const lines = (this.rest + this.decoder.decode(bytes, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? '';
    for (const line of lines) this.line(line);
  }

  /**
   * @private
   * @param {string} line
   */
  line(line) {
    if (line === '') {
      if (this.data.length) this.onEvent({ type: this.type || 'message', data: this.data.join('\n'), id: this.id });
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
    else if (field === 'retry' && /^\d+$/.test(value)) this.onRetry(Number(value));
  }
}

/** An answer with another status or type than the one that was asked for. */
export class Refusal extends Error {
  /**
   * @param {number} status
   * @param {{ code: string, message?: string } | undefined} error the server's own, when the answer is one of its answers
   * @param {number} retryAfterMs
   */
  constructor(status, error, retryAfterMs) {
    super(error?.message ?? `HTTP ${status}`);
    this.status = status;
    this.error = error;
    this.retryAfterMs = retryAfterMs;
  }

  /** @param {Response} response */
  static async from(response) {
    const body = await response.json().catch(() => null);
    const error = typeof body?.error?.code === 'string' ? body.error : undefined;
    return new Refusal(response.status, error, 1000 * Number(response.headers.get('Retry-After')) || 0);
  }
}

/**
 * @typedef {object} StreamOptions
 * @property {(event: StreamEvent) => void} onEvent
 * @property {(ms: number) => void} [onRetry]
 * @property {Record<string, string>} [headers]
 * @property {string} [body] sent with POST
 * @property {AbortSignal} [signal]
 * @property {typeof globalThis.fetch} [fetch]
 */

/**
 * Reads a stream of Server-Sent Events to its end. Throws a Refusal when it is refused, what fetch throws when it breaks.
 * @param {string | URL} url
 * @param {StreamOptions} options
 * @returns {Promise<void>}
 */
export async function readEvents(url, { fetch = globalThis.fetch, headers = {}, body, signal, onEvent, onRetry }) {
  const response = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST', body, headers: { Accept: 'text/event-stream', ...headers }, cache: 'no-store', signal,
  });
  if (response.status !== 200 || !response.body || !(response.headers.get('Content-Type') ?? '').startsWith('text/event-stream')) {
    throw await Refusal.from(response);
  }
  const parser = new EventParser(onEvent, onRetry);
  const reader = response.body.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    parser.feed(value);
  }
}
