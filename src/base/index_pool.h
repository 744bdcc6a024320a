// SPDX-License-Identifier: Apache-2.0
// IndexPool: a growing table of small values with 4-byte indices and stable addresses. A Slab without generations: for
// what is found only through links that its owner keeps true, and made by the hundred thousand.
// Owned by one core; only its thread may touch it. Memory comes in chunks and is kept until the end.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>
#include <vector>

#include "base/assert.h"
#include "base/slab.h"

namespace ringcast {

template <class T>
class IndexPool {
 public:
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) >= sizeof(uint32_t));

  explicit IndexPool(uint32_t max) : max_(max) { RINGCAST_ASSERT(max > 0 && max < kNoIndex); }

  // kNoIndex when `max` are taken. The last one released comes first.
  uint32_t acquire(const T& value) {
    uint32_t index = free_head_;
    if (index != kNoIndex) {
      std::memcpy(&free_head_, &(*this)[index], sizeof free_head_);
    } else {
      if (end_ == max_) return kNoIndex;
      if (end_ % kChunk == 0) chunks_.push_back(std::make_unique<T[]>(kChunk));
      index = end_++;
    }
    (*this)[index] = value;
    ++size_;
    return index;
  }
  // The entry's first four bytes are the pool's from here on; the others stay as they are.
  void release(uint32_t index) {
    std::memcpy(static_cast<void*>(&(*this)[index]), &free_head_, sizeof free_head_);
    free_head_ = index;
    --size_;
  }
  T& operator[](uint32_t index) {
    RINGCAST_ASSERT(index < end_);
    return chunks_[index / kChunk][index % kChunk];
  }
  const T& operator[](uint32_t index) const { return const_cast<IndexPool&>(*this)[index]; }
  uint32_t size() const { return size_; }
  // One past the highest index ever given.
  uint32_t index_end() const { return end_; }

 private:
  static constexpr uint32_t kChunk = 1024;
  std::vector<std::unique_ptr<T[]>> chunks_;
  uint32_t max_;
  uint32_t end_ = 0;
  uint32_t size_ = 0;
  uint32_t free_head_ = kNoIndex;
};

}  // namespace ringcast
