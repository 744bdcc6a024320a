/**
 * @typedef {object} Call
 * @property {string} ref
 * @property {() => Record<string, unknown> | null} fields as they are when it is sent; null: not wanted any more
 * @property {(error: RingcastError | null, event?: any) => void} done
 */
export class WebSocketLink extends Link {
    /** @param {import('./core.js').Core} core */
    constructor(core: import("./core.js").Core);
    /** @type {WebSocket | null} */
    socket: WebSocket | null;
    ready: boolean;
    /** @type {Set<string>} rooms with a join or a leave under way */
    changing: Set<string>;
    /** @type {Set<string>} refs of messages in the queue */
    publishing: Set<string>;
    /** @type {Call[]} */
    queue: Call[];
    /** @type {Map<string, Call>} */
    underWay: Map<string, Call>;
    window: number;
    refs: number;
    /** @type {any} the `binary` event whose frame is next */
    announced: any;
    /** @type {string | null} */
    binaryRoom: string | null;
    /** @type {any} an `error` before it has opened: why it is about to be closed */
    refusal: any;
    timer: Timer;
    holdTimer: Timer;
    watchdog: Watchdog;
    heartbeatMs: number;
    pinged: boolean;
    roomsForUrl(): string[];
    /** @param {any} event */
    take(event: any): void;
    /** @param {any} event */
    open(event: any): void;
    /** @param {ArrayBuffer} data */
    takeBytes(data: ArrayBuffer): void;
    /** @param {any} event */
    takeAnswer(event: any): void;
    /**
     * @param {Call['fields']} fields
     * @param {Call['done']} done
     * @param {string} [ref]
     */
    call(fields: Call["fields"], done: Call["done"], ref?: string): void;
    flush(): void;
    /**
     * @param {Record<string, unknown>} fields
     * @returns {Promise<any>}
     */
    request(fields: Record<string, unknown>): Promise<any>;
    /** @param {string} room */
    leave(room: string): void;
    /**
     * @param {string} room
     * @param {any} subscription
     */
    join(room: string, subscription: any): void;
    /**
     * @param {string} room
     * @param {Call['fields']} fields
     * @param {Call['done']} done
     */
    change(room: string, fields: Call["fields"], done: Call["done"]): void;
    /**
     * @param {any} event
     * @param {any} subscription
     */
    confirm({ room, id, members, replayed, recovered }: any, subscription: any): void;
    /**
     * @param {string} room
     * @param {Uint8Array | ArrayBuffer} bytes
     */
    sendBinary(room: string, bytes: Uint8Array | ArrayBuffer): void;
    /** @param {Record<string, unknown>} fields */
    action(fields: Record<string, unknown>): void;
    watch(): void;
}
export type Call = {
    ref: string;
    /**
     * as they are when it is sent; null: not wanted any more
     */
    fields: () => Record<string, unknown> | null;
    done: (error: RingcastError | null, event?: any) => void;
};
import { Link } from './link.js';
import { Timer } from './environment.js';
import { Watchdog } from './environment.js';
import { RingcastError } from './errors.js';
