/** @typedef {{ once?: boolean, signal?: AbortSignal }} ListenerOptions */
export class Emitter {
    /** @type {Map<string, Map<Function, Function>>} type → listener → what is called */
    listeners: Map<string, Map<Function, Function>>;
    /** @type {Set<() => void>} iterators */
    ends: Set<() => void>;
    /**
     * Returns the function that removes the listener.
     * @param {string} type
     * @param {(argument: any) => void} listener
     * @param {ListenerOptions} [options]
     */
    on(type: string, listener: (argument: any) => void, { once, signal }?: ListenerOptions): () => void;
    /**
     * @param {string} type
     * @param {Function} listener
     */
    off(type: string, listener: Function): void;
    /**
     * @param {string} type
     * @param {any} argument
     */
    emit(type: string, argument: any): void;
    /** The client has stopped: nothing more comes. */
    end(): void;
    /**
     * Events as they come, until the client stops, the signal is aborted or the loop is left.
     * @param {string} type
     * @param {{ signal?: AbortSignal }} [options]
     * @returns {AsyncIterableIterator<any>}
     */
    iterate(type: string, { signal }?: {
        signal?: AbortSignal;
    }): AsyncIterableIterator<any>;
}
export type ListenerOptions = {
    once?: boolean;
    signal?: AbortSignal;
};
