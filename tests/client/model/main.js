// SPDX-License-Identifier: Apache-2.0
// The model test by itself: node tests/client/model/main.js [--seeds N] [--from SEED] [--broken NAME]

import { parseArgs } from 'node:util';
import { broken_client, kBroken } from './broken.js';
import { run_seed } from './model.js';

const { values } = parseArgs({ options: { seeds: { type: 'string', default: '1000' }, from: { type: 'string', default: '1' }, broken: { type: 'string' } } });
const { Client } = values.broken ? await broken_client(values.broken) : await import('../../../web/client/index.js');
if (values.broken && !kBroken[values.broken]) throw new Error(`there are: ${Object.keys(kBroken).join(', ')}`);
const from = Number(values.from);
const began = Date.now();
let failed = 0;
for (let seed = from; seed < from + Number(values.seeds); seed++) {
  try {
    await run_seed(Client, seed);
  } catch (error) {
    console.log(error.message.startsWith('seed') ? error.message : `seed ${seed}: ${error.stack}`);
    if (++failed >= 3) break;
  }
}
console.log(`${Number(values.seeds)} seeds from ${from}, ${failed} failed, ${((Date.now() - began) / 1000).toFixed(1)} s`);
process.exit(failed ? 1 : 0);
