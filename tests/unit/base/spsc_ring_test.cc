// SPDX-License-Identifier: Apache-2.0
#include "base/spsc_ring.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <thread>

namespace ringcast {
namespace {

TEST(SpscRing, StagedSlotsAreInvisibleUntilPublished) {
  SpscRing<uint64_t> ring(4);
  EXPECT_TRUE(ring.try_push(1));
  EXPECT_TRUE(ring.try_push(2));
  EXPECT_EQ(ring.staged(), 2u);
  EXPECT_TRUE(ring.empty());
  EXPECT_EQ(ring.drain([](uint64_t) { FAIL(); }), 0u);
  EXPECT_EQ(ring.publish(), 2u);
  EXPECT_EQ(ring.publish(), 0u);
  EXPECT_FALSE(ring.empty());
  EXPECT_EQ(ring.depth(), 2u);
  uint64_t expected = 1;
  EXPECT_EQ(ring.drain([&](uint64_t value) { EXPECT_EQ(value, expected++); }), 2u);
  EXPECT_TRUE(ring.empty());
}

TEST(SpscRing, FullUntilTheConsumerGivesRoomBack) {
  SpscRing<uint64_t> ring(2);
  EXPECT_TRUE(ring.try_push(1));
  EXPECT_TRUE(ring.try_push(2));
  EXPECT_FALSE(ring.try_push(3));
  EXPECT_FALSE(ring.has_room());
  ring.publish();
  // Room comes back when drain() returns, not while it runs: the slot may still be read.
  ring.drain([&](uint64_t) { EXPECT_FALSE(ring.has_room()); }, 1);
  EXPECT_TRUE(ring.has_room());
  EXPECT_TRUE(ring.try_push(3));
  EXPECT_FALSE(ring.try_push(4));
}

TEST(SpscRing, AgreesWithADequeOverRandomOperationsAndWrapping) {
  SpscRing<uint64_t> ring(8);
  std::deque<uint64_t> staged, published;
  std::mt19937 random(3);
  uint64_t next = 0;
  for (int step = 0; step < 100000; ++step) {
    switch (random() % 3) {
      case 0:
        ASSERT_EQ(ring.try_push(next), staged.size() + published.size() < 8);
        if (staged.size() + published.size() < 8) staged.push_back(next++);
        break;
      case 1:
        ASSERT_EQ(ring.publish(), staged.size());
        published.insert(published.end(), staged.begin(), staged.end());
        staged.clear();
        break;
      case 2: {
        ASSERT_EQ(ring.empty(), published.empty());
        const uint32_t limit = random() % 10;
        const size_t expected = std::min<size_t>(limit, published.size());
        ASSERT_EQ(ring.drain(
                      [&](uint64_t value) {
                        EXPECT_EQ(value, published.front());
                        published.pop_front();
                      },
                      limit),
                  expected);
        break;
      }
    }
    ASSERT_EQ(ring.depth(), published.size());
  }
}

TEST(SpscRing, TwoThreadsKeepOrderAndLoseNothing) {
  struct Slot {
    uint64_t number;
    uint64_t copies[7];
  };
  constexpr uint64_t kCount = 200000;
  SpscRing<Slot> ring(16);
  std::thread producer([&] {
    std::mt19937 random(4);
    for (uint64_t number = 0; number < kCount;) {
      for (uint32_t burst = random() % 24; burst > 0 && number < kCount; --burst) {
        Slot slot{number, {}};
        for (uint64_t& copy : slot.copies) copy = ~number;
        if (!ring.try_push(slot)) break;
        ++number;
      }
      if (ring.publish() == 0) std::this_thread::yield();
    }
  });
  uint64_t expected = 0;
  bool torn = false;
  while (expected < kCount) {
    const uint32_t taken = ring.drain([&](const Slot& slot) {
      torn |= slot.number != expected++;
      for (uint64_t copy : slot.copies) torn |= copy != ~slot.number;
    });
    if (taken == 0) std::this_thread::yield();
  }
  producer.join();
  EXPECT_FALSE(torn);
  EXPECT_TRUE(ring.empty());
}

}  // namespace
}  // namespace ringcast
