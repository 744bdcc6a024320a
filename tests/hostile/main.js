// SPDX-License-Identifier: Apache-2.0
// Attacks a server of ours, one attack after the other, beside honest clients that must not notice.

import { readdirSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Skip } from '../integration/lib/context.js';
import { until, within } from '../integration/lib/deadline.js';
import { Server } from '../integration/lib/server.js';
import { Arena, forget_peak, kAttacks, resident, scratch } from './lib/arena.js';
import { Honest } from './lib/honest.js';

const kHelp = `Usage: tests/hostile/run [BINARY] [options]

  BINARY        the server under attack; else from RINGCAST_BIN
  --io LIST     engines, e.g. uring,epoll   (RINGCAST_IO, default uring,epoll)
  --only TEXT   only attacks whose name has TEXT in it
  --long        thousands of clients for each attack, and a bound on the delay of others;
                needs 20,000 descriptors and 4 GB
  --verbose     the table as it grows

Prints a table: the attack, how many attempts, how often the server answered what, its memory before, at its peak and
when the attackers were gone (MB), the 99th percentile of the time that a message takes between others, before and
during (ms). Bounds: the server is there, answers /health and says nothing of a defect; the others lose nothing;
memory (without the pages of files) goes back to what it was, plus 10 % and 4 MB, after all attacks of the
short form 10 % and 20 MB.

--long: attackers take the processors that everybody here shares, so that messages take longer whatever the server does.
Hence they run at a low priority (nice 10), where this process may have its own back afterwards (as root). How long
messages take then is measured beside: a second server that nobody attacks has clients of the same kind at the same
time (column "beside"). The others' 99th percentile is at most 5 times what it was before, or 5 times what it is beside
if that is more.`;

// Of all attacks of the short form together: 11 MB (io_uring) and 14 MB (epoll) are touched for the first time by one of
// them, and none is added when they all attack the same server once more.
const kDrift = 20e6;
const kSlack = 4e6;  // pages of the program itself, and of allocators, that were not touched before
const kSlowdownMax = 5;

// What makes an attack, and going back to normal, short. A limit that is made smaller is still the same limit.
const kSettings = {
  reactors: 2, send_buffer_size: '16KiB', outbox_size_max: '64KiB', empty_room_ttl: '1s', history_ttl: '1s',
  presence_leave_grace: '100ms', presence_poll_grace: '100ms', idempotency_window: '1s', forgotten_positions_max: 1000,
};
const kRooms = '[[rooms]]\nmatch = "honest"\nhistory_ttl = "1d"\nhistory_messages = 200\n';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    io: { type: 'string', default: process.env.RINGCAST_IO ?? 'uring,epoll' },
    only: { type: 'string', default: '' },
    long: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const bin = positionals[0] ?? process.env.RINGCAST_BIN;
if (values.help || !bin) {
  console.log(kHelp);
  process.exit(values.help ? 0 : 2);
}
const kSamples = values.long ? 1000 : 100;
const kWaitMs = values.long ? 120000 : 20000;       // for a single answer
const kAttackMs = values.long ? 600000 : 90000;     // for a whole attack
const kMemoryMs = values.long ? 60000 : 20000;      // until memory is back

// What `work` takes of the processors is what servers and honest clients, which are processes of their own, leave.
async function in_background(work) {
  if (!kHasPriorities) return work();
  setPriority(10);
  try {
    return await work();
  } finally {
    setPriority(0);
  }
}
const kHasPriorities = values.long && (() => {
  try {
    setPriority(1);
    setPriority(0);
    return true;
  } catch {
    console.log('# attackers have the same priority as everybody else: it could not be raised again');
    return false;
  }
})();

// A server and its honest clients.
class World {
  static async start(io, { settings = {}, headers, ...around } = {}) {
    const world = new World();
    world.folder = scratch();
    const config = join(world.folder.folder, 'ringcast.toml');
    writeFileSync(config, kRooms);
    try {
      world.server = await Server.start(bin, { io, config, ...kSettings, ...settings }, around);
      world.honest = await Honest.start(world.server.url, headers);
    } catch (error) {
      await world.stop().catch(() => {});
      throw error;
    }
    return world;
  }

  async stop() {
    try {
      await this.honest?.stop();
      if (this.server) await this.server.stop_cleanly();
    } finally {
      this.folder.remove();
    }
  }
}

async function health(server) {
  if (server.gone) throw new Error(await server.post_mortem());
  await until(() => fetch(`${server.url}/health`).then(({ status }) => status === 200, () => false), '/health to be 200', { ms: kWaitMs })
    .catch(async (error) => { throw new Error(`${error.message}\n${await server.post_mortem()}`); });
}

function mb(bytes) { return (bytes / 1e6).toFixed(1); }

// Runs one attack and checks the bounds; gives its row, with the faults. `beside` is a world that is not attacked, if
// delays have a bound.
async function judge({ name, run }, world, beside, folder) {
  const { server, honest } = world;
  const { pid } = server.process;
  const row = { name, faults: [], arena: new Arena(server, { long: values.long, folder, wait_ms: kWaitMs }) };
  const check = async (work) => {
    try {
      await work();
    } catch (error) {
      if (error instanceof Skip) throw error;
      row.faults.push(error);
    }
  };
  await honest.p99();  // those of the time in between
  row.p99_before = await honest.p99(kSamples);
  await beside?.honest.p99();
  row.before = resident(pid).now;
  world.memory ??= row.before;  // before the first attack on this server
  forget_peak(pid);
  await in_background(async () => {
    try {
      await check(() => within(run(row.arena, world), `the attack "${name}"`, { ms: kAttackMs }));
    } finally {
      await row.arena.leave();
    }
  });
  await check(() => health(server));
  if (server.gone) return row;
  await check(() => honest.lost_nothing());
  [row.p99_during, row.p99_beside] = await Promise.all([honest.p99(), beside?.honest.p99()]);
  row.peak = resident(pid).peak;
  const allowed = row.before * 1.1 + kSlack;
  await until(() => resident(pid).now <= allowed, 'memory to come back', { ms: server.measures_memory ? kMemoryMs : 0, every_ms: 100 })
    .catch(() => {
      if (server.measures_memory) row.faults.push(new Error(`${mb(resident(pid).now)} MB of memory are left, ${mb(row.before)} were before`));
    });
  row.after = resident(pid).now;
  if (beside && !(row.p99_during <= kSlowdownMax * Math.max(row.p99_before, row.p99_beside))) {
    row.faults.push(new Error(`others waited ${row.p99_during.toFixed(1)} ms (p99) during the attack, ${row.p99_before.toFixed(1)} ms before, `
      + `at the server beside ${row.p99_beside.toFixed(1)} ms`));
  }
  return row;
}

// --- the table ---

function cells({ name, arena, before, peak, after, p99_before, p99_during, p99_beside, faults }) {
  const answers = [...arena.answers].map(([what, times]) => `${what} ×${times}`).join(', ');
  return [faults.length ? 'FAIL' : 'ok', name, arena.attempts, mb(before), mb(peak), mb(after), p99_before?.toFixed(1), p99_during?.toFixed(1), p99_beside?.toFixed(1) ?? '', answers].map(String);
}

function print_table(io, rows) {
  const table = [['', 'attack', 'attempts', 'MB before', 'peak', 'after', 'p99 before', 'during', 'beside', 'answers'], ...rows.map(cells)];
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  console.log(`# --io=${io}`);
  for (const row of table) {
    console.log(`# ${row.map((cell, i) => (i >= 2 && i <= 8 ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join('  ').trimEnd()}`);
  }
}

const counts = { passed: 0, failed: 0, skipped: 0 };

function report(label, outcome, faults = []) {
  const number = ++counts[outcome] && counts.passed + counts.failed + counts.skipped;
  const because = outcome === 'skipped' ? ` # SKIP ${faults[0].message}` : '';
  console.log(`${outcome === 'failed' ? 'not ok' : 'ok'} ${number} - ${label}${because}`);
  if (outcome !== 'failed') return;
  for (const fault of faults) console.log(String(fault?.stack ?? fault).split('\n').slice(0, 60).map((line) => `#   ${line}`).join('\n'));
}

// --- all attacks on one engine ---

// What all attacks on one server have left behind.
async function check_drift(io, { server, memory }) {
  const allowed = memory * 1.1 + kDrift;
  const left = () => resident(server.process.pid).now;
  const fault = await until(() => left() <= allowed, 'memory to come back', { ms: server.measures_memory ? kMemoryMs : 0, every_ms: 100 })
    .then(() => null, () => (server.measures_memory ? new Error(`${mb(left())} MB of memory are left, ${mb(memory)} were before the first attack`) : null));
  console.log(`# memory before the first attack ${mb(memory)} MB, after the last ${mb(left())} MB`);
  report(`all attacks together leave no memory taken [${io}]`, fault ? 'failed' : 'passed', [fault]);
}

async function attack_all(io) {
  const rows = [];
  let shared = null;
  const beside = values.long ? await World.start(io) : null;
  for (const attack of kAttacks.filter(({ name }) => name.includes(values.only))) {
    const label = `${attack.name} [${io}]`;
    const own = scratch();
    let world = null;
    try {
      if (attack.own) world = await World.start(io, await attack.own(own.folder));
      else world = shared ??= await World.start(io);
      const row = await judge(attack, world, beside, own.folder);
      if (attack.own) await world.stop().catch((error) => row.faults.push(error));
      rows.push(row);
      report(label, row.faults.length ? 'failed' : 'passed', row.faults);
      if (values.verbose) print_table(io, [row]);
      // The next attack has a server in good health.
      if (world === shared && (shared.server.gone || row.faults.length)) {
        await shared.stop().catch(() => {});
        shared = null;
      }
    } catch (error) {
      report(label, error instanceof Skip ? 'skipped' : 'failed', [error]);
      if (attack.own) await world?.stop().catch(() => {});
    } finally {
      own.remove();
    }
  }
  await beside?.stop();
  if (shared) {
    if (!values.long && !values.only) await check_drift(io, shared);
    const fault = await shared.stop().then(() => null, (error) => error);
    report(`the server stops with exit status 0 on SIGTERM [${io}]`, fault ? 'failed' : 'passed', [fault]);
  }
  return rows;
}

const attacks = new URL('attacks/', import.meta.url);
for (const file of readdirSync(attacks).sort()) await import(new URL(file, attacks));
process.on('unhandledRejection', (error) => report('unhandledRejection outside of any attack', 'failed', [error]));
console.log('TAP version 13');
const tables = [];
for (const io of values.io.split(',')) {
  const began = performance.now();
  tables.push([io, await attack_all(io)]);
  console.log(`# took ${((performance.now() - began) / 1000).toFixed(1)} s`);
}
console.log(`1..${counts.passed + counts.failed + counts.skipped}`);
for (const [io, rows] of tables) print_table(io, rows);
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exit(counts.failed ? 1 : 0);
