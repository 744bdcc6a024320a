// SPDX-License-Identifier: Apache-2.0
// Tests that fail, for those of the runner.

import { command_line, run_tests } from '../lib/command_line.js';

await run_tests(import.meta.url, command_line('', { io: 'uring', reactors: '1', jobs: 1 }));
