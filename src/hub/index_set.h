// SPDX-License-Identifier: Apache-2.0
// A hash set of small indices into a table that the owner keeps: 4 bytes a bucket, open addressing, no second copy of
// keys or hashes. A bucket holds index + 1 and a few bits of the hash, so that a look at an entry that does not match
// is rare. One core's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/assert.h"
#include "base/slab.h"

namespace ringcast::hub {

class IndexSet {
 public:
  static constexpr uint32_t kIndexEnd = (1u << 26) - 1;  // indices lie below

  // The index for which `matches(index)` holds, or kNoIndex.
  template <class Matches>
  uint32_t find(uint64_t hash, Matches matches) const {
    if (buckets_.empty()) return kNoIndex;
    for (uint32_t at = home(hash);; at = following(at)) {
      const uint32_t bucket = buckets_[at];
      if (bucket == kEmpty) return kNoIndex;
      if (tag_of(bucket) == tag(hash) && matches(index_of(bucket))) return index_of(bucket);
    }
  }
  // `index` must not be in it. `hash_of(index)` gives the hash of one that is.
  template <class HashOf>
  void insert(uint64_t hash, uint32_t index, HashOf hash_of) {
    RINGCAST_ASSERT(index < kIndexEnd);
    if ((size_ + 1) * uint64_t{5} > buckets_.size() * uint64_t{4}) grow(hash_of);
    place(hash, index);
    ++size_;
  }
  // `index` must be in it. `hash_of` as above, for all that stay.
  template <class HashOf>
  void erase(uint64_t hash, uint32_t index, HashOf hash_of) {
    uint32_t hole = home(hash);
    while (buckets_[hole] == kEmpty || index_of(buckets_[hole]) != index) {
      RINGCAST_ASSERT(buckets_[hole] != kEmpty);
      hole = following(hole);
    }
    // What lies behind moves up unless its home is behind the hole: no markers of what was are left.
    for (uint32_t at = following(hole); buckets_[at] != kEmpty; at = following(at)) {
      const uint32_t wanted = home(hash_of(index_of(buckets_[at])));
      const bool stays = hole < at ? hole < wanted && wanted <= at : hole < wanted || wanted <= at;
      if (stays) continue;
      buckets_[hole] = buckets_[at];
      hole = at;
    }
    buckets_[hole] = kEmpty;
    --size_;
    if (size_ <= kRebuiltMax && size_ * uint64_t{8} < buckets_.size() && buckets_.size() > kBucketsMin) {
      rebuild(std::max<size_t>(kBucketsMin, size_ * size_t{2}), hash_of);
    }
  }
  // An entry has moved from one index to another.
  void renumber(uint64_t hash, uint32_t from, uint32_t to) {
    uint32_t at = home(hash);
    while (index_of(buckets_[at]) != from) {
      RINGCAST_ASSERT(buckets_[at] != kEmpty);
      at = following(at);
    }
    buckets_[at] = pack(hash, to);
  }
  void clear() {
    std::vector<uint32_t>().swap(buckets_);
    size_ = 0;
  }
  uint32_t size() const { return size_; }
  size_t buckets() const { return buckets_.size(); }

  // A set that has become sparse is made anew for what is left, unless that takes long: this many at a time.
  static constexpr uint32_t kRebuiltMax = 16384;

 private:
  static constexpr size_t kBucketsMin = 8;
  static constexpr uint32_t kEmpty = 0;
  static constexpr uint32_t kTagShift = 26;

  static uint32_t tag(uint64_t hash) { return static_cast<uint32_t>(hash) & 63; }
  static uint32_t tag_of(uint32_t bucket) { return bucket >> kTagShift; }
  static uint32_t index_of(uint32_t bucket) { return (bucket & kIndexEnd) - 1; }
  static uint32_t pack(uint64_t hash, uint32_t index) { return tag(hash) << kTagShift | (index + 1); }
  // The lower half scaled to any number of buckets: the upper one has chosen the owner core.
  uint32_t home(uint64_t hash) const { return static_cast<uint32_t>((hash & UINT32_MAX) * buckets_.size() >> 32); }
  uint32_t following(uint32_t at) const { return at + 1 == buckets_.size() ? 0 : at + 1; }
  void place(uint64_t hash, uint32_t index) {
    uint32_t at = home(hash);
    while (buckets_[at] != kEmpty) at = following(at);
    buckets_[at] = pack(hash, index);
  }
  template <class HashOf>
  void grow(HashOf hash_of) {
    // By half: full tables stay at least 53 % full.
    rebuild(std::max<size_t>(kBucketsMin, buckets_.size() + buckets_.size() / 2), hash_of);
  }
  template <class HashOf>
  void rebuild(size_t buckets, HashOf hash_of) {
    std::vector<uint32_t> old(buckets);
    old.swap(buckets_);
    for (const uint32_t bucket : old) {
      if (bucket != kEmpty) place(hash_of(index_of(bucket)), index_of(bucket));
    }
  }

  std::vector<uint32_t> buckets_;
  uint32_t size_ = 0;
};

}  // namespace ringcast::hub
