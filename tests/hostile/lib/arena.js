// SPDX-License-Identifier: Apache-2.0
// What an attack gets: the server, sockets that are gone when it is over, the count of what it tried and what came back.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'undici';
import { Skip } from '../../integration/lib/context.js';
import { until, within } from '../../integration/lib/deadline.js';
import { RawSocket, text_frame } from '../../integration/lib/raw_socket.js';

export const kAttacks = [];

// name; run(arena); own(scratch folder): {settings, command, environment, headers} of a server of its own, where the
// one that all others attack will not do.
export function attack(name, ...rest) {
  const run = rest.pop();
  kAttacks.push({ name, run, ...rest[0] });
}

export class Arena {
  constructor(server, { long, folder, wait_ms }) {
    Object.assign(this, { server, long, folder, wait_ms, attempts: 0, answers: new Map(), sockets: new Set() });
    // One connection, which is kept: it is there when the server takes no others.
    this.http = new Pool(server.url, { connections: 1, keepAliveTimeout: wait_ms });
  }

  scale(short, long) { return this.long ? long : short; }
  skip(reason) { throw new Skip(reason); }

  answer(what, times = 1) {
    what = String(what);
    this.answers.set(what, (this.answers.get(what) ?? 0) + times);
  }
  answered(...wanted) {
    const others = [...this.answers.keys()].filter((answer) => !wanted.some((one) => (one instanceof RegExp ? one.test(answer) : one === answer)));
    if (others.length) throw new Error(`answers that were not expected: ${others.map((answer) => `${answer} ×${this.answers.get(answer)}`).join(', ')}`);
  }

  // `body(i)` for each attempt, so many side by side.
  async times(count, body, at_once = 200) {
    this.attempts += count;
    let next = 0;
    await Promise.all(Array.from({ length: Math.min(count, at_once) }, async () => {
      while (next < count) await body(next++);
    }));
  }

  // The parallel form for attempts that hold what they have.
  all(count, body) { return this.times(count, body, count); }

  // --- sockets ---

  async socket() {
    const socket = new RawSocket(this.server.port, { allowHalfOpen: true });
    this.sockets.add(socket);
    socket.closed.then(() => this.sockets.delete(socket));
    await within(Promise.race([socket.connected, socket.closed]), 'the connection', { ms: this.wait_ms });
    return socket;
  }

  async websocket(query = '', headers = {}) {
    const socket = await this.socket();
    const { status } = await socket.upgrade(`/ws${query}`, headers);
    if (status !== 101) throw new Error(`the upgrade was answered ${status}`);
    return socket;
  }

  async member(room, user = 'hostile') {
    const socket = await this.websocket(`?user=${user}&rooms=${room}`);
    await socket.event('joined');
    return socket;
  }

  // A byte at a time, until the other side has had enough.
  drip(socket, bytes, every_ms = 50) {
    let at = 0;
    const timer = setInterval(() => {
      if (socket.ended || socket.socket.destroyed) clearInterval(timer);
      else socket.write(bytes.subarray(at % bytes.length, at++ % bytes.length + 1));
    }, every_ms);
    socket.closed.then(() => clearInterval(timer));
  }

  // What a WebSocket says to a ping behind everything else: pong, a close code, or how the connection ended.
  async pong(socket) {
    socket.write(text_frame({ action: 'ping', ref: 'fence' }));
    for (;;) {
      const { opcode, payload } = await socket.frame().catch((error) => {
        if (!socket.ended) throw error;
        return {};
      });
      if (!payload) return socket.error ? 'RST' : 'FIN';
      if (opcode === 8) return `close ${payload.readUInt16BE(0)}`;
      if (opcode === 1 && payload.includes('"event_type":"pong"') && payload.includes('"fence"')) return 'pong';
    }
  }

  // How a connection ends: the status of its answer, the close code of a WebSocket, FIN or RST.
  async ending(socket, is_websocket = false) {
    const end = (bytes, ended) => (ended ? { value: bytes, used: 0 } : null);
    let what;
    if (is_websocket) what = await socket.close_code().then((code) => `close ${code}`, (error) => { if (!socket.ended) throw error; });
    const said = what ? '' : (await socket.read(end, 'the end of the connection')).toString('latin1');
    what ??= /^HTTP\/1\.1 (\d{3})/.exec(said)?.[1] ?? (socket.error ? 'RST' : 'FIN');
    socket.destroy();
    return what;
  }

  async close() {
    const sockets = [...this.sockets];
    for (const socket of sockets) socket.destroy();
    await Promise.all(sockets.map((socket) => socket.closed));
  }

  async leave() {
    await this.close();
    await this.http.destroy();
  }

  // --- the server ---

  // GET, or POST with a body.
  async call(path, body, headers = {}) {
    const asked = body === undefined ? { method: 'GET' } : { method: 'POST', body: JSON.stringify(body) };
    const { statusCode, body: answer } = await this.http.request({ path, headers: { 'content-type': 'application/json', ...headers }, ...asked });
    return { status: statusCode, text: await answer.text() };
  }

  // A call that has to work; what its JSON says.
  async ask(path, body, headers) {
    const { status, text } = await this.call(path, body, headers);
    if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
    return JSON.parse(text);
  }

  publish(messages) { return this.ask('/messages', messages); }

  // The sum of a metric over all cores.
  async metric(name, part = '') {
    const { status, text } = await this.call('/metrics');
    if (status !== 200) throw new Error(`/metrics: ${status} ${text}`);
    const lines = text.split('\n').filter((line) => line.startsWith(name) && line.includes(part));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').pop()), 0);
  }

  // Does `provoke` again and again until the server has closed so many connections for this reason, or because all slow
  // readers together held too much.
  async until_closed(count, reason, provoke) {
    const because = (reason) => this.metric('ringcast_connections_closed_total{', `reason="${reason}"`);
    const closed = async () => await because(reason) + await because('unread_total');
    const before = await closed();
    let gone = 0;
    try {
      await until(async () => {
        await provoke();
        gone = await closed() - before;
        return gone >= count;
      }, `${count} connections to be closed: ${reason}`, { ms: this.wait_ms });
    } finally {
      this.answer(reason, gone);
    }
  }
}

// --- what a process holds ---

export function resident(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kib = (name) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)[1]);
  const files = kib('RssFile');  // pages of the program and its libraries, as it comes to use them: nobody's memory
  return { now: kib('VmRSS') - files, peak: kib('VmHWM') - files };
}

// From here on the peak is counted anew.
export function forget_peak(pid) { writeFileSync(`/proc/${pid}/clear_refs`, '5'); }

export function scratch() {
  const folder = mkdtempSync(join(tmpdir(), 'ringcast-hostile-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
