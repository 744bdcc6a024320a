// SPDX-License-Identifier: Apache-2.0
#include "base/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace ringcast {
namespace {

constexpr double kPercentiles[] = {0, 0.1, 1, 25, 50, 75, 90, 99, 99.9, 99.99, 100};

uint64_t exact_percentile(const std::vector<uint64_t>& sorted, double percentile) {
  const auto rank = static_cast<size_t>(std::ceil(percentile / 100 * static_cast<double>(sorted.size()) - 1e-6));
  return sorted[std::max<size_t>(rank, 1) - 1];
}

TEST(Histogram, BucketsTileTheRangeWithoutGaps) {
  for (int digits = 1; digits <= 4; ++digits) {
    Histogram histogram(1'000'000, digits);
    uint64_t value = 0;
    while (value <= 1'000'000) {
      ASSERT_EQ(histogram.lowest_equivalent(value), value);
      const uint64_t last = histogram.highest_equivalent(value);
      ASSERT_EQ(histogram.lowest_equivalent(last), value);
      ASSERT_LE(static_cast<double>(last - value), static_cast<double>(value) * std::pow(10, -digits));
      value = last + 1;
    }
  }
}

class HistogramQuantiles : public ::testing::TestWithParam<int> {};

TEST_P(HistogramQuantiles, AreWithinTheirBucketOfTheExactOnes) {
  const int digits = GetParam();
  std::mt19937_64 random(static_cast<uint64_t>(digits));
  std::lognormal_distribution<double> latency(10, 3);
  Histogram histogram(uint64_t{1} << 40, digits);
  std::vector<uint64_t> values;
  for (int i = 0; i < 50001; ++i) {
    values.push_back(std::min<uint64_t>(static_cast<uint64_t>(latency(random)), uint64_t{1} << 40));
    histogram.record(values.back());
  }
  std::sort(values.begin(), values.end());
  for (double percentile : kPercentiles) {
    const uint64_t exact = exact_percentile(values, percentile);
    const uint64_t got = histogram.value_at_percentile(percentile);
    EXPECT_GE(got, exact) << percentile;
    EXPECT_LE(got, histogram.highest_equivalent(exact)) << percentile;
  }
  EXPECT_EQ(histogram.value_at_percentile(100), values.back());
  EXPECT_EQ(histogram.min(), values.front());
  EXPECT_EQ(histogram.max(), values.back());
  EXPECT_EQ(histogram.count(), values.size());
}

INSTANTIATE_TEST_SUITE_P(Digits, HistogramQuantiles, ::testing::Range(1, 6));

TEST(Histogram, SmallValuesAreExact) {
  Histogram histogram(1'000'000, 3);
  for (uint64_t value = 1; value <= 1000; ++value) histogram.record(value);
  EXPECT_EQ(histogram.value_at_percentile(50), 500u);
  EXPECT_EQ(histogram.value_at_percentile(99.9), 999u);
  EXPECT_EQ(histogram.count_at_or_below(250), 250u);
  EXPECT_DOUBLE_EQ(histogram.mean(), 500.5);
  EXPECT_NEAR(histogram.standard_deviation(), 288.675, 0.001);
}

TEST(Histogram, MergedIsTheSameAsRecordedTogether) {
  std::mt19937_64 random(9);
  Histogram parts[3] = {Histogram(1'000'000), Histogram(1'000'000), Histogram(1'000'000)};
  Histogram all(1'000'000);
  for (int i = 0; i < 10000; ++i) {
    const uint64_t value = random() % 1'200'000;
    parts[i % 3].record(value);
    all.record(value);
  }
  Histogram merged(1'000'000);
  for (const Histogram& part : parts) merged.merge(part);
  for (double percentile : kPercentiles) {
    EXPECT_EQ(merged.value_at_percentile(percentile), all.value_at_percentile(percentile));
  }
  EXPECT_EQ(merged.count(), all.count());
  EXPECT_EQ(merged.min(), all.min());
  EXPECT_EQ(merged.max(), all.max());
  EXPECT_EQ(merged.clamped(), all.clamped());
  EXPECT_GT(merged.clamped(), 0u);
  merged.reset();
  EXPECT_EQ(merged.count(), 0u);
  EXPECT_EQ(merged.value_at_percentile(50), 0u);
}

TEST(Histogram, HgrmIsReadableByPlottingTools) {
  Histogram histogram(10'000'000, 3);
  for (uint64_t value = 1; value <= 100'000; ++value) histogram.record(value);
  std::string text;
  histogram.write_hgrm(text, 1000);
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "       Value     Percentile TotalCount 1/(1-Percentile)");
  std::getline(lines, line);
  EXPECT_EQ(line, "");
  double last_value = 0;
  double last_percentile = -1;
  uint64_t total = 0;
  int rows = 0;
  while (std::getline(lines, line) && line[0] != '#') {
    std::istringstream row(line);
    double value = 0;
    double percentile = 0;
    double inverse = 0;
    ASSERT_TRUE(row >> value >> percentile >> total);
    if (row >> inverse) {
      EXPECT_NEAR(inverse, 1 / (1 - percentile), inverse * 1e-6 + 0.005);
    } else {
      EXPECT_EQ(percentile, 1.0);
    }
    EXPECT_GE(value, last_value);
    EXPECT_GT(percentile, last_percentile);
    EXPECT_NEAR(value, std::max(percentile * 100, 0.001), 0.2);
    last_value = value;
    last_percentile = percentile;
    ++rows;
  }
  EXPECT_EQ(last_percentile, 1.0);
  EXPECT_EQ(last_value, 100.0);
  EXPECT_EQ(total, 100'000u);
  EXPECT_GT(rows, 50);
  EXPECT_EQ(line.substr(0, 10), "#[Mean    ");
  std::getline(lines, line);
  EXPECT_EQ(line, "#[Max     =      100.000, Total count    =       100000]");
}

}  // namespace
}  // namespace ringcast
