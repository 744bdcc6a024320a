// SPDX-License-Identifier: Apache-2.0
// A redis-server (or valkey-server) of a test's own, on a free port of 127.0.0.1, and a connection to it to look and to
// interfere. Owned by a test or a suite, which must stop() it.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until, within } from './deadline.js';
import { free_port } from './free_port.js';

const kProgram = ['redis-server', 'valkey-server'].find((name) => spawnSync(name, ['--version']).status === 0);
export const has_redis = kProgram !== undefined;

// One reply at the beginning of `bytes`: [value, its length], or null while it is not whole.
function parse(bytes, at = 0) {
  const end = bytes.indexOf('\r\n', at);
  if (end < 0) return null;
  const line = bytes.toString('utf8', at + 1, end);
  const next = end + 2;
  switch (String.fromCharCode(bytes[at])) {
    case '+': return [line, next];
    case '-': return [new Error(line), next];
    case ':': return [Number(line), next];
    case '$': {
      const length = Number(line);
      if (length < 0) return [null, next];
      return bytes.length < next + length + 2 ? null : [bytes.toString('utf8', next, next + length), next + length + 2];
    }
    default: {
      const values = [];
      let from = next;
      for (let left = Number(line); left > 0; left--) {
        const one = parse(bytes, from);
        if (!one) return null;
        values.push(one[0]);
        from = one[1];
      }
      return [values, from];
    }
  }
}

// A Sentinel that watches `master` (a Redis) as "main" and alone decides.
export class Sentinel {
  static async start(master) {
    const sentinel = new Redis({ program: ['--sentinel'] });
    sentinel.port = await free_port();
    writeFileSync(join(sentinel.directory, 'sentinel.conf'), [
      `port ${sentinel.port}`, 'bind 127.0.0.1', `dir ${sentinel.directory}`, `sentinel monitor main 127.0.0.1 ${master.port} 1`,
      'sentinel down-after-milliseconds main 1000', 'sentinel failover-timeout main 4000', '',
    ].join('\n'));
    await sentinel.run();
    return sentinel;
  }
}

export class Redis {
  static async start(options = {}) {
    const redis = new Redis(options);
    await redis.run();
    return redis;
  }

  // `arguments`: of redis-server, beside its own; `program`: instead of its own, behind its configuration file.
  constructor({ arguments: words = [], program } = {}) {
    this.words = words;
    this.program = program;
    this.directory = mkdtempSync(join(tmpdir(), 'ringcast-redis-'));
  }

  async run() {
    this.port ??= await free_port();
    const own = ['--port', this.port, '--bind', '127.0.0.1', '--dir', this.directory, '--save', '', ...this.words];
    this.process = spawn(kProgram, this.program ? [join(this.directory, 'sentinel.conf'), ...this.program] : own, { stdio: 'ignore' });
    this.exited = once(this.process, 'exit');
    await until(() => this.ask('PING').then((answer) => answer === 'PONG', () => false), 'redis-server to answer');
  }

  url(path = '') { return `redis://127.0.0.1:${this.port}${path}`; }

  // A command on a connection of its own: what it answers.
  async ask(...words) {
    const socket = net.connect(this.port, '127.0.0.1');
    socket.on('error', () => {});
    const answer = new Promise((resolve, reject) => {
      let bytes = Buffer.alloc(0);
      socket.on('data', (more) => {
        bytes = Buffer.concat([bytes, more]);
        const one = parse(bytes);
        if (one) one[0] instanceof Error ? reject(one[0]) : resolve(one[0]);
      });
      socket.on('close', () => reject(new Error('redis closed the connection')));
    });
    socket.write(`*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`).join('')}`);
    try {
      return await within(answer, `an answer to ${words[0]}`);
    } finally {
      socket.destroy();
    }
  }

  // Many commands at once, over one connection: their answers, errors too.
  async ask_all(commands) {
    const socket = net.connect(this.port, '127.0.0.1');
    socket.on('error', () => {});
    const answers = [];
    const done = new Promise((resolve, reject) => {
      let bytes = Buffer.alloc(0);
      socket.on('data', (more) => {
        bytes = bytes.length ? Buffer.concat([bytes, more]) : more;
        let at = 0;
        for (let one; (one = parse(bytes, at)); [, at] = one) answers.push(one[0]);
        bytes = bytes.subarray(at);
        if (answers.length === commands.length) resolve(answers);
      });
      socket.on('close', () => reject(new Error(`redis closed the connection after ${answers.length} answers`)));
    });
    socket.write(commands.map((words) => `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`).join('')}`).join(''));
    try {
      return await within(done, `answers to ${commands.length} commands`, { ms: 60000 });
    } finally {
      socket.destroy();
    }
  }

  // What is published on channels that match, as it comes: {channel, message}, until `stop()`.
  async subscribe(pattern) {
    const socket = net.connect(this.port, '127.0.0.1');
    socket.on('error', () => {});
    const got = [];
    let bytes = Buffer.alloc(0);
    let subscribed = false;
    socket.on('data', (more) => {
      bytes = bytes.length ? Buffer.concat([bytes, more]) : more;
      for (let one; (one = parse(bytes)); bytes = bytes.subarray(one[1])) {
        const [kind, , channel, message] = one[0];
        if (kind === 'psubscribe') subscribed = true;
        else got.push({ channel, message });
      }
    });
    socket.write(`*2\r\n$10\r\nPSUBSCRIBE\r\n$${Buffer.byteLength(pattern)}\r\n${pattern}\r\n`);
    await until(() => subscribed, 'the subscription');
    return { got, stop: () => socket.destroy() };
  }

  signal(name) { this.process.kill(name); }

  // As when its machine fails; run() starts it again, with what it has saved.
  async kill() {
    this.process.kill('SIGKILL');
    await within(this.exited, 'the end of redis-server');
  }

  async stop() {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill('SIGCONT');
      await this.kill();
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}
