// SPDX-License-Identifier: Apache-2.0
// How many handshakes a core works on: at a time, in a turn, in a second. A handshake costs a private key's operation
// and some 70 kB while it lasts, so that a storm of them must neither stop what is open nor fill the memory. One
// core's, its thread only.
#pragma once

#include <algorithm>
#include <cstdint>

#include "io/backend.h"

namespace ringcast::tls {

struct HandshakeLimits {
  uint32_t in_flight_max = 1024;
  uint32_t waiting_max = 8192;                         // for one of these places; more are refused
  uint32_t per_turn = 8;                               // begun in one wait()
  uint32_t per_second = 0;                             // begun; 0: unlimited
  io::Nanoseconds timeout = std::chrono::seconds(10);  // of the wait for a turn, and of the handshake
};

class HandshakeGate {
 public:
  explicit HandshakeGate(const HandshakeLimits& limits) : limits_(limits), tokens_(burst()) {}

  const HandshakeLimits& limits() const { return limits_; }
  void set_limits(const HandshakeLimits& limits) {
    limits_ = limits;
    tokens_ = std::min(tokens_, burst());
  }
  void begin_turn(io::Nanoseconds now) {
    begun_in_turn_ = 0;
    if (limits_.per_second == 0) return;
    const double seconds = std::chrono::duration<double>(now - refilled_).count();
    tokens_ = std::min(burst(), tokens_ + seconds * limits_.per_second);
    refilled_ = now;
  }
  bool may_begin() const {
    return in_flight_ < limits_.in_flight_max && begun_in_turn_ < limits_.per_turn &&
           (limits_.per_second == 0 || tokens_ >= 1);
  }
  void begin() {
    ++in_flight_;
    ++begun_in_turn_;
    if (limits_.per_second != 0) tokens_ -= 1;
  }
  void end() { --in_flight_; }
  uint32_t in_flight() const { return in_flight_; }

  // Until may_begin() may say yes in another turn; max(): when one of those in flight has ended.
  io::Nanoseconds until_next() const {
    if (in_flight_ >= limits_.in_flight_max) return io::Nanoseconds::max();
    if (limits_.per_second == 0 || tokens_ >= 1) return io::Nanoseconds::zero();
    return io::Nanoseconds(static_cast<int64_t>((1 - tokens_) * 1e9 / limits_.per_second) + 1);
  }

 private:
  // A tenth of a second's, so that many at once do not take all of one.
  double burst() const { return std::max(1.0, limits_.per_second / 10.0); }

  HandshakeLimits limits_;
  double tokens_;
  io::Nanoseconds refilled_{0};
  uint32_t in_flight_ = 0;
  uint32_t begun_in_turn_ = 0;
};

}  // namespace ringcast::tls
