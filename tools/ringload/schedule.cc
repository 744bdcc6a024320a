// SPDX-License-Identifier: Apache-2.0
#include "schedule.h"

#include <algorithm>
#include <cmath>

#include "base/assert.h"

namespace ringcast::ringload {
namespace {

// Rounding must neither add an event to the whole nor move one over the edge of its nanosecond.
constexpr double kCountSlack = 1e-6;
constexpr double kDueSlack = 1e-9;

// Events of a stage within its first `seconds`: the integral of the rate.
double events_within(const Stage& stage, double seconds) {
  const double length = static_cast<double>(stage.duration_ns) * 1e-9;
  return stage.rate_from * seconds + (stage.rate_to - stage.rate_from) * seconds * seconds / (2 * length);
}

double events_of(const Stage& stage) {
  return (stage.rate_from + stage.rate_to) / 2 * static_cast<double>(stage.duration_ns) * 1e-9;
}

// The inverse: seconds after which `events` have been due.
double seconds_until(const Stage& stage, double events) {
  const double length = static_cast<double>(stage.duration_ns) * 1e-9;
  const double slope = (stage.rate_to - stage.rate_from) / length;
  if (std::abs(slope) < 1e-12) return stage.rate_from > 0 ? events / stage.rate_from : length;
  const double root = stage.rate_from * stage.rate_from + 2 * slope * events;
  return (std::sqrt(std::max(root, 0.0)) - stage.rate_from) / slope;
}

}  // namespace

Schedule::Schedule(std::vector<Stage> stages) : stages_(std::move(stages)) {
  std::erase_if(stages_, [](const Stage& stage) { return stage.duration_ns <= 0; });
  double events = 0;
  for (const Stage& stage : stages_) {
    RINGCAST_ASSERT(stage.rate_from >= 0 && stage.rate_to >= 0);
    duration_ns_ += stage.duration_ns;
    events += events_of(stage);
  }
  count_ = static_cast<uint64_t>(std::ceil(events - kCountSlack));
}

Schedule Schedule::constant(double rate, int64_t duration_ns) {
  return Schedule({{duration_ns, rate, rate}});
}

uint64_t Schedule::due_by(int64_t elapsed_ns) const {
  if (elapsed_ns < 0) return 0;
  double events = 0;
  for (const Stage& stage : stages_) {
    if (elapsed_ns < stage.duration_ns) {
      events += events_within(stage, static_cast<double>(elapsed_ns) * 1e-9);
      return std::min(count_, static_cast<uint64_t>(std::floor(events + kDueSlack)) + 1);
    }
    events += events_of(stage);
    elapsed_ns -= stage.duration_ns;
  }
  return count_;
}

int64_t Schedule::time_of(uint64_t n) const {
  if (n >= count_) return duration_ns_;
  double wanted = static_cast<double>(n);
  int64_t start_ns = 0;
  for (const Stage& stage : stages_) {
    const double events = events_of(stage);
    if (wanted < events) {
      return start_ns +
             std::min(stage.duration_ns, static_cast<int64_t>(std::llround(seconds_until(stage, wanted) * 1e9)));
    }
    wanted -= events;
    start_ns += stage.duration_ns;
  }
  return duration_ns_;
}

Schedule Schedule::scaled(double part) const {
  std::vector<Stage> stages = stages_;
  for (Stage& stage : stages) {
    stage.rate_from *= part;
    stage.rate_to *= part;
  }
  return Schedule(std::move(stages));
}

}  // namespace ringcast::ringload
