// SPDX-License-Identifier: Apache-2.0
// SpscRing: a bounded queue between exactly one producing and one consuming thread.
// The producer stages slots and publishes them with one release store; the consumer takes what is published and gives
// the room back with one release store. Neither ever waits. Sleeping and waking are not its business: see the mesh.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>

#include "base/assert.h"

namespace ringcast {

inline constexpr size_t kCacheLine = 64;

template <class T>
class SpscRing {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  // `capacity`: a power of two.
  explicit SpscRing(uint32_t capacity)
      : slots_(static_cast<T*>(::operator new (capacity * sizeof(T), std::align_val_t{kCacheLine}))),
        mask_(capacity - 1) {
    RINGCAST_ASSERT(std::has_single_bit(capacity) && capacity <= (1u << 30));
  }

  SpscRing(const SpscRing&) = delete;
  SpscRing& operator=(const SpscRing&) = delete;

  uint32_t capacity() const noexcept { return mask_ + 1; }

  // Producer: copies into the next slot; invisible until publish(). False when there is no room, or none beside
  // `spared` slots.
  bool try_push(const T& value, uint32_t spared = 0) noexcept {
    if (staged_ - head_seen_ + spared > mask_) {
      head_seen_ = head_.load(std::memory_order_acquire);  // the consumer has left these slots: partner in drain()
      if (staged_ - head_seen_ + spared > mask_) return false;
    }
    slots_.get()[staged_++ & mask_] = value;
    return true;
  }

  // Producer: makes staged slots visible, in order. Returns how many there were.
  uint32_t publish() noexcept {
    const uint32_t count = staged();
    if (count != 0) tail_.store(staged_, std::memory_order_release);  // partner: the acquire in drain()
    return count;
  }

  uint32_t staged() const noexcept { return staged_ - tail_.load(std::memory_order_relaxed); }

  // Producer: whether try_push() would take one more. A fresh look at the consumer's position.
  bool has_room() noexcept {
    head_seen_ = head_.load(std::memory_order_acquire);
    return staged_ - head_seen_ <= mask_;
  }

  // Consumer: calls fn(const T&) for what is published now, at most `limit`, in order; then gives the room back at
  // once. The slots stay the consumer's until fn of the last one has returned. Returns how many there were.
  template <class Fn>
  uint32_t drain(Fn&& fn, uint32_t limit = UINT32_MAX) {
    if (tail_seen_ == taken_) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      if (tail_seen_ == taken_) return 0;
    }
    const uint32_t available = tail_seen_ - taken_;
    const uint32_t count = available < limit ? available : limit;
    for (uint32_t i = 0; i < count; ++i) fn(static_cast<const T&>(slots_.get()[taken_++ & mask_]));
    head_.store(taken_, std::memory_order_release);
    return count;
  }

  // Consumer: whether nothing is published. A fresh look at the producer's position.
  bool empty() noexcept {
    tail_seen_ = tail_.load(std::memory_order_acquire);
    return tail_seen_ == taken_;
  }

  // Any thread: published and not yet given back; exact only when both sides are still.
  uint32_t depth() const noexcept {
    const uint32_t head = head_.load(std::memory_order_acquire);  // first, or it could run ahead of the tail
    return tail_.load(std::memory_order_acquire) - head;
  }

 private:
  // Free-running indices, each on the line of the side that writes it; what a side keeps for itself is apart from what
  // the other side reads, so that staging and taking disturb nobody.
  struct FreeSlots {
    void operator()(T* slots) const noexcept { ::operator delete (slots, std::align_val_t{kCacheLine}); }
  };
  // Not touched before its first use: a mesh of many cores has many rings that stay empty.
  const std::unique_ptr<T, FreeSlots> slots_;
  const uint32_t mask_;
  alignas(kCacheLine) std::atomic<uint32_t> tail_{0};
  alignas(kCacheLine) uint32_t staged_ = 0;
  uint32_t head_seen_ = 0;
  alignas(kCacheLine) std::atomic<uint32_t> head_{0};
  alignas(kCacheLine) uint32_t taken_ = 0;
  uint32_t tail_seen_ = 0;
};

}  // namespace ringcast
