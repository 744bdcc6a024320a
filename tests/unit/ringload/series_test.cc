// SPDX-License-Identifier: Apache-2.0
#include "series.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace ringcast::ringload {
namespace {

constexpr int64_t kOneSecond = 1'000'000'000;

TEST(SharedHistogram, BucketsAreWithinOnePerCent) {
  std::minstd_rand random(1);
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t value = random() * uint64_t{64} >> random() % 37;
    const uint64_t highest = SharedHistogram::highest_of(SharedHistogram::index_of(value));
    ASSERT_GE(highest, value);
    ASSERT_LE(highest - value, value / 100) << value;
  }
  SharedHistogram histogram;
  histogram.record(UINT64_MAX);
  EXPECT_EQ(histogram.bucket(SharedHistogram::kBuckets - 1), 1u);
}

Options two_threads() {
  Options options;
  options.threads = 2;
  options.connections = 10;
  options.roles.resize(1);
  return options;
}

Totals at(int64_t seconds) {
  Totals totals;
  totals.at_ns = seconds * kOneSecond;
  totals.cpu_ns = {0, 0};
  return totals;
}

TEST(Series, ASampleIsTheDifferenceOfTwoMoments) {
  const Options options = two_threads();
  const ringload::Run run(options);
  Sampler sampler(run, 10 * kOneSecond);
  Totals before = at(1);
  before.published = 100;
  before.cpu_ns = {kOneSecond, kOneSecond};
  sampler.begin(before);
  EXPECT_FALSE(sampler.due(2 * kOneSecond - 1));
  EXPECT_TRUE(sampler.due(2 * kOneSecond));
  Totals after = at(3);
  after.published = 300;
  after.ready = 9;
  after.errors = 2;
  after.cpu_ns = {kOneSecond, 2 * kOneSecond};
  const Sample& sample = sampler.take(after, "hold");
  EXPECT_DOUBLE_EQ(sample.at_s, 3);
  EXPECT_DOUBLE_EQ(sample.span_s, 2);
  EXPECT_DOUBLE_EQ(sample.published_per_s, 100);
  EXPECT_EQ(sample.connections, 9u);
  EXPECT_EQ(sample.errors, 2u);
  EXPECT_DOUBLE_EQ(sample.generator_load, 0.5);
  EXPECT_FALSE(sample.server_cores);
  EXPECT_FALSE(sampler.due(4 * kOneSecond - 1));
}

// Exact quantiles of the interval alone, over all workers, whatever came before.
TEST(Series, LatenciesAreThoseOfTheInterval) {
  const Options options = two_threads();
  const ringload::Run run(options);
  Sampler sampler(run, 10 * kOneSecond);
  sampler.begin(at(0));
  for (int i = 0; i < 1000; ++i) run.progress[0].latency.record(50'000'000);
  EXPECT_EQ(sampler.take(at(1), "hold").latency.count, 1000u);

  std::minstd_rand random(7);
  std::vector<uint64_t> exact;
  for (int i = 0; i < 5000; ++i) {
    exact.push_back(10'000 + random() % 3'000'000);
    run.progress[i % 2].latency.record(exact.back());
  }
  std::sort(exact.begin(), exact.end());
  const IntervalLatency latency = sampler.take(at(2), "hold").latency;
  EXPECT_EQ(latency.count, 5000u);
  EXPECT_NEAR(latency.p50_ms, static_cast<double>(exact[2499]) * 1e-6, latency.p50_ms / 100);
  EXPECT_NEAR(latency.p99_ms, static_cast<double>(exact[4949]) * 1e-6, latency.p99_ms / 100);
  EXPECT_NEAR(latency.max_ms, static_cast<double>(exact.back()) * 1e-6, latency.max_ms / 100);
  EXPECT_EQ(sampler.take(at(3), "drain").latency.count, 0u);
}

TEST(Series, LongRunsHaveLongerIntervals) {
  const Options options = two_threads();
  const ringload::Run run(options);
  EXPECT_TRUE(Sampler(run, 3600 * kOneSecond).due(kOneSecond));
  EXPECT_FALSE(Sampler(run, 3601 * kOneSecond).due(kOneSecond));
  EXPECT_TRUE(Sampler(run, 3601 * kOneSecond).due(2 * kOneSecond));
}

TEST(Series, RowsHaveAsManyFieldsAsTheirHeading) {
  const Options options = two_threads();
  const ringload::Run run(options);
  Sampler sampler(run, kOneSecond);
  sampler.begin(at(0));
  sampler.take(at(1), "connect");
  run.progress[1].ready_latency.record(1000);
  sampler.take(at(2), "hold");
  const std::string csv = series_csv(sampler.samples());
  std::vector<long> commas;
  for (size_t from = 0; from < csv.size(); from = csv.find('\n', from) + 1)
    commas.push_back(
        std::count(csv.begin() + static_cast<long>(from), csv.begin() + static_cast<long>(csv.find('\n', from)), ','));
  EXPECT_EQ(commas, (std::vector<long>{19, 19, 19}));
  const std::string json = series_json(sampler.samples());
  EXPECT_EQ(json.find("ready_p99_ms"), json.rfind("ready_p99_ms"));
  EXPECT_NE(json.find(R"("phase":"hold","connections":0)"), std::string::npos) << json;
}

}  // namespace
}  // namespace ringcast::ringload
