// SPDX-License-Identifier: Apache-2.0
#include "io/buffer_ring.h"

#include <bit>
#include <cerrno>

#include "base/assert.h"

namespace ringcast::io {

Result<BufferRing> BufferRing::create(io_uring& ring, uint32_t count, uint32_t size) {
  if (!std::has_single_bit(count) || count > 32768 || size == 0) {
    return fail("bad_value", "receive_buffer_count must be a power of two up to 32768, receive_buffer_size above 0");
  }
  BufferRing result;
  result.count_ = count;
  result.size_ = size;
  result.ring_bytes_ = count * sizeof(io_uring_buf);
  // The ring must begin on a page; the buffers follow it.
  const size_t total = result.ring_bytes_ + static_cast<size_t>(count) * size;
  void* memory = ::mmap(nullptr, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) return fail_errno("receive buffers", errno);
  result.ring_ = static_cast<io_uring_buf_ring*>(memory);
  result.memory_ = static_cast<uint8_t*>(memory) + result.ring_bytes_;
  io_uring_buf_ring_init(result.ring_);

  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<uint64_t>(memory);
  registration.ring_entries = count;
  registration.bgid = kGroup;
  if (const int error = io_uring_register_buf_ring(&ring, &registration, 0); error != 0) {
    return fail_errno("io_uring: registering receive buffers", -error);
  }
  result.owner_ = &ring;
  for (uint32_t id = 0; id < count; ++id) result.give_back(static_cast<uint16_t>(id));
  result.publish();
  return result;
}

BufferRing& BufferRing::operator=(BufferRing&& other) noexcept {
  std::swap(owner_, other.owner_);
  std::swap(ring_, other.ring_);
  std::swap(memory_, other.memory_);
  std::swap(ring_bytes_, other.ring_bytes_);
  std::swap(count_, other.count_);
  std::swap(size_, other.size_);
  std::swap(free_, other.free_);
  std::swap(added_, other.added_);
  return *this;
}

BufferRing::~BufferRing() {
  if (owner_ != nullptr) io_uring_unregister_buf_ring(owner_, kGroup);
  if (ring_ != nullptr) ::munmap(ring_, ring_bytes_ + static_cast<size_t>(count_) * size_);
}

}  // namespace ringcast::io
