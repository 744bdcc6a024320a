// SPDX-License-Identifier: Apache-2.0
// What a client has received, in order: tests take events out of it, in order or by what they are.

import { within } from './deadline.js';

// A type, a part of the event, or a function of it.
export function matches(event, pattern) {
  if (typeof pattern === 'function') return pattern(event);
  if (typeof pattern === 'string') return event.event_type === pattern;
  return Object.entries(pattern).every(([key, value]) => event[key] === value);
}

function show(pattern) {
  return typeof pattern === 'function' ? pattern.toString() : JSON.stringify(pattern);
}

export class EventQueue {
  constructor(owner) {
    this.owner = owner;
    this.seen = [];      // everything, for good
    this.waiting = [];   // not taken yet
    this.waiters = [];
    this.ended = null;   // why nothing more will come
  }

  push(event) {
    this.seen.push(event);
    const at = this.waiters.findIndex(({ pattern }) => matches(event, pattern));
    if (at < 0) this.waiting.push(event);
    else this.waiters.splice(at, 1)[0].resolve(event);
  }

  end(reason) {
    this.ended = reason;
    for (const { reject, pattern } of this.waiters.splice(0)) reject(this.nothing(pattern));
  }

  nothing(pattern) {
    return new Error(`${this.owner} ended (${this.ended}) without ${show(pattern)}; last seen: ${this.tail()}`);
  }

  tail() { return JSON.stringify(this.seen.slice(-6)).slice(0, 1500); }

  // The first event that fits and has not been taken, or the next one to come.
  next(pattern, options) {
    const at = this.waiting.findIndex((event) => matches(event, pattern));
    if (at >= 0) return Promise.resolve(this.waiting.splice(at, 1)[0]);
    if (this.ended !== null) return Promise.reject(this.nothing(pattern));
    let waiter;
    const promise = new Promise((resolve, reject) => {
      waiter = { pattern, resolve, reject };
      this.waiters.push(waiter);
    });
    return within(promise, `${show(pattern)} at ${this.owner}`, { ...options, describe: () => `Last seen: ${this.tail()}` })
      .finally(() => { this.waiters = this.waiters.filter((other) => other !== waiter); });
  }

  async take(count, pattern, options) {
    const taken = [];
    while (taken.length < count) taken.push(await this.next(pattern, options));
    return taken;
  }

  all(pattern) { return this.seen.filter((event) => matches(event, pattern)); }
}
