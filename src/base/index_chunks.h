// SPDX-License-Identifier: Apache-2.0
// IndexChunks: which indices of a growing table are taken, and the chunks of memory that their entries lie in. Entries
// stay where they are. New ones go to the lowest chunk that has room, so that those above empty; of the chunks that
// nothing lies in one is kept, the others go back to the allocator. What is below Slab and IndexPool.
// Owned by one core; only its thread may touch it. All calls take constant time, but for a look at a word per 64
// chunks.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

#include "base/assert.h"

namespace ringcast {

inline constexpr uint32_t kNoIndex = UINT32_MAX;

// kEntryBytes for each entry, which are the chunks' own while it is not taken: an index lies there. Behind a chunk's
// entries kBehindBytes for each, which are the owner's for as long as the chunk is there.
template <size_t kEntryBytes, size_t kBehindBytes, size_t kAlignment>
class IndexChunks {
 public:
  static_assert(kEntryBytes >= sizeof(uint32_t));

  // `max`: indices taken at most. `chunk_size`: entries of a chunk, rounded up to a power of two.
  IndexChunks(uint32_t max, uint32_t chunk_size) : max_(max) {
    RINGCAST_ASSERT(max > 0 && max < kNoIndex && chunk_size > 0 && chunk_size <= (1u << 24));
    shift_ = static_cast<uint32_t>(std::countr_zero(std::bit_ceil(chunk_size)));
    chunks_.reserve(chunks_max());
    room_.reserve((chunks_max() + 63) / 64);
  }
  ~IndexChunks() {
    for (const Chunk& chunk : chunks_) ::operator delete(chunk.memory, kAlign);
  }
  IndexChunks(const IndexChunks&) = delete;
  IndexChunks& operator=(const IndexChunks&) = delete;

  // kNoIndex when `max` are taken or memory is short. In a chunk the last one given back comes first, because its cache
  // lines are warm, else the lowest that was not taken since the chunk was empty. `init(memory)` of a new chunk.
  template <class Init>
  uint32_t take(Init&& init) noexcept {
    uint32_t at = first_with_room();
    if (at == kNoIndex) {
      at = add_chunk();
      if (at == kNoIndex) return kNoIndex;
      init(chunks_[at].memory);
    }
    Chunk& chunk = chunks_[at];
    uint32_t index = chunk.free_head;
    if (index != kNoIndex) {
      std::memcpy(&chunk.free_head, entry(index), sizeof chunk.free_head);
    } else {
      index = (at << shift_) + chunk.end++;
    }
    if (chunk.taken++ == 0 && spare_ == at) spare_ = kNoIndex;
    if (chunk.free_head == kNoIndex && chunk.end == size_of(at)) room_[at / 64] &= ~bit(at);
    ++size_;
    return index;
  }

  void give_back(uint32_t index) noexcept {
    const uint32_t at = index >> shift_;
    Chunk& chunk = chunks_[at];
    std::memcpy(entry(index), &chunk.free_head, sizeof chunk.free_head);
    chunk.free_head = index;
    note_room(at);
    --size_;
    if (--chunk.taken != 0) return;
    chunk.free_head = kNoIndex;
    chunk.end = 0;
    // One is kept, so that a table whose size moves about the end of a chunk asks no allocator.
    const uint32_t higher = spare_ == kNoIndex ? kNoIndex : std::max(spare_, at);
    spare_ = std::min(spare_, at);
    if (higher != kNoIndex) drop_chunk(higher);
  }

  // Whether there is memory for this index: always while it is taken.
  bool holds(uint32_t index) const noexcept {
    return (index >> shift_) < chunks_.size() && chunks_[index >> shift_].memory != nullptr;
  }
  std::byte* entry(uint32_t index) const noexcept {
    return chunks_[index >> shift_].memory + kEntryBytes * (index & ((1u << shift_) - 1));
  }
  std::byte* behind(uint32_t index) const noexcept {
    return chunks_[index >> shift_].memory + (kEntryBytes << shift_) + kBehindBytes * (index & ((1u << shift_) - 1));
  }

  uint32_t size() const noexcept { return size_; }
  uint32_t max() const noexcept { return max_; }
  // Above every index that is taken.
  uint32_t index_end() const noexcept {
    return chunks_.empty() ? 0 : (static_cast<uint32_t>(chunks_.size() - 1) << shift_) + chunks_.back().end;
  }
  uint32_t chunk_size() const noexcept { return 1u << shift_; }
  size_t chunk_bytes() const noexcept { return (kEntryBytes + kBehindBytes) << shift_; }
  size_t memory_bytes() const noexcept { return (chunks_.size() - holes_) * chunk_bytes(); }

 private:
  struct Chunk {
    std::byte* memory = nullptr;    // null: given back
    uint32_t free_head = kNoIndex;  // of those below `end` that are not taken
    uint32_t end = 0;               // entries from here on were not taken since the chunk was empty
    uint32_t taken = 0;
  };
  static constexpr std::align_val_t kAlign{kAlignment};

  static uint64_t bit(uint32_t at) { return uint64_t{1} << (at % 64); }
  size_t chunks_max() const { return (static_cast<size_t>(max_) + (size_t{1} << shift_) - 1) >> shift_; }
  uint32_t size_of(uint32_t at) const { return std::min(1u << shift_, max_ - (at << shift_)); }

  void note_room(uint32_t at) {
    room_[at / 64] |= bit(at);
    first_room_ = std::min(first_room_, at / 64);
  }
  uint32_t first_with_room() {
    for (; first_room_ < room_.size(); ++first_room_) {
      const uint64_t word = room_[first_room_];
      if (word != 0) return first_room_ * 64 + static_cast<uint32_t>(std::countr_zero(word));
    }
    return kNoIndex;
  }
  // A look at every chunk, but at most once for each chunk that has been filled.
  uint32_t add_chunk() noexcept {
    auto at = static_cast<uint32_t>(chunks_.size());
    if (holes_ != 0) {
      for (at = 0; chunks_[at].memory != nullptr;) ++at;
    } else if (at == chunks_max()) {
      return kNoIndex;
    }
    auto* memory = static_cast<std::byte*>(::operator new(chunk_bytes(), kAlign, std::nothrow));
    if (memory == nullptr) return kNoIndex;
    if (at == chunks_.size()) {
      chunks_.emplace_back();
      if (at / 64 == room_.size()) room_.push_back(0);
    } else {
      --holes_;
    }
    chunks_[at].memory = memory;
    note_room(at);
    return at;
  }
  void drop_chunk(uint32_t at) noexcept {
    ::operator delete(chunks_[at].memory, kAlign);
    chunks_[at].memory = nullptr;
    room_[at / 64] &= ~bit(at);
    ++holes_;
    for (; chunks_.back().memory == nullptr; --holes_) chunks_.pop_back();
  }

  std::vector<Chunk> chunks_;
  std::vector<uint64_t> room_;  // a bit for each chunk: it is there and not full
  uint32_t first_room_ = 0;     // no word before has a bit
  uint32_t spare_ = kNoIndex;   // the chunk that is kept though nothing lies in it
  uint32_t holes_ = 0;          // chunks given back that lie below others
  uint32_t shift_ = 0;
  uint32_t max_;
  uint32_t size_ = 0;
};

}  // namespace ringcast
