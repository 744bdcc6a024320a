// SPDX-License-Identifier: Apache-2.0
// A nats-server of a test's own, on a free port of 127.0.0.1, with JetStream, and a connection to it to publish and to
// look. Owned by a test, which must stop() it.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until, within } from './deadline.js';
import { free_port } from './free_port.js';

export const has_nats = spawnSync('nats-server', ['--version']).status === 0;

// Whether that server was built with it.
const linked = new Map();
export function speaks_nats(bin) {
  if (!linked.has(bin)) linked.set(bin, spawnSync('ldd', [bin]).stdout?.includes('libnats') ?? false);
  return linked.get(bin);
}

export class Nats {
  static async start(options = {}) {
    const nats = new Nats(options);
    await nats.run();
    return nats;
  }

  // `arguments`: of nats-server, beside its own. `connect`: what clients of this class say of themselves. With `tls` these
  // clients have no way in.
  constructor({ arguments: words = [], connect = {}, tls = false } = {}) {
    this.tls = tls;
    this.words = words;
    this.connect = connect;
    this.directory = mkdtempSync(join(tmpdir(), 'ringcast-nats-'));
  }

  async run() {
    this.port ??= await free_port();
    this.process = spawn('nats-server', ['-a', '127.0.0.1', '-p', this.port, '-js', '-sd', this.directory, ...this.words], { stdio: 'ignore' });
    this.exited = once(this.process, 'exit');
    await until(() => (this.tls ? this.#listens() : this.flush()).then(() => true, () => false), 'nats-server to answer');
    if (this.process.exitCode !== null) throw new Error('nats-server has ended');
  }

  url(login = '') { return `nats://${login}127.0.0.1:${this.port}`; }

  async #listens() {
    const socket = net.connect(this.port, '127.0.0.1');
    try {
      await once(socket, 'data');
    } finally {
      socket.destroy();
    }
  }

  // Sends lines on a connection of its own; `on_message` gets [subject, body] of what comes, until it returns something.
  async #talk(bytes, what, on_message = null) {
    const socket = net.connect(this.port, '127.0.0.1');
    socket.on('error', () => {});
    const done = new Promise((resolve, reject) => {
      let rest = Buffer.alloc(0);
      socket.on('data', (more) => {
        rest = Buffer.concat([rest, more]);
        for (let end; (end = rest.indexOf('\r\n')) >= 0;) {
          const words = rest.toString('utf8', 0, end).split(' ');
          if (words[0] === '-ERR') return reject(new Error(words.slice(1).join(' ')));
          if (words[0] === 'PING') socket.write('PONG\r\n');
          if (words[0] === 'PONG' && !on_message) return resolve();
          if (words[0] !== 'MSG') {
            rest = rest.subarray(end + 2);
            continue;
          }
          const length = Number(words.at(-1));
          if (rest.length < end + 2 + length + 2) return undefined;
          const answer = on_message?.([words[1], rest.toString('utf8', end + 2, end + 2 + length)]);
          rest = rest.subarray(end + 2 + length + 2);
          if (answer !== undefined) return resolve(answer);
        }
        return undefined;
      });
      socket.on('close', () => reject(new Error('nats-server closed the connection')));
    });
    socket.write(`CONNECT ${JSON.stringify({ verbose: false, pedantic: false, headers: true, no_responders: true, ...this.connect })}\r\n`);
    socket.write(bytes);
    try {
      return await within(done, what, { ms: 60000 });
    } finally {
      socket.destroy();
    }
  }

  flush() { return this.#talk('PING\r\n', 'a PONG'); }

  // [subject, body] or [subject, body, headers], all of them, in order.
  publish_all(messages) {
    const lines = messages.map(([subject, body, headers]) => {
      if (!headers) return `PUB ${subject} ${Buffer.byteLength(body)}\r\n${body}\r\n`;
      const head = `NATS/1.0\r\n${Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
      return `HPUB ${subject} ${Buffer.byteLength(head)} ${Buffer.byteLength(head) + Buffer.byteLength(body)}\r\n${head}${body}\r\n`;
    });
    return this.#talk(`${lines.join('')}PING\r\n`, `${messages.length} messages to be published`);
  }

  publish(...message) { return this.publish_all([message]); }

  // What JetStream answers.
  async api(subject, request = '') {
    const body = request === '' ? '' : JSON.stringify(request);
    const answer = await this.#talk(`SUB _INBOX.test.${process.pid} 1\r\nPUB $JS.API.${subject} _INBOX.test.${process.pid} ${Buffer.byteLength(body)}\r\n${body}\r\n`,
      `an answer to ${subject}`, ([, text]) => text);
    const parsed = JSON.parse(answer);
    if (parsed.error) throw new Error(parsed.error.description);
    return parsed;
  }

  make_stream(name, subjects) {
    return this.api(`STREAM.CREATE.${name}`, { name, subjects, retention: 'limits', storage: 'file', discard: 'old', num_replicas: 1, max_consumers: -1, max_msgs: -1, max_bytes: -1 });
  }

  // The server refuses it now and then while it writes the consumer's files.
  remove_consumer(stream, name = 'ringcast') {
    return until(async () => {
      try {
        return (await this.api(`CONSUMER.DELETE.${stream}.${name}`)).success;
      } catch ({ message }) {
        return message === 'consumer not found';
      }
    }, 'the consumer to be removed');
  }

  consumer(stream, name = 'ringcast') { return this.api(`CONSUMER.INFO.${stream}.${name}`); }

  // How many of a stream a consumer has not got acknowledged, or not got at all.
  async unsettled(stream, name = 'ringcast') {
    const { num_ack_pending: under_way, num_pending: waiting } = await this.consumer(stream, name);
    return under_way + waiting;
  }

  signal(name) { this.process.kill(name); }

  // As when its machine fails; run() starts it again, with what it has on disk.
  async kill() {
    this.process.kill('SIGKILL');
    await within(this.exited, 'the end of nats-server');
  }

  async stop() {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill('SIGCONT');
      await this.kill();
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}
