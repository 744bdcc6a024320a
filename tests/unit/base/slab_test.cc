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

TEST(Slab, BoundedAndFillsTheLowestChunkFirst) {
  Slab<uint16_t> slab(7, 4);
  for (uint32_t i = 0; i < 7; ++i) EXPECT_EQ(slab.acquire(static_cast<uint16_t>(i)), i);
  EXPECT_EQ(slab.acquire(uint16_t{9}), kNoIndex);
  slab.release(1);
  slab.release(5);
  slab.release(3);
  EXPECT_EQ(slab.acquire(uint16_t{9}), 3u);  // in a chunk the last one released comes first
  EXPECT_EQ(slab.acquire(uint16_t{9}), 1u);
  EXPECT_EQ(slab.acquire(uint16_t{9}), 5u);
  EXPECT_EQ(slab.acquire(uint16_t{9}), kNoIndex);
  EXPECT_EQ(slab.size(), 7u);
}

TEST(Slab, ChunksThatEmptyGoBackButForOne) {
  constexpr uint32_t kChunk = 16;
  Slab<int> slab(1000, kChunk);
  for (int i = 0; i < 100; ++i) slab.acquire(i);
  const size_t chunk = slab.memory_bytes() / 7;
  // One entry lives on in the third chunk; the others empty from the first to the last.
  for (uint32_t i = 0; i < 100; ++i) {
    if (i != 40) slab.release(i);
  }
  EXPECT_EQ(slab.memory_bytes(), 2 * chunk);
  EXPECT_EQ(slab[40], 40);
  EXPECT_TRUE(slab.live(40));
  EXPECT_LE(slab.index_end(), 48u);
  // Its chunk and the one that was kept are filled before others are made.
  for (uint32_t i = 0; i < 2 * kChunk - 1; ++i) EXPECT_LT(slab.acquire(1), 48u);
  EXPECT_EQ(slab.memory_bytes(), 2 * chunk);
  slab.acquire(1);
  EXPECT_EQ(slab.memory_bytes(), 3 * chunk);
  EXPECT_EQ(slab[40], 40);
}

TEST(Slab, AboutTheEndOfAChunkAsksNoAllocator) {
  Slab<int> slab(1000, 16);
  for (int i = 0; i < 32; ++i) slab.acquire(i);
  uint32_t last = slab.acquire(32);
  const int* const address = &slab[last];
  const size_t memory = slab.memory_bytes();
  for (int i = 0; i < 100; ++i) {
    slab.release(last);
    EXPECT_EQ(slab.memory_bytes(), memory);
    last = slab.acquire(i);
    EXPECT_EQ(&slab[last], address);
  }
}

TEST(Slab, HandlesStayStaleWhenTheirChunkComesBack) {
  Slab<int> slab(64, 4);
  std::vector<SlabHandle> stale;
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 64; ++i) slab.acquire(i);
    for (uint32_t i = 0; i < 64; ++i) stale.push_back(slab.handle(i));
    for (uint32_t i = 0; i < 64; ++i) slab.release(i);
    EXPECT_EQ(slab.memory_bytes(), 4 * 8u);
    for (const SlabHandle handle : stale) {
      EXPECT_EQ(slab.get(handle), nullptr);
      EXPECT_FALSE(slab.live(handle.index));
    }
  }
  for (int i = 0; i < 64; ++i) slab.acquire(i);
  for (const SlabHandle handle : stale) EXPECT_EQ(slab.get(handle), nullptr);
}

TEST(Slab, GenerationsCostFourBytesAnEntry) {
  Slab<uint64_t> slab(1 << 16, 1024);
  for (uint64_t i = 0; i < 1 << 16; ++i) slab.acquire(i);
  EXPECT_EQ(slab.memory_bytes(), size_t{1 << 16} * 12);
}

TEST(Slab, AddressesAndContentsAgreeWithAMapOverRandomOperations) {
  int alive = 0;
  {
    Slab<Counted> slab(300, 16);
    std::map<uint32_t, std::pair<Counted*, uint32_t>> model;
    std::mt19937 random(1);
    for (int step = 0; step < 40000; ++step) {
      // Mostly growing, then mostly shrinking: chunks come and go.
      if (random() % 100 < (step / 2000 % 2 == 0 ? 60 : 40)) {
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
    EXPECT_LE(slab.memory_bytes(), (model.size() + 1) * 16 * (sizeof(Counted) + 4));
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
