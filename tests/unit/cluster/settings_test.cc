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
  EXPECT_THAT(why("redis+sentinel://h"), HasSubstr("?master=NAME"));
  EXPECT_THAT(why("redis+sentinel://h?master="), HasSubstr("?master=NAME"));
  EXPECT_THAT(why("redis+sentinel://h?name=x"), HasSubstr("?master=NAME"));
  EXPECT_THAT(why("redis+sentinel://h,?master=x"), HasSubstr("no host"));
  EXPECT_THAT(why("redis+sentinel://h:0?master=x"), HasSubstr("port"));
  EXPECT_THAT(why("redis://h?master=x"), HasSubstr("redis+sentinel"));
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

TEST(Broker, OverTlsAndBySentinels) {
  const auto secure = parse_broker("rediss://:p@h:6380/1");
  ASSERT_TRUE(secure) << secure.error().message;
  EXPECT_TRUE(secure->tls);
  EXPECT_EQ(secure->host, "h");
  EXPECT_EQ(secure->port, 6380);
  EXPECT_FALSE(parse_broker("redis://h")->tls);
  const auto found = parse_broker("redis+sentinel://u:p@a,b:1,[::1]:2/3?master=my%20main");
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->user, "u");
  EXPECT_EQ(found->password, "p");
  EXPECT_EQ(found->database, 3u);
  EXPECT_EQ(found->master, "my main");
  ASSERT_EQ(found->sentinels.size(), 3u);
  EXPECT_EQ(found->sentinels[0].host, "a");
  EXPECT_EQ(found->sentinels[0].port, 26379);
  EXPECT_EQ(found->sentinels[1].port, 1);
  EXPECT_EQ(found->sentinels[2].host, "::1");
  EXPECT_EQ(found->sentinels[2].port, 2);
}

TEST(Broker, ItsPasswordIsHidden) {
  EXPECT_EQ(without_password("redis://u:p@h:1/2", "X"), "redis://u:X@h:1/2");
  EXPECT_EQ(without_password("redis://:p@h", "X"), "redis://:X@h");
  EXPECT_EQ(without_password("redis://h:1", "X"), "redis://h:1");
  EXPECT_EQ(without_password("redis+sentinel://:p@h,i?master=m", "X"), "redis+sentinel://:X@h,i?master=m");
  EXPECT_EQ(without_password("", "X"), "");
}

TEST(Broker, AnAddressNeedsNoResolver) {
  const auto address = resolve(HostAndPort{.host = "127.0.0.1", .port = 7});
  ASSERT_TRUE(address);
  EXPECT_EQ(address->to_string(), "127.0.0.1:7");
}

}  // namespace
}  // namespace ringcast::cluster
