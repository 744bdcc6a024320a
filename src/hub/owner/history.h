// SPDX-License-Identifier: Apache-2.0
// A channel's last messages, as slices of the blocks they were sent from. One core's.
#pragma once

#include <cstdint>
#include <vector>

#include "base/block.h"

namespace ringcast::hub {

struct Kept {
  Slice slice;
  uint32_t time_s = 0;  // since 1970
  bool final = false;
};

// A ring of entries with contiguous ids, the newest being the channel's position.
class History {
 public:
  History() = default;
  History(const History&) = delete;
  History& operator=(const History&) = delete;
  ~History() { clear(); }

  void push(const Kept& entry);  // acquires the hold
  void pop_oldest();
  void clear();
  uint32_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  uint64_t bytes() const { return bytes_; }
  const Kept& at(uint32_t index) const { return ring_[(head_ + index) & (ring_.size() - 1)]; }  // 0: oldest
  // What one entry counts beside its bytes.
  static constexpr uint64_t kOverhead = sizeof(Kept);

 private:
  std::vector<Kept> ring_;  // size: zero or a power of two
  size_t head_ = 0;
  uint32_t count_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace ringcast::hub
