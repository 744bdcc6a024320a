// SPDX-License-Identifier: Apache-2.0
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

TEST(Options, TheCommandOfAReportCanBeRunAgainAndHoldsNoSecrets) {
  const auto options =
      parse_options({"fanout", "--fail-if", "p99>5ms", "--fail-if=lost>0", "--room-prefix", "it's a-", "--header",
                     "Authorization: Bearer s3cret", "--header=Cookie: s3cret", "--joined", "", "--rate", "1.5"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->command,
            " fanout --fail-if 'p99>5ms' '--fail-if=lost>0' --room-prefix 'it'\\''s a-' --header 'Authorization: …' "
            "'--header=Cookie: …' --joined '' --rate 1.5");
}

TEST(Options, TheCommandOfAReportHidesSecretsInTexts) {
  const auto options = parse_options({"connect", "--path", "/ws?user={user}&token=s3cret&room=tokens", "--hello",
                                      R"({"api_key": "s3cret", "room":"a"})"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->command,
            R"( connect --path '/ws?user={user}&token=…&room=tokens' --hello '{"api_key": "…", "room":"a"}')");
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
  EXPECT_EQ(echo->roles.front().dialect.target, "/echo");
}

TEST(Options, ContradictionsAreRefused) {
  EXPECT_FALSE(parse_options({"fanout", "--rate", "5", "--in-flight", "3"}));
  EXPECT_FALSE(parse_options({"fanout", "--spread", "5", "--rooms", "3"}));
  EXPECT_FALSE(parse_options({"fanout", "--http2", "5"}));
  EXPECT_FALSE(parse_options({"mixed", "--http2", "5"}));
  EXPECT_FALSE(parse_options({"slow", "--http2", "5", "--transport", "sse", "--slow-rate", "1000"}));
  EXPECT_TRUE(parse_options({"slow", "--http2", "5", "--transport", "sse"}));
  EXPECT_FALSE(parse_options({"dance"}));
  EXPECT_FALSE(parse_options({"fanout", "--preset", "nobody"}));
  EXPECT_FALSE(parse_options({"echo", "--size", "29"}));
  EXPECT_FALSE(parse_options({"connect", "--fail-if", "p99"}));
  EXPECT_EQ(parse_options({"--help"}).error().code, "help");
}

TEST(Options, StagesMakeTheLoad) {
  const auto ramped = parse_options({"fanout", "--rate=50", "--ramp-up=2s", "--duration=3s", "--ramp-down=1s"});
  ASSERT_TRUE(ramped) << ramped.error().message;
  EXPECT_EQ(ramped->load_ns(), 6'000'000'000);
  EXPECT_EQ(Schedule(ramped->shape).scaled(50).count(), 225u);

  const auto staged = parse_options({"fanout", "--stage=10s:100", "--stage=20s:100", "--stage", "5s:0"});
  ASSERT_TRUE(staged) << staged.error().message;
  EXPECT_DOUBLE_EQ(staged->rate, 100);
  EXPECT_EQ(staged->load_ns(), 35'000'000'000);
  EXPECT_EQ(Schedule(staged->shape).scaled(staged->rate).count(), 500u + 2000u + 250u);
  // What is there from the beginning warms up.
  const auto warm = parse_options({"fanout", "--rate=40", "--warmup=1s", "--stage=10s:80"});
  ASSERT_TRUE(warm) << warm.error().message;
  EXPECT_EQ(Schedule(warm->shape).scaled(warm->rate).count(), 40u + 600u);

  for (const std::vector<std::string>& bad : {std::vector<std::string>{"fanout", "--stage=10s"},
                                              {"fanout", "--stage=10:5"},
                                              {"fanout", "--stage=10s:-1"},
                                              {"fanout", "--stage=10s:0"},
                                              {"fanout", "--stage=10s:5", "--ramp-up=1s"},
                                              {"fanout", "--stage=10s:5", "--in-flight=1"},
                                              {"connect", "--stage=10s:5"}}) {
    EXPECT_FALSE(parse_options(bad)) << bad.back();
  }
}

TEST(Options, RolesHaveDialectsOfTheirOwn) {
  const auto mixed = parse_options(
      {"mixed", "--mix=echo=1,http=1,fanout-sse=8", "--path=/mine", "--echo-path=/back", "--request-path=/stats"});
  ASSERT_TRUE(mixed) << mixed.error().message;
  EXPECT_EQ(mixed->roles[0].dialect.target, "/back");
  EXPECT_EQ(mixed->roles[0].dialect.publish, "{payload}");
  EXPECT_EQ(mixed->roles[1].dialect.target, "/stats");
  EXPECT_EQ(mixed->roles[2].dialect.target, "/mine");
  EXPECT_EQ(mixed->publisher_role(), 2u);
  EXPECT_FALSE(mixed->saturating());
  EXPECT_FALSE(parse_options({"mixed", "--in-flight=3"}));
  EXPECT_FALSE(parse_options({"fanout", "--mix=echo=1"}));
  EXPECT_FALSE(parse_options({"echo", "--transport=sse"}));
  const auto slow = parse_options({"slow", "--slow=25", "--slow-rate=2000"});
  ASSERT_TRUE(slow) << slow.error().message;
  EXPECT_EQ(slow->roles.size(), 2u);
  EXPECT_EQ(slow->roles[1].weight, 25u);
}

TEST(Options, ATextOfThePresetCanBeLeftOut) {
  const auto flags = parse_options({"--joined", "", "fanout"});
  ASSERT_TRUE(flags) << flags.error().message;
  EXPECT_EQ(flags->scenario, Scenario::fanout);
  EXPECT_EQ(flags->roles.front().dialect.joined, "");
  EXPECT_NE(parse_options({"fanout"})->roles.front().dialect.joined, "");
}

TEST(Options, MarkersAreChecked) {
  const auto marked = parse_options({"fanout", "--marker=@load:"});
  ASSERT_TRUE(marked) << marked.error().message;
  EXPECT_FALSE(parse_options({"fanout", "--marker=a b"}));
  EXPECT_FALSE(parse_options({"fanout", "--marker=12345678901234567"}));
  EXPECT_FALSE(parse_options({"fanout", "--marker=@load:", "--size=33"}));
  EXPECT_TRUE(parse_options({"fanout", "--marker=@load:", "--size=34"}));
}

// A file of the test that calls it, removed at its end.
class TomlFile {
 public:
  explicit TomlFile(std::string_view text) { std::ofstream(path_) << text; }
  ~TomlFile() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  const std::string path_ =
      testing::TempDir() + "ringload_" + testing::UnitTest::GetInstance()->current_test_info()->name() + ".toml";
};

TEST(Options, AFileHasWhatFlagsHave) {
  const TomlFile file(
      "scenario = \"mixed\"\nquiet = true\ndeflate = false\nrooms = 2\nmembers = 20\nrate = 5\n"
      "joined = \"\"\nheader = [\"A: b\", \"C: d\"]\nfail-if = \"lost>0\"\n"
      "[mix]\nfanout = 3\nconnect = 1\n"
      "[[stage]]\nduration = \"10s\"\nrate = 50\n[[stage]]\nduration = \"1min\"\nrate = 12.5\n");
  const auto options = parse_options({"--config", file.path()});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->scenario, Scenario::mixed);
  EXPECT_TRUE(options->quiet);
  EXPECT_FALSE(options->deflate);
  EXPECT_EQ(options->roles.size(), 2u);
  EXPECT_EQ(options->roles[0].dialect.headers.size(), 2u);
  EXPECT_EQ(options->roles[0].dialect.joined, "");
  EXPECT_DOUBLE_EQ(options->rate, 50);
  EXPECT_EQ(options->duration_ns, 70'000'000'000);
  // Both the scenario and the stages of the command line replace the file's.
  const auto mine = parse_options({"mixed", "--config=" + file.path(), "--stage=1s:7"});
  ASSERT_TRUE(mine) << mine.error().message;
  EXPECT_EQ(mine->duration_ns, 1'000'000'000);
}

TEST(Options, WhatAFileMayNotSayIsNamed) {
  const std::vector<std::pair<std::string, std::string>> bad{
      {"rooms = 1\nrats = 2\n", ":2: there is no setting 'rats'"},
      {"config = \"x\"\n", "'config'"},
      {"help = true\n", "'help'"},
      {"scenario = \"dance\"\n", "'dance'"},
      {"scenario = 3\n", "scenario is a string"},
      {"[rooms]\na = 1\n", "'rooms' is no table"},
      {"rate = [[1]]\n", "'rate' wants"},
      {"duration = 1979-05-27\n", "'duration' wants"},
      {"[[stage]]\nrates = 1\n", "no 'rates'"},
      {"[[stage]]\nrate = 1\n", "duration and rate"},
      {"[mix]\nfanout = \"x\"\n", "weight of 'fanout'"},
      {"rooms = \"many\"\n", "rooms"},
      {"rooms = \n", ":1: "}};
  for (const auto& [text, why] : bad) {
    const TomlFile file(text);
    const auto options = parse_options({"fanout", "--config", file.path()});
    ASSERT_FALSE(options) << text;
    EXPECT_NE(options.error().message.find(why), std::string::npos) << text << ": " << options.error().message;
  }
  EXPECT_FALSE(parse_options({"fanout", "--config", "/nonexistent/run.toml"}));
}

TEST(Options, RepeatableFlagsTakeOneValueEach) {
  const auto options = parse_options({"--stage", "10s:5", "--fail-if", "lost>0", "--header", "A: b", "fanout"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->scenario, Scenario::fanout);
  EXPECT_EQ(options->thresholds.size(), 1u);
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
