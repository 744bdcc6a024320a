/**
 * @param {number} attempt
 * @param {() => number} [random]
 */
export function backoffMs(attempt: number, random?: () => number): number;
export class Connection {
    /**
     * @param {import('./core.js').Core} core
     * @param {readonly Transport[]} [transports]
     */
    constructor(core: import("./core.js").Core, transports?: readonly Transport[]);
    core: import("./core.js").Core;
    env: import("./environment.js").Environment;
    ladder: Ladder;
    /** @type {import('./types.js').State} */
    state: import("./types.js").State;
    /** @type {Link | null} */
    link: Link | null;
    /** @type {Link | null} */
    candidate: Link | null;
    openTimer: Timer;
    retryTimer: Timer;
    probeTimer: Timer;
    changeTimer: Timer;
    attempt: number;
    changeAttempt: number;
    openedAt: number;
    changedAt: number;
    candidateAt: number;
    afterMs: number;
    tokenWanted: boolean;
    tokenRefusals: number;
    roomsInUrl: boolean;
    open(): void;
    onOnline: (() => void) | undefined;
    /** @param {Reaction} reaction */
    stop({ code, reason }: Reaction, needsToken?: boolean): void;
    /** @param {Link | null} link */
    drop(link: Link | null): void;
    /** @param {import('./types.js').State} state */
    become(state: import("./types.js").State): void;
    round(): void;
    /** @param {Transport} kind */
    try(kind: Transport): Promise<void>;
    fetchToken(): Promise<string>;
    /** @param {string | null | undefined} token */
    takeToken(token: string | null | undefined): void;
    /**
     * The server has confirmed the link: it takes over. False when it is not wanted any more.
     * @param {Link} link
     * @param {string} connectionId
     */
    opened(link: Link, connectionId: string): boolean;
    /**
     * A link has not opened, or has ended.
     * @param {Link} link
     * @param {Reaction} reaction
     */
    lost(link: Link, reaction: Reaction): void;
    /** @param {Reaction} reaction */
    openingFailed(reaction: Reaction): void;
    /**
     * Beside a link that works.
     * @param {Link} link
     * @param {Reaction} reaction
     */
    replacementFailed(link: Link, reaction: Reaction): void;
    /** @param {Reaction} reaction */
    react(reaction: Reaction): void;
    mayRenewToken(): boolean;
    probeLater(): void;
    change(): void;
    replace(): void | Promise<void>;
    changeLater(afterMs?: number): void;
    /** @param {Link} link */
    catchUp(link: Link): void;
    renewToken(): Promise<void>;
    /** The device is back on a network: what waits need not wait, and what is open may be dead. */
    online(): void;
}
export type Transport = import("./ladder.js").Transport;
export type Link = import("./link.js").Link;
export type Reaction = import("./reactions.js").Reaction;
import { Ladder } from './ladder.js';
import { Timer } from './environment.js';
