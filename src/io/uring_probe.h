// SPDX-License-Identifier: Apache-2.0
// Finds out, by trying, what the running kernel's io_uring can do for this engine. Any thread; no state.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "io/uring_abi.h"

namespace ringcast::io {

struct UringFeatures {
  uint32_t setup_flags = 0;   // the most that io_uring_setup() takes
  uint32_t kernel_bits = 0;   // IORING_FEAT_*
  bool inline_sends = false;  // sends execute at submit and report only failures; else plain sendmsg()
  bool registered_ring = false;
  std::string to_string() const;
};

// Sets a ring up with `flags`, giving up first what is newest until the kernel takes it; `flags` then says what it
// took. Returns 0 or a positive errno.
int setup_ring(io_uring& ring, uint32_t sq_entries, uint32_t cq_entries, uint32_t& flags);

// The features, or in one line why io_uring cannot be used here.
[[nodiscard]] Result<UringFeatures> find_uring_features();

}  // namespace ringcast::io
