// SPDX-License-Identifier: Apache-2.0
#include "thresholds.h"

#include <gtest/gtest.h>

namespace ringcast::ringload {
namespace {

using Comparison = Threshold::Comparison;

TEST(Thresholds, AreParsed) {
  const auto latency = parse_threshold("p99>5ms");
  ASSERT_TRUE(latency);
  EXPECT_EQ(latency->name, "p99");
  EXPECT_EQ(latency->comparison, Comparison::above);
  EXPECT_DOUBLE_EQ(latency->value, 5);
  EXPECT_DOUBLE_EQ(parse_threshold("p99.99 >= 250us")->value, 0.25);
  EXPECT_DOUBLE_EQ(parse_threshold("uncorrected_max > 2s")->value, 2000);
  EXPECT_DOUBLE_EQ(parse_threshold("lag_p99>800000ns")->value, 0.8);
  EXPECT_EQ(parse_threshold("deliveries_per_s<100000")->comparison, Comparison::below);
  EXPECT_EQ(parse_threshold("server_cpu<=95%")->comparison, Comparison::at_most);
}

TEST(Thresholds, NonsenseIsRefused) {
  for (const char* text : {"", "p99", "p99>", "p99>fast", "p98>1ms", "losses>0", "lost=0", "p99>5 weeks", ">5ms"}) {
    const auto parsed = parse_threshold(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.error().message.find(text), std::string::npos);
  }
}

bool holds_at(const char* text, std::optional<double> value) {
  return holds(*parse_threshold(text), [&](std::string_view) { return value; });
}

TEST(Thresholds, HoldExactlyAtTheirEdge) {
  EXPECT_FALSE(holds_at("lost>0", 0));
  EXPECT_TRUE(holds_at("lost>0", 1));
  EXPECT_TRUE(holds_at("p99>=5ms", 5));
  EXPECT_FALSE(holds_at("p99<5ms", 5));
  EXPECT_TRUE(holds_at("p99<=5ms", 5));
}

TEST(Thresholds, AMissingFigureFailsTheRun) {
  EXPECT_TRUE(holds_at("p99>5ms", std::nullopt));
}

}  // namespace
}  // namespace ringcast::ringload
