#include "options.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

namespace ringcast::ringload {
namespace {

TEST(Options, RangesAreWrittenOut) {
  const auto sources = parse_addresses("127.0.0.254-127.0.1.1,127.0.0.9", false);
  ASSERT_TRUE(sources);
  ASSERT_EQ(sources->size(), 5u);
  EXPECT_EQ((*sources)[0].host_string(), "127.0.0.254");
  EXPECT_EQ((*sources)[2].host_string(), "127.0.1.0");
  EXPECT_EQ((*sources)[4].host_string(), "127.0.0.9");
  const auto targets = parse_addresses("127.0.0.1:3000-3002", true);
  ASSERT_TRUE(targets);
  ASSERT_EQ(targets->size(), 3u);
  EXPECT_EQ((*targets)[2].to_string(), "127.0.0.1:3002");
  EXPECT_FALSE(parse_addresses("127.0.0.1:3002-3000", true));
  EXPECT_FALSE(parse_addresses("10.0.0.0-10.1.0.0", false));
  EXPECT_FALSE(parse_addresses("", true));
}

TEST(Options, DurationsHaveUnits) {
  EXPECT_EQ(parse_duration_ns("250ms"), 250'000'000);
  EXPECT_EQ(parse_duration_ns("1.5s"), 1'500'000'000);
  EXPECT_EQ(parse_duration_ns("2min"), 120'000'000'000);
  EXPECT_EQ(parse_duration_ns("0"), 0);
  for (const char* text : {"", "5", "s", "-1s", "3 s"}) EXPECT_FALSE(parse_duration_ns(text)) << text;
}

TEST(Options, ScenariosCompleteThemselves) {
  const auto fanout = parse_options({"fanout", "--rooms", "3", "--members", "10", "--publishers", "2"});
  ASSERT_TRUE(fanout) << fanout.error().message;
  EXPECT_EQ(fanout->connections, 30u);
  EXPECT_EQ(fanout->all_connections(), 36u);
  EXPECT_FALSE(fanout->saturating());
  const auto echo = parse_options({"echo", "--connections=7"});
  ASSERT_TRUE(echo);
  EXPECT_TRUE(echo->saturating());
  EXPECT_EQ(echo->dialect.target, "/echo");
}

TEST(Options, ContradictionsAreRefused) {
  EXPECT_FALSE(parse_options({"fanout", "--rate", "5", "--in-flight", "3"}));
  EXPECT_FALSE(parse_options({"dance"}));
  EXPECT_FALSE(parse_options({"fanout", "--preset", "nobody"}));
  EXPECT_FALSE(parse_options({"echo", "--size", "29"}));
  EXPECT_FALSE(parse_options({"connect", "--fail-if", "p99"}));
  EXPECT_EQ(parse_options({"--help"}).error().code, "help");
}

TEST(Options, FlagsWinOverTheFile) {
  const std::string path = testing::TempDir() + "ringload_options_test.toml";
  std::ofstream(path) << "rooms = 4\nmembers = 5\nrate = 2.5\nduration = \"3s\"\nfail-if = [\"lost>0\", \"p99>5ms\"]\n";
  const auto options = parse_options({"fanout", "--config", path, "--rooms", "2"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->rooms, 2u);
  EXPECT_EQ(options->connections, 10u);
  EXPECT_DOUBLE_EQ(options->rate, 2.5);
  EXPECT_EQ(options->duration_ns, 3'000'000'000);
  EXPECT_EQ(options->thresholds.size(), 2u);
  std::remove(path.c_str());
}

}  // namespace
}  // namespace ringcast::ringload
