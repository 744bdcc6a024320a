// SPDX-License-Identifier: Apache-2.0
// Who is limited in what: the rates of connects, messages and bytes, per connection, user, address and API key, and how
// many connections each may have. Plain values, filled from the server's options; read-only then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "access/token_bucket.h"

namespace ringcast::access {

enum class Scope : uint8_t { connection, user, address, key, count_ };
enum class Charge : uint8_t { connects, messages, bytes, connections, count_ };
std::string_view to_string(Scope scope);
std::string_view to_string(Charge charge);

inline constexpr size_t kScopes = static_cast<size_t>(Scope::count_);
inline constexpr size_t kCharges = static_cast<size_t>(Charge::count_);

struct RateLimits {
  Rate rates[kScopes][3];               // by scope and charge; connections have no rate
  uint32_t connections_max[kScopes]{};  // at once; 0: no limit
  uint32_t strikes_max = 10;            // messages refused in a row before a WebSocket is closed
  uint32_t subjects_max = 1'000'000;    // users, addresses and keys that a core keeps buckets of
  unsigned ipv6_prefix = 64;            // IPv6 addresses that share so many bits are one

  Rate& rate(Scope scope, Charge charge) { return rates[static_cast<size_t>(scope)][static_cast<size_t>(charge)]; }
  const Rate& rate(Scope scope, Charge charge) const {
    return rates[static_cast<size_t>(scope)][static_cast<size_t>(charge)];
  }
  uint32_t connections(Scope scope) const { return connections_max[static_cast<size_t>(scope)]; }
  bool any() const {
    for (size_t scope = 0; scope < kScopes; ++scope) {
      if (connections_max[scope] != 0) return true;
      for (const Rate& rate : rates[scope]) {
        if (rate.limited()) return true;
      }
    }
    return false;
  }
  bool limits_sending() const {
    for (size_t scope = 0; scope < kScopes; ++scope) {
      if (limits_sending(static_cast<Scope>(scope))) return true;
    }
    return false;
  }
  bool limits_sending(Scope scope) const {
    return rate(scope, Charge::messages).limited() || rate(scope, Charge::bytes).limited();
  }
};

}  // namespace ringcast::access
