// SPDX-License-Identifier: Apache-2.0
// Slab: a growing table of T with 4-byte indices, generations and stable addresses, bounded by a maximum.
// Owned by one core (or one test); only its thread may touch it. Memory comes in chunks, and those that nothing lies in
// go back (index_chunks.h). An index alone is enough inside a layer; across layers and over time it travels with its
// generation.
#pragma once

#include <algorithm>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "base/assert.h"
#include "base/index_chunks.h"

namespace ringcast {

struct SlabHandle {
  uint32_t index = kNoIndex;
  uint32_t generation = 0;
  friend bool operator==(SlabHandle, SlabHandle) = default;
};

template <class T>
class Slab {
 public:
  // `max`: live entries at most. `chunk_size`: entries added at a time, rounded up to a power of two.
  explicit Slab(uint32_t max, uint32_t chunk_size = 1024) : chunks_(max, chunk_size) {}

  ~Slab() {
    for_each([this](uint32_t index, T&) { release(index); });
  }

  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  // Makes an entry; kNoIndex when `max` are live or memory is short.
  template <class... Args>
  uint32_t acquire(Args&&... args) noexcept {
    static_assert(std::is_nothrow_constructible_v<T, Args...>);
    const uint32_t index = chunks_.take([this](std::byte* chunk) {
      auto* generations = reinterpret_cast<uint32_t*>(chunk + kSlotBytes * chunks_.chunk_size());
      std::fill_n(generations, chunks_.chunk_size(), generation_floor_);
    });
    if (index == kNoIndex) return kNoIndex;
    ++generation_ref(index);  // odd: live
    ::new (chunks_.entry(index)) T(std::forward<Args>(args)...);
    return index;
  }

  void release(uint32_t index) noexcept {
    (*this)[index].~T();
    const uint32_t generation = ++generation_ref(index);  // even: free; a handle to the old entry no longer matches
    generation_floor_ = std::max(generation_floor_, generation);
    chunks_.give_back(index);
  }

  bool live(uint32_t index) const noexcept { return chunks_.holds(index) && (generation_ref(index) & 1) != 0; }

  T& operator[](uint32_t index) noexcept {
    RINGCAST_ASSERT(live(index));
    return *std::launder(reinterpret_cast<T*>(chunks_.entry(index)));
  }
  const T& operator[](uint32_t index) const noexcept { return const_cast<Slab&>(*this)[index]; }

  // Null when the entry is gone, also when its index has been given to another one since.
  T* get(uint32_t index, uint32_t generation) noexcept {
    if (!chunks_.holds(index) || generation_ref(index) != generation || (generation & 1) == 0) return nullptr;
    return std::launder(reinterpret_cast<T*>(chunks_.entry(index)));
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
    for (uint32_t index = 0; index < chunks_.index_end(); ++index) {
      if (live(index)) fn(index, (*this)[index]);
    }
  }

  uint32_t size() const noexcept { return chunks_.size(); }
  uint32_t max() const noexcept { return chunks_.max(); }
  // Above every live index.
  uint32_t index_end() const noexcept { return chunks_.index_end(); }
  size_t memory_bytes() const noexcept { return chunks_.memory_bytes(); }

 private:
  static constexpr size_t kSlotBytes = sizeof(T) < sizeof(uint32_t) ? sizeof(uint32_t) : sizeof(T);

  // Generations lie behind the chunk's slots: T's alignment pads nothing, and walking the live ones reads them densely.
  uint32_t& generation_ref(uint32_t index) const noexcept {
    return *reinterpret_cast<uint32_t*>(chunks_.behind(index));
  }

  IndexChunks<kSlotBytes, sizeof(uint32_t), (alignof(T) < 64 ? 64 : alignof(T))> chunks_;
  // Of those ever released: from here on go those of a new chunk, which may have been there before, with handles out.
  uint32_t generation_floor_ = 0;
};

}  // namespace ringcast
