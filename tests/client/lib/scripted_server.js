// SPDX-License-Identifier: Apache-2.0
// A server that sends what a test wants: for what the real one does only in bad moments. Owned by one test.

import http from 'node:http';
import { once } from 'node:events';
import { WebSocketServer } from 'ws';
import { EventQueue } from '../../integration/lib/event_queue.js';

export class ScriptedServer {
  static async start(t) {
    const server = new ScriptedServer();
    server.http.listen(0, '127.0.0.1');
    await once(server.http, 'listening');
    t.after(() => server.stop());
    return server;
  }

  constructor() {
    this.requests = new EventQueue('the scripted server');   // {event_type: path, query, answer(status, headers, body), stream()}
    this.sockets = new EventQueue('the scripted server');    // {event_type: 'socket', query, say(event), socket}
    this.http = http.createServer((request, response) => this.take(request, response));
    this.upgrades = new WebSocketServer({ server: this.http });
    this.upgrades.on('connection', (socket, request) => this.take_socket(socket, request));
  }

  get url() { return `http://127.0.0.1:${this.http.address().port}`; }

  take(request, response) {
    const url = new URL(request.url, this.url);
    this.requests.push({
      event_type: url.pathname, query: url.searchParams,
      answer: (status, headers = {}, body = '') => response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body)),
      stream: (text) => {
        if (!response.headersSent) response.writeHead(200, { 'Content-Type': 'text/event-stream' });
        response.write(text);
        return response;
      },
    });
  }

  take_socket(socket, request) {
    const heard = new EventQueue('the scripted WebSocket');
    socket.on('message', (data) => heard.push({ event_type: 'action', ...JSON.parse(data.toString()) }));
    socket.on('error', () => {});
    const say = (event) => socket.send(JSON.stringify(event));
    this.sockets.push({ event_type: 'socket', query: new URL(request.url, this.url).searchParams, socket, heard, say,
      greet: (fields = {}) => say({ event_type: 'connection_id', connection_id: 'c1', user: 'anonymous', positions: {}, heartbeat_interval_ms: 20000, ...fields }) });
  }

  stop() {
    for (const socket of this.upgrades.clients) socket.terminate();
    this.http.closeAllConnections();
    this.http.close();
  }
}
