// SPDX-License-Identifier: Apache-2.0
#include "hooks/retry.h"

#include <algorithm>

namespace ringcast::hooks {

using std::chrono::milliseconds;

namespace {
constexpr std::chrono::seconds kRetryAfterMax{300};
}

Outcome outcome_of(long status) {
  if (status >= 200 && status < 300) return Outcome::delivered;
  // No answer, request timeout, too early, too many requests, and what is the server's fault (RFC 9110 section 15.6).
  const bool passing = status == 0 || status == 408 || status == 425 || status == 429 || status >= 500;
  return passing ? Outcome::again : Outcome::refused;
}

milliseconds retry_delay(const RetryPlan& plan, uint32_t tried, std::chrono::seconds retry_after, uint32_t random) {
  milliseconds full = plan.first;
  for (uint32_t i = 1; i < tried && full < plan.longest; ++i) full *= 2;
  full = std::min(full, plan.longest);
  const milliseconds half = full / 2;
  const milliseconds delay = full - milliseconds(half.count() * (random >> 16) / 0x10000);
  return std::max<milliseconds>(delay, std::min(retry_after, kRetryAfterMax));
}

}  // namespace ringcast::hooks
