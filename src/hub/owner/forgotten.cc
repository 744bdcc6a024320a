// SPDX-License-Identifier: Apache-2.0
#include "hub/owner/forgotten.h"

#include "base/assert.h"
#include "base/erase_at.h"

namespace ringcast::hub {

uint64_t ForgottenPositions::position_of(uint64_t hash, uint64_t start) const {
  const auto found = positions_.find(hash);
  return found == positions_.end() ? unknown(start) : found->second;
}

void ForgottenPositions::add(uint64_t hash, uint64_t start, uint64_t position) {
  const auto known = positions_.find(hash);
  if (known != positions_.end()) {
    known.value() = position;
    return;
  }
  if (position == unknown(start)) return;
  positions_.emplace(hash, position);
  order_.push_back(hash);
  if (order_.size() > max_) evict_oldest();
}

void ForgottenPositions::evict_oldest() {
  const auto oldest = positions_.find(order_.front());
  RINGCAST_ASSERT(oldest != positions_.end());
  uint64_t& floor = floors_[oldest->second >= clock_start_];
  floor = std::max(floor, oldest->second);
  erase_at(positions_, oldest);
  order_.pop_front();
}

}  // namespace ringcast::hub
