// SPDX-License-Identifier: Apache-2.0
#include "webhook/inlet.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

namespace ringcast::webhook {

Result<std::unique_ptr<Inlet>> Inlet::create(uint16_t cores, uint32_t ring_slots) {
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) return fail_errno("eventfd", errno);
  return std::unique_ptr<Inlet>(new Inlet(cores, ring_slots, fd));
}

Inlet::Inlet(uint16_t cores, uint32_t ring_slots, int wake_fd) : wake_fd_(wake_fd) {
  for (uint16_t core = 0; core < cores; ++core) ports_.push_back(std::make_unique<Port>(ring_slots));
}

Inlet::~Inlet() {
  drain([](const std::unique_ptr<Call>&) {});
  close(wake_fd_);
}

bool Inlet::offer(uint16_t core, std::unique_ptr<Call>& call) noexcept {
  Port& port = *ports_[core];
  if (!port.ring.try_push(call.get())) {
    port.refused.add();
    return false;
  }
  call.release();
  port.ring.publish();
  wake();
  return true;
}

void Inlet::wake() noexcept {
  const uint32_t before = state_.fetch_or(kWork, std::memory_order_acq_rel);
  if (before != kAsleep) return;
  const uint64_t one = 1;
  // Can only fail where the counter is full, and then the sleeper is awake.
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof one);
}

bool Inlet::prepare_sleep() noexcept {
  uint32_t expected = kAwake;
  return state_.compare_exchange_strong(expected, kAsleep, std::memory_order_acq_rel);
}

void Inlet::finish_sleep() noexcept {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = read(wake_fd_, &count, sizeof count);
}

}  // namespace ringcast::webhook
