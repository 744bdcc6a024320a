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
export function readEvents(url: string | URL, { fetch, headers, body, signal, onEvent, onRetry }: StreamOptions): Promise<void>;
/** @typedef {{ type: string, data: string, id: string }} StreamEvent */
/** The parser of a stream, fed with its bytes in any pieces. */
export class EventParser {
    /**
     * @param {(event: StreamEvent) => void} onEvent
     * @param {(ms: number) => void} [onRetry]
     */
    constructor(onEvent: (event: StreamEvent) => void, onRetry?: (ms: number) => void);
    /** @private */ private onEvent;
    /** @private */ private onRetry;
    /** @private */ private decoder;
    /** @private */ private rest;
    /** @private */ private id;
    /** @private */ private type;
    /** @private @type {string[]} */ private data;
    /** @param {Uint8Array} bytes */
    feed(bytes: Uint8Array): void;
    /**
     * @private
     * @param {string} line
     */
    private line;
}
/** An answer with another status or type than the one that was asked for. */
export class Refusal extends Error {
    /** @param {Response} response */
    static from(response: Response): Promise<Refusal>;
    /**
     * @param {number} status
     * @param {{ code: string, message?: string } | undefined} error the server's own, when the answer is one of its answers
     * @param {number} retryAfterMs
     */
    constructor(status: number, error: {
        code: string;
        message?: string;
    } | undefined, retryAfterMs: number);
    status: number;
    error: {
        code: string;
        message?: string;
    } | undefined;
    retryAfterMs: number;
}
export type StreamOptions = {
    onEvent: (event: StreamEvent) => void;
    onRetry?: ((ms: number) => void) | undefined;
    headers?: Record<string, string> | undefined;
    /**
     * sent with POST
     */
    body?: string | undefined;
    signal?: AbortSignal | undefined;
    fetch?: typeof globalThis.fetch | undefined;
};
export type StreamEvent = {
    type: string;
    data: string;
    id: string;
};
