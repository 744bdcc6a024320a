// SPDX-License-Identifier: Apache-2.0
// What the loopback interface has carried: bytes with all headers, acknowledgements too. Plain values; main thread.
#pragma once

#include <cstdint>

namespace ringcast::ringload {

struct LoopbackCounts {
  uint64_t bytes = 0;
  uint64_t packets = 0;  // as the interface sees them: up to 64 KiB each
};

// Since the machine's start, of everybody's traffic; zeros where it cannot be read.
LoopbackCounts loopback_counts();

}  // namespace ringcast::ringload
