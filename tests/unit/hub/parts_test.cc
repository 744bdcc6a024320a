// SPDX-License-Identifier: Apache-2.0
// History, Presence, IdempotencyKeys and Credit, each by itself.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "hub/credit.h"
#include "hub/history.h"
#include "hub/idempotency.h"
#include "hub/presence.h"

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

const KeyedHash kHash(HashKey{1, 2});

TEST(Presence, FirstInAndLastOut) {
  Presence presence(kHash);
  EXPECT_TRUE(presence.enter("alice"));
  EXPECT_FALSE(presence.enter("alice"));
  EXPECT_FALSE(presence.leave("alice", 0));
  EXPECT_TRUE(presence.leave("alice", 0));
  EXPECT_TRUE(presence.empty());
  EXPECT_TRUE(presence.enter(""));
  EXPECT_TRUE(presence.enter(""));  // each anonymous connection is an entry of its own
  EXPECT_EQ(presence.anonymous(), 2u);
  EXPECT_TRUE(presence.leave("", 77));
}

TEST(Presence, AReturnWithinTheGraceIsNotNoticed) {
  Presence presence(kHash);
  std::vector<std::string> gone;
  const auto note = [&](std::string_view user) { gone.emplace_back(user); };
  presence.enter("alice");
  presence.enter("bob");
  EXPECT_FALSE(presence.leave("alice", 100'000));
  EXPECT_FALSE(presence.leave("bob", 200'000));
  EXPECT_EQ(presence.find("alice")->connections, 0u);
  EXPECT_FALSE(presence.enter("alice"));
  presence.expire(150'000, note);
  EXPECT_TRUE(gone.empty());
  EXPECT_TRUE(presence.waiting());
  presence.expire(200'000, note);
  EXPECT_EQ(gone, std::vector<std::string>{"bob"});
  EXPECT_FALSE(presence.waiting());
  EXPECT_EQ(presence.users(), 1u);
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
