// SPDX-License-Identifier: Apache-2.0
// When a run does not count, and how it ends: reasons, exit codes, thresholds, interruption.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { WebSocketServer } from 'ws';
import { until, within } from '../integration/lib/deadline.js';
import { suite } from '../integration/lib/runner.js';
import { kRelayArgs, RelayServer } from './lib/relay_server.js';
import { Ringload, results_of, ringload, ringload_path } from './lib/ringload.js';

suite('ringload judgement', { settings: { echo: true }, at_once: 2 }, (test) => {
  const target = (t) => ['--target', `127.0.0.1:${t.server.port}`, '--room-prefix', t.name('judged-')];

  test('a schedule that nobody could keep makes a paced run INVALID', async (t) => {
    const { json, summary, code } = await ringload(t, ['fanout', ...target(t), '--members', '1', '--rate', '5000000', '--size', '2000', '--fail-if', 'invalid>0']);
    assert.equal(json.valid, false);
    assert.ok(json.invalid.some((reason) => /^the schedule lagged by .* ms \(p99\), 1 ms at most$/.test(reason)), json.invalid.join('\n'));
    assert.match(summary, /^INVALID +the schedule lagged/m);
    assert.equal(code, 3);
  });

  test('an INVALID run has an exit code of its own, whatever the thresholds', async (t) => {
    const { code, json } = await ringload(t, ['fanout', ...target(t), '--members', '1', '--rate', '5000000', '--size', '2000', '--fail-if', 'duplicates>0']);
    assert.deepEqual([json.valid, code], [false, 4]);
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

  test('mixed works against a server as it is started without flags, and with echo says what it needs', async (t) => {
    const server = await t.start_server({});
    const mixed = ['mixed', '--target', `127.0.0.1:${server.port}`, '--connections', '20', '--rate', '10'];
    const { json, summary } = await ringload(t, mixed);
    assert.deepEqual([json.connections, json.errors], [21, {}], summary);
    assert.deepEqual(json.roles.map(({ name }) => name), ['connect', 'http', 'fanout']);
    const echo = await ringload(t, [...mixed, '--mix', 'echo=1,fanout=1']);
    assert.ok(echo.json.invalid.includes('an echo needs a server that was started with --echo'), echo.summary);
    assert.equal(echo.code, 4);
  });

  test('thresholds have an exit code of their own', async (t) => {
    const args = ['fanout', ...target(t), '--members', '2', '--rate', '20'];
    const good = await ringload(t, [...args, '--fail-if', 'lost>0', '--fail-if', 'published<1', '--fail-if', 'p99>3600s']);
    assert.equal(good.code, good.json.valid ? 0 : 4, good.summary);  // a busy machine makes it INVALID
    const crossed = await ringload(t, [...args, '--fail-if', 'lost>0', '--fail-if', 'deliveries >= 1']);
    assert.equal(crossed.code, 3);
    assert.match(crossed.summary, /^✗ deliveries >= 1 +[1-9]\d*$/m);
    assert.match(crossed.summary, /^✓ lost>0 +0$/m);
    const [, p99] = /^✓ p99>3600s +([\d.]+ [num]?s)$/m.exec(good.summary);
    assert.equal(good.json.thresholds[2].measured, p99);
    assert.deepEqual(crossed.json.thresholds.map(({ text, crossed: is }) => [text, is]), [['lost>0', false], ['deliveries >= 1', true]]);
  });

  for (const [what, args, why] of [
    ['a threshold', ['fanout', '--fail-if', 'p98>5ms'], /'p98>5ms': no figure is called 'p98'; there are p50, .*last_member_p99; and lost,/],
    ['a flag', ['fanout', '--membres', '5'], /unknown flag "--membres"; did you mean "--members"\?/],
    ['a value', ['fanout', '--rate'], /--rate needs a value/],
    ['a negative rate', ['fanout', '--rate', '-1'], /--rate: must be a number from 0 to 100000000, not "-1"\n$/],
    ['too many connections', ['fanout', '--rooms', '4000000', '--members', '4000000'], /16000004000000 connections are more than/],
    ['a name', ['connect', '--target', 'nobody.invalid:3000'], /"nobody\.invalid" cannot be resolved/],
    ['a source', ['connect', '--source', '127.0.0.1-x'], /--source: "127\.0\.0\.1-x" is no IP address/],
    ['a transport', ['fanout', '--transport', 'http'], /--transport: members receive over websocket, sse or poll, not http/],
    ['a URL', ['connect', '--target', 'http://localhost:3000'], /HOST:PORT, without a scheme/],
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

  test('a file that cannot be written ends it before the run', async (t) => {
    const run = await new Ringload(t, ['connect', ...target(t), '--connections', '2', '--duration', '1h', '--csv', '/nonexistent/series.csv']).ended();
    assert.equal(run.code, 1);
    assert.match(run.err, /cannot write \/nonexistent\/series\.csv/);
    assert.equal(run.out, '');
  });

  test('a name is resolved, and is what the server is asked for', async (t) => {
    const { json, code } = await ringload(t, ['connect', '--target', `localhost:${t.server.port}`, '--connections', '3']);
    assert.deepEqual([code, json.connections, json.target], [0, 3, `localhost:${t.server.port}`]);
  });

  test('a report says when and what it measured, and on which server', async (t) => {
    const { json } = await ringload(t, ['connect', ...target(t), '--connections', '2']);
    assert.match(json.started, /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.match(json.command, /^ringload connect --io .* --target 127\.0\.0\.1:\d+ /);
    assert.deepEqual(json.phases.map(({ name }) => name), ['connect', 'settle', 'hold', 'drain']);
    assert.ok(json.phases.every(({ at_s: at }, i) => i === 0 || at >= json.phases[i - 1].at_s));
    assert.match(json.version, /^\d+\.\d+\.\d+/);
    assert.equal(json.target, `127.0.0.1:${t.server.port}`);
    assert.equal(json.server_version, `ringcast ${json.version}`);
  });

  // A proxy in front of an application names itself in its answers; some proxies say nothing.
  for (const [what, answer, version] of [
    ['names itself', (response) => response.writeHead(404, { Server: 'other/1.2 \u00e9' }).end(), 'other/1.2 ?'],
    ['says nothing', (response) => response.writeHead(404).end('{"info":{"title":"x"}}'), 'unknown'],
    ['does not answer', () => {}, 'unknown'],
  ]) {
    test(`a server that ${what} is "${version}" in the report`, async (t) => {
      const http = createHttpServer((_, response) => answer(response));
      new WebSocketServer({ server: http });
      http.listen(0, '127.0.0.1');
      await once(http, 'listening');
      t.after(() => { http.closeAllConnections?.(); http.close(); });
      const { json, code } = await ringload(t, ['connect', '--preset', 'raw', '--target', `127.0.0.1:${http.address().port}`, '--connections', '1']);
      assert.deepEqual([code, json.server_version], [0, version]);
    });
  }

  test('latencies are drawn as bars', async (t) => {
    const { summary, json } = await ringload(t, ['fanout', ...target(t), '--members', '2', '--rate', '20']);
    const bars = [...summary.matchAll(/^ +< [\d.]+ [num]?s +([\d.]+) % █*$/gm)].map(([, share]) => Number(share));
    assert.ok(bars.length > 0 && Math.abs(bars.reduce((sum, share) => sum + share, 0) - 100) < 0.1, summary);
    assert.ok(json.latency_ms.corrected.count > 0);
  });

  test('without a scenario it says what there is; --help and --version are no mistakes', async (t) => {
    const run = spawnSync(ringload_path(), [], { encoding: 'utf8' });
    assert.equal(run.status, 2);
    assert.match(run.stderr, /a scenario is missing.*\n(.*\n)*There are connect, echo/);
    const report = spawnSync(ringload_path(), ['report'], { encoding: 'utf8' });
    assert.deepEqual([report.status, report.stderr], [2, 'ringload report: wants files and a page, as in: ringload report a.json b.json --out page.html\n']);
    const help = await new Ringload(t, ['--help']).ended();
    assert.equal(help.code, 0);
    assert.ok(help.out.split('\n').every((line) => line.length <= 130), help.out);
    assert.match(help.out, /^Load:\n(.*\n)* +--size UINT(=128| \[128\])/m);
    const version = await new Ringload(t, ['--version']).ended();
    assert.deepEqual([version.code, /^ringload \d+\.\d+\.\d+/.test(version.out)], [0, true]);
  });
});

suite('ringload without a server', { server: false, at_once: 2 }, (test) => {
  test('a refused connect is an error of its kind', async (t) => {
    const { json, code } = await ringload(t, ['connect', '--target', '127.0.0.1:1', '--connections', '5', '--fail-if', 'errors>0']);
    assert.deepEqual(json.errors, { connect_failed: 5 });
    assert.deepEqual(json.invalid, ['0 of 5 connections were ready']);
    assert.equal(code, 3);
  });

  test('a run in which nothing connects ends with 1 and the reason', async (t) => {
    const run = await new Ringload(t, ['fanout', '--target', '127.0.0.1:1', '--members', '5', '--duration', '1h']).ended();
    assert.equal(run.code, 1);
    assert.match(run.err, /^ringload: nothing connected to 127\.0\.0\.1:1: connect_failed \(Connection refused\)$/m);
  });

  test('who hears nothing for 3 s says so', async (t) => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    t.after(() => silent.close());
    silent.on('connection', (socket) => socket.on('error', () => {}));
    const run = spawn(ringload_path(), ['connect', '--quiet', '--target', `127.0.0.1:${silent.address().port}`, '--connections', '3'], { stdio: ['ignore', 'ignore', 'pipe'] });
    t.after(() => run.kill('SIGKILL'));
    let said = '';
    run.stderr.setEncoding('utf8').on('data', (text) => { said += text; });
    const [code] = await within(once(run, 'close'), 'its end', { ms: 60000 });
    assert.equal(code, 1, said);
    assert.match(said, /nothing connected to 127\.0\.0\.1:\d+: none was ready within 3 s$/m);
  });

  test('a server that never answers is given up, and not waited for', async (t) => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    t.after(() => silent.close());
    silent.on('connection', (socket) => socket.on('error', () => {}));
    // Of these connections the last would begin in an hour.
    const run = await new Ringload(t, ['connect', '--target', `127.0.0.1:${silent.address().port}`, '--connections', '3600', '--connect-rate', '1', '--connect-timeout', '1s']).ended();
    assert.equal(run.code, 1);
    assert.match(run.err, /nothing connected to 127/);
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
    const run = new Ringload(t, ['fanout', '--target', `127.0.0.1:${silent.address().port}`, '--members', '3', '--connect-timeout', '1h', '--json', '-']);
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
      // The rest of the schedule is not sent: it would be for as long as an answer may take.
      const run = new Ringload(t, ['fanout', ...kRelayArgs, '--target', server.target, '--members', '4', '--rate', '200', '--duration', '1h', '--answer-timeout', '1h', '--json', '-']);
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
