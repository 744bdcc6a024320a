// SPDX-License-Identifier: Apache-2.0
// Leaves that are held back for a grace time, by when it ends: a heap from which those that were called off are taken
// out in bounded steps, so that it stays in proportion to the graces that run, however often users go and come back.
// One per owner; its reactor's thread only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "base/shrink.h"
#include "base/slab.h"
#include "hub/name.h"

namespace ringcast::hub {

// A user's leave from a room, or with an empty name from being online, by its inbox.
struct Grace {
  uint64_t ends_us;
  SlabHandle channel;
  Name user;
  friend bool operator>(const Grace& a, const Grace& b) { return a.ends_us > b.ends_us; }
};

class Graces {
 public:
  // `runs(grace)`, here and below: whether nobody has come back since.
  template <class Runs>
  void add(Grace grace, const Runs& runs) {
    drop_returned(runs);
    heap_.push_back(std::move(grace));
    std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
  }
  // Calls `end(grace)` for those that run and are over, a bounded number of them.
  template <class Runs, class End>
  void end_until(uint64_t now_us, const Runs& runs, const End& end) {
    for (uint32_t n = 0; n < kEndsPerCall && !heap_.empty() && heap_.front().ends_us <= now_us; ++n) {
      const Grace grace = std::move(heap_.front());
      take(0);
      if (runs(grace)) end(grace);
    }
  }
  size_t size() const { return heap_.size(); }

 private:
  static constexpr uint32_t kEndsPerCall = 8192;
  static constexpr uint32_t kLooksPerAdd = 2;

  template <class Runs>
  void drop_returned(const Runs& runs) {
    for (uint32_t looks = 0; looks < kLooksPerAdd && !heap_.empty(); ++looks) {
      if (look_at_ >= heap_.size()) look_at_ = 0;
      if (runs(heap_[look_at_])) {
        ++look_at_;
      } else {
        take(look_at_);
      }
    }
  }
  void take(size_t at) {
    if (at + 1 != heap_.size()) heap_[at] = std::move(heap_.back());
    heap_.pop_back();
    shrink_if_sparse(heap_);
    if (at >= heap_.size()) return;
    const size_t place = at;
    for (size_t child; (child = 2 * at + 1) < heap_.size(); at = child) {
      if (child + 1 < heap_.size() && heap_[child] > heap_[child + 1]) ++child;
      if (!(heap_[at] > heap_[child])) break;
      std::swap(heap_[at], heap_[child]);
    }
    if (at != place) return;
    std::push_heap(heap_.begin(), heap_.begin() + static_cast<std::ptrdiff_t>(at) + 1, std::greater<>());
  }

  std::vector<Grace> heap_;  // the next to end is at the front
  size_t look_at_ = 0;       // where drop_returned() goes on
};

}  // namespace ringcast::hub
