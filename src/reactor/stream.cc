// SPDX-License-Identifier: Apache-2.0
#include "reactor/stream.h"

#include <iterator>

#include "base/assert.h"

namespace ringcast::reactor {

std::string_view to_string(CloseCause cause) {
  static constexpr std::string_view kNames[] = {
      "done",          "peer_closed",    "peer_reset",      "peer_timeout",   "io_error",
      "bad_request",   "protocol_error", "request_timeout", "idle_timeout",   "heartbeat_timeout",
      "slow_consumer", "unread_total",   "refused",         "rate_limited",   "kicked",
      "token_expired", "drained",        "shutdown",        "connect_failed", "tls_failed"};
  static_assert(std::size(kNames) == static_cast<size_t>(CloseCause::count_));
  RINGCAST_ASSERT(cause < CloseCause::count_);
  return kNames[static_cast<size_t>(cause)];
}

}  // namespace ringcast::reactor
