// SPDX-License-Identifier: Apache-2.0
// A PostgreSQL of a test's own: a cluster in a temporary directory, on a free port of 127.0.0.1. Owned by a test, which
// must stop() it.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until, within } from './deadline.js';
import { free_port } from './free_port.js';

// Debian keeps its programs beside the PATH, a directory for each version.
function programs() {
  const versions = '/usr/lib/postgresql';
  const folders = existsSync(versions) ? readdirSync(versions).sort((one, other) => Number(other) - Number(one)).map((version) => join(versions, version, 'bin')) : [];
  return [...folders, ...(process.env.PATH ?? '').split(':')].find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
}

// It does not run as root: then as the user that its package makes.
function owner() {
  if (process.getuid() !== 0) return {};
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(spawnSync('id', [flag, 'postgres']).stdout.toString() || NaN));
  return Number.isNaN(uid) || Number.isNaN(gid) ? null : { uid, gid };
}

const kPrograms = programs();
const kOwner = owner();
export const has_postgresql = kPrograms !== undefined && kOwner !== null;

export class PostgreSql {
  static async start() {
    const database = new PostgreSql();
    await database.run();
    return database;
  }

  constructor() {
    this.directory = mkdtempSync(join(tmpdir(), 'ringcast-postgresql-'));
    if (kOwner.uid !== undefined) chownSync(this.directory, kOwner.uid, kOwner.gid);
    const made = spawnSync(join(kPrograms, 'initdb'), ['-D', join(this.directory, 'data'), '-U', 'shop', '-A', 'trust', '-N', '-E', 'UTF8', '--locale=C'], { ...kOwner, cwd: this.directory });
    if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`);
  }

  async run() {
    this.port ??= await free_port();
    this.process = spawn(join(kPrograms, 'postgres'), ['-D', join(this.directory, 'data'), '-p', this.port, '-h', '127.0.0.1', '-k', this.directory, '-c', 'fsync=off'],
      { ...kOwner, cwd: this.directory, stdio: 'ignore' });
    this.exited = once(this.process, 'exit');
    await until(() => this.sql('SELECT 1', 'postgres').then(() => true, () => false), 'PostgreSQL to answer', { ms: 60000 });
  }

  // How libpq finds it.
  get environment() { return { PGHOST: '127.0.0.1', PGPORT: String(this.port), PGUSER: 'shop', PGDATABASE: 'shop' }; }

  // What these statements answer, each in a transaction of its own unless they say otherwise.
  async sql(text, name = 'shop') {
    const psql = spawn(join(kPrograms, 'psql'), ['-X', '-q', '-At', '-v', 'ON_ERROR_STOP=1', '-d', name, '-f', '-'], { env: { ...process.env, ...this.environment } });
    let [out, error] = ['', ''];
    psql.stdout.on('data', (bytes) => { out += bytes; });
    psql.stderr.on('data', (bytes) => { error += bytes; });
    psql.stdin.end(text);
    const [code] = await within(once(psql, 'close'), 'psql', { ms: 60000 });
    if (code !== 0) throw new Error(`psql: ${error}`);
    return out.trim();
  }

  async stop() {
    this.process.kill('SIGQUIT');
    await within(this.exited, 'the end of PostgreSQL', { ms: 30000 });
    rmSync(this.directory, { recursive: true, force: true });
  }
}
