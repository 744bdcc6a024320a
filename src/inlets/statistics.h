// SPDX-License-Identifier: Apache-2.0
// What became of an inlet's messages. Written by its thread, read by any.
#pragma once

#include <cstdint>
#include <string_view>

#include "client/session_stats.h"

namespace ringcast::inlets {

// Why what has come cannot be published.
enum class Reason : uint8_t { not_json, missing, bad_value, too_large, forbidden, count_ };
inline constexpr size_t kReasons = static_cast<size_t>(Reason::count_);
constexpr std::string_view to_string(Reason reason) {
  constexpr std::string_view kTexts[kReasons] = {"not_json", "missing", "bad_value", "too_large", "forbidden"};
  return kTexts[static_cast<size_t>(reason)];
}

struct InletStats {
  using Counter = session::Counter;
  Counter received, received_bytes;
  Counter published;   // got an id, or were sent without one
  Counter duplicates;  // of them, those whose idempotency key was known
  Counter unmapped[kReasons];
  Counter dead_letters;  // of those, how many were published as such
  Counter retries;       // publishes that were refused, and are tried again
  Counter connects, disconnects;
  Counter up, leads;                   // gauges: connected; allowed to read
  Counter in_flight, in_flight_bytes;  // gauges
  Counter held_back;                   // how often reading stopped because too much was in flight
  Counter missed;                      // lost before they came here, or with the broker
};

}  // namespace ringcast::inlets
