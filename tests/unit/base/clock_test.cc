// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <gtest/gtest.h>

namespace ringcast {
namespace {

TEST(Clock, HoldsStillUntilRefreshed) {
  VirtualClock clock({5'000, 9'000});
  clock.advance_ns(2'000);
  EXPECT_EQ(clock.monotonic_ns(), 5'000);
  EXPECT_EQ(clock.wall_us(), 9'000);
  clock.refresh();
  EXPECT_EQ(clock.monotonic_ns(), 7'000);
  EXPECT_EQ(clock.wall_us(), 9'002);
}

TEST(Clock, WallClockStepsAloneAndLosesNoFractions) {
  VirtualClock clock({0, 1'000'000});
  for (int i = 0; i < 1000; ++i) clock.advance_ns(999);
  clock.step_wall_us(-500'000);
  clock.refresh();
  EXPECT_EQ(clock.monotonic_ns(), 999'000);
  EXPECT_EQ(clock.wall_us(), 1'000'000 + 999 - 500'000);
}

TEST(Clock, SystemClockIsMonotonicAndSetToThisMillennium) {
  SystemClock clock;
  const int64_t before = clock.monotonic_ns();
  EXPECT_EQ(clock.monotonic_ns(), before);
  EXPECT_GE(clock.refresh().monotonic_ns, before);
  EXPECT_GT(clock.wall_us(), 1'000'000'000'000'000);  // September 2001
}

}  // namespace
}  // namespace ringcast
