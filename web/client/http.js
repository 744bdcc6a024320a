// SPDX-License-Identifier: Apache-2.0
// Requests that have one answer: publishing for the transports that only receive, and reading.

import { Timer } from './environment.js';
import { RingcastError } from './errors.js';
import { Refusal } from './event_stream.js';

/**
 * The JSON of an answer. Throws a Refusal, a RingcastError `timeout`, or what fetch throws.
 * @param {import('./core.js').Core} core
 * @param {string} path
 * @param {{ query?: Record<string, unknown>, body?: unknown, type?: string, signal?: AbortSignal, timeoutMs?: number }} [options]
 * @returns {Promise<any>}
 */
export async function request(core, path, { query, body, type, signal, timeoutMs = core.openTimeoutMs + core.silenceTimeoutMs } = {}) {
  const stopping = new AbortController();
  const timer = new Timer(core.env.clock);
  const aborted = () => stopping.abort(signal?.reason);
  if (signal?.aborted) aborted();
  signal?.addEventListener('abort', aborted);
  const late = new Promise((_, reject) => {
    timer.set(timeoutMs, () => {
      const error = new RingcastError('timeout', `no answer within ${timeoutMs} ms`);
      reject(error);
      stopping.abort(error);
    });
    stopping.signal.addEventListener('abort', () => reject(stopping.signal.reason));
  });
  const answer = async () => {
    const response = await core.env.fetch(core.url(path, query), {
      method: body === undefined ? 'GET' : 'POST', cache: 'no-store', signal: stopping.signal,
      ...(body !== undefined && { body: JSON.stringify(body) }), ...(type && { headers: { 'Content-Type': type } }),
    });
    if (response.status !== 200) throw await Refusal.from(response);
    return response.json();
  };
  try {
    return await Promise.race([answer(), late]);
  } finally {
    timer.clear();
    signal?.removeEventListener('abort', aborted);
  }
}

/**
 * @param {unknown} error
 * @param {URL} base
 */
export function asRingcastError(error, base) {
  if (error instanceof RingcastError) return error;
  if (error instanceof Refusal) return new RingcastError(error.error?.code ?? `http_${error.status}`, error.message);
  return new RingcastError('unreachable', `the server at ${base.origin} cannot be reached`);
}
