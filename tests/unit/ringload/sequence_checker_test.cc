// SPDX-License-Identifier: Apache-2.0
#include "sequence_checker.h"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

namespace ringcast::ringload {
namespace {

SequenceCounts check(const std::vector<uint64_t>& arrivals, uint64_t end) {
  SequenceChecker checker;
  checker.expect_from(0);
  SequenceCounts counts;
  for (const uint64_t sequence : arrivals) checker.take(sequence, counts);
  checker.finish(end, counts);
  return counts;
}

TEST(SequenceChecker, AnExactStreamHasNoFaults) {
  EXPECT_EQ(check({0, 1, 2, 3, 4}, 5), (SequenceCounts{.received = 5}));
}

TEST(SequenceChecker, FindsAHole) {
  EXPECT_EQ(check({0, 1, 4, 5}, 6), (SequenceCounts{.received = 4, .lost = 2}));
}

TEST(SequenceChecker, FindsAMissingBeginningAndEnd) {
  EXPECT_EQ(check({2, 3}, 7), (SequenceCounts{.received = 2, .lost = 5}));
  EXPECT_EQ(check({}, 7), (SequenceCounts{.lost = 7}));
}

TEST(SequenceChecker, TellsLateFromTwice) {
  EXPECT_EQ(check({0, 2, 1, 3}, 4), (SequenceCounts{.received = 4, .reordered = 1}));
  EXPECT_EQ(check({0, 1, 1, 2, 0, 3}, 4), (SequenceCounts{.received = 4, .duplicates = 2}));
  EXPECT_EQ(check({0, 2, 1, 1}, 3), (SequenceCounts{.received = 3, .duplicates = 1, .reordered = 1}));
}

TEST(SequenceChecker, WhatIsTooFarBehindStaysLost) {
  std::vector<uint64_t> arrivals{0};
  for (uint64_t sequence = 2; sequence < 100; ++sequence) arrivals.push_back(sequence);
  arrivals.push_back(1);
  EXPECT_EQ(check(arrivals, 100), (SequenceCounts{.received = 99, .duplicates = 1, .lost = 1}));
}

TEST(SequenceChecker, AGapAsLongAsTheWindow) {
  for (const uint64_t gap : {62u, 63u, 64u, 65u, 1000u}) {
    EXPECT_EQ(check({0, gap + 1}, gap + 2), (SequenceCounts{.received = 2, .lost = gap})) << gap;
    // The newest of the missing ones comes after all.
    EXPECT_EQ(check({0, gap + 1, gap}, gap + 2), (SequenceCounts{.received = 3, .reordered = 1, .lost = gap - 1}));
  }
}

TEST(SequenceChecker, NobodyListensBeforeTheBeginningIsKnown) {
  SequenceChecker checker;
  SequenceCounts counts;
  checker.finish(10, counts);
  EXPECT_EQ(counts, SequenceCounts{});
  checker.take(5, counts);
  checker.take(6, counts);
  checker.finish(8, counts);
  EXPECT_EQ(counts, (SequenceCounts{.received = 2, .lost = 1}));
}

// A stream that loses, doubles and swaps at random, against counts made in the obvious way.
TEST(SequenceChecker, AFaultyStreamIsCountedExactly) {
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    std::minstd_rand random(seed);
    constexpr uint64_t kEnd = 500;
    std::vector<uint64_t> arrivals;
    for (uint64_t sequence = 0; sequence < kEnd; ++sequence) {
      if (random() % 10 == 0) continue;
      arrivals.push_back(sequence);
      if (random() % 10 == 0) arrivals.push_back(sequence);
    }
    for (size_t i = 0; i + 8 < arrivals.size(); ++i) {
      if (random() % 8 == 0) std::swap(arrivals[i], arrivals[i + 1 + random() % 7]);
    }
    SequenceCounts expected;
    std::set<uint64_t> seen;
    uint64_t highest = 0;
    for (const uint64_t sequence : arrivals) {
      if (!seen.insert(sequence).second) {
        ++expected.duplicates;
        continue;
      }
      ++expected.received;
      if (sequence < highest) ++expected.reordered;
      highest = std::max(highest, sequence);
    }
    expected.lost = kEnd - seen.size();
    ASSERT_GT(expected.lost, 0u);
    ASSERT_GT(expected.duplicates, 0u);
    ASSERT_GT(expected.reordered, 0u);
    EXPECT_EQ(check(arrivals, kEnd), expected) << "seed " << seed;
  }
}

}  // namespace
}  // namespace ringcast::ringload
