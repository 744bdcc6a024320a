/**
 * @typedef {object} Environment
 * @property {Clock} clock
 * @property {() => number} random
 * @property {typeof globalThis.fetch} fetch
 * @property {any} WebSocket
 */
/**
 * @param {Partial<Environment>} options
 * @returns {Environment}
 */
export function environmentOf({ clock, random, fetch, WebSocket }: Partial<Environment>): Environment;
/** A timer that is set again or cleared, and never runs twice at once. */
export class Timer {
    /** @param {Clock} clock */
    constructor(clock: Clock);
    clock: Clock;
    /** @type {unknown} */
    timer: unknown;
    get pending(): boolean;
    /**
     * @param {number} ms
     * @param {() => void} run
     */
    set(ms: number, run: () => void): void;
    clear(): void;
}
/** Calls back when nothing has been heard for some time. Hearing costs no timer. */
export class Watchdog {
    /** @param {Clock} clock */
    constructor(clock: Clock);
    clock: Clock;
    timer: Timer;
    silenceMs: number;
    heardAt: number;
    /** @type {() => void} */
    onSilence: () => void;
    /**
     * @param {number} silenceMs
     * @param {() => void} onSilence
     */
    start(silenceMs: number, onSilence: () => void): void;
    heard(): void;
    look(): void;
    stop(): void;
}
export type Environment = {
    clock: Clock;
    random: () => number;
    fetch: typeof globalThis.fetch;
    WebSocket: any;
};
export type Clock = {
    /**
     * milliseconds
     */
    now: () => number;
    setTimeout: (run: () => void, ms: number) => unknown;
    clearTimeout: (timer: any) => void;
};
