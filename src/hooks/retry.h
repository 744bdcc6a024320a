// SPDX-License-Identifier: Apache-2.0
// When a call is tried again: what a try's end means, and how long to wait. Pure functions; any thread.
#pragma once

#include <chrono>
#include <cstdint>

namespace ringcast::hooks {

enum class Outcome : uint8_t {
  delivered,
  again,    // may go better another time
  refused,  // would end in the same way
};

// `status` is 0 when no answer came at all.
Outcome outcome_of(long status);

struct RetryPlan {
  std::chrono::milliseconds first{1'000};
  std::chrono::milliseconds longest{60'000};
};
// Before the next try when `tried` have failed: twice as long each time, of which a random half is left out, so that
// those who failed together do not come back together. `retry_after` is what the answer asked for (0: nothing); it is
// kept to even above `longest`, up to five minutes. `random`: any 32 bits.
std::chrono::milliseconds retry_delay(const RetryPlan& plan, uint32_t tried, std::chrono::seconds retry_after,
                                      uint32_t random);

}  // namespace ringcast::hooks
