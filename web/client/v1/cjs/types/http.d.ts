/**
 * The JSON of an answer. Throws a Refusal, a RingcastError `timeout`, or what fetch throws.
 * @param {import('./core.js').Core} core
 * @param {string} path
 * @param {{ query?: Record<string, unknown>, body?: unknown, type?: string, signal?: AbortSignal, timeoutMs?: number }} [options]
 * @returns {Promise<any>}
 */
export function request(core: import("./core.js").Core, path: string, { query, body, type, signal, timeoutMs }?: {
    query?: Record<string, unknown>;
    body?: unknown;
    type?: string;
    signal?: AbortSignal;
    timeoutMs?: number;
}): Promise<any>;
/**
 * @param {unknown} error
 * @param {URL} base
 */
export function asRingcastError(error: unknown, base: URL): RingcastError;
import { RingcastError } from './errors.js';
