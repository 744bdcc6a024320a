// SPDX-License-Identifier: Apache-2.0
#include "hooks/retry.h"

#include <gtest/gtest.h>

namespace ringcast::hooks {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Retry, WhatMayGoBetterAnotherTimeIsTriedAgain) {
  for (const long status : {200L, 201L, 204L, 299L}) EXPECT_EQ(outcome_of(status), Outcome::delivered) << status;
  for (const long status : {0L, 408L, 425L, 429L, 500L, 502L, 503L, 599L})
    EXPECT_EQ(outcome_of(status), Outcome::again) << status;
  for (const long status : {301L, 302L, 400L, 401L, 403L, 404L, 410L, 413L})
    EXPECT_EQ(outcome_of(status), Outcome::refused) << status;
}

TEST(Retry, DelaysDoubleUpToTheLongest) {
  const RetryPlan plan{milliseconds(100), milliseconds(1000)};
  const milliseconds full[] = {milliseconds(100), milliseconds(200),  milliseconds(400),
                               milliseconds(800), milliseconds(1000), milliseconds(1000)};
  for (uint32_t tried = 1; tried <= 6; ++tried) {
    EXPECT_EQ(retry_delay(plan, tried, seconds(0), 0), full[tried - 1]);
    const milliseconds least = retry_delay(plan, tried, seconds(0), UINT32_MAX);
    EXPECT_GE(least, full[tried - 1] / 2);
    EXPECT_LE(least, full[tried - 1] / 2 + milliseconds(1));
  }
  EXPECT_EQ(retry_delay(plan, UINT32_MAX, seconds(0), 0), milliseconds(1000));
}

TEST(Retry, AnAnswerMayAskForMoreButNotForEver) {
  const RetryPlan plan{milliseconds(100), milliseconds(1000)};
  EXPECT_EQ(retry_delay(plan, 1, seconds(7), 0), seconds(7));
  EXPECT_EQ(retry_delay(plan, 1, seconds(100'000), 0), seconds(300));
  EXPECT_EQ(retry_delay({seconds(10), seconds(10)}, 1, seconds(7), 0), seconds(10));
}

}  // namespace
}  // namespace ringcast::hooks
