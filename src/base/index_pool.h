// SPDX-License-Identifier: Apache-2.0
// IndexPool: a growing table of small values with 4-byte indices and stable addresses. A Slab without generations: for
// what is found only through links that its owner keeps true, and made by the hundred thousand.
// Owned by one core; only its thread may touch it. Memory comes and goes in chunks (index_chunks.h).
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "base/assert.h"
#include "base/index_chunks.h"

namespace ringcast {

template <class T>
class IndexPool {
 public:
  static_assert(std::is_trivially_copyable_v<T>);

  explicit IndexPool(uint32_t max) : chunks_(max, kChunk) {}

  // kNoIndex when `max` are taken or memory is short.
  uint32_t acquire(const T& value) {
    const uint32_t index = chunks_.take([this](std::byte* chunk) { std::memset(chunk, 0, chunks_.chunk_bytes()); });
    if (index != kNoIndex) (*this)[index] = value;
    return index;
  }
  // The entry's first four bytes are the pool's from here on; the others stay as they are while there is memory for it.
  void release(uint32_t index) {
    RINGCAST_ASSERT(chunks_.holds(index));
    chunks_.give_back(index);
  }
  T& operator[](uint32_t index) {
    RINGCAST_ASSERT(chunks_.holds(index));
    return *reinterpret_cast<T*>(chunks_.entry(index));
  }
  const T& operator[](uint32_t index) const { return const_cast<IndexPool&>(*this)[index]; }
  // Also of one that was released, or was never taken (all zeros); null when there is no memory for it any more.
  T* find(uint32_t index) { return chunks_.holds(index) ? &(*this)[index] : nullptr; }
  const T* find(uint32_t index) const { return const_cast<IndexPool&>(*this).find(index); }
  uint32_t size() const { return chunks_.size(); }
  // Above every index that is taken.
  uint32_t index_end() const { return chunks_.index_end(); }
  size_t memory_bytes() const { return chunks_.memory_bytes(); }

 private:
  static constexpr uint32_t kChunk = 1024;
  IndexChunks<sizeof(T), 0, 64> chunks_;
};

}  // namespace ringcast
