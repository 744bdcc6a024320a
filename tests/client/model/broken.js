// SPDX-License-Identifier: Apache-2.0
// Clients that are broken on purpose, each in one place: what the model test has to catch.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const kBroken = {
  // What a link repeats is taken again.
  doubles: ['core.js', "if (event.id <= (this.positions.get(channel) ?? -1)) return;", ''],
  // A reconnect begins at the newest message.
  loses: ['http_link.js', 'positions: Object.fromEntries(this.from)', 'positions: {}'],
  // Success is claimed before the server has answered.
  claims: ['poll_link.js', 'this.begin();', "this.begin();\n    this.connection.opened(this, '');"],
  // A lower transport is kept for good.
  stays: ['connection.js', 'this.probeTimer.set(next.delayMs,', 'if (0) this.probeTimer.set(next.delayMs,'],
  // A message is sent again under another key.
  republishes: ['websocket_link.js', 'idempotency_key: key }', 'idempotency_key: `${key}-${Math.random()}` }'],
  // A join under way when the client stops is waited for for ever.
  hangs: ['core.js', '      subscription.confirmed = subscription.joining = null;\n      subscription.reject(error);', '      subscription.confirmed = subscription.joining = null;'],
  // The second of two messages with one key takes the place of the first.
  confuses: ['core.js', 'const ref = `p${++this.refs}`;', 'const ref = idempotencyKey ?? `p${++this.refs}`;'],
  // Quick joins and leaves are answered in the wrong order.
  lingers: ['websocket_link.js', "() => ({ action: 'leave', room })", "() => ({ action: 'typing', room })"],
};

export async function broken_client(name) {
  const [file, right, wrong] = kBroken[name];
  const folder = mkdtempSync(join(tmpdir(), 'ringcast-broken-'));
  try {
    cpSync(fileURLToPath(new URL('../../../web/client/', import.meta.url)), folder, { recursive: true, filter: (path) => !path.includes('node_modules') });
    const source = readFileSync(join(folder, file), 'utf8');
    if (!source.includes(right)) throw new Error(`${file} has no longer ${right}`);
    writeFileSync(join(folder, file), source.replace(right, () => wrong));
    return await import(pathToFileURL(join(folder, 'index.js')));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
