// SPDX-License-Identifier: Apache-2.0
// Builds what the package and the server hand out: node tests/client/build.js [--check]
//
// web/client/v1/ is committed, so that the server's build needs neither Node nor the network; --check says what in it is
// not what the sources make.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const source = here('../../web/client');
const kept = join(source, 'v1');
export const { version } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'));

const kBrowsers = ['chrome111', 'firefox111', 'safari16.4'];   // three years back

// Names that only the client itself uses: neither its interface, nor the wire's, nor the browser's (`navigator.locks.request`),
// nor written as strings. Shorter in what browsers load.
const kInternal = new RegExp(`^(${[
  'subscriptions', 'candidate', 'candidateAt', 'openTimer', 'retryTimer', 'probeTimer', 'changeTimer', 'changeAttempt', 'changedAt', 'openedAt',
  'tokenWanted', 'tokenRefusals', 'tokenSource', 'roomsInUrl', 'emitter', 'underWay', 'holdTimer', 'sendTimer', 'watchdog', 'heardAt', 'onSilence',
  'earlyEnds', 'usableAt', 'passes', 'failures', 'proven', 'changing', 'keyPrefix', 'refuseRoom', 'replacementFailed', 'openingFailed',
  'mayRenewToken', 'renewToken', 'fetchToken', 'takeToken', 'probeLater', 'changeLater', 'catchUp', 'outdated', 'stopping', 'rungs', 'ladder',
  'roomsForUrl', 'binaryRoom', 'announced', 'heartbeatMs', 'pinged', 'ownChannels', 'takeAnswer', 'takeBytes', 'takeGap', 'closedError', 'nextProbe',
  'probeFailed', 'passOver', 'goOn', 'confirmed', 'joining', 'publishing', 'refusal', 'silenceMs', 'onOnline',
  'ready', 'settle', 'refused', 'deliver', 'known', 'begin', 'become', 'react', 'round', 'retryMs', 'ending', 'asked', 'confirm', 'opened', 'lost', 'ended',
  'attempt', 'channels', 'sending', 'queue', 'flush', 'look', 'heard', 'iterate', 'listeners', 'emit', 'openTime',
  'moreTokens', 'connection', 'pending', 'blocked', 'busy', 'timer', 'socket', 'forget', 'change', 'kind', 'core', 'env', 'base', 'link', 'sync',
  'renew', 'check', 'drop', 'repeatable', 'window', 'stop', 'stopped', 'failed', 'start', 'post', 'take', 'starts', 'line', 'decoder', 'refs', 'try', 'joined',
].join('|')})$`);

// path → content
export async function built() {
  const files = new Map();
  const banner = { js: `/*! ringcast client ${version} | Apache-2.0 */` };
  const bundle = async (name, entry, options) => {
    const { outputFiles } = await build({
      ...(entry ? { entryPoints: [join(source, entry)] } : {}), bundle: true, minify: true, write: false, target: kBrowsers, charset: 'utf8', banner, legalComments: 'none', mangleProps: kInternal, ...options,
    });
    files.set(name, outputFiles[0].text);
  };
  // A classic script and CommonJS have no import.meta: the worker is looked for beside the script, and there is none in Node.
  await bundle('ringcast.min.js', '', {
    stdin: { contents: "import { Client, EventParser, RingcastError, SharedClient, connect, readEvents } from './index.js'; globalThis.ringcast = { Client, EventParser, RingcastError, SharedClient, connect, readEvents };", resolveDir: source },
    format: 'iife', define: { 'import.meta.url': 'ringcastScript' },
    banner: { js: `${banner.js}\nvar ringcastScript=typeof document>"u"?location.href:document.currentScript&&document.currentScript.src||location.href;` },
  });
  await bundle('ringcast.mjs', 'index.js', { format: 'esm' });
  await bundle('shared_worker.js', 'shared_worker.js', { format: 'esm' });
  await bundle('cjs/index.js', 'index.js', { format: 'cjs', platform: 'node', target: 'node18', minify: false, mangleProps: undefined, define: { 'import.meta.url': 'undefined' } });
  files.set('cjs/package.json', '{ "type": "commonjs" }\n');
  const types = mkdtempSync(join(tmpdir(), 'ringcast-types-'));
  const compiled = spawnSync(process.execPath, [here('../node_modules/typescript/bin/tsc'), '-p', source, '--outDir', types], { encoding: 'utf8' });
  if (compiled.status !== 0) throw new Error(compiled.stdout);
  for (const name of readdirSync(types).sort()) {
    if (name === 'shared_worker.d.ts') continue;
    const text = readFileSync(join(types, name), 'utf8');
    files.set(`types/${name}`, text);
    files.set(`cjs/types/${name}`, text);
  }
  rmSync(types, { recursive: true });
  return files;
}

// What is committed and is not what the sources make.
export async function outdated() {
  const files = await built();
  const there = existsSync(kept) ? readdirSync(kept, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => relative(kept, join(entry.parentPath ?? entry.path, entry.name))) : [];
  return [...new Set([...files.keys(), ...there])].filter((name) => !there.includes(name) || readFileSync(join(kept, name), 'utf8') !== files.get(name));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--check')) {
    const names = await outdated();
    for (const name of names) console.error(`web/client/v1/${name} is not what the sources make: run node tests/client/build.js`);
    process.exit(names.length ? 1 : 0);
  }
  rmSync(kept, { recursive: true, force: true });
  for (const [name, text] of await built()) {
    mkdirSync(dirname(join(kept, name)), { recursive: true });
    writeFileSync(join(kept, name), text);
  }
}
