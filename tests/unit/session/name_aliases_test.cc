// SPDX-License-Identifier: Apache-2.0
#include "client/name_aliases.h"

#include <gtest/gtest.h>

namespace ringcast::session {
namespace {

hub::Address moved_to(uint16_t core, uint32_t slot) {
  hub::Address address;
  address.core = core;
  address.connection = {slot, 1};
  return address;
}

constexpr uint32_t kLater = NameAliases::kSettledDeciseconds;

TEST(NameAliases, WhoHasNotMovedIsWhereItIs) {
  const NameAliases aliases;
  const hub::Address name = moved_to(0, 1);
  EXPECT_EQ(aliases.now_of(name), name);
  EXPECT_EQ(aliases.named_of(name), name);
  EXPECT_FALSE(aliases.moved(name));
  EXPECT_FALSE(aliases.is_of_tenant(name, ""));
}

TEST(NameAliases, IsFoundByEveryConnectionThatItHad) {
  NameAliases aliases;
  const hub::Address name = moved_to(0, 1), second = moved_to(1, 2), third = moved_to(2, 3);
  EXPECT_TRUE(aliases.set(name, second, 2, "acme", 1000));
  EXPECT_TRUE(aliases.set(name, third, 4, "acme", 1001));
  EXPECT_EQ(aliases.now_of(name), third);
  EXPECT_EQ(aliases.named_of(third), name);
  EXPECT_EQ(aliases.moved(name), third);
  EXPECT_EQ(aliases.moved(second), third);
  EXPECT_FALSE(aliases.moved(third));
  EXPECT_TRUE(aliases.is_of_tenant(second, "acme"));
  EXPECT_FALSE(aliases.is_of_tenant(second, "other"));
}

TEST(NameAliases, FormerConnectionsAreForgotten) {
  NameAliases aliases;
  const hub::Address name = moved_to(0, 1), second = moved_to(1, 2), third = moved_to(2, 3);
  aliases.set(name, second, 2, "", 1000);
  aliases.set(name, third, 4, "", 1001);
  aliases.trim(1001 + kLater - 1);
  EXPECT_EQ(aliases.moved(second), third);
  aliases.trim(1001 + kLater);
  EXPECT_FALSE(aliases.moved(second));
  EXPECT_EQ(aliases.moved(name), third);
  EXPECT_EQ(aliases.former(), 0u);
}

TEST(NameAliases, WhatIsHeardLateChangesNothing) {
  NameAliases aliases;
  const hub::Address name = moved_to(0, 1), second = moved_to(1, 2), third = moved_to(2, 3);
  EXPECT_TRUE(aliases.set(name, third, 4, "", 1000));
  EXPECT_FALSE(aliases.set(name, second, 2, "", 1000));
  EXPECT_FALSE(aliases.set(name, {}, 3, "", 1000));  // the end of one that is kept there no more
  EXPECT_EQ(aliases.now_of(name), third);
}

TEST(NameAliases, TwoAtATimeAreOneInWhicheverOrder) {
  const hub::Address name = moved_to(0, 1), second = moved_to(1, 2), third = moved_to(2, 3);
  NameAliases here, there;
  here.set(name, second, 2, "", 1000);
  here.set(name, third, 2, "", 1000);
  there.set(name, third, 2, "", 1000);
  there.set(name, second, 2, "", 1000);
  EXPECT_EQ(here.now_of(name), there.now_of(name));
}

TEST(NameAliases, WhoHasEndedStaysSoWhenAMoveIsHeardLater) {
  NameAliases aliases;
  const hub::Address name = moved_to(0, 1), second = moved_to(1, 2);
  EXPECT_TRUE(aliases.set(name, {}, 3, "", 1000));
  EXPECT_FALSE(aliases.set(name, second, 2, "", 1001));
  EXPECT_FALSE(aliases.moved(name));
  EXPECT_EQ(aliases.now_of(name), name);
  EXPECT_EQ(aliases.size(), 1u);
  aliases.trim(1000 + kLater);
  EXPECT_EQ(aliases.size(), 0u);
}

TEST(NameAliases, NothingIsLeftOfThoseWhoHaveEnded) {
  NameAliases aliases;
  for (uint32_t n = 1; n <= 3000; ++n) {
    aliases.set(moved_to(0, n), moved_to(1, n), 2, "acme", 1000);
    aliases.set(moved_to(0, n), moved_to(2, n), 4, "acme", 1000);
    aliases.set(moved_to(0, n), {}, 5, "acme", 1000);
  }
  for (int n = 0; n < 100; ++n) aliases.trim(1000 + kLater);
  EXPECT_EQ(aliases.size(), 0u);
  EXPECT_EQ(aliases.former(), 0u);
  EXPECT_FALSE(aliases.moved(moved_to(1, 7)));
  EXPECT_EQ(aliases.named_of(moved_to(2, 7)), moved_to(2, 7));
}

}  // namespace
}  // namespace ringcast::session
