// SPDX-License-Identifier: Apache-2.0
// An operator's HTTP server that webhooks call: keeps what comes, checks signatures, answers what the test says.

import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { EventQueue } from './event_queue.js';

export class HookReceiver {
  static async start(secret) {
    const receiver = new HookReceiver(secret);
    receiver.server.listen(0, '127.0.0.1');
    await once(receiver.server, 'listening');
    receiver.server.unref();  // lives as long as the tests
    return receiver;
  }

  constructor(secret) {
    this.secret = secret;
    this.rules = [];  // of answers; the first that fits counts
    this.events = new EventQueue('webhook receiver');
    this.calls = [];
    this.server = http.createServer((request, response) => this.take(request, response));
    this.server.on('connection', (socket) => socket.unref());
  }

  get url() { return `http://127.0.0.1:${this.server.address().port}`; }

  // `answer(event, call)` gives {status, body, headers} or a promise of it; for calls with an event that fits.
  answer(pattern, answer) { this.rules.unshift({ pattern, answer }); }

  // The next question that fits, or event that was sent and taken.
  next(pattern, options) { return this.events.next(pattern, options); }

  signature_holds(headers, body) {
    const [, time, given] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(headers['x-ringcast-signature'] ?? '') ?? [];
    const expected = createHmac('sha256', this.secret).update(`${time}.${body}`).digest('hex');
    return given === expected && Math.abs(Date.now() / 1000 - Number(time)) < 300;
  }

  async take(request, response) {
    let text = '';
    request.setEncoding('utf8');
    try {
      for await (const part of request) text += part;
    } catch {
      return;  // its server has gone in the middle of it
    }
    const body = JSON.parse(text);
    const events = body.events ?? [body];
    const call = { headers: request.headers, path: request.url, body, signed: this.signature_holds(request.headers, text) };
    this.calls.push(call);
    const rule = this.rules.find(({ pattern }) => events.some((event) => Object.entries(pattern).every(([key, value]) => event[key] === value)));
    // What is refused comes again: only what was taken counts as received.
    const note = () => { for (const event of events) this.events.push({ ...event, call }); };
    if (!body.events) note();
    const { status = 200, body: answer = {}, headers = {} } = (await rule?.answer(events[0], call)) ?? {};
    if (body.events && status < 300) note();
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
    response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  }
}
