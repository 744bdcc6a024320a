// SPDX-License-Identifier: Apache-2.0
// When a run does not count, and how it ends: reasons, exit codes, thresholds, interruption.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { until } from '../integration/lib/deadline.js';
import { suite } from '../integration/lib/runner.js';
import { kRelayArgs, RelayServer } from './lib/relay_server.js';
import { Ringload, results_of, ringload } from './lib/ringload.js';

suite('ringload judgement', { settings: { echo: true }, at_once: 2 }, (test) => {
  const target = (t) => ['--target', `127.0.0.1:${t.server.port}`, '--room-prefix', t.name('judged-')];

  test('a schedule that nobody could keep makes a paced run INVALID', async (t) => {
    const { json, summary, code } = await ringload(t, ['fanout', ...target(t), '--members', '1', '--rate', '5000000', '--size', '2000', '--fail-if', 'invalid>0']);
    assert.equal(json.valid, false);
    assert.ok(json.invalid.some((reason) => /^the schedule lagged by .* ms \(p99\), 1 ms at most$/.test(reason)), json.invalid.join('\n'));
    assert.match(summary, /^INVALID +the schedule lagged/m);
    assert.equal(code, 3);
  });

  // The generator gets a fraction of one core, which a loop takes that has all priority.
  test('a starved generator makes a saturating run INVALID', async (t) => {
    const core = /^Cpus_allowed_list:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1];
    const loop = spawn('taskset', ['-c', core, 'sh', '-c', 'while :; do :; done'], { stdio: 'ignore' });
    await once(loop, 'spawn');
    t.after(() => loop.kill('SIGKILL'));
    const { json, summary } = await ringload(t,
      ['fanout', ...target(t), '--members', '20', '--in-flight', '8', '--pid', String(t.server.process.pid), '--server-cores', '64'],
      { before: ['taskset', '-c', core, 'nice', '-n', '19'] });
    assert.equal(json.valid, false, summary);
    assert.match(json.invalid.join('\n'), /^the generator was the limit: it wanted \d+ % of a core and had \d+ %; the server used \d+ % of its cores$/m);
    assert.ok(json.generator_wait[0] > json.generator_load[0], summary);
  });

  test('a server that had no time left makes a saturating run count', async (t) => {
    // Of a hundredth of a core anything is more than 95 %.
    const { json, summary } = await ringload(t, ['echo', ...target(t), '--connections', '4', '--pid', String(t.server.process.pid), '--server-cores', '0.01']);
    assert.equal(json.valid, true, summary);
    assert.ok(json.server.load > 0.95);
    assert.ok(json.server.cpu_us_per_delivery > 0);
  });

  test('the server’s process is watched', async (t) => {
    const { json, summary } = await ringload(t, ['fanout', ...target(t), '--members', '50', '--rate', '40', '--pid', String(t.server.process.pid)]);
    for (const name of ['load', 'cores', 'memory_per_connection', 'tcp_memory_per_connection', 'pss_before', 'pss_held'])
      assert.equal(typeof json.server[name], 'number', name);
    assert.ok(json.server.pss_held > 1e6, summary);
    assert.match(summary, /^TCP memory/m);
    const last = json.series.at(-1);
    assert.ok(last.server_rss_bytes > 1e6 && last.server_cores >= 0);
    assert.equal(last.connections, 51);
  });

  test('thresholds have an exit code of their own', async (t) => {
    const args = ['fanout', ...target(t), '--members', '2', '--rate', '20'];
    const good = await ringload(t, [...args, '--fail-if', 'lost>0', '--fail-if', 'published<1', '--fail-if', 'p99>3600s']);
    assert.equal(good.code, 0, good.summary);
    const crossed = await ringload(t, [...args, '--fail-if', 'lost>0', '--fail-if', 'deliveries >= 1']);
    assert.equal(crossed.code, 3);
    assert.match(crossed.summary, /^FAILED +deliveries >= 1$/m);
    assert.doesNotMatch(crossed.summary, /FAILED +lost/);
  });

  for (const [what, args, why] of [
    ['a threshold', ['fanout', '--fail-if', 'p98>5ms'], /'p98>5ms': no figure is called 'p98'/],
    ['a flag', ['fanout', '--membres', '5'], /--membres/],
    ['a scenario', ['dance'], /dance/],
    ['a stage', ['fanout', '--stage', '5'], /a stage is DURATION:RATE/],
    ['a mix', ['mixed', '--mix', 'fanout=1,dance=2'], /role 'dance=2'/],
  ]) {
    test(`${what} that there is not is refused with 2`, async (t) => {
      const run = await new Ringload(t, args).ended();
      assert.equal(run.code, 2);
      assert.match(run.err, why);
      assert.equal(run.out, '');
    });
  }

  test('a run that cannot begin ends with 1', async (t) => {
    const run = await new Ringload(t, ['connect', ...target(t), '--pid', '999999999']).ended();
    assert.equal(run.code, 1);
    assert.match(run.err, /there is no process 999999999/);
  });

  test('a file that cannot be written is told, and the summary still there', async (t) => {
    const run = await new Ringload(t, ['connect', ...target(t), '--connections', '2', '--csv', '/nonexistent/series.csv']).ended();
    assert.equal(run.code, 1);
    assert.match(run.err, /cannot write \/nonexistent\/series\.csv/);
    assert.match(run.out, /^connections +2 of 2/m);
  });
});

suite('ringload without a server', { server: false, at_once: 2 }, (test) => {
  test('a refused connect is an error of its kind', async (t) => {
    const { json, code } = await ringload(t, ['connect', '--target', '127.0.0.1:1', '--connections', '5', '--fail-if', 'errors>0']);
    assert.deepEqual(json.errors, { connect_failed: 5 });
    assert.deepEqual(json.invalid, ['0 of 5 connections were ready']);
    assert.equal(code, 3);
  });

  test('one that is not ready in time, too', async (t) => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    t.after(() => silent.close());
    const sockets = [];
    silent.on('connection', (socket) => sockets.push(socket.on('error', () => {})));
    const { json } = await ringload(t, ['connect', '--target', `127.0.0.1:${silent.address().port}`, '--connections', '3', '--connect-timeout', '300ms']);
    assert.deepEqual(json.errors, { connect_timeout: 3 });
    for (const socket of sockets) socket.destroy();
  });

  test('Ctrl-C while connecting ends it with what there is', async (t) => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    t.after(() => silent.close());
    const sockets = [];
    silent.on('connection', (socket) => sockets.push(socket.on('error', () => {})));
    const run = new Ringload(t, ['fanout', '--target', `127.0.0.1:${silent.address().port}`, '--members', '3', '--json', '-']);
    await until(() => sockets.length === 4, 'all to connect');
    run.signal('SIGINT');
    const { json, code } = results_of(await run.ended());
    assert.equal(code, 130);
    assert.ok(json.invalid.some((reason) => reason.startsWith('interrupted')));
    assert.equal(json.published_in_all, 0);
    for (const socket of sockets) socket.destroy();
  });

  for (const signal of ['SIGINT', 'SIGTERM']) {
    test(`${signal} under load gives the results so far`, async (t) => {
      let messages = 0;
      const server = await RelayServer.start(t, (send, text) => {
        messages++;
        send(text);
      });
      const run = new Ringload(t, ['fanout', ...kRelayArgs, '--target', server.target, '--members', '4', '--rate', '200', '--duration', '1h', '--json', '-']);
      await until(() => messages > 100, 'some messages');
      run.signal(signal);
      const { json, code, summary } = results_of(await run.ended());
      assert.equal(code, 130);
      assert.match(summary, /^INVALID +interrupted: the run is shorter than asked for$/m);
      assert.ok(json.published_in_all >= 25, summary);
      assert.deepEqual([json.received, json.lost], [4 * json.published_in_all, 0], summary);
      assert.ok(json.seconds > 0 && json.series.length > 0);
    });
  }
});
