// SPDX-License-Identifier: Apache-2.0
// tools/cluster: Redis, nodes and a balancer with one command, and nothing left of them afterwards.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { member } from './lib/cluster.js';
import { until, within } from './lib/deadline.js';
import { has_redis } from './lib/redis.js';
import { suite } from './lib/runner.js';

const kTool = fileURLToPath(new URL('../../tools/cluster', import.meta.url));
const kDeadlineMs = 180000;
const kSystem = `${process.env.PATH}:/usr/local/sbin:/usr/sbin:/sbin`;
// Without the variables of the tests: the server takes each RINGCAST_… for a setting.
const kEnvironment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('RINGCAST_')));
const installed = (name) => kSystem.split(':').some((folder) => folder !== '' && spawnSync('test', ['-x', join(folder, name)]).status === 0);

class Tool {
  constructor(t, words, options = {}) {
    this.temporary = mkdtempSync(join(tmpdir(), 'ringcast-tool-'));
    this.out = this.err = '';
    this.process = spawn('python3', [kTool, ...words], { stdio: ['ignore', 'pipe', 'pipe'], ...options,
      env: { ...kEnvironment, TMPDIR: this.temporary, ...options.env } });
    this.process.stdout.setEncoding('utf8').on('data', (text) => { this.out += text; });
    this.process.stderr.setEncoding('utf8').on('data', (text) => { this.err += text; });
    this.closed = once(this.process, 'close').then(([code, signal]) => code ?? signal);
    t.after(async () => {
      this.process.kill('SIGTERM');
      await within(this.closed, 'the end of tools/cluster', { ms: kDeadlineMs });
      rmSync(this.temporary, { recursive: true, force: true });
    });
  }

  // What it shows once everything runs: [{ url, ws_url, port, pid }], the balancer first, Redis last.
  async parts() {
    await until(() => {
      assert.equal(this.process.exitCode, null, this.err);
      return this.out.includes('Ctrl-C stops');
    }, 'the URLs', { ms: 120000 });
    return [...this.out.matchAll(/^(\w+):\/\/(127\.0\.0\.1:(\d+)) .*\(process (\d+)\)$/gm)].map(([, , host, port, pid]) => ({
      url: `http://${host}`, ws_url: `ws://${host}`, port: Number(port), pid: Number(pid),
    }));
  }
}

const connects = (port) => new Promise((resolve) => {
  const socket = net.connect(port, '127.0.0.1', () => { socket.destroy(); resolve(true); });
  socket.on('error', () => resolve(false));
});

// Whether anything of a process group is there.
function runs(pid) {
  try {
    process.kill(-pid, 0);
    return true;
  } catch (error) {
    assert.equal(error.code, 'ESRCH');
    return false;
  }
}

suite('tools/cluster', { server: false, at_once: 2 }, (test) => {
  // Where the four clients of the balancer are, in turns and by address, beside the one that each node has.
  for (const [balancer, words, clients] of [['nginx', ['--sticky'], [1, 5]], ['haproxy', [], [3, 3]]]) {
    test(`two nodes behind ${balancer} are one server; after SIGINT nothing is left`, { deadline_ms: kDeadlineMs }, async (t) => {
      if (!has_redis) t.skip('there is no redis-server and no valkey-server');
      if (!installed(balancer)) t.skip(`${balancer} is not installed`);
      const { io, reactors } = t.combination;
      if (reactors === 1) t.skip('with more reactors only');
      const tool = new Tool(t, ['--ringcast', t.bin, '--nodes', '2', '--port', '0', '--balancer', balancer, ...words,
        '--', '--io', io, '--reactors', String(reactors), '--drain-delay', '0s', '--drain-period', '100ms']);
      const parts = await tool.parts();
      assert.equal(parts.length, 4, tool.out);
      const [front, one, two] = parts;
      const room = t.name('room');
      const members = [await member(t, room, one), await member(t, room, two)];
      for (let i = 0; i < 4; i++) members.push(await member(t, room, front));
      const connections = async (at) => (await t.read('/stats', {}, { at })).transports.websocket;
      assert.deepEqual([await connections(one), await connections(two)].sort(), clients);
      const stream = await t.sse({ rooms: room }, {}, front);
      for (const [at, content] of [[one, 'at one'], [two, 'at two'], [front, 'through the balancer']]) {
        const { event_id } = await t.publish({ room, content }, { at });
        for (const client of [...members, stream]) assert.equal((await client.next({ room, content })).id, event_id);
      }
      // The other node is still served when one is killed, and it is reported.
      process.kill(two.pid, 'SIGKILL');
      await until(() => /n2 ended with SIGKILL/.test(tool.err), 'the report');
      await t.publish({ room, content: 'alone' }, { at: one });
      await members[0].next({ room, content: 'alone' });

      tool.process.kill('SIGINT');
      assert.equal(await within(tool.closed, 'the end of tools/cluster', { ms: 100000 }), 0, tool.err);
      for (const { pid, port } of parts) {
        assert.equal(runs(pid), false, `process ${pid}`);
        assert.equal(await connects(port), false, `port ${port}`);
      }
      assert.deepEqual(readdirSync(tool.temporary), []);
    });
  }

  test('a program that is missing, a port that is in use, a node that does not start', { deadline_ms: kDeadlineMs }, async (t) => {
    const fails = async (message, words, options) => {
      const tool = new Tool(t, words, options);
      assert.notEqual(await within(tool.closed, 'the end of tools/cluster', { ms: 60000 }), 0);
      assert.match(tool.err, message);
      assert.doesNotMatch(tool.err, /Traceback/);
      assert.deepEqual(readdirSync(tool.temporary), []);
    };
    await fails(/--ringcast \/nowhere\/ringcast is no program/, ['--ringcast', '/nowhere/ringcast']);
    await fails(/--nodes is 1 to 16/, ['--nodes', '0']);
    if (!has_redis || !installed('nginx')) t.skip('there is no Redis or no nginx');
    const taken = net.createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    t.after(() => taken.close());
    await fails(/port \d+ of 127\.0\.0\.1 cannot be used \(Address already in use\): choose others with --port/,
      ['--ringcast', t.bin, '--port', String(taken.address().port)]);
    await fails(/n1 ended with status \d+; it printed last:\n[^]*no-such-flag/,
      ['--ringcast', t.bin, '--nodes', '1', '--port', '0', '--balancer', 'nginx', '--', '--no-such-flag']);
    // A PATH with nothing but Python in it.
    const bin = mkdtempSync(join(tmpdir(), 'ringcast-bin-'));
    t.after(() => rmSync(bin, { recursive: true }));
    symlinkSync(spawnSync('python3', ['-c', 'import sys; print(sys.executable)']).stdout.toString().trim(), join(bin, 'python3'));
    await fails(/there is no redis-server and no valkey-server here: .*`apt-get install redis-server`/,
      ['--ringcast', t.bin, '--port', '0'], { env: { PATH: bin } });
  });
});
