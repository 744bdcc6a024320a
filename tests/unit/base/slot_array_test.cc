// SPDX-License-Identifier: Apache-2.0
#include "base/slot_array.h"

#include <gtest/gtest.h>

namespace ringcast {
namespace {

constexpr uint32_t kChunk = SlotArray<int>::kChunk;

TEST(SlotArray, EntriesStayWhereTheyAre) {
  SlotArray<int> array;
  int& first = array.add(7);
  first = 1;
  for (uint32_t slot = kChunk; slot < 20 * kChunk; ++slot) array.add(slot) = 2;
  EXPECT_EQ(&array[7], &first);
  EXPECT_EQ(array[7], 1);
  EXPECT_EQ(array[19 * kChunk], 2);
}

TEST(SlotArray, ARemovedEntryBeginsAnew) {
  SlotArray<int> array;
  array.add(3) = 5;
  array.add(4) = 6;
  array.remove(3);
  EXPECT_EQ(array[3], 0);
  EXPECT_EQ(array.add(3), 0);
  EXPECT_EQ(array[4], 6);
}

TEST(SlotArray, OneEmptyChunkIsKept) {
  SlotArray<int> array;
  for (uint32_t slot = 0; slot < 8 * kChunk; ++slot) array.add(slot);
  EXPECT_EQ(array.chunks(), 8u);
  for (uint32_t slot = 8 * kChunk; slot-- > 5;) array.remove(slot);
  EXPECT_EQ(array.chunks(), 2u);  // that of the five, and one
  for (uint32_t slot = 5; slot-- > 0;) array.remove(slot);
  EXPECT_EQ(array.chunks(), 1u);
  EXPECT_FALSE(array.holds(0));
}

// A table whose size moves about the end of a chunk asks no allocator.
TEST(SlotArray, TheEndOfAChunkAllocatesOnce) {
  SlotArray<int> array;
  for (uint32_t slot = 0; slot < kChunk; ++slot) array.add(slot);
  const int* const memory = &array.add(kChunk);
  for (int i = 0; i < 10; ++i) {
    array.remove(kChunk);
    ASSERT_TRUE(array.holds(kChunk));
    ASSERT_EQ(&array.add(kChunk), memory);
  }
}

TEST(SlotArray, NothingIsHeldAboveTheEnd) {
  SlotArray<int> array;
  EXPECT_FALSE(array.holds(0));
  EXPECT_EQ(array.end(), 0u);
  array.add(0);
  array.add(5 * kChunk);
  EXPECT_EQ(array.end(), 6 * kChunk);
  array.remove(0);
  array.remove(5 * kChunk);
  EXPECT_EQ(array.end(), kChunk);
}

}  // namespace
}  // namespace ringcast
