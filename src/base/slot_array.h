// SPDX-License-Identifier: Apache-2.0
// SlotArray: what is kept beside a slab under the same indices. Memory comes in chunks, so that growing copies nothing;
// a chunk that nothing lies in goes back, but for one.
// Owned by one core; only its thread may touch it. All calls take constant time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/assert.h"

namespace ringcast {

template <class T>
class SlotArray {
 public:
  // A new entry, which was not there before.
  T& add(uint32_t slot) {
    const size_t at = slot / kChunk;
    if (at >= chunks_.size()) chunks_.resize(at + 1);
    Chunk& chunk = chunks_[at];
    if (chunk.entries == nullptr) chunk.entries = std::make_unique<T[]>(kChunk);
    if (chunk.used++ == 0 && spare_ == at) spare_ = kNone;
    return chunk.entries[slot % kChunk];
  }
  void remove(uint32_t slot) {
    const size_t at = slot / kChunk;
    Chunk& chunk = chunks_[at];
    RINGCAST_ASSERT(chunk.used != 0);
    chunk.entries[slot % kChunk] = T();
    if (--chunk.used != 0) return;
    if (spare_ == kNone) {
      spare_ = at;
      return;
    }
    chunk.entries.reset();
    while (!chunks_.empty() && chunks_.back().entries == nullptr) chunks_.pop_back();
  }

  // Whether there is memory at `slot`: an entry, or what a new one begins with.
  bool holds(uint32_t slot) const {
    return slot / kChunk < chunks_.size() && chunks_[slot / kChunk].entries != nullptr;
  }
  // Where it holds().
  T& operator[](uint32_t slot) const { return chunks_[slot / kChunk].entries[slot % kChunk]; }
  // Above every entry.
  uint32_t end() const { return static_cast<uint32_t>(chunks_.size()) * kChunk; }

  // For tests.
  size_t chunks() const {
    size_t count = 0;
    for (const Chunk& chunk : chunks_) count += chunk.entries != nullptr ? 1 : 0;
    return count;
  }
  static constexpr uint32_t kChunk = 1024;

 private:
  static constexpr size_t kNone = SIZE_MAX;
  struct Chunk {
    std::unique_ptr<T[]> entries;
    uint32_t used = 0;
  };
  std::vector<Chunk> chunks_;
  size_t spare_ = kNone;  // the chunk that is kept though nothing lies in it
};

}  // namespace ringcast
