// SPDX-License-Identifier: Apache-2.0
// Slab: a growing table of T with 4-byte indices, generations and stable addresses, bounded by a maximum.
// Owned by one core (or one test); only its thread may touch it. Memory comes in chunks and is kept, but for trim().
// An index alone is enough inside a layer; across layers and over time it travels with its generation.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/assert.h"

namespace ringcast {

inline constexpr uint32_t kNoIndex = UINT32_MAX;

struct SlabHandle {
  uint32_t index = kNoIndex;
  uint32_t generation = 0;
  friend bool operator==(SlabHandle, SlabHandle) = default;
};

template <class T>
class Slab {
 public:
  // `max`: live entries at most. `chunk_size`: entries added at a time, rounded up to a power of two.
  explicit Slab(uint32_t max, uint32_t chunk_size = 1024) : max_(max) {
    RINGCAST_ASSERT(max > 0 && max < kNoIndex && chunk_size > 0 && chunk_size <= (1u << 24));
    shift_ = static_cast<uint32_t>(std::countr_zero(std::bit_ceil(chunk_size)));
    chunks_.reserve((static_cast<size_t>(max) + (size_t{1} << shift_) - 1) >> shift_);
  }

  ~Slab() {
    for_each([this](uint32_t index, T&) { release(index); });
    for (std::byte* chunk : chunks_) ::operator delete(chunk, kAlign);
  }

  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  // Makes an entry; kNoIndex when `max` are live or memory is short. The last released index comes first, because its
  // cache lines are warm; otherwise the lowest one never used, so that entries lie in order of their making.
  template <class... Args>
  uint32_t acquire(Args&&... args) noexcept {
    static_assert(std::is_nothrow_constructible_v<T, Args...>);
    uint32_t index = free_head_;
    if (index != kNoIndex) {
      std::memcpy(&free_head_, slot(index), sizeof free_head_);
    } else {
      if (fresh_ == max_) return kNoIndex;
      if (fresh_ == capacity() && !add_chunk()) return kNoIndex;
      index = fresh_++;
    }
    ++generation_ref(index);  // odd: live
    ::new (slot(index)) T(std::forward<Args>(args)...);
    ++size_;
    return index;
  }

  void release(uint32_t index) noexcept {
    RINGCAST_ASSERT(live(index));
    (*this)[index].~T();
    ++generation_ref(index);  // even: free; a handle to the old entry no longer matches
    std::memcpy(slot(index), &free_head_, sizeof free_head_);
    free_head_ = index;
    --size_;
  }

  bool live(uint32_t index) const noexcept { return index < fresh_ && (generation_ref(index) & 1) != 0; }

  T& operator[](uint32_t index) noexcept {
    RINGCAST_ASSERT(live(index));
    return *std::launder(reinterpret_cast<T*>(slot(index)));
  }
  const T& operator[](uint32_t index) const noexcept { return const_cast<Slab&>(*this)[index]; }

  // Null when the entry is gone, also when its index has been given to another one since.
  T* get(uint32_t index, uint32_t generation) noexcept {
    if (index >= fresh_ || generation_ref(index) != generation || (generation & 1) == 0) return nullptr;
    return std::launder(reinterpret_cast<T*>(slot(index)));
  }
  T* get(SlabHandle handle) noexcept { return get(handle.index, handle.generation); }

  uint32_t generation(uint32_t index) const noexcept {
    RINGCAST_ASSERT(live(index));
    return generation_ref(index);
  }
  SlabHandle handle(uint32_t index) const noexcept { return {index, generation(index)}; }

  // Calls fn(index, T&) for every live entry in order of index. fn may release any entry and acquire new ones; whether
  // it meets those is left open.
  template <class Fn>
  void for_each(Fn&& fn) {
    for (uint32_t index = 0; index < fresh_; ++index) {
      if ((generation_ref(index) & 1) != 0) fn(index, (*this)[index]);
    }
  }

  // Takes and touches memory for `count` entries (at most `max`), so that no page fault meets the hot path.
  bool reserve(uint32_t count) noexcept {
    count = std::min(count, max_);
    while (capacity() < count) {
      if (!add_chunk()) return false;
      std::memset(chunks_.back(), 0, chunk_bytes());
    }
    return true;
  }

  // Gives back all chunks but one while nothing is live. Generations begin anew: for owners that keep no handles.
  void trim() noexcept {
    if (size_ != 0 || chunks_.size() <= 1) return;
    for (; chunks_.size() > 1; chunks_.pop_back()) ::operator delete(chunks_.back(), kAlign);
    fresh_ = 0;
    free_head_ = kNoIndex;
  }

  uint32_t size() const noexcept { return size_; }
  uint32_t max() const noexcept { return max_; }
  // One past the highest index ever given.
  uint32_t index_end() const noexcept { return fresh_; }
  size_t memory_bytes() const noexcept { return chunks_.size() * chunk_bytes(); }

 private:
  // A free slot holds the next free index.
  static constexpr size_t kSlotBytes = sizeof(T) < sizeof(uint32_t) ? sizeof(uint32_t) : sizeof(T);
  static constexpr std::align_val_t kAlign{alignof(T) < 64 ? 64 : alignof(T)};

  size_t chunk_bytes() const noexcept { return (kSlotBytes + sizeof(uint32_t)) << shift_; }
  // 64 bits wide inside: the last chunk may reach beyond `max`, and beyond 32 bits.
  uint64_t capacity() const noexcept { return static_cast<uint64_t>(chunks_.size()) << shift_; }

  bool add_chunk() noexcept {
    auto* chunk = static_cast<std::byte*>(::operator new(chunk_bytes(), kAlign, std::nothrow));
    if (chunk == nullptr) return false;
    std::memset(chunk + (kSlotBytes << shift_), 0, sizeof(uint32_t) << shift_);
    chunks_.push_back(chunk);
    return true;
  }

  std::byte* slot(uint32_t index) const noexcept {
    return chunks_[index >> shift_] + kSlotBytes * (index & ((1u << shift_) - 1));
  }
  // Generations lie behind the chunk's slots: T's alignment pads nothing, and walking the live ones reads them densely.
  uint32_t& generation_ref(uint32_t index) const noexcept {
    std::byte* generations = chunks_[index >> shift_] + (kSlotBytes << shift_);
    return reinterpret_cast<uint32_t*>(generations)[index & ((1u << shift_) - 1)];
  }

  std::vector<std::byte*> chunks_;
  uint32_t shift_ = 0;
  uint32_t max_;
  uint32_t fresh_ = 0;
  uint32_t size_ = 0;
  uint32_t free_head_ = kNoIndex;
};

}  // namespace ringcast
