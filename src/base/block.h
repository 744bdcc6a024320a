// SPDX-License-Identifier: Apache-2.0
// Memory of frames: a Block holds bytes that are written once and shared between cores; a Hold is one core's counted
// handle on a block. Bytes behind a published end never change, so readers need no lock.
// Block: one thread (its writer) appends, any number of cores read what they were given references to; the count is
// atomic and raised once per receiving core. Hold: one core only, plain counts, so that queueing a frame for a
// connection costs no atomic operation.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "base/assert.h"

namespace ringcast {

class Block {
 public:
  static Block* create(uint32_t capacity);  // one reference, the caller's
  void add_references(uint32_t count) { references_.fetch_add(count, std::memory_order_relaxed); }
  void release() {
    // acq_rel: the last releaser must see every other core's reads as done before the memory is reused.
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
  }

  uint8_t* data() { return reinterpret_cast<uint8_t*>(this + 1); }
  const uint8_t* data() const { return reinterpret_cast<const uint8_t*>(this + 1); }
  uint32_t capacity() const { return capacity_; }
  uint32_t room() const { return capacity_ - used_; }  // writer only
  uint32_t used() const { return used_; }              // writer only
  // Appends (writer only); the bytes become visible to others by whatever hands them the offset (a mailbox).
  uint32_t append(std::string_view bytes) {
    RINGCAST_ASSERT(bytes.size() <= room());
    std::memcpy(data() + used_, bytes.data(), bytes.size());
    return std::exchange(used_, used_ + static_cast<uint32_t>(bytes.size()));
  }

  // Blocks alive in the process, for tests (no frame leaked) and metrics.
  static int64_t live_blocks();
  static int64_t live_bytes();

 private:
  explicit Block(uint32_t capacity) : capacity_(capacity) {}
  void destroy();

  std::atomic<uint32_t> references_{1};
  uint32_t capacity_;
  uint32_t used_ = 0;
};

// A core's handle on a block: as many counted uses as this core has segments, history entries and channels on it.
// Holds come from and return to a per-thread pool.
class Hold {
 public:
  // Takes over one reference of the block.
  static Hold* adopt(Block* block);
  void acquire(uint32_t count = 1) { uses_ += count; }
  void release(uint32_t count = 1) {
    RINGCAST_ASSERT(uses_ >= count);
    uses_ -= count;
    if (uses_ == 0) destroy();
  }
  Block* block() const { return block_; }
  const uint8_t* data() const { return block_->data(); }
  // Now and then: memory in this thread's pool that nobody has needed since the last time.
  static void trim_pool();

 private:
  struct Pool;
  void destroy();
  Block* block_ = nullptr;
  uint32_t uses_ = 0;
  Hold* next_free_ = nullptr;
};

// Bytes in a block that this core holds. Does not count by itself: whoever stores a Slice acquires its hold.
struct Slice {
  Hold* hold = nullptr;
  uint32_t offset = 0;
  uint32_t length = 0;
  const uint8_t* data() const { return hold->data() + offset; }
  std::string_view view() const { return {reinterpret_cast<const char*>(data()), length}; }
  uint32_t end() const { return offset + length; }
  bool continues(const Slice& before) const { return hold == before.hold && offset == before.end(); }
};

// A slice with a counted use of its hold: the bytes stay for as long as it lives.
class OwnedSlice {
 public:
  OwnedSlice() = default;
  explicit OwnedSlice(const Slice& slice) : slice_(slice) {
    if (slice_.hold != nullptr) slice_.hold->acquire();
  }
  OwnedSlice(OwnedSlice&& other) noexcept : slice_(std::exchange(other.slice_, Slice{})) {}
  OwnedSlice& operator=(OwnedSlice&& other) noexcept {
    std::swap(slice_, other.slice_);
    return *this;
  }
  ~OwnedSlice() {
    if (slice_.hold != nullptr) slice_.hold->release();
  }
  const Slice* operator->() const { return &slice_; }

 private:
  Slice slice_;
};

// Appends to a chain of blocks and says where the bytes went. One core; keeps one use of the current block.
class BlockWriter {
 public:
  // No power of two: tables grow by those, and where both lie in the allocator's pages of one size, what a burst of
  // messages took cannot go back.
  static constexpr uint32_t kLargest = 56 * 1024;

  // Blocks start at `smallest` bytes (of memory, their header included: allocators have no sizes between) and double
  // up to `largest`, so that a quiet channel stays small and a busy one gets long runs. A message that is too large for
  // that gets a block of its own.
  explicit BlockWriter(uint32_t smallest = 1024, uint32_t largest = kLargest) : next_(smallest), largest_(largest) {}
  BlockWriter(const BlockWriter&) = delete;
  BlockWriter& operator=(const BlockWriter&) = delete;
  BlockWriter(BlockWriter&& other) noexcept
      : current_(std::exchange(other.current_, nullptr)), next_(other.next_), largest_(other.largest_) {}
  ~BlockWriter() { reset(); }

  Slice append(std::string_view bytes);
  // Two pieces, adjacent.
  Slice append(std::string_view first, std::string_view second);
  void reset();  // gives the current block up; the next append starts a new one
  Hold* current() const { return current_; }

 private:
  void need(uint32_t bytes);
  Hold* current_ = nullptr;
  uint32_t next_;
  uint32_t largest_;
};

}  // namespace ringcast
