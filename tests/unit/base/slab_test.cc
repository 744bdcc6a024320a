// SPDX-License-Identifier: Apache-2.0
#include "base/slab.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>

namespace ringcast {
namespace {

struct Counted {
  explicit Counted(int* alive) noexcept : alive_(alive) { ++*alive_; }
  Counted(const Counted&) = delete;
  ~Counted() { --*alive_; }
  int* alive_;
  uint64_t payload = 0;
};

TEST(Slab, StaleHandlesFindNothing) {
  Slab<uint64_t> slab(4, 2);
  const SlabHandle first = slab.handle(slab.acquire(uint64_t{7}));
  ASSERT_NE(slab.get(first), nullptr);
  EXPECT_EQ(*slab.get(first), 7u);
  slab.release(first.index);
  EXPECT_EQ(slab.get(first), nullptr);
  const SlabHandle second = slab.handle(slab.acquire(uint64_t{8}));
  EXPECT_EQ(second.index, first.index);
  EXPECT_NE(second.generation, first.generation);
  EXPECT_EQ(slab.get(first), nullptr);
  EXPECT_EQ(*slab.get(second), 8u);
  EXPECT_EQ(slab.get(99, 1), nullptr);
  EXPECT_EQ(slab.get(SlabHandle{}), nullptr);
}

TEST(Slab, BoundedAndLastReleasedComesFirst) {
  Slab<uint16_t> slab(5, 2);
  for (uint32_t i = 0; i < 5; ++i) EXPECT_EQ(slab.acquire(static_cast<uint16_t>(i)), i);
  EXPECT_EQ(slab.acquire(uint16_t{9}), kNoIndex);
  slab.release(1);
  slab.release(3);
  EXPECT_EQ(slab.acquire(uint16_t{9}), 3u);
  EXPECT_EQ(slab.acquire(uint16_t{9}), 1u);
  EXPECT_EQ(slab.acquire(uint16_t{9}), kNoIndex);
  EXPECT_EQ(slab.size(), 5u);
}

TEST(Slab, TrimGivesBackWhatARushTook) {
  Slab<int> slab(1000, 16);
  std::vector<uint32_t> indices;
  for (int i = 0; i < 100; ++i) indices.push_back(slab.acquire(i));
  const size_t rush = slab.memory_bytes();
  for (size_t i = 1; i < indices.size(); ++i) slab.release(indices[i]);
  slab.trim();  // one is live
  EXPECT_EQ(slab.memory_bytes(), rush);
  EXPECT_EQ(slab[indices[0]], 0);
  slab.release(indices[0]);
  slab.trim();
  EXPECT_EQ(slab.memory_bytes(), rush / 7);  // of 7 chunks
  for (int i = 0; i < 100; ++i) {
    const uint32_t index = slab.acquire(i);
    EXPECT_EQ(index, static_cast<uint32_t>(i));
    EXPECT_TRUE(slab.live(index));
    EXPECT_EQ(slab[index], i);
  }
  EXPECT_EQ(slab.memory_bytes(), rush);
}

TEST(Slab, GenerationsCostFourBytesAnEntry) {
  Slab<uint64_t> slab(1 << 16, 1024);
  ASSERT_TRUE(slab.reserve(1 << 16));
  EXPECT_EQ(slab.memory_bytes(), size_t{1 << 16} * 12);
}

TEST(Slab, AddressesAndContentsAgreeWithAMapOverRandomOperations) {
  int alive = 0;
  {
    Slab<Counted> slab(300, 16);
    std::map<uint32_t, std::pair<Counted*, uint32_t>> model;
    std::mt19937 random(1);
    for (int step = 0; step < 20000; ++step) {
      if (random() % 100 < 52) {
        const uint32_t index = slab.acquire(&alive);
        if (model.size() == 300) {
          ASSERT_EQ(index, kNoIndex);
          continue;
        }
        ASSERT_TRUE(model.emplace(index, std::pair{&slab[index], slab.generation(index)}).second);
        slab[index].payload = index * 3u + 1;
      } else if (!model.empty()) {
        auto entry = std::next(model.begin(), static_cast<long>(random() % model.size()));
        ASSERT_EQ(slab.get(entry->first, entry->second.second), entry->second.first);
        ASSERT_EQ(entry->second.first->payload, entry->first * 3u + 1);
        slab.release(entry->first);
        ASSERT_EQ(slab.get(entry->first, entry->second.second), nullptr);
        model.erase(entry);
      }
      ASSERT_EQ(slab.size(), model.size());
      ASSERT_EQ(static_cast<size_t>(alive), model.size());
    }
    auto expected = model.begin();
    slab.for_each([&](uint32_t index, Counted& entry) {
      ASSERT_NE(expected, model.end());
      EXPECT_EQ(index, expected->first);
      EXPECT_EQ(&entry, expected->second.first);
      ++expected;
    });
    EXPECT_EQ(expected, model.end());
  }
  EXPECT_EQ(alive, 0);
}

TEST(Slab, ForEachMayReleaseWhatItMeets) {
  Slab<uint64_t> slab(100, 8);
  for (uint64_t i = 0; i < 100; ++i) slab.acquire(i);
  slab.for_each([&](uint32_t index, uint64_t&) {
    if (index % 2 == 0) slab.release(index);
  });
  EXPECT_EQ(slab.size(), 50u);
  slab.for_each([](uint32_t index, uint64_t&) { EXPECT_EQ(index % 2, 1u); });
}

}  // namespace
}  // namespace ringcast
