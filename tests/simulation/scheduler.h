// SPDX-License-Identifier: Apache-2.0
// One seed from its beginning to its end: who moves next is drawn; now and then everything comes to rest and is looked
// at; at last everybody goes and nothing may be left. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim_client.h"
#include "world.h"

namespace ringcast::simulation {

struct Outcome {
  uint64_t hash = 0;      // of everything that happened
  uint64_t messages = 0;  // known to the ledger
  bool failed = false;
  std::string invariant;
  std::string text;
  std::string world;
  std::vector<std::string> last_lines;
};

// `steps` = 0: as many as the seed draws.
Outcome run_seed(uint64_t seed, bool verbose, uint32_t steps = 0);

}  // namespace ringcast::simulation
