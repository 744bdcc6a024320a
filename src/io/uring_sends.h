// SPDX-License-Identifier: Apache-2.0
// The way out on io_uring: a flush is a few submissions of many sends each. A send executes inline at submit and, with
// IOSQE_CQE_SKIP_SUCCESS and MSG_WAITALL, posts a completion only when it was short or failed; so after
// io_uring_enter() returns, a send without a completion has been taken whole and its memory is free.
// Owned by a backend; reactor thread only.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <span>
#include <vector>

#include "io/backend.h"
#include "io/uring_ring.h"

namespace ringcast::io {

class UringSends {
 public:
  UringSends(UringRing& ring, BackendStats& stats, const BackendOptions& options);

  // Sends each of `ops` and writes how much was taken. Returns the indices of those that were short or failed, valid
  // until the next call.
  std::span<const uint32_t> send(std::span<SendOp> ops);

 private:
  void queue(SendOp& op, size_t index, msghdr& message);
  void collect(std::span<SendOp> ops, unsigned from);
  void take_results(std::span<SendOp> ops, unsigned from);

  UringRing& ring_;
  BackendStats& stats_;
  const size_t per_submit_;
  std::vector<msghdr> messages_;
  std::vector<uint32_t> short_;
};

}  // namespace ringcast::io
