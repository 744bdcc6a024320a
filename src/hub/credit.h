// SPDX-License-Identifier: Apache-2.0
// How much this core has under way to each home core: bounded, so that no ring or overflow grows without limit.
// One core's.
#pragma once

#include <cstdint>
#include <vector>

#include "base/assert.h"

namespace ringcast::hub {

class Credit {
 public:
  Credit(uint16_t cores, uint32_t publishes_max, uint64_t bytes_max)
      : homes_(cores), publishes_max_(publishes_max), bytes_max_(bytes_max) {}
  // A message larger than the whole credit goes alone.
  bool has(uint16_t home, uint64_t bytes) const {
    const Used& used = homes_[home];
    return used.publishes == 0 || (used.publishes < publishes_max_ && used.bytes + bytes <= bytes_max_);
  }
  void take(uint16_t home, uint64_t bytes) {
    ++homes_[home].publishes;
    homes_[home].bytes += bytes;
  }
  void give_back(uint16_t home, uint64_t publishes, uint64_t bytes) {
    Used& used = homes_[home];
    RINGCAST_ASSERT(used.publishes >= publishes && used.bytes >= bytes);
    used.publishes -= static_cast<uint32_t>(publishes);
    used.bytes -= bytes;
  }
  bool all_back() const {
    for (const Used& used : homes_) {
      if (used.publishes != 0 || used.bytes != 0) return false;
    }
    return true;
  }

 private:
  struct Used {
    uint32_t publishes = 0;
    uint64_t bytes = 0;
  };
  std::vector<Used> homes_;
  uint32_t publishes_max_;
  uint64_t bytes_max_;
};

}  // namespace ringcast::hub
