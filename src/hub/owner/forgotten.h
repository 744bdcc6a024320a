// SPDX-License-Identifier: Apache-2.0
// Where the ids of channels stood that have been forgotten, so that they go on there when the channel is made anew: no
// id is given twice, and a cursor that has missed nothing still holds. Bounded: the oldest entries go first, and raise
// the position from which channels begin that are not known here. One core's (the channels' owner).
#pragma once

#include <tsl/robin_map.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace ringcast::hub {

class ForgottenPositions {
 public:
  // `clock_start`: positions from there on are of channels whose ids come from the clock; those below, of channels
  // whose ids begin with `first_id`. Each kind has a floor of its own, so that small ids stay small.
  ForgottenPositions(uint32_t max, uint64_t clock_start) : max_(max), clock_start_(clock_start) {}

  // Where a channel begins that is made now; `start` is what its policy says.
  uint64_t position_of(uint64_t hash, uint64_t start) const;
  // A channel is forgotten at `position`. `start` as above: nothing is kept of one that would begin there anyway.
  void add(uint64_t hash, uint64_t start, uint64_t position);
  size_t size() const { return positions_.size(); }

 private:
  uint64_t unknown(uint64_t start) const { return std::max(start, floors_[start >= clock_start_]); }
  void evict_oldest();

  uint32_t max_;
  uint64_t clock_start_;
  uint64_t floors_[2] = {0, 0};                   // of small ids, of ids from the clock
  tsl::robin_map<uint64_t, uint64_t> positions_;  // by keyed hash of the channel
  std::deque<uint64_t> order_;                    // hashes, the oldest first
};

}  // namespace ringcast::hub
