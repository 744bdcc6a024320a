/**
 * `Events` maps the application's own event types to the data that they carry.
 * @template {Record<string, any>} [Events=Record<string, any>]
 */
export class Listening<Events extends Record<string, any> = Record<string, any>> {
    /** @param {import('./emitter.js').Emitter} emitter */
    constructor(emitter: import("./emitter.js").Emitter);
    /**
     * Calls `listener` for each event of the type; '*' is every event, 'state' each change of the state. Returns the
     * function that removes the listener.
     * @template {import('./types.js').EventName<Events>} Type
     * @param {Type} type
     * @param {(event: import('./types.js').EventOf<Events, Type>) => void} listener
     * @param {import('./types.js').ListenerOptions} [options]
     * @returns {() => void}
     */
    on<Type extends import("./types.js").EventName<Events>>(type: Type, listener: (event: import("./types.js").EventOf<Events, Type>) => void, options?: import("./types.js").ListenerOptions): () => void;
    /**
     * The same for the next event only.
     * @template {import('./types.js').EventName<Events>} Type
     * @param {Type} type
     * @param {(event: import('./types.js').EventOf<Events, Type>) => void} listener
     * @param {import('./types.js').ListenerOptions} [options]
     * @returns {() => void}
     */
    once<Type extends import("./types.js").EventName<Events>>(type: Type, listener: (event: import("./types.js").EventOf<Events, Type>) => void, options?: import("./types.js").ListenerOptions): () => void;
    /**
     * @template {import('./types.js').EventName<Events>} Type
     * @param {Type} type
     * @param {(event: import('./types.js').EventOf<Events, Type>) => void} listener
     */
    off<Type extends import("./types.js").EventName<Events>>(type: Type, listener: (event: import("./types.js").EventOf<Events, Type>) => void): void;
    /**
     * The events of the type from now on, for `for await`. The loop ends when the client stops or the signal is aborted.
     * @template {import('./types.js').EventName<Events>} Type
     * @param {Type} type
     * @param {{ signal?: AbortSignal }} [options]
     * @returns {AsyncIterableIterator<import('./types.js').EventOf<Events, Type>>}
     */
    events<Type extends import("./types.js").EventName<Events>>(type: Type, options?: {
        signal?: AbortSignal;
    }): AsyncIterableIterator<import("./types.js").EventOf<Events, Type>>;
    #private;
}
