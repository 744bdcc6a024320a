export class HttpLink extends Link {
    stopping: AbortController;
    sending: boolean;
    sendTimer: Timer;
    /** @type {() => void} */
    goOn: () => void;
    /** @type {string[]} */
    channels: string[];
    token: string;
    /** What is asked for, by name. */
    begin(): void;
    /** The body of a request: the rooms, and the position in each that is known. */
    body(): {
        rooms: string[];
        positions: {
            [k: string]: number;
        };
    };
    /**
     * The server has confirmed: true when this link carries the client now.
     * @param {{ positions?: Record<string, number>, connection_id?: string }} event
     */
    open({ positions, connection_id }: {
        positions?: Record<string, number>;
        connection_id?: string;
    }): boolean;
    /**
     * An `error` that names a room: the room is not joined, the others are.
     * @param {any} event
     */
    refuseRoom({ room, code, message }: any): void;
    renew(): void;
    publish(): Promise<void>;
    /** @param {import('./core.js').Pending} message */
    post({ ref, key, body, echo }: import("./core.js").Pending): Promise<number>;
}
import { Link } from './link.js';
import { Timer } from './environment.js';
