// SPDX-License-Identifier: Apache-2.0
// nginx or HAProxy in front of a server, with the configuration of packaging/ of which only addresses are changed, and
// clients that come from wherever they say. Owned by one test, which must stop() it.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until, within } from './deadline.js';

const kPackaging = fileURLToPath(new URL('../../../packaging', import.meta.url));
// Debian keeps both where only root looks.
const kEnvironment = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` };

// A configuration with some lines changed; each must be there.
function changed(text, changes) {
  for (const [from, to] of changes) {
    if (!text.includes(from)) throw new Error(`the configuration has no ${JSON.stringify(from)}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

// What the program is started with. It listens on a unix socket, because it cannot find a free port by itself, and takes
// the PROXY protocol there, so that a test can say where a client comes from.
const kPrograms = {
  // `host`: what it passes on as Host, as published configurations have it. `beside`: further servers, of which each
  // client address has one, as docs/proxies.md says.
  nginx(folder, socket, server, { host = '$http_host', beside = [] } = {}) {
    const site = changed(readFileSync(join(kPackaging, 'nginx.conf'), 'utf8'), [
      ['proxy_set_header Host $http_host;', `proxy_set_header Host ${host};`],
      ['    listen 80;\n', `    listen unix:${socket} proxy_protocol;\n    set_real_ip_from unix:;\n    real_ip_header proxy_protocol;\n`],
      ['    listen [::]:80;\n', ''],
      ['    server 127.0.0.1:3000;\n', (beside.length > 0 ? '    hash $remote_addr consistent;\n' : '')
        + [server, ...beside].map(({ port }) => `    server 127.0.0.1:${port};\n`).join('')],
    ]);
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `${name}_temp_path ${join(folder, name)};`).join('\n');
    writeFileSync(join(folder, 'nginx.conf'), `daemon off;\npid ${join(folder, 'pid')};\nerror_log stderr warn;\n`
      + `events { worker_connections 512; }\nhttp {\naccess_log off;\n${temporary}\n${site}}\n`);
    return ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'];
  },

  // HAProxy with the PROXY protocol to the server; with `fields` X-Forwarded-For instead.
  haproxy(folder, socket, server, { fields = false, beside = [] } = {}) {
    let text = changed(readFileSync(join(kPackaging, 'haproxy.cfg'), 'utf8'), [
      ['    bind :80\n', `    bind unix@${socket} accept-proxy\n`],
      ['    bind :::80 v6only\n', ''],
      ['127.0.0.1:3001', `127.0.0.1:${fields ? server.port : server.proxy_port}`],
    ]);
    for (const [number, { proxy_port }] of beside.entries()) {
      text = changed(text, [
        ['    server one', `    balance source\n    hash-type consistent\n    server one`],
        ['check check-send-proxy\n', `check check-send-proxy\n    server more${number} 127.0.0.1:${proxy_port} send-proxy-v2 check check-send-proxy\n`],
        ['track ringcast/one\n', `track ringcast/one\n    server more${number} 127.0.0.1:${proxy_port} send-proxy-v2 track ringcast/more${number}\n`],
      ]);
    }
    if (fields) {
      text = changed(text, [['    http-reuse never\n', '    option forwardfor\n    http-reuse safe\n'],
        [' send-proxy-v2', ''], [' check-send-proxy', '']]);
    }
    writeFileSync(join(folder, 'haproxy.cfg'), text);
    return ['-db', '-f', join(folder, 'haproxy.cfg')];
  },
};

// A port whose connections arrive at the front as those of one client.
class Origin {
  constructor(socket_path, address) {
    this.sockets = new Set();
    const family = net.isIPv6(address) ? 'TCP6' : 'TCP4';
    const header = `PROXY ${family} ${address} ${family === 'TCP6' ? '::1' : '127.0.0.1'} 40000 80\r\n`;
    this.listener = net.createServer((client) => {
      const front = net.connect(socket_path);
      front.write(header);
      for (const [from, to] of [[client, front], [front, client]]) {
        this.sockets.add(from);
        from.pipe(to);
        from.on('error', () => to.destroy());
        from.on('close', () => { this.sockets.delete(from); to.destroy(); });
      }
    });
  }

  get port() { return this.listener.address().port; }
  get url() { return `http://127.0.0.1:${this.port}`; }
  get ws_url() { return `ws://127.0.0.1:${this.port}`; }

  stop() {
    this.listener.close();
    for (const socket of this.sockets) socket.destroy();
  }
}

export class Front {
  // Null where the program is not installed.
  static async start(program, server, options) {
    const front = new Front(program, server, options);
    try {
      await front.ready();
    } catch (error) {
      await front.stop();
      if (error.code === 'ENOENT') return null;
      throw new Error(`${error.message}\n${front.log}`);
    }
    return front;
  }

  constructor(program, server, options) {
    this.folder = mkdtempSync(join(tmpdir(), 'ringcast-front-'));
    chmodSync(this.folder, 0o755);  // nginx's workers are somebody else when root starts it
    this.socket_path = join(this.folder, 'front.sock');
    this.origins = [];
    this.log = '';
    this.process = spawn(program, kPrograms[program](this.folder, this.socket_path, server, options),
      { env: kEnvironment, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.process.stdout, this.process.stderr]) stream.on('data', (text) => { this.log += text; });
    this.failed = new Promise((_, reject) => {
      this.process.once('error', reject);
      this.process.once('exit', (code, signal) => reject(new Error(`${program} ended with ${code ?? signal}`)));
    });
    this.failed.catch(() => {});
    this.exited = once(this.process, 'exit').catch(() => {});
  }

  async ready() {
    const health = await Promise.race([this.origin('203.0.113.99'), this.failed]);
    const answers = () => new Promise((resolve) => {
      http.get(`${health.url}/health`, { agent: false }, (answer) => {
        answer.resume();
        resolve(answer.statusCode === 200);
      }).on('error', () => resolve(false));
    });
    await Promise.race([until(answers, '/health through the proxy'), this.failed]);
  }

  // Where a client at `address` connects to.
  async origin(address) {
    const origin = new Origin(this.socket_path, address);
    this.origins.push(origin);
    origin.listener.listen(0, '127.0.0.1');
    await once(origin.listener, 'listening');
    return origin;
  }

  async stop() {
    for (const origin of this.origins) origin.stop();
    if (this.process.pid !== undefined && this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill('SIGTERM');
      await within(this.exited, 'the end of the proxy', { ms: 10000 }).catch(() => this.process.kill('SIGKILL'));
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
