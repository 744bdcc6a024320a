// SPDX-License-Identifier: Apache-2.0
#include "base/core_rings.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <thread>

namespace ringcast {
namespace {

struct Item {
  uint16_t core;
  uint64_t number;
};

TEST(CoreRings, AFullRingRefuses) {
  auto rings = *CoreRings<Item>::create(1, 2);
  EXPECT_TRUE(rings->offer(0, {0, 1}));
  EXPECT_TRUE(rings->offer(0, {0, 2}));
  EXPECT_FALSE(rings->offer(0, {0, 3}));
  EXPECT_EQ(rings->refused(0), 1u);
  std::vector<uint64_t> taken;
  rings->drain([&](Item item) { taken.push_back(item.number); });
  EXPECT_EQ(taken, (std::vector<uint64_t>{1, 2}));
  EXPECT_TRUE(rings->offer(0, {0, 3}));
}

TEST(CoreRings, WhoHasWorkDoesNotSleep) {
  auto rings = *CoreRings<Item>::create(1, 2);
  rings->drain([](Item) {});
  rings->offer(0, {0, 1});
  EXPECT_FALSE(rings->prepare_sleep());
  rings->drain([](Item) {});
  EXPECT_TRUE(rings->prepare_sleep());
}

// Two cores offer while the taker sleeps whenever it may, without a timeout of its own: a lost wake-up would end the
// test by its deadline.
TEST(CoreRings, NothingIsMissedAsleep) {
  constexpr uint64_t kEach = 20'000;
  auto rings = *CoreRings<Item>::create(2, 64);
  const auto offer_all = [&](uint16_t core) {
    for (uint64_t i = 0; i < kEach;) {
      if (rings->offer(core, {core, i})) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  };
  std::thread first(offer_all, 0), second(offer_all, 1);
  std::array<uint64_t, 2> next{};
  while (next[0] + next[1] < 2 * kEach) {
    rings->drain([&](Item item) { ASSERT_EQ(item.number, next[item.core]++); });
    if (next[0] + next[1] == 2 * kEach || !rings->prepare_sleep()) continue;
    pollfd woken{rings->descriptor(), POLLIN, 0};
    ASSERT_EQ(poll(&woken, 1, 60'000), 1);
    rings->finish_sleep();
  }
  first.join();
  second.join();
}

}  // namespace
}  // namespace ringcast
