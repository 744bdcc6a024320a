// SPDX-License-Identifier: Apache-2.0
#include "config/size_duration.h"

#include <gtest/gtest.h>

namespace ringcast::config {
namespace {

using namespace std::chrono_literals;

TEST(Duration, EveryUnit) {
  EXPECT_EQ(*parse_duration("7ns"), 7ns);
  EXPECT_EQ(*parse_duration("7us"), 7us);
  EXPECT_EQ(*parse_duration("500ms"), 500ms);
  EXPECT_EQ(*parse_duration("25s"), 25s);
  EXPECT_EQ(*parse_duration("5min"), 5min);
  EXPECT_EQ(*parse_duration("24h"), 24h);
  EXPECT_EQ(*parse_duration("3650d"), 24h * 3650);
  EXPECT_EQ(*parse_duration("0"), 0s);
  EXPECT_EQ(*parse_duration("0min"), 0s);
}

TEST(Duration, RefusesWhatIsNotOne) {
  for (const char* text : {"", "s", "5", "-5s", "+5s", "5 s", " 5s", "5s ", "1.5s", "5sec", "5S", "5m", "5s5", "0x5s"})
    EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(Duration, RefusesWhatDoesNotFitNanoseconds) {
  EXPECT_EQ(*parse_duration("9223372036854775807ns"), Duration(INT64_MAX));
  EXPECT_FALSE(parse_duration("9223372036854775808ns"));
  EXPECT_EQ(*parse_duration("106751d"), 24h * 106751);
  EXPECT_FALSE(parse_duration("106752d"));
  EXPECT_FALSE(parse_duration("18446744073709551616ns"));
}

TEST(Duration, PrintsTheLargestUnitThatDivides) {
  EXPECT_EQ(format_duration(0s), "0s");
  EXPECT_EQ(format_duration(1ns), "1ns");
  EXPECT_EQ(format_duration(1500us), "1500us");
  EXPECT_EQ(format_duration(90s), "90s");
  EXPECT_EQ(format_duration(120s), "2min");
  EXPECT_EQ(format_duration(48h), "2d");
  for (const Duration value : {Duration(1), Duration(999'999'999), Duration(60'000'000'000), Duration(INT64_MAX)})
    EXPECT_EQ(*parse_duration(format_duration(value)), value);
}

TEST(Size, EveryUnit) {
  EXPECT_EQ(*parse_size("0"), 0u);
  EXPECT_EQ(*parse_size("512"), 512u);
  EXPECT_EQ(*parse_size("512B"), 512u);
  EXPECT_EQ(*parse_size("64KiB"), 65536u);
  EXPECT_EQ(*parse_size("1MiB"), 1u << 20);
  EXPECT_EQ(*parse_size("1GiB"), 1u << 30);
  EXPECT_EQ(*parse_size("2TiB"), uint64_t{1} << 41);
  EXPECT_EQ(*parse_size("3kB"), 3000u);
  EXPECT_EQ(*parse_size("3MB"), 3'000'000u);
  EXPECT_EQ(*parse_size("3GB"), 3'000'000'000u);
  EXPECT_EQ(*parse_size("3TB"), 3'000'000'000'000u);
}

TEST(Size, RefusesWhatIsNotOne) {
  for (const char* text : {"", "KiB", "-1", "1.5MiB", "1 MiB", "1K", "1M", "1kib", "1mb", "64KiBs"})
    EXPECT_FALSE(parse_size(text)) << text;
}

TEST(Size, RefusesWhatDoesNotFit) {
  EXPECT_EQ(*parse_size("18446744073709551615"), UINT64_MAX);
  EXPECT_FALSE(parse_size("18446744073709551616"));
  EXPECT_EQ(*parse_size("16777215TiB"), uint64_t{16777215} << 40);
  EXPECT_FALSE(parse_size("16777216TiB"));
}

TEST(Size, PrintsTheLargestUnitThatDivides) {
  EXPECT_EQ(format_size(0), "0B");
  EXPECT_EQ(format_size(1000), "1000B");
  EXPECT_EQ(format_size(65536), "64KiB");
  EXPECT_EQ(format_size(3 << 20), "3MiB");
  for (const uint64_t value : {uint64_t{1}, uint64_t{1023}, uint64_t{1} << 40, UINT64_MAX})
    EXPECT_EQ(*parse_size(format_size(value)), value);
}

TEST(Count, DigitsOnly) {
  EXPECT_EQ(*parse_count("0"), 0u);
  EXPECT_EQ(*parse_count("18446744073709551615"), UINT64_MAX);
  for (const char* text : {"", "-1", "+1", "1 ", "1.0", "1e3", "1k", "0x1", "18446744073709551616"})
    EXPECT_FALSE(parse_count(text)) << text;
}

}  // namespace
}  // namespace ringcast::config
