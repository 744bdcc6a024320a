// SPDX-License-Identifier: Apache-2.0
// How much this core has under way to each owner core: bounded, so that no ring or overflow grows without limit.
// One core's.
#pragma once

#include <cstdint>
#include <vector>

#include "base/assert.h"

namespace ringcast::hub {

class Credit {
 public:
  Credit(uint16_t cores, uint32_t publishes_max, uint64_t bytes_max)
      : owners_(cores), publishes_max_(publishes_max), bytes_max_(bytes_max) {}
  // A message larger than the whole credit goes alone.
  bool has(uint16_t owner, uint64_t bytes) const {
    const Used& used = owners_[owner];
    return used.publishes == 0 || (used.publishes < publishes_max_ && used.bytes + bytes <= bytes_max_);
  }
  void take(uint16_t owner, uint64_t bytes) {
    ++owners_[owner].publishes;
    owners_[owner].bytes += bytes;
  }
  void give_back(uint16_t owner, uint64_t publishes, uint64_t bytes) {
    Used& used = owners_[owner];
    RINGCAST_ASSERT(used.publishes >= publishes && used.bytes >= bytes);
    used.publishes -= static_cast<uint32_t>(publishes);
    used.bytes -= bytes;
  }
  bool all_back() const {
    for (const Used& used : owners_) {
      if (used.publishes != 0 || used.bytes != 0) return false;
    }
    return true;
  }

 private:
  struct Used {
    uint32_t publishes = 0;
    uint64_t bytes = 0;
  };
  std::vector<Used> owners_;
  uint32_t publishes_max_;
  uint64_t bytes_max_;
};

}  // namespace ringcast::hub
