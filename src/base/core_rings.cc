// SPDX-License-Identifier: Apache-2.0
#include "base/core_rings.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

namespace ringcast {

Result<std::unique_ptr<SleepWord>> SleepWord::create() {
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) return fail_errno("eventfd", errno);
  return std::unique_ptr<SleepWord>(new SleepWord(fd));
}

SleepWord::~SleepWord() {
  close(fd_);
}

void SleepWord::wake() noexcept {
  const uint32_t before = state_.fetch_or(kWork, std::memory_order_acq_rel);
  if (before != kAsleep) return;
  const uint64_t one = 1;
  // Can only fail where the counter is full, and then the sleeper is awake.
  [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof one);
}

bool SleepWord::prepare_sleep() noexcept {
  uint32_t expected = kAwake;
  return state_.compare_exchange_strong(expected, kAsleep, std::memory_order_acq_rel);
}

void SleepWord::finish_sleep() noexcept {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = read(fd_, &count, sizeof count);
}

}  // namespace ringcast
