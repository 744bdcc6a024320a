export class StreamLink extends HttpLink {
    /** @param {import('./core.js').Core} core */
    constructor(core: import("./core.js").Core);
    watchdog: Watchdog;
    ready: boolean;
    /** @type {any} how the server says that the stream ends */
    ending: any;
    /** @type {any} why */
    problem: any;
    /** @type {number | undefined} */
    retryMs: number | undefined;
    connect(): Promise<void>;
    reaction(): import("./reactions.js").Reaction;
    /** @param {import('./event_stream.js').StreamEvent} event */
    take({ type, data }: import("./event_stream.js").StreamEvent): void;
}
import { HttpLink } from './http_link.js';
import { Watchdog } from './environment.js';
