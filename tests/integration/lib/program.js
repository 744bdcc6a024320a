// SPDX-License-Identifier: Apache-2.0
// Other programs: their exit status and what they print.

import { execFile } from 'node:child_process';

// `options` as of execFile().
export function run(command, args, { input = '', ...options } = {}) {
  return new Promise((resolve) => {
    const child = execFile(command, args, { timeout: 80000, maxBuffer: 16 << 20, ...options }, (error, stdout, stderr) => {
      resolve({ status: error ? error.code ?? 1 : 0, stdout, stderr });
    });
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}
