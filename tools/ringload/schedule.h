// SPDX-License-Identifier: Apache-2.0
// Schedule: when the n-th event of an open loop is due, whatever the system under test does: rates that may ramp.
// A value; the times are nanoseconds since the schedule's start. Any thread.
#pragma once

#include <cstdint>
#include <vector>

namespace ringcast::ringload {

// Part of a run: the rate goes linearly from one value to the other.
struct Stage {
  int64_t duration_ns = 0;
  double rate_from = 0;  // events per second
  double rate_to = 0;
};

class Schedule {
 public:
  Schedule() = default;
  explicit Schedule(std::vector<Stage> stages);
  static Schedule constant(double rate, int64_t duration_ns);

  // How many events are due by then, the one at that very moment included. The first is due when one period has begun
  // (at 0), so that n events take n periods.
  uint64_t due_by(int64_t elapsed_ns) const;
  // When event n (from 0) is due; duration_ns() when the schedule ends before it.
  int64_t time_of(uint64_t n) const;
  uint64_t count() const { return count_; }  // events of the whole schedule
  int64_t duration_ns() const { return duration_ns_; }

  // This schedule at `part` of its rates: what one of several workers takes over.
  Schedule scaled(double part) const;

 private:
  std::vector<Stage> stages_;
  int64_t duration_ns_ = 0;
  uint64_t count_ = 0;
};

}  // namespace ringcast::ringload
