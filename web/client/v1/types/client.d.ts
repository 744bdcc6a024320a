/**
 * One client of a ringcast server. `Events` maps the application's own event types to the data that they carry.
 * @template {Record<string, any>} [Events=Record<string, any>]
 * @extends {Listening<Events>}
 */
export class Client<Events extends Record<string, any> = Record<string, any>> extends Listening<Events> {
    /** @param {import('./types.js').ClientOptions} [options] */
    constructor(options?: import("./types.js").ClientOptions);
    /** @returns {import('./types.js').State} */
    get state(): import("./types.js").State;
    /** The transport that is open, or being opened. */
    get transport(): import("./ladder.js").Transport | undefined;
    /** The rooms that are followed. */
    get rooms(): string[];
    /**
     * By channel, the id of the last message taken: a copy, which survives JSON and goes into the options of a later client.
     * @returns {Record<string, number>}
     */
    get positions(): Record<string, number>;
    /** Of the connection that is open, as the server names it; empty over polling. */
    get connectionId(): string;
    /** @returns {this} */
    open(): this;
    /** For good, until open() is called again. What has not been confirmed is rejected. */
    close(): void;
    /**
     * Resolves when the server has taken the client in. Rejected, the room is not followed.
     * @param {string} room
     * @param {import('./types.js').CallOptions} [options]
     * @returns {Promise<import('./types.js').JoinedEvent>}
     */
    join(room: string, { signal }?: import("./types.js").CallOptions): Promise<import("./types.js").JoinedEvent>;
    /** @param {string} room */
    leave(room: string): void;
    /**
     * A string goes as `content`, anything else as `data`. Resolves when the server has given the message its id. It is sent
     * again until then, with one key, so that it is never published twice.
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
     * The same to a user's inbox.
     * @param {string} user
     * @param {unknown} payload
     * @param {import('./types.js').PublishOptions} [options]
     * @returns {Promise<import('./types.js').Published>}
     */
    direct(user: string, payload: unknown, options?: import("./types.js").PublishOptions): Promise<import("./types.js").Published>;
    /**
     * Binary messages are neither confirmed nor repeated: over a WebSocket that is open, else a RingcastError
     * `needs_websocket` is thrown.
     * @param {string} room
     * @param {Uint8Array | ArrayBuffer} bytes
     */
    sendBinary(room: string, bytes: Uint8Array | ArrayBuffer): void;
    /**
     * Passing: sent when there is a WebSocket to send it on, else not at all.
     * @param {string} room
     */
    typing(room: string): void;
    /**
     * The user's status, over WebSockets; set again after a reconnect.
     * @param {import('./types.js').Status} status
     */
    setStatus(status: import("./types.js").Status): void;
    /**
     * @param {string} room
     * @param {import('./types.js').CallOptions} [options]
     * @returns {Promise<import('./types.js').Members>}
     */
    members(room: string, options?: import("./types.js").CallOptions): Promise<import("./types.js").Members>;
    /**
     * Without `after` the newest messages, else those that follow that id.
     * @param {string} room
     * @param {import('./types.js').HistoryOptions} [options]
     * @returns {Promise<import('./types.js').History>}
     */
    history(room: string, { after, limit, signal }?: import("./types.js").HistoryOptions): Promise<import("./types.js").History>;
    #private;
}
import { Listening } from './listening.js';
