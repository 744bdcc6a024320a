// SPDX-License-Identifier: Apache-2.0
// What happened at one endpoint. Written by the sender's thread, but for `refused`, which each core counts for itself
// (Sender::refused); read by any.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/bucket_histogram.h"

namespace ringcast::hooks {

class Count {
 public:
  void add(uint64_t by = 1) noexcept { value_.store(get() + by, std::memory_order_relaxed); }
  void set(uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

struct EndpointStats {
  Count calls;      // tries, the first ones among them
  Count retries;    // tries after a failed one
  Count delivered;  // notifications
  Count failed;     // notifications given up
  Count dropped;    // notifications for which there was no room
  Count allowed, denied;
  Count unanswered;  // decisions that `on_failure` made
  Count in_flight;   // calls now
  Count waiting;     // events now, those of calls in flight not counted
  BucketHistogram latency_us;
};

}  // namespace ringcast::hooks
