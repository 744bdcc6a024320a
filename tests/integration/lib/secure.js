// SPDX-License-Identifier: Apache-2.0
// The TLS side of a server that was started with tls_listen on a port of the system's choice.

import assert from 'node:assert/strict';

// Where it is, as lib/context.js takes it for `at`.
export function secure(server) {
  const port = Number(server.log.map((line) => /https:\/\/127\.0\.0\.1:(\d+)/.exec(line)?.[1]).find(Boolean));
  assert.ok(port > 0, 'no line "listening on https://…"');
  return { port, url: `https://127.0.0.1:${port}`, ws_url: `wss://127.0.0.1:${port}` };
}
