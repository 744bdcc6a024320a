// SPDX-License-Identifier: Apache-2.0
#include "reactor/unread_ranking.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace ringcast::reactor {
namespace {

TEST(UnreadRanking, TheLargestIsFoundWithinAFactorOfTwo) {
  UnreadRanking ranking;
  EXPECT_EQ(ranking.largest(), kNoIndex);
  std::vector<uint32_t> unread(500);
  std::mt19937 random(3);
  for (int step = 0; step < 50'000; ++step) {
    const uint32_t slot = random() % unread.size();
    const uint32_t now = random() % 3 == 0 ? 0 : static_cast<uint32_t>(random()) >> random() % 32;
    ranking.update(slot, unread[slot], now);
    unread[slot] = now;
    const uint32_t most = *std::max_element(unread.begin(), unread.end());
    ASSERT_EQ(ranking.size(), unread.size() - static_cast<size_t>(std::count(unread.begin(), unread.end(), 0u)));
    if (most == 0) continue;
    ASSERT_NE(ranking.largest(), kNoIndex);
    ASSERT_GT(unread[ranking.largest()], most / 2);
  }
  for (uint32_t slot = 0; slot < unread.size(); ++slot) ranking.update(slot, unread[slot], 0);
  EXPECT_EQ(ranking.largest(), kNoIndex);
  EXPECT_EQ(ranking.size(), 0u);
}

}  // namespace
}  // namespace ringcast::reactor
