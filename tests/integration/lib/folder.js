// SPDX-License-Identifier: Apache-2.0
// Folders that go with the process.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folders = [];
process.once('exit', () => { for (const folder of folders) rmSync(folder, { recursive: true, force: true }); });

export function make_folder(name) {
  const folder = mkdtempSync(join(tmpdir(), `ringcast-${name}-`));
  folders.push(folder);
  return folder;
}
