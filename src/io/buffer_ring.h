// SPDX-License-Identifier: Apache-2.0
// The buffers that multishot receives fill: one io_uring provided-buffer ring and its memory, registered as group 0.
// Owned by a uring backend; reactor thread only.
#pragma once

#include <sys/mman.h>

#include <cstdint>
#include <utility>

#include "base/error.h"
#include "io/uring_abi.h"

namespace ringcast::io {

class BufferRing {
 public:
  static constexpr int kGroup = 0;

  // `count` is a power of two, at most 32768. All memory is touched here, none later.
  [[nodiscard]] static Result<BufferRing> create(io_uring& ring, uint32_t count, uint32_t size);
  BufferRing(BufferRing&& other) noexcept { *this = std::move(other); }
  BufferRing& operator=(BufferRing&& other) noexcept;
  ~BufferRing();

  uint8_t* data(uint16_t id) { return memory_ + static_cast<size_t>(id) * size_; }
  uint32_t free() const { return free_; }

  void take() { --free_; }  // a completion names a buffer
  void give_back(uint16_t id) {
    io_uring_buf_ring_add(ring_, data(id), size_, id, static_cast<int>(count_ - 1), static_cast<int>(added_++));
    ++free_;
  }
  // Shows the kernel what give_back() has added.
  void publish() {
    if (added_ != 0) io_uring_buf_ring_advance(ring_, static_cast<int>(std::exchange(added_, 0)));
  }

 private:
  BufferRing() = default;

  io_uring* owner_ = nullptr;
  io_uring_buf_ring* ring_ = nullptr;
  uint8_t* memory_ = nullptr;
  size_t ring_bytes_ = 0;
  uint32_t count_ = 0;
  uint32_t size_ = 0;
  uint32_t free_ = 0;
  uint32_t added_ = 0;
};

}  // namespace ringcast::io
