/**
 * An opened client. With `shared` its connection is one for all tabs, where the browser has SharedWorker.
 * @template {Record<string, any>} [Events=Record<string, any>]
 * @param {import('./types.js').ConnectOptions} [options]
 * @returns {Client<Events> | SharedClient<Events>}
 */
export function connect<Events extends Record<string, any> = Record<string, any>>({ shared, ...options }?: import("./types.js").ConnectOptions): Client<Events> | SharedClient<Events>;
/**
 * @typedef {object} TabCall
 * @property {Record<string, any>} message
 * @property {boolean} repeatable
 * @property {(value: any) => void} resolve
 * @property {(error: unknown) => void} reject
 */
/**
 * The same methods as Client. Tabs with the same server, user and tenant share; each hears the rooms that it has joined,
 * and its inbox and `*` like all of them. The worker has a clock, fetch and WebSocket of its own: functions cannot be
 * passed to it.
 * @template {Record<string, any>} [Events=Record<string, any>]
 * @extends {Listening<Events>}
 */
export class SharedClient<Events extends Record<string, any> = Record<string, any>> extends Listening<Events> {
    /** @param {import('./types.js').ConnectOptions} [options] */
    constructor(options?: import("./types.js").ConnectOptions);
    get state(): import("./types.js").State;
    get transport(): import("./ladder.js").Transport | undefined;
    get rooms(): string[];
    get positions(): {
        [k: string]: number;
    };
    get connectionId(): string;
    /** @returns {this} */
    open(): this;
    close(): void;
    /**
     * @param {string} room
     * @param {import('./types.js').CallOptions} [options]
     * @returns {Promise<import('./types.js').JoinedEvent>}
     */
    join(room: string, { signal }?: import("./types.js").CallOptions): Promise<import("./types.js").JoinedEvent>;
    /** @param {string} room */
    leave(room: string): void;
    /**
     * @template {keyof Events & string} Type
     * @overload
     * @param {string} room
     * @param {Events[Type]} payload
     * @param {import('./types.js').PublishOptions & { event: Type }} options
     * @returns {Promise<import('./types.js').Published>}
     */
    publish<Type extends keyof Events & string>(room: string, payload: Events[Type], options: import("./types.js").PublishOptions & {
        event: Type;
    }): Promise<import("./types.js").Published>;
    /**
     * @overload
     * @param {string} room
     * @param {unknown} payload
     * @param {import('./types.js').PublishOptions & { event?: undefined }} [options]
     * @returns {Promise<import('./types.js').Published>}
     */
    publish(room: string, payload: unknown, options?: (import("./types.js").PublishOptions & {
        event?: undefined;
    }) | undefined): Promise<import("./types.js").Published>;
    /**
     * @param {string} user
     * @param {unknown} payload
     * @param {import('./types.js').PublishOptions} [options]
     * @returns {Promise<import('./types.js').Published>}
     */
    direct(user: string, payload: unknown, options?: import("./types.js").PublishOptions): Promise<import("./types.js").Published>;
    /**
     * @param {string} room
     * @param {import('./types.js').CallOptions} [options]
     * @returns {Promise<import('./types.js').Members>}
     */
    members(room: string, { signal }?: import("./types.js").CallOptions): Promise<import("./types.js").Members>;
    /**
     * @param {string} room
     * @param {import('./types.js').HistoryOptions} [options]
     * @returns {Promise<import('./types.js').History>}
     */
    history(room: string, { signal, ...options }?: import("./types.js").HistoryOptions): Promise<import("./types.js").History>;
    /**
     * @param {string} room
     * @param {Uint8Array | ArrayBuffer} bytes
     * @returns {Promise<void>}
     */
    sendBinary(room: string, bytes: Uint8Array | ArrayBuffer): Promise<void>;
    /** @param {string} room */
    typing(room: string): void;
    /** @param {import('./types.js').Status} status */
    setStatus(status: import("./types.js").Status): void;
    #private;
}
export type TabCall = {
    message: Record<string, any>;
    repeatable: boolean;
    resolve: (value: any) => void;
    reject: (error: unknown) => void;
};
import { Client } from './client.js';
import { Listening } from './listening.js';
