// SPDX-License-Identifier: Apache-2.0
// What a test gets: the server, clients that are closed when it is over, names of its own.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { within } from './deadline.js';
import { CuttingProxy } from './proxy.js';
import { RawSocket } from './raw_socket.js';
import { Server } from './server.js';
import { SseClient } from './sse_client.js';
import { WsClient } from './ws_client.js';

export class Skip extends Error {}

let next_name = 1;

// `rooms=a,b` with the names encoded and the separator not; strings pass through.
export function query_of(query) {
  if (typeof query === 'string') return query && `?${query}`;
  const parts = Object.entries(query).filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${[].concat(value).map(encodeURIComponent).join(',')}`);
  return parts.length ? `?${parts.join('&')}` : '';
}

export class TestContext {
  constructor({ server, settings, combination, bin }) {
    Object.assign(this, { server, settings, combination, bin });
    this.cleanups = [];
    this.servers = server ? [server] : [];  // of this test, for what they said when it failed
  }

  // A name that no other test of this run uses.
  name(base) { return `${base}-${next_name++}`; }

  skip(reason) { throw new Skip(reason); }
  // At once when the test is over: it ran out of time while this was being made.
  after(cleanup) {
    if (this.over) Promise.resolve().then(cleanup).catch(() => {});
    else this.cleanups.push(cleanup);
  }

  async clean_up() {
    this.over = true;
    for (const cleanup of this.cleanups.reverse()) await cleanup();
  }

  async start_server(settings = {}) {
    const server = await Server.start(this.bin, { io: this.combination.io, reactors: this.combination.reactors, ...settings });
    this.after(async () => { if (!server.gone) await server.stop_cleanly(); });
    this.servers.push(server);
    this.server ??= server;
    return server;
  }

  // A configuration file with this text, for start_server({ config }).
  config_file(text) {
    const folder = mkdtempSync(join(tmpdir(), 'ringcast-'));
    this.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'ringcast.toml');
    writeFileSync(path, text);
    return path;
  }

  async proxy(server = this.server) {
    const proxy = await CuttingProxy.start(server.port);
    this.after(() => proxy.stop());
    return proxy;
  }

  // The server's memory has not grown by more than this since it had `before` bytes.
  grown_less_than(bytes, before, server = this.server) {
    const grown = server.resident_bytes() - before;
    if (server.measures_memory) assert.ok(grown < bytes, `${grown} bytes more, at most ${bytes} expected`);
  }

  // --- clients ---

  ws_raw(path, options = {}, at = this.server) {
    const client = new WsClient(`${at.ws_url}${path}`, options);
    this.after(() => client.terminate());
    return client;
  }

  async ws(query = {}, options = {}, at = this.server) {
    return this.ws_raw(`/ws${query_of(query)}`, options, at).ready();
  }

  // In the room; whatever presence says about it has arrived.
  async member(room, query = {}, options = {}) {
    const client = await this.ws(query, options);
    client.joined = await client.join(room);
    return client;
  }

  sse_raw(query, options = {}, at = this.server) {
    const client = new SseClient(`${at.url}/events${query_of(query)}`, options);
    this.after(() => client.close());
    return client;
  }

  async sse(query, options = {}, at = this.server) { return this.sse_raw(query, options, at).ready(); }

  // A stream at another path, whatever its first event is.
  stream(path, options = {}, at = this.server) {
    const client = new SseClient(`${at.url}${path}`, options);
    this.after(() => client.close());
    return client;
  }

  // A WebSocket that is spoken to in another dialect: no subprotocol, no greeting.
  async foreign_ws(path, options = {}, at = this.server) {
    const client = this.ws_raw(path, { protocol: false, ...options }, at);
    await within(client.opened, 'the WebSocket to open');
    return client;
  }

  raw(at = this.server) {
    const socket = new RawSocket(at.port);
    this.after(() => socket.destroy());
    return socket;
  }

  // --- HTTP ---

  async http(method, path, { body, headers = {}, at = this.server } = {}) {
    const is_json = body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body);
    const response = await request(`${at.url}${path}`, {
      reset: at.closes_idle,  // no connection of a pool that the server may be closing just now
      method, headers: { ...(is_json && { 'Content-Type': 'application/json' }), ...headers }, body: is_json ? JSON.stringify(body) : body,
    });
    const text = await response.body.text();
    let json;
    try { json = JSON.parse(text); } catch { /* not every answer is JSON */ }
    return { status: response.statusCode, headers: response.headers, text, json };
  }

  async get(path, query = {}, options = {}) { return this.http('GET', `${path}${query_of(query)}`, options); }

  // GET that has to work; the JSON.
  async read(path, query = {}, options = {}) {
    const answer = await this.get(path, query, options);
    assert.equal(answer.status, 200, `GET ${path}${query_of(query)}: ${answer.text}`);
    return answer.json;
  }

  async publish(body, options = {}) {
    const answer = await this.http('POST', `/messages${query_of(options.query ?? {})}`, { body, ...options });
    assert.equal(answer.status, 200, `POST /messages: ${answer.status} ${answer.text}`);
    return answer.json;
  }

  async say(room, content, fields = {}) { return this.publish({ room, user: 'System', content, ...fields }); }

  async poll(query, options = {}) { return this.read('/poll', query, options); }

  refused(answer, status, code) {
    assert.equal(answer.status, status, answer.text);
    assert.equal(typeof answer.json?.error?.code, 'string', `no error code in ${answer.text}`);
    assert.equal(typeof answer.json.error.message, 'string');
    if (code) assert.equal(answer.json.error.code, code);
  }
}
