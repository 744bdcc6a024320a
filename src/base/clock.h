// SPDX-License-Identifier: Apache-2.0
// Clock: the time of a tick, read once and then the same for everything that happens in the tick.
// One per reactor, touched by its thread only. Simulation puts a VirtualClock in its place.
#pragma once

#include <cstdint>

namespace ringcast {

struct Now {
  int64_t monotonic_ns = 0;  // CLOCK_MONOTONIC: for durations and timers
  int64_t wall_us = 0;       // since 1970 UTC; steps when an operator or NTP steps it
};

class Clock {
 public:
  virtual ~Clock() = default;

  // The time of this tick; refresh() starts the next one.
  const Now& now() const noexcept { return now_; }
  int64_t monotonic_ns() const noexcept { return now_.monotonic_ns; }
  int64_t wall_us() const noexcept { return now_.wall_us; }
  const Now& refresh() noexcept { return now_ = read(); }

 protected:
  explicit Clock(Now now) : now_(now) {}
  virtual Now read() noexcept = 0;

 private:
  Now now_;
};

class SystemClock final : public Clock {
 public:
  SystemClock();
  static Now system_now() noexcept;

 private:
  Now read() noexcept override;
};

// Moves only when it is set; what was set shows at the next refresh(), as with a real clock.
class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(Now start = {1'000'000'000, 1'700'000'000'000'000});
  void advance_ns(int64_t delta);       // both clocks
  void step_wall_us(int64_t delta_us);  // the wall clock alone, either way
  const Now& ahead() const noexcept { return next_; }

 private:
  Now read() noexcept override;
  Now next_;
  int64_t wall_rest_ns_ = 0;  // advances of less than a microsecond add up
};

}  // namespace ringcast
