// SPDX-License-Identifier: Apache-2.0
// Listeners of a client: for events by their type ('*' for all), and for the state of the connection.

export class Emitter {
  constructor() {
    this.listeners = new Map();
    this.watchers = new Set();
    this.state = { state: 'idle' };
  }

  // Returns the function that takes the listener off again.
  on(type, listener) {
    const set = this.listeners.get(type) ?? this.listeners.set(type, new Set()).get(type);
    set.add(listener);
    return () => set.delete(listener);
  }

  // `watcher` hears of every change of the state, and at once how it is now.
  watch(watcher) {
    this.watchers.add(watcher);
    call(watcher, this.state);
    return () => this.watchers.delete(watcher);
  }

  emit(event) {
    for (const listener of this.listeners.get(event.event_type) ?? []) call(listener, event);
    for (const listener of this.listeners.get('*') ?? []) call(listener, event);
  }

  become(state) {
    this.state = state;
    for (const watcher of this.watchers) call(watcher, state);
  }
}

// What a listener throws is the application's and goes to its console; the connection goes on.
function call(listener, argument) {
  try {
    listener(argument);
  } catch (error) {
    queueMicrotask(() => { throw error; });
  }
}
