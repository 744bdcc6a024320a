// SPDX-License-Identifier: Apache-2.0
// Connections by how much their peers have left unread, in classes by powers of two, so that one of the largest is
// found at once. Only those with something unread are in it. One reactor's.
#pragma once

#include <tsl/robin_map.h>

#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "base/assert.h"
#include "base/erase_at.h"
#include "base/slab.h"

namespace ringcast::reactor {

class UnreadRanking {
 public:
  // `before` is what the last update said, or 0.
  void update(uint32_t slot, uint32_t before, uint32_t now) {
    const int from = std::bit_width(before), to = std::bit_width(now);
    if (from == to) return;
    if (from != 0) take_out(slot, from);
    if (to != 0) {
      places_[slot] = static_cast<uint32_t>(classes_[to].size());
      classes_[to].push_back(slot);
    }
    if (places_.empty() && places_.bucket_count() > kBucketsKept) *this = UnreadRanking();
  }
  // One with more than half of the most unread; kNoIndex when there is none.
  uint32_t largest() const {
    for (size_t at = classes_.size(); at-- > 1;) {
      if (!classes_[at].empty()) return classes_[at].back();
    }
    return kNoIndex;
  }
  size_t size() const { return places_.size(); }

 private:
  // What a few slow readers need is kept, so that one that is slow now and then allocates nothing; what many took is
  // given back.
  static constexpr size_t kBucketsKept = 128;

  void take_out(uint32_t slot, int from) {
    std::vector<uint32_t>& others = classes_[from];
    const auto found = places_.find(slot);
    RINGCAST_ASSERT(found != places_.end() && others[found->second] == slot);
    const uint32_t place = found->second;
    erase_at(places_, found);
    if (place + 1 != others.size()) {
      others[place] = others.back();
      places_[others[place]] = place;
    }
    others.pop_back();
  }

  std::array<std::vector<uint32_t>, 33> classes_;  // by the number of bits; [0] stays empty
  tsl::robin_map<uint32_t, uint32_t> places_;      // by slot
};

}  // namespace ringcast::reactor
