// SPDX-License-Identifier: Apache-2.0
// URLs of NATS and Kafka, and what their wildcards stand for.
#include "inlets/address.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "inlets/pattern.h"

namespace ringcast::inlets {
namespace {

using Names = std::vector<std::string>;

std::string refused(Type type, std::string_view url) {
  const auto address = parse_address(type, url);
  return address ? "no error" : address.error().message;
}

TEST(Address, IsTakenApart) {
  const auto nats = parse_address(Type::nats, "tls://u:p%40%3a@a,b:99,[::1],[::1]:98");
  ASSERT_TRUE(nats);
  EXPECT_TRUE(nats->tls);
  EXPECT_EQ(nats->user, "u");
  EXPECT_EQ(nats->password, "p@:");
  EXPECT_EQ(nats->servers, (Names{"a:4222", "b:99", "[::1]:4222", "[::1]:98"}));
  EXPECT_EQ(parse_address(Type::jetstream, "nats://t%2f@a")->token, "t/");
  EXPECT_EQ(parse_address(Type::kafka, "kafka://a")->servers, (Names{"a:9092"}));
  EXPECT_TRUE(parse_address(Type::kafka, "kafka+tls://a")->tls);
  EXPECT_EQ(refused(Type::nats, "kafka://a"), "must begin with nats://, or tls:// for TLS");
  EXPECT_EQ(refused(Type::kafka, "nats://a"), "must begin with kafka://, or kafka+tls:// for TLS");
  EXPECT_EQ(refused(Type::nats, "nats://"), "it names no host");
  EXPECT_EQ(refused(Type::nats, "nats://a,"), "it names no host");
  EXPECT_EQ(refused(Type::nats, "nats://a:x"), "the port must be a number from 1 to 65535");
  EXPECT_EQ(refused(Type::nats, "nats://a:70000"), "the port must be a number from 1 to 65535");
  EXPECT_EQ(refused(Type::nats, "nats://a/b"), "after the hosts nothing may follow");
  EXPECT_EQ(refused(Type::nats, "nats://[::1"), "an IPv6 address needs a ]");
  EXPECT_EQ(refused(Type::nats, "nats://%4@a"), "user and password may have %XX in them, and no other %");
  EXPECT_EQ(refused(Type::nats, "nats://@a"), "it names no user before the @");
  EXPECT_EQ(refused(Type::kafka, "kafka://u@a"), "a user needs a password: kafka://USER:PASSWORD@HOST");
}

TEST(Address, IsShownWithoutItsSecrets) {
  EXPECT_EQ(shown_address(Type::nats, "nats://secret@a:1", "***"), "nats://***@a:1");
  EXPECT_EQ(shown_address(Type::nats, "nats://u:secret@a:1", "***"), "nats://u:***@a:1");
  EXPECT_EQ(shown_address(Type::kafka, "kafka://u:secret@a", "***"), "kafka://u:***@a");
  EXPECT_EQ(shown_address(Type::kafka, "kafka://a:1", "***"), "kafka://a:1");
}

Names captured(std::string_view pattern, std::string_view subject) {
  std::vector<std::string_view> out;
  if (!capture_nats(pattern, subject, out)) return {"(none)"};
  return {out.begin(), out.end()};
}

TEST(NatsSubject, WildcardsStandForWords) {
  EXPECT_EQ(captured("a.b", "a.b"), Names{});
  EXPECT_EQ(captured("a.*.c.*", "a.b.c.d"), (Names{"b", "d"}));
  EXPECT_EQ(captured("a.>", "a.b.c"), (Names{"b.c"}));
  EXPECT_EQ(captured("*.>", "a.b"), (Names{"a", "b"}));
  EXPECT_EQ(captured("a.>", "a"), (Names{"(none)"}));
  EXPECT_EQ(captured("a.*", "a.b.c"), (Names{"(none)"}));
  EXPECT_EQ(captured("a.b", "a.c"), (Names{"(none)"}));
  EXPECT_EQ(nats_wildcards_of("a.*.*.>"), 3u);
  for (const char* good : {"a", "a.b", "a.*.b.>", ">"}) EXPECT_TRUE(check_nats_subject(good)) << good;
  for (const char* bad : {"a..b", "a.", ".a", "a b", "a.b*", "a.>.b", "*.*.*.*.*.*.*.*.*.*"})
    EXPECT_FALSE(check_nats_subject(bad)) << bad;
}

}  // namespace
}  // namespace ringcast::inlets
