// SPDX-License-Identifier: Apache-2.0
// What the end of a connection, or a refusal, asks of the client: one table for all transports (docs/client.md). A
// WebSocket and a stream end with a close code, a request is answered with a status and the server's own error code.

/**
 * `do`: `again` (reconnect), `token` (fetch a token, then reconnect), `stop`. `busy` skips the immediate first retry.
 * `blocked`: something between here and the server may be in the way, so that another transport may get through.
 * @typedef {object} Reaction
 * @property {'again' | 'token' | 'stop'} do
 * @property {string} code
 * @property {string} reason
 * @property {boolean} [busy]
 * @property {boolean} [blocked]
 * @property {number} [afterMs] not before
 */

/** @type {Record<number, [does: 'again' | 'busy' | 'token' | 'stop', code: string]>} */
const kCloseCodes = {
  1000: ['stop', 'ended'],
  1001: ['again', 'going_away'],
  1002: ['stop', 'protocol_error'],
  1003: ['stop', 'unsupported_data'],
  1007: ['stop', 'invalid_text'],
  1008: ['stop', 'policy'],
  1009: ['stop', 'too_large'],
  1011: ['busy', 'internal_error'],
  1013: ['busy', 'try_again'],
  4001: ['token', 'unauthorized'],
  4003: ['stop', 'forbidden'],
  4008: ['again', 'slow_consumer'],
  4010: ['token', 'token_expired'],
  4011: ['stop', 'kicked'],
  4029: ['busy', 'rate_limited'],
};

/**
 * @param {number} closeCode
 * @param {string} [text] from the close frame
 * @param {{ code?: string, message?: string } | null} [error] that the server sent before it closed
 * @returns {Reaction}
 */
export function reactionToClose(closeCode, text, error) {
  const known = kCloseCodes[closeCode];
  if (!known) return { do: 'again', code: 'connection_lost', reason: `connection lost (${closeCode}${text ? `: ${text}` : ''})`, blocked: true };
  const [does, code] = known;
  const reason = error?.message || text || code.replace('_', ' ');
  return { do: does === 'busy' ? 'again' : does, code: error?.code ?? code, reason, busy: does === 'busy' };
}

// Refusals that pass by themselves: what was refused is sent again later.
const kPassing = new Set(['rate_limited', 'undecided', 'too_many_undecided', 'draining', 'full', 'channels_full', 'try_again', 'too_many_connections']);

/** @param {string | undefined} code */
export const isPassing = (code) => code !== undefined && kPassing.has(code);

/** @param {number} status */
const isPassingStatus = (status) => status === 408 || status === 425 || status === 429 || status >= 500;

/**
 * @param {import('./event_stream.js').Refusal} refusal An answer without the server's own error came from something in between.
 * @returns {Reaction}
 */
export function reactionToRefusal({ status, error, message, retryAfterMs }) {
  const code = error?.code ?? `http_${status}`;
  if (status === 204) return { do: 'stop', code: 'ended', reason: 'the rooms have ended' };
  if (status === 401) return { do: 'token', code, reason: message };
  if (error && !isPassingStatus(status)) return { do: 'stop', code, reason: message };
  return { do: 'again', code, reason: message, busy: true, blocked: !error, afterMs: retryAfterMs };
}

/**
 * @param {unknown} error
 * @returns {number} milliseconds until a request may be sent again; -1 when it is refused for good
 */
export function retryAfterOf(error) {
  const { status, retryAfterMs = 0 } = /** @type {{ status?: number, retryAfterMs?: number }} */ (error);
  return status === undefined || isPassingStatus(status) ? retryAfterMs : -1;
}

/** @type {Reaction} */
export const kSilent = { do: 'again', code: 'silent', reason: 'the server went silent', blocked: true };
/** @type {Reaction} */
export const kNoAnswer = { do: 'again', code: 'no_answer', reason: 'no answer', blocked: true };
/** @type {Reaction} */
export const kCut = { do: 'again', code: 'connection_lost', reason: 'connection lost', blocked: true };

// A browser does not say why a request failed, and hides the answer from a page whose origin the server refuses.
/**
 * @param {URL} base
 * @returns {Reaction}
 */
export function unreachable(base) {
  const page = globalThis.location?.origin;
  const hint = page && page !== 'null' && page !== base.origin
    ? ` from this page; if it is up, it may refuse the page's origin: "${page}" has to be in the server's setting "origins"` : '';
  return { do: 'again', code: 'unreachable', reason: `the server at ${base.origin} cannot be reached${hint}`, blocked: true };
}
