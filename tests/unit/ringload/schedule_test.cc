// SPDX-License-Identifier: Apache-2.0
#include "schedule.h"

#include <gtest/gtest.h>

#include "base/histogram.h"

namespace ringcast::ringload {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

Schedule ramped(double rate, int64_t up_ns, int64_t hold_ns, int64_t down_ns) {
  return Schedule({{up_ns, 0, rate}, {hold_ns, rate, rate}, {down_ns, rate, 0}});
}

TEST(Schedule, ConstantRate) {
  const Schedule schedule = Schedule::constant(100, 2 * kSecond);
  EXPECT_EQ(schedule.count(), 200u);
  EXPECT_EQ(schedule.due_by(-1), 0u);
  EXPECT_EQ(schedule.due_by(0), 1u);
  EXPECT_EQ(schedule.due_by(9'999'998), 1u);
  EXPECT_EQ(schedule.due_by(10'000'000), 2u);
  EXPECT_EQ(schedule.time_of(0), 0);
  EXPECT_EQ(schedule.time_of(150), 3 * kSecond / 2);
  EXPECT_EQ(schedule.due_by(100 * kSecond), 200u);
  EXPECT_EQ(schedule.time_of(200), schedule.duration_ns());
}

TEST(Schedule, EachEventIsDueExactlyAtItsTime) {
  for (const double rate : {0.3, 1.0, 7.0, 333.0, 99'999.0}) {
    const Schedule schedule = ramped(rate, 3 * kSecond, 2 * kSecond, kSecond);
    int64_t last = -1;
    for (uint64_t n = 0; n < std::min<uint64_t>(schedule.count(), 3000); ++n) {
      const int64_t at = schedule.time_of(n);
      ASSERT_GE(at, last);
      last = at;
      // Rounding to nanoseconds may move it by one.
      ASSERT_GT(schedule.due_by(at + 2), n) << rate;
      if (rate < 1000 && at > 1000) {
        ASSERT_LE(schedule.due_by(at - 1000), n) << rate;
      }
    }
  }
}

TEST(Schedule, RampsHoldTheAreaBelowTheRate) {
  const Schedule schedule = ramped(1000, 2 * kSecond, 3 * kSecond, 4 * kSecond);
  EXPECT_EQ(schedule.count(), 1000u + 3000u + 2000u);
  EXPECT_EQ(schedule.duration_ns(), 9 * kSecond);
  EXPECT_EQ(schedule.due_by(kSecond), 251u);  // a quarter of the ramp's area, and the next
  EXPECT_EQ(schedule.due_by(2 * kSecond), 1001u);
  EXPECT_EQ(schedule.due_by(5 * kSecond), 4001u);
}

TEST(Schedule, ScaledPartsAddUp) {
  const Schedule schedule = ramped(1000, kSecond, 2 * kSecond, kSecond);
  EXPECT_EQ(schedule.scaled(0.25).count() + schedule.scaled(0.75).count(), schedule.count());
  EXPECT_EQ(schedule.scaled(0.25).duration_ns(), schedule.duration_ns());
}

TEST(Schedule, NothingIsDueWithoutARate) {
  EXPECT_EQ(Schedule().due_by(kSecond), 0u);
  EXPECT_EQ(Schedule::constant(0, kSecond).count(), 0u);
  EXPECT_EQ(Schedule::constant(10, 0).count(), 0u);
}

// Coordinated omission: a server that stands still for a second. Measured from the actual send (which waits for the
// answer before) it shows in one sample of a hundred; measured from the intended send, in all that it delayed.
TEST(Schedule, LatencyFromTheIntendedSendShowsAPause) {
  const Schedule schedule = Schedule::constant(100, 10 * kSecond);
  constexpr int64_t kAnswer = 1'000'000;
  constexpr int64_t kPauseBegin = 5 * kSecond;
  constexpr int64_t kPauseEnd = 6 * kSecond;
  Histogram corrected(60 * kSecond);
  Histogram uncorrected(60 * kSecond);
  int64_t free_at = 0;
  for (uint64_t n = 0; n < schedule.count(); ++n) {
    const int64_t intended = schedule.time_of(n);
    const int64_t sent = std::max(intended, free_at);
    const int64_t begun = sent >= kPauseBegin && sent < kPauseEnd ? kPauseEnd : sent;
    free_at = begun + kAnswer;
    corrected.record(static_cast<uint64_t>(free_at - intended));
    uncorrected.record(static_cast<uint64_t>(free_at - sent));
  }
  EXPECT_LT(uncorrected.value_at_percentile(99), 2u * kAnswer);
  EXPECT_GT(corrected.value_at_percentile(99), 800'000'000u);
  EXPECT_NEAR(static_cast<double>(corrected.max()), 1e9 + kAnswer, 1e7);
}

}  // namespace
}  // namespace ringcast::ringload
