// SPDX-License-Identifier: Apache-2.0
// A ring of io_uring: entries to submit, completions to take, and what the kernel may do to both: take a part of what
// is submitted, hold completions back until there is room, lose them. Owned by a backend; reactor thread only.
#pragma once

#include <liburing.h>

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "io/backend.h"
#include "io/uring_probe.h"

namespace ringcast::io {

class UringRing {
 public:
  explicit UringRing(BackendStats& stats) : stats_(stats) {}
  UringRing(const UringRing&) = delete;
  UringRing& operator=(const UringRing&) = delete;
  ~UringRing();

  // `features` then says what the kernel took.
  [[nodiscard]] Result<void> open(const BackendOptions& options, UringFeatures& features);
  io_uring& raw() { return ring_; }

  // An entry to fill in; submits when none is free.
  io_uring_sqe* next_sqe();
  bool nothing_queued() const { return io_uring_sq_ready(&ring_) == 0; }
  // Everything that is queued.
  void submit();
  // Submits, and waits for a completion unless one is there: for ever when `timeout` is negative. Zero enters all the
  // same: deferred work runs only when somebody asks for events.
  void enter(Nanoseconds timeout);
  void run_deferred_work();

  // Whether next() would find something, now or once asked for.
  bool completions_waiting();
  // The oldest completion, copied and freed: handling it may submit, and the kernel wants room then. False: none.
  bool next(io_uring_cqe& cqe);
  // Whether completions have been lost for good since the last call. They may have been anybody's.
  bool take_loss();

  // --- for sends, whose results are taken out of the middle ---
  unsigned tail() const { return io_uring_smp_load_acquire(ring_.cq.ktail); }
  // The ring is ours to write: the kernel never reads a completion back.
  io_uring_cqe& at(unsigned position) { return ring_.cq.cqes[position & (ring_.cq.ring_entries - 1)]; }
  bool overflowed() const { return io_uring_cq_has_overflow(&ring_); }
  // Makes room: what is in the ring is kept aside for next().
  void defer_completions();

 private:
  int looked_at(int result);

  BackendStats& stats_;
  io_uring ring_{};
  bool open_ = false;
  bool lost_ = false;
  std::vector<io_uring_cqe> deferred_;  // oldest first
  size_t deferred_first_ = 0;
};

}  // namespace ringcast::io
