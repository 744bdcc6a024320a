// SPDX-License-Identifier: Apache-2.0
#include "cluster/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringcast::cluster {
namespace {

using testing::HasSubstr;

TEST(Broker, AllPartsAndDefaults) {
  const auto whole = parse_broker("redis://us%65r:p%40ss@redis.example:7000/3");
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(whole->user, "user");
  EXPECT_EQ(whole->password, "p@ss");
  EXPECT_EQ(whole->host, "redis.example");
  EXPECT_EQ(whole->port, 7000);
  EXPECT_EQ(whole->database, 3u);
  const auto least = parse_broker("redis://h");
  ASSERT_TRUE(least);
  EXPECT_EQ(least->host, "h");
  EXPECT_EQ(least->port, 6379);
  EXPECT_EQ(least->password, "");
  const auto six = parse_broker("redis://:secret@[::1]:6380/");
  ASSERT_TRUE(six);
  EXPECT_EQ(six->host, "::1");
  EXPECT_EQ(six->port, 6380);
  EXPECT_EQ(six->user, "");
  EXPECT_EQ(six->password, "secret");
}

TEST(Broker, WhatIsNoneIsRefusedWithTheReason) {
  const auto why = [](std::string_view url) {
    const auto parsed = parse_broker(url);
    return parsed ? std::string("taken") : parsed.error().message;
  };
  EXPECT_THAT(why("rediss://h"), HasSubstr("TLS"));
  EXPECT_THAT(why("redis+sentinel://main@h"), HasSubstr("Sentinel"));
  EXPECT_THAT(why("localhost:6379"), HasSubstr("redis://"));
  EXPECT_THAT(why("redis://"), HasSubstr("no host"));
  EXPECT_THAT(why("redis://h:0"), HasSubstr("port"));
  EXPECT_THAT(why("redis://h:65536"), HasSubstr("port"));
  EXPECT_THAT(why("redis://h:x"), HasSubstr("port"));
  EXPECT_THAT(why("redis://h/x"), HasSubstr("database"));
  EXPECT_THAT(why("redis://[::1"), HasSubstr("]"));
  EXPECT_THAT(why("redis://user@h"), HasSubstr("password"));
  EXPECT_THAT(why("redis://u:%zz@h"), HasSubstr("%XX"));
  EXPECT_THAT(why("redis://u:(hidden)@h"), HasSubstr("hidden"));
}

TEST(Broker, ItsPasswordIsHidden) {
  EXPECT_EQ(without_password("redis://u:p@h:1/2", "X"), "redis://u:X@h:1/2");
  EXPECT_EQ(without_password("redis://:p@h", "X"), "redis://:X@h");
  EXPECT_EQ(without_password("redis://h:1", "X"), "redis://h:1");
  EXPECT_EQ(without_password("", "X"), "");
}

TEST(Broker, AnAddressNeedsNoResolver) {
  const auto address = resolve({.host = "127.0.0.1", .port = 7});
  ASSERT_TRUE(address);
  EXPECT_EQ(address->to_string(), "127.0.0.1:7");
}

}  // namespace
}  // namespace ringcast::cluster
