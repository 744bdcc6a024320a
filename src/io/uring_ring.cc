// SPDX-License-Identifier: Apache-2.0
#include "io/uring_ring.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "base/assert.h"
#include "io/socket_calls.h"

namespace ringcast::io {
namespace {

// Between attempts to submit that the kernel has no memory for; the first is followed by another one at once.
constexpr std::chrono::microseconds kFirstSubmitPause{500};
constexpr std::chrono::microseconds kLongestSubmitPause{20'000};

}  // namespace

UringRing::~UringRing() {
  if (open_) io_uring_queue_exit(&ring_);
}

Result<void> UringRing::open(const BackendOptions& options, UringFeatures& features) {
  const int error = setup_ring(ring_, options.sq_entries, options.cq_entries, features.setup_flags);
  if (error != 0) return fail_errno("io_uring_setup", error);
  open_ = true;
  if (features.registered_ring) io_uring_register_ring_fd(&ring_);
  return {};
}

io_uring_sqe* UringRing::next_sqe() {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  while (sqe == nullptr) {
    ++stats_.sq_full;
    submit();
    sqe = io_uring_get_sqe(&ring_);
  }
  return sqe;
}

// The kernel may take only a part (no memory for requests) or nothing (completions that it could not post come first);
// both pass when deferred work gets its turn. Memory may take longer: then it is asked for less and less often.
void UringRing::submit() {
  std::chrono::microseconds pause = kFirstSubmitPause;
  while (!nothing_queued()) {
    ++stats_.syscalls;
    if (looked_at(io_uring_submit(&ring_)) > 0) {
      pause = kFirstSubmitPause;
      continue;
    }
    run_deferred_work();
    if (pause > kFirstSubmitPause) std::this_thread::sleep_for(pause);
    pause = std::min(2 * pause, kLongestSubmitPause);
  }
}

void UringRing::run_deferred_work() {
  ++stats_.syscalls;
  looked_at(io_uring_get_events(&ring_));
}

// What an enter returned. EBADR: completions are lost, since there was no memory to keep them beyond the ring.
int UringRing::looked_at(int result) {
  switch (-result) {
    case EBADR:
      lost_ = true;
      ++stats_.cq_overflows;
      break;
    case ETIME:  // the time of a wait is over
    case EINTR:
    case EAGAIN:
    case EBUSY:
    case ENOMEM: break;
    default: RINGCAST_ASSERT(result >= 0);  // a call that the kernel does not know: its features were probed
  }
  return result;
}

void UringRing::enter(Nanoseconds timeout) {
  ++stats_.syscalls;
  if (timeout == Nanoseconds::zero()) {
    looked_at(io_uring_submit_and_get_events(&ring_));
  } else {
    io_uring_cqe* cqe = nullptr;
    __kernel_timespec limit{.tv_sec = timeout.count() / 1'000'000'000, .tv_nsec = timeout.count() % 1'000'000'000};
    looked_at(
        io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, timeout > Nanoseconds::zero() ? &limit : nullptr, nullptr));
  }
  submit();
  if (overflowed()) ++stats_.cq_overflows;
}

// Completions that a flush has dealt with must not end a wait: they are dropped from the head first.
bool UringRing::completions_waiting() {
  if (deferred_first_ < deferred_.size()) return true;
  const unsigned ready = io_uring_cq_ready(&ring_);
  unsigned dropped = 0;
  while (dropped < ready && at(*ring_.cq.khead + dropped).user_data == 0) ++dropped;
  io_uring_cq_advance(&ring_, dropped);
  return dropped < ready || overflowed();
}

bool UringRing::next(io_uring_cqe& cqe) {
  if (deferred_first_ < deferred_.size()) {
    cqe = deferred_[deferred_first_++];
    if (deferred_first_ == deferred_.size()) {
      deferred_.clear();
      deferred_first_ = 0;
    }
    return true;
  }
  const unsigned head = *ring_.cq.khead;
  if (head == tail()) return false;
  cqe = at(head);
  io_uring_cq_advance(&ring_, 1);
  return true;
}

bool UringRing::take_loss() {
  const bool lost = lost_;
  lost_ = false;
  return lost;
}

void UringRing::defer_completions() {
  const unsigned ready = io_uring_cq_ready(&ring_);
  for (unsigned i = 0; i < ready; ++i) {
    const io_uring_cqe& cqe = at(*ring_.cq.khead + i);
    if (cqe.user_data != 0) deferred_.push_back(cqe);
  }
  io_uring_cq_advance(&ring_, ready);
}

}  // namespace ringcast::io
