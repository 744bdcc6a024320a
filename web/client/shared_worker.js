// SPDX-License-Identifier: Apache-2.0
// The SharedWorker behind SharedClient: one Client, and the tabs that listen to it. The client is closed when the last of
// them has gone; the worker itself is the browser's to end, because the next tab may be about to come.

import { Client } from './client.js';
import { Core, isInSequence } from './core.js';
import { RingcastError } from './errors.js';
import { keyOf } from './names.js';

const kCalls = new Set(['publish', 'direct', 'members', 'history', 'sendBinary', 'typing', 'setStatus']);

/** @type {Client | null} */
let client = null;
/** @type {Core | null} the client's */
let core = null;
/** @type {Set<Tab>} */
const tabs = new Set();
/** @type {Map<number, { tab: Tab, resolve: (token: string) => void, reject: (error: Error) => void }>} asked of a tab */
const tokens = new Map();
let numbers = 0;
/** @type {Set<Tab>} those that have given a token since the server took one last */
const tried = new Set();
/** The last token that a tab has given. */
let given = '';

class Tab {
  /** @param {MessagePort} port */
  constructor(port) {
    this.port = port;
    /** @type {Map<string, number>} room → which of its joins it is */
    this.rooms = new Map();
    this.joins = 0;
    this.asksToken = false;
    /** @type {string | undefined} one that does not change, until it is given to the server */
    this.token = undefined;
    /** @type {Map<string, number>} positions from which it wants to go on, where the client's own is not known yet */
    this.from = new Map();
    /** @type {Map<number, AbortController>} */
    this.calls = new Map();
    port.onmessage = ({ data }) => this.take(data);
  }

  /** @param {any} message */
  say(message) { this.port.postMessage(message); }

  /** @param {any} message */
  take(message) {
    switch (message.do) {
      case 'hello': return this.enter(message);
      case 'ping': return this.say({ pong: true });
      case 'open':
        this.token = message.token;
        return open();
      case 'bye': return this.go();
      case 'leave': return this.leave(message.room);
      case 'call': return this.call(message);
      case 'cancel': return this.calls.get(message.number)?.abort();
      case 'token': {
        const asked = tokens.get(message.number);
        tokens.delete(message.number);
        return message.error === undefined ? asked?.resolve(message.token) : asked?.reject(new Error(message.error));
      }
      default: return undefined;
    }
  }

  /** @param {any} hello */
  enter({ options, asksToken, token, rooms, status, lock, ...hello }) {
    /** @type {Record<string, number>} */
    const positions = hello.positions;
    this.asksToken = asksToken;
    this.token = token;
    tabs.add(this);
    for (const room of rooms) this.rooms.set(room, ++this.joins);
    if (client && core) {
      for (const [channel, id] of Object.entries(positions)) {
        const taken = core.positions.get(channel);
        // What the others have taken is not fetched again for one.
        if (taken !== undefined) this.begins(channel, id, taken + 1);
        else if (core.subscriptions.has(channel) || !rooms.includes(channel)) this.from.set(channel, id);
        else core.positions.set(channel, id);
      }
    } else {
      begin({ ...options, rooms, positions, token: asksToken || token ? nextToken : '' });
    }
    if (status) client?.setStatus(status);
    if (!open()) this.say({ state: client?.state, connectionId: client?.connectionId });
    for (const room of rooms) client?.join(room).catch(() => {});
    if (lock) navigator.locks.request(lock, () => this.go());
  }

  /**
   * What it hears of the channel begins with `oldest`.
   * @param {string} channel
   * @param {number} id the position from which it wants to go on
   * @param {number} oldest
   */
  begins(channel, id, oldest) {
    this.from.delete(channel);
    if (oldest > id + 1) this.say({ event: { type: 'gap', room: channel, oldest } });
  }

  /** @param {any} event */
  hear(event) {
    if (!this.hears(event)) return;
    const channel = event.room === undefined ? '' : keyOf(event.room);
    const from = this.from.get(channel);
    if (from !== undefined && event.type === 'joined') this.begins(channel, from, event.id + 1);
    else if (from !== undefined && isInSequence(event)) this.begins(channel, from, event.id);
    this.say({ event });
    if (event.type === 'left') this.rooms.delete(event.room);
  }

  go() {
    if (!tabs.delete(this)) return;
    tried.delete(this);
    for (const [number, { tab, reject, resolve }] of [...tokens]) {
      if (tab !== this) continue;
      tokens.delete(number);
      nextToken().then(resolve, reject);
    }
    for (const stopping of this.calls.values()) stopping.abort(new RingcastError('closed', 'the tab has gone'));
    if (!tabs.size) {
      client?.close();
      client = null;
      tried.clear();
      given = '';
      return;
    }
    for (const room of [...this.rooms.keys()]) this.leave(room);
  }

  /** @param {string} room */
  leave(room) {
    this.rooms.delete(room);
    if (![...tabs].some((tab) => tab.rooms.has(room))) client?.leave(room);
  }

  /** @param {{ number: number, name: string, args: any[] }} message */
  async call({ number, name, args }) {
    if (!client) return;
    const stopping = new AbortController();
    if (number) this.calls.set(number, stopping);
    try {
      const value = name === 'join' ? await this.join(args[0]) : kCalls.has(name) ? await perform(name, args, stopping.signal) : undefined;
      if (number) this.say({ number, value });
    } catch (error) {
      const { code, message } = /** @type {any} */ (error);
      if (number) this.say({ number, error: { code, message } });
    } finally {
      this.calls.delete(number);
    }
  }

  // A later join or leave of the same room has the last word.
  /** @param {string} room */
  async join(room) {
    const join = ++this.joins;
    this.rooms.set(room, join);
    try {
      return await /** @type {Client} */ (client).join(room);
    } catch (error) {
      if (this.rooms.get(room) === join && /** @type {any} */ (error).code !== 'closed') this.rooms.delete(room);
      throw error;
    }
  }

  /** @param {any} event */
  hears({ room }) {
    return room === undefined || room === '*' || keyOf(room) === '@me' || this.rooms.has(room);
  }
}

/**
 * @param {string} name
 * @param {any[]} args
 * @param {AbortSignal} signal
 */
function perform(name, args, signal) {
  if (name === 'publish' || name === 'direct') args = [args[0], args[1], { ...args[2], signal }];
  return /** @type {any} */ (client)[name](...args);
}

// True when it was not open: all tabs hear of it.
function open() {
  if (client?.state.name !== 'idle' && client?.state.name !== 'stopped') return false;
  client.open();
  // Those that a tab has asked for while it was stopped.
  for (const tab of tabs) for (const room of tab.rooms.keys()) client.join(room).catch(() => {});
  return true;
}

/** @param {any} options */
function begin(options) {
  core = new Core(options);
  core.moreTokens = () => sources().some((tab) => !tried.has(tab));
  const begun = new Client(/** @type {any} */ (core));
  client = begun;
  begun.on('*', (event) => {
    for (const tab of tabs) tab.hear(event);
  });
  begun.on('state', (state) => {
    if (client !== begun) return;
    if (state.name === 'open' || state.name === 'stopped') tried.clear();
    for (const tab of tabs) tab.say({ state, connectionId: begun.connectionId });
  });
}

// Tabs that can give a token: those that fetch one, and those whose own has not been tried.
const sources = () => [...tabs].filter(({ asksToken, token }) => asksToken || token);

// Where no tab can give one it is the last: the server says what is wrong with it.
/** @returns {Promise<string>} */
async function nextToken() {
  const tab = sources().find((one) => !tried.has(one)) ?? sources()[0];
  if (!tab) return given;
  // The next time it is another's turn.
  tabs.delete(tab);
  tabs.add(tab);
  tried.add(tab);
  if (tab.asksToken) {
    given = await new Promise((resolve, reject) => {
      tokens.set(++numbers, { tab, resolve, reject });
      tab.say({ asksToken: numbers });
    });
  } else {
    given = tab.token ?? '';
    tab.token = undefined;
  }
  return given;
}

/** @type {any} */ (self).onconnect = (/** @type {{ ports: readonly MessagePort[] }} */ { ports: [port] }) => new Tab(port);
