// SPDX-License-Identifier: Apache-2.0
// Clients that do nothing wrong, while others attack: a WebSocket, a stream and a poll in one room, to which a message is
// published a hundred times a second, over the WebSocket and over HTTP in turn. They run in a process of their own, so
// that what attackers do with their processor is not taken for the server's delay. This file is both ends.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { until, within } from '../../integration/lib/deadline.js';
import { SseClient } from '../../integration/lib/sse_client.js';
import { WsClient } from '../../integration/lib/ws_client.js';

const kRoom = 'honest';
const kEveryMs = 10;
const kUndeliveredMax = 32;  // publishing waits then: nobody here falls behind by its own fault
const kWaitMs = 60000;

// --- the parent's end ---

export class Honest {
  static async start(url, headers = {}) {
    const honest = new Honest(fork(fileURLToPath(import.meta.url), [], { serialization: 'advanced' }));
    await honest.ask({ start: { url, headers } });
    return honest;
  }

  constructor(child) {
    this.child = child;
    this.next = 1;
    this.waiting = new Map();
    child.on('message', ({ number, error, value }) => {
      const { resolve, reject } = this.waiting.get(number);
      this.waiting.delete(number);
      if (error) reject(new Error(error));
      else resolve(value);
    });
    this.exited = once(child, 'exit');
    this.exited.then(() => { for (const { reject } of this.waiting.values()) reject(new Error('the honest clients are gone')); });
  }

  ask(question) {
    const number = this.next++;
    const answer = new Promise((resolve, reject) => this.waiting.set(number, { resolve, reject }));
    this.child.send({ number, ...question });
    return within(answer, `the honest clients to answer ${Object.keys(question)}`, { ms: kWaitMs + 10000 });
  }

  // The 99th percentile of the time from publishing to receiving, in ms, since the last call, of at least so many.
  p99(at_least = 0) { return this.ask({ p99: { at_least } }); }

  // Throws unless everything that was published has reached everybody once, in order, and nobody was disconnected.
  lost_nothing() { return this.ask({ lost_nothing: {} }); }

  async stop() {
    this.child.kill();
    await this.exited;
  }
}

// --- the child's end ---

class Clients {
  async start({ url, headers }) {
    this.sent_at = [];      // by number
    this.missing = new Map();  // number → receivers that have not got it
    this.faults = [];
    this.samples = [];
    this.http = new Pool(url, { connections: 2, headersTimeout: kWaitMs, bodyTimeout: kWaitMs });
    this.headers = headers;
    this.socket = await new WsClient(`${url.replace('http', 'ws')}/ws?user=honest&rooms=${kRoom}`, { headers }).ready();
    await this.socket.next('joined');
    this.stream = await new SseClient(`${url}/events?rooms=${kRoom}&user=listener`, { headers }).ready();
    const first = await this.get(`/poll?rooms=${kRoom}&user=poller`);
    this.receivers = { websocket: this.read(this.socket), sse: this.read(this.stream), poll: this.poll(first.cursor) };
    for (const [name, events] of Object.entries(this.receivers)) {
      this.receive(name, events).catch((error) => this.faults.push(`${name}: ${error.message}`));
    }
    this.timer = setInterval(() => this.publish().catch((error) => this.faults.push(`publish: ${error.message}`)), kEveryMs);
  }

  async get(path) {
    const { statusCode, body } = await this.http.request({ method: 'GET', path, headers: this.headers });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`${statusCode} ${text}`);
    return JSON.parse(text);
  }

  async publish() {
    if (this.missing.size >= kUndeliveredMax) return;
    const number = this.sent_at.length;
    this.sent_at.push(performance.now());
    this.missing.set(number, new Set(Object.keys(this.receivers)));
    if (number % 2) {
      this.socket.send({ action: 'message', room: kRoom, content: `${number}` });
      return;
    }
    const { statusCode, body } = await this.http.request({
      method: 'POST', path: '/messages', headers: { ...this.headers, 'content-type': 'application/json' },
      body: JSON.stringify({ room: kRoom, user: 'honest', content: `${number}` }),
    });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`${statusCode} ${text}`);
  }

  async* read(client) {
    for (;;) {
      yield await client.next('message', { ms: kWaitMs });
      client.events.seen.length = 0;
    }
  }

  async* poll(cursor) {
    for (;;) {
      const { events, cursor: next, gaps = [] } = await this.get(`/poll?rooms=${kRoom}&user=poller&since=${encodeURIComponent(cursor)}`);
      if (gaps.length) throw new Error(`gaps: ${JSON.stringify(gaps)}`);
      cursor = next;
      yield* events.filter(({ event_type }) => event_type === 'message');
    }
  }

  async receive(name, events) {
    let last = null;
    for await (const { id, content } of events) {
      const number = Number(content);
      if (last !== null && id !== last + 1) this.faults.push(`${name}: id ${id} after ${last}`);
      last = id;
      const left = this.missing.get(number);
      if (!left?.delete(name)) this.faults.push(`${name}: message ${number} came twice`);
      else if (!left.size) this.missing.delete(number);
      this.samples.push(performance.now() - this.sent_at[number]);
    }
  }

  async p99({ at_least }) {
    await until(() => this.samples.length >= at_least || this.faults.length, `${at_least} deliveries`, { ms: kWaitMs });
    const sorted = this.samples.splice(0).sort((a, b) => a - b);
    return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))] : NaN;
  }

  async lost_nothing() {
    const until_here = this.sent_at.length;
    const undelivered = () => [...this.missing].filter(([number]) => number < until_here);
    await until(() => this.faults.length || !undelivered().length, 'the deliveries', { ms: kWaitMs })
      .catch(() => this.faults.push(`lost: ${undelivered().slice(0, 5).map(([number, names]) => `${number} at ${[...names]}`)}`));
    if (this.faults.length) throw new Error(this.faults.splice(0).slice(0, 10).join('; '));
  }
}

if (process.send) {
  const clients = new Clients();
  process.on('message', async ({ number, ...question }) => {
    const [[name, argument]] = Object.entries(question);
    try {
      process.send({ number, value: await clients[name](argument) });
    } catch (error) {
      process.send({ number, error: error.message });
    }
  });
  process.on('disconnect', () => process.exit());
}
