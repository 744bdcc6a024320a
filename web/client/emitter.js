// SPDX-License-Identifier: Apache-2.0
// Listeners of a client: for events by their type ('*' for all), and for its state ('state').

import { RingcastError } from './errors.js';

const kIteratorEventsMax = 10000;

/** @typedef {{ once?: boolean, signal?: AbortSignal }} ListenerOptions */

export class Emitter {
  constructor() {
    /** @type {Map<string, Map<Function, Function>>} type → listener → what is called */
    this.listeners = new Map();
    /** @type {Set<() => void>} iterators */
    this.ends = new Set();
  }

  /**
   * Returns the function that removes the listener.
   * @param {string} type
   * @param {(argument: any) => void} listener
   * @param {ListenerOptions} [options]
   */
  on(type, listener, { once = false, signal } = {}) {
    const off = () => this.off(type, listener);
    if (signal?.aborted) return off;
    const added = this.listeners.get(type) ?? new Map();
    this.listeners.set(type, added);
    added.set(listener, once ? (/** @type {any} */ argument) => { off(); listener(argument); } : listener);
    signal?.addEventListener('abort', off, { once: true });
    return off;
  }

  /**
   * @param {string} type
   * @param {Function} listener
   */
  off(type, listener) { this.listeners.get(type)?.delete(listener); }

  /**
   * @param {string} type
   * @param {any} argument
   */
  emit(type, argument) {
    for (const listener of [...this.listeners.get(type)?.values() ?? []]) call(listener, argument);
    if (type !== 'state') for (const listener of [...this.listeners.get('*')?.values() ?? []]) call(listener, argument);
  }

  /** The client has stopped: nothing more comes. */
  end() {
    for (const end of [...this.ends]) end();
  }

  /**
   * Events as they come, until the client stops, the signal is aborted or the loop is left.
   * @param {string} type
   * @param {{ signal?: AbortSignal }} [options]
   * @returns {AsyncIterableIterator<any>}
   */
  iterate(type, { signal } = {}) {
    /** @type {any[]} */
    const waiting = [];
    /** @type {{ resolve: (result: any) => void, reject: (error: unknown) => void }[]} */
    const readers = [];
    let done = false;
    /** @type {unknown} */
    let problem;
    const end = () => {
      if (done) return;
      done = true;
      off();
      this.ends.delete(end);
      signal?.removeEventListener('abort', end);
      for (const { resolve } of readers.splice(0)) resolve({ value: undefined, done: true });
    };
    const off = this.on(type, (event) => {
      const reader = readers.shift();
      if (reader) return reader.resolve({ value: event, done: false });
      waiting.push(event);
      if (waiting.length <= kIteratorEventsMax) return undefined;
      problem = new RingcastError('too_slow', `${kIteratorEventsMax} events wait for a loop that does not take them`);
      waiting.length = 0;
      return end();
    });
    this.ends.add(end);
    signal?.addEventListener('abort', end, { once: true });
    if (signal?.aborted) end();
    return {
      [Symbol.asyncIterator]() { return this; },
      next() {
        if (waiting.length) return Promise.resolve({ value: waiting.shift(), done: false });
        if (problem) {
          const error = problem;
          problem = undefined;
          return Promise.reject(error);
        }
        if (done) return Promise.resolve({ value: undefined, done: true });
        return new Promise((resolve, reject) => { readers.push({ resolve, reject }); });
      },
      return() {
        end();
        waiting.length = 0;
        return Promise.resolve({ value: undefined, done: true });
      },
    };
  }
}

// What a listener throws is the application's and goes to its console; the connection goes on.
/**
 * @param {Function} listener
 * @param {unknown} argument
 */
function call(listener, argument) {
  try {
    listener(argument);
  } catch (error) {
    queueMicrotask(() => { throw error; });
  }
}
