// SPDX-License-Identifier: Apache-2.0
// How an application listens to a client, whatever is behind it.

/**
 * `Events` maps the application's own event types to the data that they carry.
 * @template {Record<string, any>} [Events=Record<string, any>]
 */
export class Listening {
  #emitter;

  /** @param {import('./emitter.js').Emitter} emitter */
  constructor(emitter) { this.#emitter = emitter; }

  /**
   * Calls `listener` for each event of the type; '*' is every event, 'state' each change of the state. Returns the
   * function that removes the listener.
   * @template {import('./types.js').EventName<Events>} Type
   * @param {Type} type
   * @param {(event: import('./types.js').EventOf<Events, Type>) => void} listener
   * @param {import('./types.js').ListenerOptions} [options]
   * @returns {() => void}
   */
  on(type, listener, options) { return this.#emitter.on(type, listener, options); }

  /**
   * The same for the next event only.
   * @template {import('./types.js').EventName<Events>} Type
   * @param {Type} type
   * @param {(event: import('./types.js').EventOf<Events, Type>) => void} listener
   * @param {import('./types.js').ListenerOptions} [options]
   * @returns {() => void}
   */
  once(type, listener, options) { return this.#emitter.on(type, listener, { ...options, once: true }); }

  /**
   * @template {import('./types.js').EventName<Events>} Type
   * @param {Type} type
   * @param {(event: import('./types.js').EventOf<Events, Type>) => void} listener
   */
  off(type, listener) { this.#emitter.off(type, listener); }

  /**
   * The events of the type from now on, for `for await`. The loop ends when the client stops or the signal is aborted.
   * @template {import('./types.js').EventName<Events>} Type
   * @param {Type} type
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {AsyncIterableIterator<import('./types.js').EventOf<Events, Type>>}
   */
  events(type, options) { return this.#emitter.iterate(type, options); }
}
