// SPDX-License-Identifier: Apache-2.0
// History, Presence, IdempotencyKeys and Credit, each by itself.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "hub/credit.h"
#include "hub/owner/forgotten.h"
#include "hub/owner/history.h"
#include "hub/owner/idempotency.h"
#include "hub/owner/presence.h"
#include "hub/page.h"

namespace ringcast::hub {
namespace {

TEST(History, KeepsOrderAndCountsBytesAndHoldsWhileTheRingGrows) {
  const int64_t blocks = Block::live_blocks();
  {
    BlockWriter writer;
    History history;
    for (uint32_t i = 0; i < 100; ++i) {
      history.push({writer.append(std::string(i % 7 + 1, 'a')), i, false});
      if (i % 3 == 2) history.pop_oldest();
    }
    ASSERT_EQ(history.size(), 67u);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < history.size(); ++i) {
      EXPECT_EQ(history.at(i).time_s, 33 + i);
      bytes += history.at(i).slice.length + History::kOverhead;
    }
    EXPECT_EQ(history.bytes(), bytes);
    history.clear();
    EXPECT_TRUE(history.empty());
    EXPECT_EQ(history.bytes(), 0u);
    history.push({writer.append("again"), 1, false});
  }
  EXPECT_EQ(Block::live_blocks(), blocks);
}

TEST(ForgottenPositions, AChannelGoesOnWhereItWas) {
  ForgottenPositions positions(10, 1'000'000);
  EXPECT_EQ(positions.position_of(1, 0), 0u);
  positions.add(1, 0, 30);
  positions.add(2, 1'000'000, 1'000'005);
  EXPECT_EQ(positions.position_of(1, 0), 30u);
  EXPECT_EQ(positions.position_of(2, 1'000'000), 1'000'005u);
  EXPECT_EQ(positions.position_of(3, 0), 0u);
  positions.add(1, 0, 31);
  EXPECT_EQ(positions.position_of(1, 0), 31u);
  EXPECT_EQ(positions.size(), 2u);
  // One that has given no id needs no memory.
  positions.add(4, 0, 0);
  positions.add(5, 1'000'000, 1'000'000);
  EXPECT_EQ(positions.size(), 2u);
}

TEST(ForgottenPositions, IsBoundedAndNoIdIsGivenTwice) {
  ForgottenPositions positions(2, 1'000'000);
  positions.add(1, 0, 30);
  positions.add(2, 0, 7);
  positions.add(3, 1'000'000, 1'000'001);
  EXPECT_EQ(positions.size(), 2u);
  // The first is not known any more: a channel that is made now begins above it, with small ids still small.
  EXPECT_EQ(positions.position_of(1, 0), 30u);
  EXPECT_EQ(positions.position_of(9, 0), 30u);
  EXPECT_EQ(positions.position_of(2, 0), 7u);
  EXPECT_EQ(positions.position_of(9, 1'000'000), 1'000'000u);
  positions.add(4, 0, 50);
  positions.add(5, 0, 60);
  EXPECT_EQ(positions.position_of(9, 0), 30u);  // 7 went
  EXPECT_EQ(positions.position_of(9, 1'000'000), 1'000'001u);
}

const KeyedHash kHash(HashKey{1, 2});

TEST(Presence, FirstInAndLastOut) {
  Presence presence(kHash);
  EXPECT_TRUE(presence.enter("alice"));
  EXPECT_FALSE(presence.enter("alice"));
  EXPECT_EQ(presence.leave("alice", 0), Presence::Left::stays);
  EXPECT_EQ(presence.leave("alice", 0), Presence::Left::gone);
  EXPECT_TRUE(presence.empty());
  EXPECT_TRUE(presence.enter(""));
  EXPECT_TRUE(presence.enter(""));  // each anonymous connection is an entry of its own
  EXPECT_EQ(presence.anonymous(), 2u);
  EXPECT_EQ(presence.leave("", 77'000), Presence::Left::gone);
}

TEST(Presence, AReturnWithinTheGraceIsNotNoticed) {
  Presence presence(kHash);
  presence.enter("alice");
  presence.enter("bob");
  EXPECT_EQ(presence.leave("alice", 100'000), Presence::Left::waits);
  EXPECT_EQ(presence.leave("bob", 200'000), Presence::Left::waits);
  EXPECT_EQ(presence.find("alice")->connections, 0u);
  EXPECT_FALSE(presence.enter("alice"));
  EXPECT_FALSE(presence.expire("alice", 100'000));  // she is back
  EXPECT_TRUE(presence.waiting());
  EXPECT_EQ(presence.leave("alice", 300'000), Presence::Left::waits);
  EXPECT_FALSE(presence.expire("alice", 100'000));  // she has left again since
  EXPECT_TRUE(presence.expire("bob", 200'000));
  EXPECT_EQ(presence.users(), 1u);
  EXPECT_TRUE(presence.expire("alice", 300'000));
  EXPECT_FALSE(presence.expire("alice", 300'000));
  EXPECT_FALSE(presence.waiting());
  EXPECT_TRUE(presence.empty());
}

TEST(IdempotencyKeys, AreScopedAndExpire) {
  IdempotencyKeys keys(10, 1000, {1, 2});
  keys.insert("room", "alice", "k", {7, 3}, 0);
  ASSERT_NE(keys.find("room", "alice", "k", 999), nullptr);
  EXPECT_EQ(keys.find("room", "alice", "k", 999)->id, 7u);
  EXPECT_EQ(keys.find("room", "bob", "k", 999), nullptr);
  EXPECT_EQ(keys.find("other", "alice", "k", 999), nullptr);
  EXPECT_EQ(keys.find("roo", "malice", "k", 999), nullptr);  // where one text ends matters
  EXPECT_EQ(keys.find("room", "alice", "k", 1000), nullptr);
  EXPECT_EQ(keys.evicted(), 0u);
}

// Not all at once when many end together; one that has ended and is still there is new again.
TEST(IdempotencyKeys, ManyThatEndGoInSteps) {
  IdempotencyKeys keys(10'000, 1000, {1, 2});
  for (int i = 0; i < 5000; ++i) keys.insert("room", "alice", std::to_string(i), {1, 1}, 0);
  EXPECT_EQ(keys.find("room", "alice", "4999", 1000), nullptr);
  EXPECT_GT(keys.size(), 4900u);
  keys.insert("room", "alice", "4999", {2, 1}, 1000);
  for (int i = 0; i < 10; ++i) keys.sweep(1999);
  EXPECT_EQ(keys.size(), 1u);
  ASSERT_NE(keys.find("room", "alice", "4999", 1999), nullptr);
  EXPECT_EQ(keys.find("room", "alice", "4999", 1999)->id, 2u);
  keys.sweep(2000);
  EXPECT_EQ(keys.size(), 0u);
  EXPECT_EQ(keys.evicted(), 0u);
}

TEST(Page, KeepsTheFirstRowsInOrderOfTheirNames) {
  Page page("b", 2);
  for (const char* name : {"e", "a", "c", "b", "f", "d", "c"}) {
    if (page.takes(name)) page.add({.name = name, .a = static_cast<uint64_t>(*name)});
  }
  EXPECT_TRUE(page.more());
  const std::vector<Row> rows = page.take();
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].name, "c");
  EXPECT_EQ(rows[1].name, "d");

  Page twice("", 2);
  for (const uint64_t a : {1, 2}) {
    for (const char* name : {"x", "y"}) {
      ASSERT_TRUE(twice.takes(name));
      twice.add({.name = name, .a = a});
    }
  }
  EXPECT_FALSE(twice.more());
  EXPECT_EQ(twice.take()[1].a, 2u) << "the later one stays";

  Page none("", 0);
  EXPECT_FALSE(none.takes("a"));
  EXPECT_TRUE(none.more());
}

TEST(IdempotencyKeys, TheOldestGoFirst) {
  IdempotencyKeys keys(2, 1000, {1, 2});
  for (const char* key : {"a", "b", "c"}) keys.insert("room", "alice", key, {1, 1}, 0);
  EXPECT_EQ(keys.size(), 2u);
  EXPECT_EQ(keys.evicted(), 1u);
  EXPECT_EQ(keys.find("room", "alice", "a", 1), nullptr);
  EXPECT_NE(keys.find("room", "alice", "b", 1), nullptr);
  IdempotencyKeys none(0, 1000, {1, 2});
  none.insert("room", "alice", "a", {1, 1}, 0);
  EXPECT_EQ(none.find("room", "alice", "a", 0), nullptr);
}

TEST(Credit, BoundsMessagesAndBytesOfEachHome) {
  Credit credit(2, 2, 100);
  EXPECT_TRUE(credit.has(0, 5000));  // larger than all credit: it goes alone
  credit.take(0, 60);
  EXPECT_FALSE(credit.has(0, 41));
  EXPECT_TRUE(credit.has(0, 40));
  credit.take(0, 40);
  EXPECT_FALSE(credit.has(0, 0));
  EXPECT_TRUE(credit.has(1, 100));
  credit.give_back(0, 1, 60);
  EXPECT_TRUE(credit.has(0, 60));
  EXPECT_FALSE(credit.all_back());
  credit.give_back(0, 1, 40);
  EXPECT_TRUE(credit.all_back());
}

}  // namespace
}  // namespace ringcast::hub
