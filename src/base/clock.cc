// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <ctime>

#include "base/assert.h"

namespace ringcast {

SystemClock::SystemClock() : Clock(system_now()) {}

Now SystemClock::system_now() noexcept {
  timespec monotonic;
  timespec wall;
  clock_gettime(CLOCK_MONOTONIC, &monotonic);
  clock_gettime(CLOCK_REALTIME, &wall);
  return {int64_t{monotonic.tv_sec} * 1'000'000'000 + monotonic.tv_nsec,
          int64_t{wall.tv_sec} * 1'000'000 + wall.tv_nsec / 1000};
}

Now SystemClock::read() noexcept {
  return system_now();
}

VirtualClock::VirtualClock(Now start) : Clock(start), next_(start) {}

void VirtualClock::advance_ns(int64_t delta) {
  RINGCAST_ASSERT(delta >= 0);
  next_.monotonic_ns += delta;
  wall_rest_ns_ += delta;
  next_.wall_us += wall_rest_ns_ / 1000;
  wall_rest_ns_ %= 1000;
}

void VirtualClock::step_wall_us(int64_t delta_us) {
  next_.wall_us += delta_us;
}

Now VirtualClock::read() noexcept {
  return next_;
}

}  // namespace ringcast
