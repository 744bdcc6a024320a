// SPDX-License-Identifier: Apache-2.0
// IndexSet against a plain map, and the names that it finds entries by.
#include "hub/index_set.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/keyed_hash.h"
#include "hub/name.h"
#include "hub/owner/presence.h"

namespace ringcast::hub {
namespace {

TEST(IndexSet, AgreesWithAMap) {
  // Few different hashes: chains wrap around the end, tags collide, and erasing has to move what lies behind.
  for (const uint32_t hashes : {3u, 50u, 100'000u}) {
    std::mt19937_64 random(hashes);
    std::vector<uint64_t> hash_of_index(2000);
    for (uint64_t& hash : hash_of_index) hash = KeyedHash({1, 2})(std::to_string(random() % hashes));
    const auto hash_of = [&](uint32_t index) { return hash_of_index[index]; };
    IndexSet set;
    std::unordered_map<uint32_t, bool> model;
    for (int step = 0; step < 20'000; ++step) {
      const auto index = static_cast<uint32_t>(random() % hash_of_index.size());
      const uint32_t found = set.find(hash_of(index), [&](uint32_t candidate) { return candidate == index; });
      ASSERT_EQ(found, model.contains(index) ? index : kNoIndex);
      if (model.contains(index)) {
        set.erase(hash_of(index), index, hash_of);
        model.erase(index);
      } else if (model.size() < 300 || step % 2 == 0) {
        set.insert(hash_of(index), index, hash_of);
        model[index] = true;
      }
      ASSERT_EQ(set.size(), model.size());
    }
  }
}

TEST(IndexSet, GetsSmallAgainInFewSteps) {
  constexpr uint32_t kMany = 200'000;
  const auto hash_of = [](uint32_t index) { return index * 0x9E3779B97F4A7C15u; };
  IndexSet set;
  for (uint32_t i = 0; i < kMany; ++i) set.insert(hash_of(i), i, hash_of);
  size_t buckets = set.buckets();
  int times = 0;
  uint64_t moved = 0;
  for (uint32_t i = 0; i < kMany; ++i) {
    set.erase(hash_of(i), i, hash_of);
    if (set.buckets() == buckets) continue;
    ++times;
    moved += set.size();
    buckets = set.buckets();
    EXPECT_LE(set.size(), IndexSet::kRebuiltMax);
    EXPECT_GE(buckets, set.size() * size_t{2});  // far from growing again
    for (uint32_t left = i + 1; left < kMany; ++left) {
      ASSERT_EQ(set.find(hash_of(left), [&](uint32_t candidate) { return candidate == left; }), left);
    }
  }
  EXPECT_EQ(buckets, 8u);
  EXPECT_LE(times, 12);
  EXPECT_LE(moved, 2 * IndexSet::kRebuiltMax);
}

TEST(Name, SharesItsTextUpToWhatItCanCount) {
  const Name first("alice");
  std::vector<Name> copies(70'000, first);
  EXPECT_EQ(copies.front().view().data(), first.view().data());
  EXPECT_NE(copies.back().view().data(), first.view().data());
  for (const Name& copy : copies) ASSERT_EQ(copy.view(), "alice");
}

TEST(Presence, FindsEverybodyInALargeRoomWhileOthersLeave) {
  const KeyedHash hash({1, 2});
  Presence presence(hash);
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(presence.enter("user-" + std::to_string(i)));
  using Left = Presence::Left;
  for (int i = 0; i < 1000; i += 3) EXPECT_EQ(presence.leave("user-" + std::to_string(i), 0), Left::gone);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(presence.find("user-" + std::to_string(i)) != nullptr, i % 3 != 0) << i;
  }
  for (int i = 1; i < 1000; i += 3) EXPECT_EQ(presence.leave("user-" + std::to_string(i), 5'000'000), Left::waits);
  for (int i = 1; i < 1000; i += 3) EXPECT_TRUE(presence.expire("user-" + std::to_string(i), 5'000'000));
  EXPECT_EQ(presence.users(), 333u);
  for (int i = 2; i < 1000; i += 3) EXPECT_EQ(presence.leave("user-" + std::to_string(i), 0), Left::gone);
  EXPECT_TRUE(presence.empty());
}

}  // namespace
}  // namespace ringcast::hub
