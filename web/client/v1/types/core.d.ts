export function isInSequence({ room, id, type }: any): boolean;
/**
 * A message that the server has not confirmed; sent again after a reconnect.
 * @typedef {object} Pending
 * @property {string} ref
 * @property {string} key
 * @property {Record<string, unknown>} body
 * @property {boolean | undefined} echo
 * @property {(ack: any) => void} resolve
 * @property {(error: unknown) => void} reject
 */
export class Core {
    /** @param {import('./types.js').ClientOptions} options */
    constructor(options: import("./types.js").ClientOptions);
    env: import("./environment.js").Environment;
    base: URL;
    user: string;
    tenant: string;
    tokenSource: string | (() => string | Promise<string>);
    token: string;
    /** Whether the source has a token that was not refused yet: of a SharedWorker's, which has several. */
    moreTokens: () => boolean;
    signal: AbortSignal | undefined;
    openTimeoutMs: number;
    silenceTimeoutMs: number;
    pollTimeoutMs: number;
    pendingMax: number;
    emitter: Emitter;
    /** @type {Map<string, Subscription>} */
    subscriptions: Map<string, Subscription>;
    /** @type {Map<string, number>} */
    positions: Map<string, number>;
    /** @type {Map<string, Pending>} by ref */
    pending: Map<string, Pending>;
    keyPrefix: string;
    refs: number;
    status: string;
    connectionId: string;
    connection: Connection;
    get link(): import("./link.js").Link | null;
    /**
     * @param {string} room
     * @param {AbortSignal} [signal]
     * @returns {Promise<any>}
     */
    join(room: string, signal?: AbortSignal): Promise<any>;
    /** @param {string} room */
    leave(room: string): void;
    /**
     * The server has confirmed it over this link.
     * @param {Subscription} subscription
     * @param {import('./link.js').Link} link
     * @param {any} event
     */
    joined(subscription: Subscription, link: import("./link.js").Link, event: any): void;
    /**
     * @param {Subscription} subscription
     * @param {{ code: string, message: string }} error
     */
    refused(subscription: Subscription, { code, message }: {
        code: string;
        message: string;
    }): void;
    /**
     * @param {Subscription} subscription
     * @param {unknown} error
     */
    forget(subscription: Subscription, error: unknown): void;
    get ownChannels(): string[];
    /**
     * Those of the channels that have a position.
     * @param {Iterable<string>} channels
     * @returns {[string, number][]}
     */
    known(channels: Iterable<string>): [string, number][];
    /**
     * @param {Record<string, string>} target
     * @param {unknown} payload
     * @param {import('./types.js').PublishOptions} [options]
     * @returns {Promise<any>}
     */
    publish(target: Record<string, string>, payload: unknown, { event, echo, idempotencyKey, signal }?: import("./types.js").PublishOptions): Promise<any>;
    /**
     * @param {string} ref
     * @param {unknown} error
     * @param {any} [answer]
     */
    settle(ref: string, error: unknown, answer?: any): void;
    closedError(): RingcastError;
    /** The connection has stopped: what waits is rejected. */
    stopped(): void;
    /**
     * @param {string} path
     * @param {Record<string, unknown>} [query]
     */
    url(path: string, query?: Record<string, unknown>): URL;
    /** @param {any} event */
    emit(event: any): void;
    /**
     * Where a link that has opened begins. A channel that is ahead of it has heard more over the link before.
     * @param {import('./link.js').Link} link
     * @param {Record<string, number>} positions
     */
    begin(link: import("./link.js").Link, positions: Record<string, number>): void;
    /**
     * @param {import('./link.js').Link} link
     * @param {Record<string, any>} raw
     */
    deliver(link: import("./link.js").Link, raw: Record<string, any>): void;
    /**
     * @param {import('./link.js').Link} link
     * @param {string} channel
     * @param {{ oldest: number }} event
     */
    takeGap(link: import("./link.js").Link, channel: string, { oldest }: {
        oldest: number;
    }): boolean;
}
/**
 * A message that the server has not confirmed; sent again after a reconnect.
 */
export type Pending = {
    ref: string;
    key: string;
    body: Record<string, unknown>;
    echo: boolean | undefined;
    resolve: (ack: any) => void;
    reject: (error: unknown) => void;
};
import { Emitter } from './emitter.js';
/** A room that is followed. Its identity tells one following from a later one of the same room. */
declare class Subscription {
    /** @param {string} room */
    constructor(room: string);
    room: string;
    /** @type {Promise<any> | null} */
    joining: Promise<any> | null;
    /** @type {(event: any) => void} */
    resolve: (event: any) => void;
    /** @type {(error: unknown) => void} */
    reject: (error: unknown) => void;
    /** @type {object | null} the link over which the server has confirmed it */
    confirmed: object | null;
}
import { Connection } from './connection.js';
import { RingcastError } from './errors.js';
export {};
