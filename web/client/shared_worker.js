// SPDX-License-Identifier: Apache-2.0
// The SharedWorker behind SharedClient: one Client, and the tabs that listen to it. The client is closed when the last of
// them has gone; the worker itself is the browser's to end, because the next tab may be at the door already.

import { Client } from './client.js';

const kCalls = new Set(['join', 'publish', 'direct', 'members', 'history', 'send_binary', 'typing', 'status']);

let client = null;
const tabs = new Set();
const tokens = new Map();   // number → {resolve, reject}: asked of a tab
let numbers = 0;

class Tab {
  constructor(port) {
    this.port = port;
    this.rooms = new Set();
    this.asks_token = false;
    port.onmessage = ({ data }) => this.take(data);
  }

  say(message) { this.port.postMessage(message); }

  take(message) {
    switch (message.do) {
      case 'hello': return this.enter(message);
      case 'open': return client?.open();
      case 'bye': return this.go();
      case 'leave': return this.leave(message.room);
      case 'call': return this.call(message);
      case 'token': {
        const asked = tokens.get(message.number);
        tokens.delete(message.number);
        return message.error === undefined ? asked?.resolve(message.token) : asked?.reject(new Error(message.error));
      }
      default: return undefined;
    }
  }

  enter({ options, asks_token, rooms, lock }) {
    this.asks_token = asks_token;
    for (const room of rooms) this.rooms.add(room);
    tabs.add(this);
    if (!client) begin({ ...options, rooms, token: asks_token ? ask_token : options.token });
    this.say({ state: client.state });
    for (const room of rooms) client.join(room);
    client.open();
    if (lock) navigator.locks.request(lock, () => this.go());
  }

  go() {
    if (!tabs.delete(this)) return;
    if (!tabs.size) {
      client.close();
      client = null;
      return;
    }
    for (const room of [...this.rooms]) this.leave(room);
  }

  leave(room) {
    this.rooms.delete(room);
    if (![...tabs].some((tab) => tab.rooms.has(room))) client?.leave(room);
  }

  async call({ number, name, args }) {
    if (!kCalls.has(name) || !client) return;
    try {
      if (name === 'join') this.rooms.add(args[0]);
      const value = await client[name](...args);
      if (number) this.say({ number, value });
    } catch ({ code, message }) {
      if (name === 'join') this.rooms.delete(args[0]);
      if (number) this.say({ number, error: { code, message } });
    }
  }

  hears({ room }) {
    return room === undefined || room === '*' || room.startsWith('@') || this.rooms.has(room);
  }
}

function begin(options) {
  client = new Client(options);
  client.on('*', (event) => {
    for (const tab of tabs) {
      if (!tab.hears(event)) continue;
      tab.say({ event });
      if (event.event_type === 'left' && event.reason !== 'left') tab.rooms.delete(event.room);
    }
  });
  client.watch((state) => { for (const tab of tabs) tab.say({ state }); });
}

// Any tab that can give one will do.
function ask_token() {
  const tab = [...tabs].find(({ asks_token }) => asks_token);
  if (!tab) return Promise.reject(new Error('no tab is left that could give a token'));
  return new Promise((resolve, reject) => {
    tokens.set(++numbers, { resolve, reject });
    tab.say({ asks_token: numbers });
  });
}

self.onconnect = ({ ports: [port] }) => new Tab(port);
