// SPDX-License-Identifier: Apache-2.0
#include "transport/heartbeat.h"

#include "base/assert.h"

namespace ringcast::session {

io::Nanoseconds until_beat(io::Nanoseconds now, io::Nanoseconds interval, uint32_t slot) {
  RINGCAST_ASSERT(interval.count() > 0 && interval < std::chrono::hours(1));  // microseconds fit 32 bits
  constexpr uint64_t kGoldenRatio = 0x9e3779b97f4a7c15;
  const auto length = static_cast<uint64_t>(interval.count());
  const uint64_t fraction = slot * kGoldenRatio >> 32;  // of 2^32
  const uint64_t phase = (fraction * (length / 1000) >> 32) * 1000;
  const uint64_t since_phase = (static_cast<uint64_t>(now.count()) + length - phase) % length;
  return io::Nanoseconds(static_cast<int64_t>(length - since_phase));
}

void HeartbeatBytes::renew(reactor::Reactor& reactor) {
  copy_ = reactor.copy(bytes_);
  copied_at_ = reactor.now();
}

}  // namespace ringcast::session
