// SPDX-License-Identifier: Apache-2.0
// One ringcast process under test, on a free port of 127.0.0.1. Owned by a suite or a test, which must stop() it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { until, within } from './deadline.js';

const kStartMs = 30000;
const kStopMs = 30000;
const kLogLinesMax = 2000;
const kReportLinesMax = 120;
// The tests' own variables begin like the server's, which stops at one that it does not know.
const kEnvironment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('RINGCAST_')));
// What a sanitizer, an assertion or the C++ runtime says before it ends the process, or instead of ending it.
const kDefect = /AddressSanitizer|ThreadSanitizer|LeakSanitizer|runtime error:|[Aa]ssertion|terminate called|SIGSEGV/;

function quoted(lines) { return lines.map((line) => `    | ${line}`).join('\n'); }

export function flags_of(settings) {
  return Object.entries(settings).flatMap(([key, value]) => {
    const flag = `--${key.replaceAll('_', '-')}`;
    if (value === undefined) return [];  // one of our own defaults taken back
    if (typeof value === 'boolean') return [value ? flag : flag.replace('--', '--no-')];
    return [].concat(value).map((item) => `${flag}=${item}`);
  });
}

const measurable = new Map();  // binary → measures_memory

export class Server {
  // `command`: what runs the program, as `prlimit --nofile=64`, and becomes it; `environment`: variables for it.
  static async start(bin, settings, world) {
    const server = new Server(bin, settings, world);
    try {
      await server.ready();
    } catch (error) {
      if (!server.gone) server.process.kill('SIGKILL');
      if (server.process.pid !== undefined) await server.exited;
      throw new Error(`${error.message}\n${server.last_words()}`);
    }
    return server;
  }

  constructor(bin, settings, { command = [], environment = {} } = {}) {
    this.bin = bin;
    this.closes_idle = 'keep_alive_timeout' in settings;
    this.flags = flags_of({ port: 0, listen: '127.0.0.1', drain_delay: '0s', drain_period: '100ms', close_timeout: '500ms', ...settings });
    this.log = [];
    this.host = '127.0.0.1';
    this.port = 0;
    const [program, ...words] = [...command, bin, ...this.flags];
    this.process = spawn(program, words, { env: { ...kEnvironment, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
    // 'close' rather than 'exit': by then all that it has written was read.
    this.exited = once(this.process, 'close').then(([code, signal]) => ({ code, signal }));
    this.process.once('exit', (code, signal) => { this.gone = { code, signal }; });
    this.listening = new Promise((resolve, reject) => {
      for (const stream of [this.process.stdout, this.process.stderr]) this.read_lines(stream, resolve);
      this.process.once('error', reject);
      this.exited.then(({ code, signal }) => reject(new Error(`exited with ${code ?? signal} before listening`)));
    });
    this.listening.catch(() => {});
  }

  read_lines(stream, on_port) {
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        this.log.push(line);
        if (this.log.length > kLogLinesMax) this.log.shift();
        const found = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(line);
        if (found) on_port(Number(found[1]));
      }
    });
  }

  async ready() {
    this.port = await within(this.listening, 'the line "listening on"', { ms: kStartMs });
    await until(async () => {
      if (this.gone) throw new Error('the server is gone');
      return fetch(`${this.url}/health`).then((answer) => answer.status === 200, () => false);
    }, '/health', { ms: kStartMs });
  }

  get url() { return `http://${this.host}:${this.port}`; }
  get ws_url() { return `ws://${this.host}:${this.port}`; }

  resident_bytes() {
    const status = readFileSync(`/proc/${this.process.pid}/status`, 'utf8');
    return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(status)[1]);
  }

  // A sanitizer keeps what was freed, so that growth says nothing about the server.
  get measures_memory() {
    return measurable.get(this.bin) ?? measurable.set(this.bin, !/__[at]san_init/.test(readFileSync(this.bin, 'latin1'))).get(this.bin);
  }

  signal(name) {
    this.stopping = true;
    this.process.kill(name);
  }

  // Asks it to go and says how it went; kills it when it does not.
  async stop() {
    if (!this.gone) this.signal('SIGTERM');
    try {
      return await within(this.exited, 'the end of the process after SIGTERM', { ms: kStopMs });
    } catch (error) {
      this.process.kill('SIGKILL');
      throw error;
    }
  }

  // Throws unless it went as a server should.
  async stop_cleanly() {
    const { code, signal } = await this.stop();
    if (this.log.some((line) => kDefect.test(line))) throw new Error(`the log has a defect:\n${this.last_words()}`);
    if (code !== 0) throw new Error(`exit ${code ?? signal} after SIGTERM\n${this.last_words()}`);
  }

  // Null for a server that answers or was asked to go; else how it ended and what it said, once it has ended. A client
  // sees its connection break before the process is over: a sanitizer takes its time to write its report.
  async post_mortem() {
    if (!this.gone && !this.stopping) {
      const answers = await fetch(`${this.url}/health`).then(() => true, () => false);
      if (answers) return null;
      await within(this.exited, 'the end of a server that does not answer', { ms: kStopMs }).catch(() => {});
    }
    if (!this.gone) return this.stopping ? null : `the server does not answer:\n${this.last_words()}`;
    const { code, signal } = this.gone;
    if (this.stopping && code === 0) return null;
    await this.exited;
    return `the server is gone (${signal ?? `exit ${code}`}):\n${this.last_words()}`;
  }

  // What a sanitizer or an assertion said, whole, else the end of the log.
  last_words() {
    const at = this.log.findIndex((line) => kDefect.test(line));
    if (at < 0) return this.log_tail();
    return quoted(this.log.slice(Math.max(0, at - 10), at + kReportLinesMax));
  }

  log_tail(lines = 25) { return quoted(this.log.slice(-lines)); }
}
