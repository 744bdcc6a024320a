// SPDX-License-Identifier: Apache-2.0
#include "base/block.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "base/free_list.h"

namespace ringcast {

namespace {

std::atomic<int64_t> live_blocks_count{0};
std::atomic<int64_t> live_bytes_count{0};

}  // namespace

// Freed holds of this thread: holds never leave the core that made them.
struct Hold::Pool : FreeList<Hold, &Hold::next_free_> {
  static Pool& of_this_thread() {
    thread_local Pool pool;
    return pool;
  }
};

Block* Block::create(uint32_t capacity) {
  void* memory = std::malloc(sizeof(Block) + capacity);
  if (memory == nullptr) throw std::bad_alloc();
  live_blocks_count.fetch_add(1, std::memory_order_relaxed);
  live_bytes_count.fetch_add(capacity, std::memory_order_relaxed);
  return new (memory) Block(capacity);
}

void Block::destroy() {
  live_blocks_count.fetch_sub(1, std::memory_order_relaxed);
  live_bytes_count.fetch_sub(capacity_, std::memory_order_relaxed);
  this->~Block();
  std::free(this);
}

int64_t Block::live_blocks() {
  return live_blocks_count.load(std::memory_order_relaxed);
}
int64_t Block::live_bytes() {
  return live_bytes_count.load(std::memory_order_relaxed);
}

Hold* Hold::adopt(Block* block) {
  Hold* const hold = Pool::of_this_thread().take();
  hold->block_ = block;
  hold->uses_ = 1;
  return hold;
}

void Hold::destroy() {
  block_->release();
  block_ = nullptr;
  Pool::of_this_thread().give_back(this);
}

void Hold::trim_pool() {
  Pool::of_this_thread().trim();
}

Slice BlockWriter::append(std::string_view bytes) {
  return append(bytes, {});
}

Slice BlockWriter::append(std::string_view first, std::string_view second) {
  const auto length = static_cast<uint32_t>(first.size() + second.size());
  need(length);
  const uint32_t offset = current_->block()->append(first);
  if (!second.empty()) current_->block()->append(second);
  return Slice{current_, offset, length};
}

void BlockWriter::need(uint32_t bytes) {
  if (current_ != nullptr && current_->block()->room() >= bytes) return;
  if (current_ != nullptr) {
    reset();
    next_ = std::min(next_ * 2, largest_);
  }
  current_ = Hold::adopt(Block::create(std::max(next_ - static_cast<uint32_t>(sizeof(Block)), bytes)));
}

void BlockWriter::reset() {
  if (current_ == nullptr) return;
  current_->release();
  current_ = nullptr;
}

}  // namespace ringcast
