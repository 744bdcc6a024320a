// SPDX-License-Identifier: Apache-2.0
#include "hub/policy.h"

#include <gtest/gtest.h>

namespace ringcast::hub {
namespace {

TEST(GlobMatch, StarsStayBetweenSlashesAndDoubleStarsDoNot) {
  EXPECT_TRUE(glob_match("orders/*", "orders/7"));
  EXPECT_TRUE(glob_match("orders/*", "orders/"));
  EXPECT_FALSE(glob_match("orders/*", "orders/7/items"));
  EXPECT_TRUE(glob_match("orders/**", "orders/7/items"));
  EXPECT_TRUE(glob_match("**/items", "orders/7/items"));
  EXPECT_TRUE(glob_match("a*b*c", "aXbYbZc"));
  EXPECT_FALSE(glob_match("a*b", "aXbY"));
  EXPECT_TRUE(glob_match("**a*b/c", "x/a/aXb/c"));
  EXPECT_FALSE(glob_match("", "x"));
  EXPECT_TRUE(glob_match("", ""));
  EXPECT_FALSE(glob_match("room.", "rooms"));  // nothing else is special
  EXPECT_TRUE(glob_match("*", "room"));
  EXPECT_FALSE(glob_match("*", "room/1"));
}

TEST(RoomPolicies, FirstMatchWinsAndInboxesHaveTheirOwn) {
  RoomPolicies policies;
  RoomPolicy few;
  few.history_messages = 5;
  RoomPolicy none;
  none.history_messages = 0;
  policies.add("news/*", few);
  policies.add("news/**", none);
  EXPECT_EQ(policies[policies.match("news/1")].history_messages, 5u);
  EXPECT_EQ(policies[policies.match("news/1/2")].history_messages, 0u);
  EXPECT_EQ(policies[policies.match("general")].history_messages, 1000u);
  EXPECT_EQ(policies[policies.match("@alice")].history_messages, 100u);
}

}  // namespace
}  // namespace ringcast::hub
