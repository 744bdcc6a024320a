// SPDX-License-Identifier: Apache-2.0
#include "hub/owner/history.h"

#include <algorithm>

namespace ringcast::hub {

void History::push(const Kept& entry) {
  if (count_ == ring_.size()) {
    std::vector<Kept> larger(std::max<size_t>(4, ring_.size() * 2));
    for (uint32_t i = 0; i < count_; ++i) larger[i] = at(i);
    ring_.swap(larger);
    head_ = 0;
  }
  entry.slice.hold->acquire();
  ring_[(head_ + count_) & (ring_.size() - 1)] = entry;
  ++count_;
  bytes_ += entry.slice.length + kOverhead;
}

void History::pop_oldest() {
  RINGCAST_ASSERT(count_ != 0);
  const Kept& oldest = at(0);
  bytes_ -= oldest.slice.length + kOverhead;
  oldest.slice.hold->release();
  head_ = (head_ + 1) & (ring_.size() - 1);
  --count_;
}

void History::clear() {
  while (count_ != 0) pop_oldest();
  std::vector<Kept>().swap(ring_);
  head_ = 0;
}

}  // namespace ringcast::hub
