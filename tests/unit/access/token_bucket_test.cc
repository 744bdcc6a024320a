// SPDX-License-Identifier: Apache-2.0
#include "access/token_bucket.h"

#include <gtest/gtest.h>

namespace ringcast::access {
namespace {

using namespace std::chrono_literals;

TEST(TokenBucket, BurstThenRate) {
  const Rate rate{.amount = 10, .period = 1s, .burst = 2s};
  TokenBucket bucket;
  nanoseconds now = 100s;
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(bucket.wait(rate, 1, now), 0ns) << i;
    bucket.take(rate, 1, now);
  }
  EXPECT_EQ(bucket.wait(rate, 1, now), 100ms);
  EXPECT_EQ(bucket.wait(rate, 5, now), 500ms);
  now += 99ms;
  EXPECT_EQ(bucket.wait(rate, 1, now), 1ms);
  now += 1ms;
  EXPECT_EQ(bucket.wait(rate, 1, now), 0ns);
  bucket.take(rate, 1, now);
  // Over a long time exactly the rate, however long it was full before.
  now += 1000s;
  EXPECT_TRUE(bucket.full(now));
  int taken = 0;
  for (int step = 0; step < 1000; ++step, now += 10ms) {
    while (bucket.wait(rate, 1, now) == 0ns) {
      bucket.take(rate, 1, now);
      ++taken;
    }
  }
  EXPECT_EQ(taken, 20 + 99);
}

TEST(TokenBucket, AWholeBurstOneByOne) {
  for (const uint64_t amount : {3u, 6u, 7u, 13u, 600u, 999'999u}) {
    const Rate rate{.amount = amount, .period = 1s, .burst = 1s};
    TokenBucket bucket;
    uint64_t taken = 0;
    for (; bucket.wait(rate, 1, 9s) == 0ns; ++taken) bucket.take(rate, 1, 9s);
    EXPECT_GE(taken, rate.burst_units());
    EXPECT_LE(taken, rate.burst_units() + 1) << "a nanosecond's rounding";
  }
}

TEST(TokenBucket, WithoutALimit) {
  TokenBucket bucket;
  bucket.take({}, 1'000'000, 1s);
  EXPECT_EQ(bucket.wait({}, UINT64_MAX, 1s), 0ns);
  EXPECT_EQ(bucket.take_up_to({}, 7, 1s), 7u);
}

TEST(TokenBucket, WhatIsLargerThanTheBucketWaitsForAFullOne) {
  const Rate rate{.amount = 100, .period = 1s, .burst = 1s};
  TokenBucket bucket;
  EXPECT_EQ(bucket.wait(rate, 1000, 5s), 0ns);
  bucket.take(rate, 1000, 5s);
  EXPECT_EQ(bucket.wait(rate, 1, 5s), 9s + 10ms) << "and is owed";
  EXPECT_EQ(bucket.wait(rate, 1000, 6s), 9s);
}

TEST(TokenBucket, OneUnitAlwaysFits) {
  const Rate rate{.amount = 2, .period = 60s, .burst = 1s};
  TokenBucket bucket;
  EXPECT_EQ(bucket.wait(rate, 1, 0s), 0ns);
  bucket.take(rate, 1, 0s);
  EXPECT_EQ(bucket.wait(rate, 1, 0s), 30s);
  EXPECT_EQ(rate.burst_units(), 1u);
}

TEST(TokenBucket, AsManyAsThereAre) {
  const Rate rate{.amount = 10, .period = 1s, .burst = 1s};
  TokenBucket bucket;
  EXPECT_EQ(bucket.take_up_to(rate, 4, 50s), 4u);
  EXPECT_EQ(bucket.take_up_to(rate, 100, 50s), 6u);
  EXPECT_EQ(bucket.take_up_to(rate, 100, 50s), 0u);
  EXPECT_EQ(bucket.take_up_to(rate, 100, 50s + 250ms), 2u);
  bucket.give_back(rate, 3);
  EXPECT_EQ(bucket.take_up_to(rate, 100, 50s + 250ms), 3u);
}

TEST(TokenBucket, LargeNumbersDoNotOverflow) {
  const Rate fast{.amount = uint64_t{1} << 40, .period = 1s, .burst = 3600s};
  TokenBucket bucket;
  EXPECT_EQ(bucket.wait(fast, uint64_t{1} << 50, 1s), 0ns);
  const Rate slow{.amount = 1, .period = 60s, .burst = 10s};
  bucket.take(slow, UINT64_MAX, 1s);
  EXPECT_EQ(bucket.wait(slow, 1, 1s), 24h) << "a debt has an end";
}

}  // namespace
}  // namespace ringcast::access
