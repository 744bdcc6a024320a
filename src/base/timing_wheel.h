// SPDX-License-Identifier: Apache-2.0
// TimingWheel: hierarchical timers, linked through 4-byte ids; arm, re-arm and cancel in constant time, no memory
// taken. One per reactor, touched by its thread only. The nodes are the caller's: 12 bytes in a slab entry, or a
// TimerTable. Seven levels of 64 slots; a timer moves down a level when the wheel comes to its slot, at most six times
// in its life.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/assert.h"

namespace ringcast {

using TimerId = uint32_t;
inline constexpr TimerId kNoTimer = UINT32_MAX;

struct TimerNode {
  static constexpr uint32_t kUnlinked = UINT32_MAX;
  static constexpr uint32_t kEnd = UINT32_MAX - 1;
  uint32_t next = kUnlinked;
  uint32_t previous = kEnd;
  uint32_t expiry = 0;  // low 32 bits of the tick
  bool armed() const noexcept { return next != kUnlinked; }
};

// Nodes: callable, `TimerNode& operator()(TimerId)`, stable for as long as the timer is armed.
template <class Nodes>
class TimingWheel {
 public:
  static constexpr int64_t kForever = INT64_MAX;

  // Time is in ns of any one clock. A timer fires at the first advance() to a time not before its expiry, rounded up to
  // a whole tick, never early.
  TimingWheel(Nodes nodes, int64_t now_ns, int64_t tick_ns = 1'000'000)
      : nodes_(nodes), start_ns_(now_ns), tick_ns_(tick_ns) {
    RINGCAST_ASSERT(tick_ns > 0);
    for (auto& level : heads_) std::fill(std::begin(level), std::end(level), TimerNode::kEnd);
  }

  TimingWheel(const TimingWheel&) = delete;
  TimingWheel& operator=(const TimingWheel&) = delete;

  // Arms, or arms anew. Beyond 2^30 ticks (12 days of 1 ms) it fires at that limit.
  void arm(TimerId id, int64_t expiry_ns) noexcept {
    TimerNode& node = nodes_(id);
    if (node.armed()) {
      unlink(id, node);
    } else {
      ++size_;
    }
    const uint64_t earliest = now_ + 1;
    const uint64_t tick = expiry_ns <= start_ns_ ? earliest : tick_at_or_after(expiry_ns);
    link(id, node, std::clamp(tick, earliest, now_ + kDelayMax));
  }

  // Whether it was armed.
  bool cancel(TimerId id) noexcept {
    TimerNode& node = nodes_(id);
    if (!node.armed()) return false;
    unlink(id, node);
    --size_;
    return true;
  }

  bool armed(TimerId id) noexcept { return nodes_(id).armed(); }
  uint32_t size() const noexcept { return size_; }
  int64_t tick_ns() const noexcept { return tick_ns_; }

  // Takes timers whose time has come off the wheel and calls fn(id) for each, ordered by tick. fn may arm and cancel
  // any timer, this one too. At most `limit` are taken; the rest stays due. Returns how many were taken.
  template <class Fn>
  uint32_t advance(int64_t now_ns, Fn&& fn, uint32_t limit = UINT32_MAX) {
    const uint64_t target = now_ns <= start_ns_ ? 0 : static_cast<uint64_t>(now_ns - start_ns_) / tick_ns_;
    uint32_t taken = 0;
    for (int level = lowest_level(); level >= 0; level = lowest_level()) {
      const int slot = std::countr_zero(occupied_[level]);
      const uint64_t tick = slot_start(level, slot);
      if (tick > target) break;
      if (level > 0) {
        now_ = std::max(now_, tick);
        cascade(level, slot);
        continue;
      }
      if (taken == limit) return taken;
      now_ = std::max(now_, tick);
      const TimerId id = heads_[0][slot];
      unlink(id, nodes_(id));
      --size_;
      ++taken;
      fn(id);
    }
    now_ = std::max(now_, target);
    return taken;
  }

  // The same, collecting: an id in `expired` may be stale by the time its turn comes, when an earlier one's handling
  // armed or freed it.
  uint32_t advance(int64_t now_ns, std::vector<TimerId>& expired) {
    return advance(now_ns, [&expired](TimerId id) { expired.push_back(id); });
  }

  // When to call advance() next: not after the first expiry, but maybe before it, where a level has to be moved down.
  // kForever without timers.
  int64_t next_expiry_ns() const noexcept {
    const int level = lowest_level();
    if (level < 0) return kForever;
    return start_ns_ + static_cast<int64_t>(slot_start(level, std::countr_zero(occupied_[level]))) * tick_ns_;
  }

 private:
  static constexpr int kSlotBits = 6;
  static constexpr int kSlots = 1 << kSlotBits;
  static constexpr int kLevels = 7;  // 2^42 ticks: 139 years of 1 ms
  static constexpr uint64_t kDelayMax = 1u << 30;

  uint64_t tick_at_or_after(int64_t time_ns) const noexcept {
    const auto since_start = static_cast<uint64_t>(time_ns) - static_cast<uint64_t>(start_ns_);
    return since_start / tick_ns_ + (since_start % tick_ns_ != 0);
  }

  uint64_t expiry_tick(const TimerNode& node) const noexcept {
    return now_ + (node.expiry - static_cast<uint32_t>(now_));  // never behind now_, at most 2^30 ahead
  }

  // A timer lies on the level of the highest digit (base 64) in which its tick differs from the current one. While the
  // current tick moves towards it that stays so until the digit is reached, and then advance() moves the slot down:
  // hence the place of a timer follows from its tick and need not be stored.
  int level_of(uint64_t tick) const noexcept {
    const int level = (63 - std::countl_zero((tick ^ now_) | 1)) / kSlotBits;
    RINGCAST_ASSERT(level < kLevels);
    return level;
  }
  static int slot_of(int level, uint64_t tick) noexcept {
    return static_cast<int>((tick >> (level * kSlotBits)) & (kSlots - 1));
  }
  uint64_t slot_start(int level, int slot) const noexcept {
    const int shift = level * kSlotBits;
    return ((now_ >> (shift + kSlotBits)) << (shift + kSlotBits)) | (static_cast<uint64_t>(slot) << shift);
  }

  // Everything on a level expires before anything on the next: that has a higher digit than the current tick's.
  int lowest_level() const noexcept {
    for (int level = 0; level < kLevels; ++level) {
      if (occupied_[level] != 0) return level;
    }
    return -1;
  }

  void link(TimerId id, TimerNode& node, uint64_t tick) noexcept {
    const int level = level_of(tick);
    const int slot = slot_of(level, tick);
    uint32_t& head = heads_[level][slot];
    node.expiry = static_cast<uint32_t>(tick);
    node.next = head;
    node.previous = TimerNode::kEnd;
    if (head != TimerNode::kEnd) nodes_(head).previous = id;
    head = id;
    occupied_[level] |= uint64_t{1} << slot;
  }

  void unlink(TimerId id, TimerNode& node) noexcept {
    if (node.next != TimerNode::kEnd) nodes_(node.next).previous = node.previous;
    if (node.previous != TimerNode::kEnd) {
      nodes_(node.previous).next = node.next;
    } else {
      const uint64_t tick = expiry_tick(node);
      const int level = level_of(tick);
      const int slot = slot_of(level, tick);
      RINGCAST_ASSERT(heads_[level][slot] == id);
      heads_[level][slot] = node.next;
      if (node.next == TimerNode::kEnd) occupied_[level] &= ~(uint64_t{1} << slot);
    }
    node.next = TimerNode::kUnlinked;
    node.previous = TimerNode::kEnd;
  }

  void cascade(int level, int slot) noexcept {
    uint32_t id = heads_[level][slot];
    heads_[level][slot] = TimerNode::kEnd;
    occupied_[level] &= ~(uint64_t{1} << slot);
    while (id != TimerNode::kEnd) {
      TimerNode& node = nodes_(id);
      const uint32_t next = node.next;
      link(id, node, expiry_tick(node));
      id = next;
    }
  }

  Nodes nodes_;
  int64_t start_ns_;
  int64_t tick_ns_;
  uint64_t now_ = 0;  // ticks since the start, all before it taken
  uint32_t size_ = 0;
  uint64_t occupied_[kLevels] = {};
  uint32_t heads_[kLevels][kSlots];
};

// Nodes for timers that lie in no slab of their own: ids are dense, memory grows in chunks and stays.
class TimerTable {
 public:
  void reserve(uint32_t count) {
    while (chunks_.size() * kChunk < count) chunks_.push_back(std::make_unique<TimerNode[]>(kChunk));
  }
  TimerNode& operator()(TimerId id) {
    RINGCAST_ASSERT(id / kChunk < chunks_.size());
    return chunks_[id / kChunk][id % kChunk];
  }

 private:
  static constexpr uint32_t kChunk = 4096;
  std::vector<std::unique_ptr<TimerNode[]>> chunks_;
};

// For a TimingWheel over a table that outlives it.
struct TimerTableNodes {
  TimerTable* table;
  TimerNode& operator()(TimerId id) const { return (*table)(id); }
};

}  // namespace ringcast
