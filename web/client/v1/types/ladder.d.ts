export class Ladder {
    /**
     * @param {readonly Transport[]} kinds from the best downwards
     * @param {import('./environment.js').Environment} env
     */
    constructor(kinds: readonly Transport[], env: import("./environment.js").Environment);
    rungs: Rung[];
    env: import("./environment.js").Environment;
    at: number;
    get kind(): Transport;
    /** @param {Transport} kind */
    indexOf(kind: Transport): number;
    /** A round of attempts begins. */
    begin(): void;
    /** The attempt did not get through. True: try the next one at once; false: wait, then begin a new round. */
    failed(): boolean;
    /** @param {Transport} kind */
    opened(kind: Transport): void;
    /**
     * The connection that was open is gone.
     * @param {Transport} kind
     * @param {'well' | 'early'} how
     */
    ended(kind: Transport, how: "well" | "early"): void;
    /** @returns {{ kind: Transport, delayMs: number } | null} the better transport to probe next */
    nextProbe(): {
        kind: Transport;
        delayMs: number;
    } | null;
    /** @param {Transport} kind */
    probeFailed(kind: Transport): void;
    /**
     * @private
     * @param {Rung} rung
     */
    private passOver;
    /** Another network: whatever was in the way may be gone. */
    forget(): void;
}
export type Transport = "websocket" | "sse" | "poll";
/** @typedef {'websocket' | 'sse' | 'poll'} Transport */
declare class Rung {
    /** @param {Transport} kind */
    constructor(kind: Transport);
    kind: Transport;
    proven: boolean;
    failures: number;
    earlyEnds: number;
    passes: number;
    usableAt: number;
}
export {};
