// SPDX-License-Identifier: Apache-2.0
// A short form of the model test: some seeds, and that it catches clients that are broken on purpose.

import assert from 'node:assert/strict';
import { Client } from '../../web/client/index.js';
import { suite } from '../integration/lib/runner.js';
import { broken_client, kBroken } from './model/broken.js';
import { run_seed } from './model/model.js';

const kSeeds = 250;
const kSeedsOfBuild = 50;
const kSeedsToCatch = 1500;

// One after the other: side by side on one thread each would take as long as all.
suite('model', { server: false, at_once: 1 }, (test) => {
  test(`the client keeps its promises, ${kSeeds} seeds`, { deadline_ms: 120000 }, async () => {
    for (let seed = 1; seed <= kSeeds; seed++) await run_seed(Client, seed);
  });

  // Names are shortened there.
  test(`what browsers load keeps them too, ${kSeedsOfBuild} seeds`, { deadline_ms: 120000 }, async () => {
    const built = await import('../../web/client/v1/ringcast.mjs');
    for (let seed = 1; seed <= kSeedsOfBuild; seed++) await run_seed(built.Client, seed);
  });

  for (const name of Object.keys(kBroken)) {
    test(`a client that is broken is caught: ${name}`, { deadline_ms: 180000 }, async () => {
      const broken = await broken_client(name);
      const caught = async () => {
        for (let seed = 1; seed <= kSeedsToCatch; seed++) await run_seed(broken.Client, seed);
      };
      await assert.rejects(caught(), /^Error: seed \d+|^Violation|seed \d+:/);
    });
  }
});
