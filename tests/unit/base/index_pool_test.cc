// SPDX-License-Identifier: Apache-2.0
#include "base/index_pool.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace ringcast {
namespace {

struct Entry {
  uint32_t first;
  uint32_t second;
};

TEST(IndexPool, AgreesWithAMapWhileItGrowsAndShrinks) {
  constexpr uint32_t kMax = 20'000;
  IndexPool<Entry> pool(kMax);
  std::map<uint32_t, uint32_t> model;
  std::mt19937 random(1);
  for (const int growing : {90, 10, 90, 2}) {
    for (int step = 0; step < 30'000; ++step) {
      if (static_cast<int>(random() % 100) < growing) {
        const auto value = static_cast<uint32_t>(random());
        const uint32_t index = pool.acquire({value, ~value});
        ASSERT_EQ(index == kNoIndex, model.size() == kMax);
        ASSERT_TRUE(index == kNoIndex || model.emplace(index, value).second);
      } else if (!model.empty()) {
        const auto at = model.lower_bound(random() % (model.rbegin()->first + 1));
        ASSERT_EQ(pool[at->first].first, at->second);
        ASSERT_EQ(pool[at->first].second, ~at->second);
        pool.release(at->first);
        model.erase(at);
      }
      ASSERT_EQ(pool.size(), model.size());
    }
    for (const auto& [index, value] : model) {
      ASSERT_LT(index, pool.index_end());
      ASSERT_EQ(pool[index].first, value);
    }
  }
}

TEST(IndexPool, WhatARushTookGoesBack) {
  IndexPool<Entry> pool(1 << 20);
  for (uint32_t i = 0; i < 100'000; ++i) ASSERT_EQ(pool.acquire({i, i}), i);
  EXPECT_GE(pool.memory_bytes(), 100'000 * sizeof(Entry));
  for (uint32_t i = 0; i < 100'000; ++i) pool.release(i);
  EXPECT_EQ(pool.memory_bytes(), 1024 * sizeof(Entry));
  EXPECT_EQ(pool.find(99'999), nullptr);
  EXPECT_EQ(pool.acquire({1, 2}), 0u);
  // An index that was never taken, in a chunk that came back: nothing of what was there before.
  for (uint32_t i = 1; i < 1025; ++i) ASSERT_EQ(pool.acquire({i, i}), i);
  ASSERT_NE(pool.find(2000), nullptr);
  EXPECT_EQ(pool.find(2000)->second, 0u);
}

}  // namespace
}  // namespace ringcast
