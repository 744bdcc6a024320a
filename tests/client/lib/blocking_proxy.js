// SPDX-License-Identifier: Apache-2.0
// An HTTP proxy that is in the way as real ones are: it cuts, holds back, answers for itself, or swallows, each by the
// kind of request. Owned by one test.

import http from 'node:http';
import net from 'node:net';
import { once } from 'node:events';
import { EventQueue } from '../../integration/lib/event_queue.js';

export const kBlocks = ['reset', 'forbid', 'swallow', 'buffer'];

export class BlockingProxy {
  static async start(target_port) {
    const proxy = new BlockingProxy(target_port);
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    return proxy;
  }

  constructor(target_port) {
    this.target_port = target_port;
    this.blocked = new Map();      // path → how; '*' for every path
    this.sockets = new Set();
    this.flows = new Set();        // bodies on their way to the client
    this.holding = false;
    this.requests = new EventQueue('the proxy');   // {event_type: path, method}
    this.server = http.createServer((request, response) => this.forward(request, response));
    this.server.keepAliveTimeout = 0;
    this.server.on('connection', (socket) => this.track(socket));
    this.server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
  }

  get url() { return `http://127.0.0.1:${this.server.address().port}`; }

  track(socket) {
    this.sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.sockets.delete(socket));
  }

  block(path, how) { this.blocked.set(path, how); }
  unblock(path) { this.blocked.delete(path); }

  block_of(request) {
    const [path] = request.url.split('?');
    this.requests.push({ event_type: path, method: request.method, url: request.url });
    return this.blocked.get(path) ?? this.blocked.get('*');
  }

  forward(request, response) {
    const how = this.block_of(request);
    if (how === 'reset') return request.socket.resetAndDestroy();
    if (how === 'forbid') return response.writeHead(403, { 'Content-Type': 'text/html' }).end('<h1>Not here</h1>');
    if (how === 'swallow') return undefined;
    const { 'keep-alive': _, connection: __, ...headers } = request.headers;
    const onward = http.request({ port: this.target_port, host: '127.0.0.1', method: request.method, path: request.url, headers, agent: false });
    onward.on('socket', (socket) => this.track(socket));
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      response.flushHeaders();
      if (how === 'buffer') answer.resume();
      else this.flow(answer, response);
      answer.on('error', () => response.destroy());
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  }

  upgrade(request, socket, head) {
    const how = this.block_of(request);
    if (how === 'reset') return socket.resetAndDestroy();
    if (how === 'forbid') return socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    if (how === 'swallow') return undefined;
    const onward = net.connect(this.target_port, '127.0.0.1');
    this.track(onward);
    const lines = request.rawHeaders.reduce((text, part, i) => text + part + (i % 2 ? '\r\n' : ': '), '');
    onward.write(`GET ${request.url} HTTP/1.1\r\n${lines}\r\n`);
    onward.write(head);
    socket.pipe(onward);
    this.flow(onward, socket);
    onward.on('close', () => socket.destroy());
    socket.on('close', () => onward.destroy());
    return undefined;
  }

  // Towards the client: what is held waits here until release().
  flow(from, to) {
    this.flows.add(from);
    from.on('data', (bytes) => to.write(bytes));
    from.on('end', () => to.end());
    from.on('close', () => this.flows.delete(from));
    if (this.holding) from.pause();
  }

  hold() {
    this.holding = true;
    for (const flow of this.flows) flow.pause();
  }

  release() {
    this.holding = false;
    for (const flow of this.flows) flow.resume();
  }

  cut() {
    for (const socket of [...this.sockets]) socket.resetAndDestroy();
  }

  async stop() {
    this.block('*', 'reset');
    this.cut();
    this.server.close();
  }
}
