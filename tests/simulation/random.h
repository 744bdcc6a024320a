// SPDX-License-Identifier: Apache-2.0
// The one source of chance of a simulated run: everything that happens follows from the seed. One per world, one
// thread.
#pragma once

#include <cstdint>

#include "base/assert.h"

namespace ringcast::simulation {

// splitmix64: small, and every seed is a good one.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  uint64_t below(uint64_t bound) {
    RINGCAST_ASSERT(bound != 0 && bound <= UINT32_MAX);
    return (next() >> 32) * bound >> 32;
  }
  uint64_t between(uint64_t least, uint64_t most) { return least + below(most - least + 1); }
  bool percent(uint64_t chance) { return below(100) < chance; }

 private:
  uint64_t state_;
};

}  // namespace ringcast::simulation
