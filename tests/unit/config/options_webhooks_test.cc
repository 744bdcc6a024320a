// SPDX-License-Identifier: Apache-2.0
// The `[[webhooks]]` sections of the file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

#include "config/options.h"
#include "file_fixture.h"

namespace ringcast::config {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using namespace std::chrono_literals;

class Sections : public FileFixture {
 protected:
  // With what every section needs.
  std::string refused_key(const std::string& line) {
    return refused("[[webhooks]]\nurl = \"http://h/\"\nevents = [\"join\"]\n" + line + "\n");
  }
};

TEST_F(Sections, AreReadInTheirOrder) {
  std::ofstream(beside_) << "from a file\nand more\n";
  const Options read = options(R"([[webhooks]]
url = "https://a.example/x?y"
secret = "s"
events = ["connect", "publish"]
rooms = ["chat/**", "@*"]
timeout = "250ms"
retries = 0
retry_delay = "20ms"
retry_delay_max = "2s"
on_failure = "allow"
queue_max = 7
batch_max = 8
concurrency = 9

[[webhooks]]
url = "http://b.example"
secret_file = ")" + beside_ + R"("
ca_file = ")" + beside_ + R"("
events = ["disconnect", "join", "leave", "occupied", "vacated"]
)");
  ASSERT_EQ(read.webhooks.size(), 2u);
  const hooks::EndpointOptions& one = read.webhooks[0];
  EXPECT_EQ(one.url, "https://a.example/x?y");
  EXPECT_EQ(one.secret, "s");
  EXPECT_EQ(one.events, 65);
  EXPECT_THAT(one.rooms, ElementsAre("chat/**", "@*"));
  EXPECT_EQ(one.timeout, 250ms);
  EXPECT_EQ(one.retries, 0u);
  EXPECT_EQ(one.retry_delay, 20ms);
  EXPECT_EQ(one.retry_delay_max, 2s);
  EXPECT_TRUE(one.allow_on_failure);
  EXPECT_EQ(one.queue_max, 7u);
  EXPECT_EQ(one.batch_max, 8u);
  EXPECT_EQ(one.concurrency, 9u);
  const hooks::EndpointOptions& two = read.webhooks[1];
  EXPECT_EQ(two.secret, "from a file");
  EXPECT_EQ(two.ca_file, beside_);
  EXPECT_EQ(two.events, 62);
  EXPECT_EQ(two.timeout, 5s);
  EXPECT_EQ(two.retries, 5u);
  EXPECT_EQ(two.retry_delay, 1s);
  EXPECT_EQ(two.retry_delay_max, 60s);
  EXPECT_FALSE(two.allow_on_failure);
  EXPECT_EQ(two.queue_max, 10'000u);
  EXPECT_EQ(two.batch_max, 100u);
  EXPECT_EQ(two.concurrency, 32u);
  // Printed, it loads back to the same; a change of it waits for a restart.
  EXPECT_EQ(options(print_config(read, Secrets::shown)), read);
  EXPECT_THAT(diff_reloadable(Options{}, read).needs_restart, ElementsAre("webhooks"));
}

TEST_F(Sections, WhatIsMissingIsNamed) {
  EXPECT_THAT(refused("[[webhooks]]\nevents = [\"join\"]\n"), EndsWith(":1: [[webhooks]] needs url = \"…\""));
  EXPECT_THAT(refused("[[webhooks]]\nurl = \"http://h\"\n"), EndsWith(":1: [[webhooks]] needs events = [\"…\"]"));
  EXPECT_THAT(refused("[webhooks]\nurl = \"http://h\"\n"), HasSubstr("must be written as [[webhooks]] sections"));
}

TEST_F(Sections, WhatIsWrongIsNamedWithItsPlace) {
  EXPECT_THAT(refused_key("timeot = \"1s\""),
              HasSubstr(":4: unknown setting of [[webhooks]] \"timeot\"; there is url,"));
  EXPECT_THAT(refused("[[webhooks]]\nurl = \"ftp://h\"\n"),
              HasSubstr(":2: url = \"ftp://h\": must be a URL of http or https"));
  EXPECT_THAT(refused("[[webhooks]]\nurl = \"http://h\"\nevents = [\"joined\"]\n"),
              HasSubstr("there is no \"joined\", only connect, disconnect, join"));
  EXPECT_THAT(refused("[[webhooks]]\nurl = \"http://h\"\nevents = \"join\"\n"), HasSubstr("must be a list of connect"));
  EXPECT_THAT(refused_key("rooms = []"), HasSubstr("must be a list of 1 to 64 patterns of 1 to 128 bytes"));
  EXPECT_THAT(refused_key("on_failure = \"ask\""), HasSubstr("must be \"allow\" or \"deny\""));
  EXPECT_THAT(refused_key("retry_delay = \"2min\""), HasSubstr("retry_delay must not be more than retry_delay_max"));
  EXPECT_THAT(refused_key("secret_file = \"/nonexistent/secret\""), HasSubstr("cannot be read"));
  EXPECT_THAT(refused_key("ca_file = \"/nonexistent/ca.pem\""), HasSubstr("cannot be read: No such file"));
  EXPECT_THAT(refused_key("ca_file = 1"), HasSubstr("must be the path of a file"));
  EXPECT_THAT(refused_key("secret = \"a\"\nsecret_file = \"b\""), HasSubstr("there is one secret"));
  const std::string message = refused_key("secret = \"tell\\u0007nobody\"");
  EXPECT_THAT(message, HasSubstr("a secret has 1 to 1024 bytes"));
  EXPECT_EQ(message.find("nobody"), std::string::npos);
}

TEST_F(Sections, RangesHoldAtTheirEdges) {
  const auto section = [](const std::string& line) {
    return "[[webhooks]]\nurl = \"http://h/\"\nevents = [\"join\"]\n" + line + "\n";
  };
  struct Range {
    std::string key;
    int64_t min, max;
  };
  for (const auto& [key, min, max] : std::vector<Range>{
           {"retries", 0, 100}, {"queue_max", 1, 1'000'000}, {"batch_max", 1, 10'000}, {"concurrency", 1, 1'000}}) {
    options(section(key + " = " + std::to_string(min)));
    options(section(key + " = " + std::to_string(max)));
    const std::string range = "must be a whole number from " + std::to_string(min) + " to " + std::to_string(max);
    EXPECT_THAT(refused(section(key + " = " + std::to_string(min - 1))), HasSubstr(range));
    EXPECT_THAT(refused(section(key + " = " + std::to_string(max + 1))), HasSubstr(range));
  }
  options(section("timeout = \"1ms\""));
  options(section("timeout = \"5min\""));
  for (const std::string bad : {"\"999us\"", "\"301s\"", "5", "\"soon\""})
    EXPECT_THAT(refused(section("timeout = " + bad)), HasSubstr("must be a duration from 1ms to 5min"));
  options(section("retry_delay_max = \"1h\""));
  EXPECT_THAT(refused(section("retry_delay_max = \"61min\"")), HasSubstr("must be a duration from 1ms to 1h"));
}

TEST_F(Sections, ThereAreThirtyTwoAtMost) {
  const std::string one = "[[webhooks]]\nurl = \"http://h/\"\nevents = [\"join\"]\n";
  std::string text;
  for (int i = 0; i < 32; ++i) text += one;
  EXPECT_EQ(options(text).webhooks.size(), 32u);
  EXPECT_THAT(refused(text + one), HasSubstr("at most 32 [[webhooks]] sections, not 33"));
}

TEST_F(Sections, WhatIsNeverCalledIsRefused) {
  const auto two = [](const std::string& first, const std::string& second) {
    return "[[webhooks]]\nurl = \"http://a/?key=secret\"\n" + first + "\n[[webhooks]]\nurl = \"http://b/\"\n" + second +
           "\n";
  };
  const std::string connect = "events = [\"connect\"]";
  const std::string publish = "events = [\"publish\"]";
  EXPECT_THAT(refused(two(connect, connect)), HasSubstr(":4: connect is decided by the first section that has it, "
                                                        "\"http://a/\"; this one is never asked"));
  EXPECT_THAT(refused(two(publish, publish + "\nrooms = [\"a\"]")), HasSubstr("this one is never asked"));
  EXPECT_THAT(refused(two(publish + "\nrooms = [\"a*\", \"b\"]", publish + "\nrooms = [\"ab\", \"b\"]")),
              HasSubstr("this one is never asked"));
  EXPECT_EQ(options(two(publish + "\nrooms = [\"a*\"]", publish + "\nrooms = [\"ab\", \"b\"]")).webhooks.size(), 2u);
  EXPECT_EQ(options(two(publish + "\nrooms = [\"a*\"]", publish)).webhooks.size(), 2u);
  EXPECT_EQ(options(two("events = [\"join\"]", "events = [\"join\"]")).webhooks.size(), 2u) << "both hear of it";
  EXPECT_THAT(refused("[[webhooks]]\nurl = \"http://h/\"\n" + connect + "\nrooms = [\"a\"]\n"),
              HasSubstr("none of these events is about a room"));
  EXPECT_THAT(refused_key("rooms = [\"a,b\"]"), HasSubstr("matches no room"));
}

}  // namespace
}  // namespace ringcast::config
