// SPDX-License-Identifier: Apache-2.0
#include "base/erase_at.h"

#include <gtest/gtest.h>
#include <tsl/robin_map.h>

#include <memory>
#include <vector>

#include "base/shrink.h"

namespace ringcast {
namespace {

TEST(EraseAt, ATableThatEmptiesGetsSmallInFewSteps) {
  tsl::robin_map<uint32_t, uint32_t> map;
  for (uint32_t i = 0; i < 100'000; ++i) map[i] = ~i;
  size_t buckets = map.bucket_count();
  ASSERT_GT(buckets, 100'000u);
  int times = 0;
  size_t moved = 0;
  for (uint32_t i = 0; i < 100'000; ++i) {
    if (i % 2 == 0) {
      erase_at(map, map.find(i));
    } else {
      erase_key(map, i);
    }
    if (map.bucket_count() == buckets) continue;
    EXPECT_LE(map.size(), 4096u);
    EXPECT_GE(map.bucket_count(), map.size() * 4);  // far from growing again
    ++times;
    moved += map.size();
    buckets = map.bucket_count();
    for (uint32_t left = i + 1; left < 100'000; ++left) ASSERT_EQ(map.at(left), ~left);
  }
  EXPECT_LE(buckets, 256u);
  EXPECT_LE(times, 10);
  EXPECT_LE(moved, 2 * 4096u);
}

TEST(Shrink, AVectorThatEmptiesGetsSmallInFewSteps) {
  std::vector<std::unique_ptr<uint32_t>> entries;
  for (uint32_t i = 0; i < 100'000; ++i) entries.push_back(std::make_unique<uint32_t>(i));
  size_t capacity = entries.capacity();
  int times = 0;
  size_t moved = 0;
  while (!entries.empty()) {
    entries.pop_back();
    shrink_if_sparse(entries);
    if (entries.capacity() == capacity) continue;
    ++times;
    moved += entries.size();
    capacity = entries.capacity();
    for (uint32_t i = 0; i < entries.size(); ++i) ASSERT_EQ(*entries[i], i);
  }
  EXPECT_LE(capacity, 64u);
  EXPECT_LE(times, 12);
  EXPECT_LE(moved, 2 * 16384u);
}

}  // namespace
}  // namespace ringcast
