// SPDX-License-Identifier: Apache-2.0
#include "base/bucket_histogram.h"

#include <gtest/gtest.h>

namespace ringcast {
namespace {

size_t bucket_of(uint64_t value) {
  BucketHistogram histogram;
  histogram.record(value);
  for (size_t i = 0; i < BucketHistogram::kBuckets; ++i) {
    if (histogram.bucket(i) != 0) return i;
  }
  return SIZE_MAX;
}

TEST(BucketHistogram, BoundsBelongToTheirBucket) {
  EXPECT_EQ(bucket_of(0), 0u);
  EXPECT_EQ(bucket_of(1), 0u);
  for (size_t i = 1; i + 1 < BucketHistogram::kBuckets; ++i) {
    EXPECT_EQ(bucket_of(uint64_t{1} << i), i);
    EXPECT_EQ(bucket_of((uint64_t{1} << (i - 1)) + 1), i);
  }
}

TEST(BucketHistogram, WhatIsLargerIsInTheLastBucket) {
  EXPECT_EQ(bucket_of((uint64_t{1} << 31) + 1), BucketHistogram::kBuckets - 1);
  EXPECT_EQ(bucket_of(UINT64_MAX), BucketHistogram::kBuckets - 1);
}

TEST(BucketHistogram, Sums) {
  BucketHistogram histogram;
  for (const uint64_t value : {3u, 4u, 1000u}) histogram.record(value);
  EXPECT_EQ(histogram.sum(), 1007u);
  EXPECT_EQ(histogram.bucket(2), 2u);
}

}  // namespace
}  // namespace ringcast
