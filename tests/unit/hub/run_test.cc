// SPDX-License-Identifier: Apache-2.0
#include "hub/local/run.h"

#include <gtest/gtest.h>

#include "hub_fixture.h"

namespace ringcast::hub {
namespace {

// A group of plain members over messages "<id:text>".
class GroupTest : public testing::Test {
 protected:
  void arrive(std::string_view text, uint32_t excluded = kNoIndex) {
    bytes_.clear();
    encoder_.canonical({.id = ++id_, .payload = text}, bytes_);
    group_.arrive({.canonical = writer_.append(bytes_), .id = id_}, excluded, encoder_, scratch_);
  }
  void settle() {
    group_.settle(0, sink_, [](uint32_t, uint32_t) {});
  }
  std::string got(uint32_t slot) { return sink_.got(slot); }

  TestEncoder encoder_;
  TestSink sink_;
  Group group_{kPlain};
  BlockWriter writer_;
  std::string bytes_;
  std::string scratch_;
  uint64_t id_ = 0;
};

TEST_F(GroupTest, WhoComesInTheMiddleGetsWhatFollows) {
  group_.insert(0);
  arrive("a");
  group_.insert(1);
  arrive("b");
  settle();
  EXPECT_EQ(got(0), "<1:a><2:b>");
  EXPECT_EQ(got(1), "<2:b>");
  arrive("c");
  settle();
  EXPECT_EQ(got(1), "<2:b><3:c>");
}

TEST_F(GroupTest, ExclusionIsOfOneMessageOnly) {
  for (uint32_t i = 0; i < 3; ++i) group_.insert(i);
  arrive("a");
  arrive("b", 1);
  arrive("c");
  settle();
  EXPECT_EQ(got(0), "<1:a><2:b><3:c>");
  EXPECT_EQ(got(1), "<1:a><3:c>");
  EXPECT_EQ(got(2), "<1:a><2:b><3:c>");
}

TEST_F(GroupTest, WhoLeavesGetsWhatHadComeAndTheLastOneTakesItsPlace) {
  for (uint32_t i = 0; i < 3; ++i) group_.insert(i);
  arrive("a", 2);
  EXPECT_EQ(group_.remove(0, true, 0, sink_), 2u);
  EXPECT_EQ(group_.slot_at(0), 2u);
  EXPECT_EQ(got(0), "<1:a>");
  arrive("b");
  settle();
  EXPECT_EQ(got(0), "<1:a>");
  EXPECT_EQ(got(1), "<1:a><2:b>");
  EXPECT_EQ(got(2), "<2:b>");  // still the one that was excluded, at another place
}

TEST_F(GroupTest, ASpecialMemberThatLeavesIsForgotten) {
  group_.insert(0);
  group_.insert(1);
  arrive("a", 1);
  EXPECT_EQ(group_.remove(1, false, 0, sink_), kNoIndex);
  EXPECT_EQ(got(1), "");
  const uint32_t place = group_.insert(2);
  EXPECT_EQ(place, 1u);
  arrive("b");
  settle();
  EXPECT_EQ(got(0), "<1:a><2:b>");
  EXPECT_EQ(got(2), "<2:b>");
  EXPECT_TRUE(group_.idle());
}

TEST_F(GroupTest, ASpecialMemberThatLeavesBeforeAnotherOneGivesItsHoldsBack) {
  const int64_t blocks = Block::live_blocks();
  for (uint32_t i = 0; i < 3; ++i) group_.insert(i);
  arrive("a", 0);
  arrive("b", 1);
  group_.remove(0, false, 0, sink_);
  settle();
  EXPECT_EQ(got(1), "<1:a>");
  writer_.reset();
  EXPECT_EQ(Block::live_blocks(), blocks);
}

TEST_F(GroupTest, MembersOutOfOrderAreSortedBySlot) {
  for (uint32_t i = 200; i-- > 0;) group_.insert(i);
  std::vector<uint32_t> places(200, kNoIndex);
  arrive("a");
  group_.settle(0, sink_, [&](uint32_t slot, uint32_t place) { places[slot] = place; });
  for (uint32_t i = 0; i < 200; ++i) {
    ASSERT_EQ(places[i], i);
    ASSERT_EQ(group_.slot_at(i), i);
    ASSERT_EQ(got(i), "<1:a>");
  }
}

TEST_F(GroupTest, TooManySpecialsSaySo) {
  group_.insert(0);
  arrive("a");
  uint32_t slot = 0;
  for (; !group_.crowded(); group_.insert(slot)) ++slot;
  settle();
  EXPECT_FALSE(group_.crowded());
  arrive("b");
  settle();
  for (uint32_t i = 1; i <= slot; ++i) ASSERT_EQ(got(i), "<2:b>");
}

TEST(RunPieces, ContiguousPiecesBecomeOne) {
  BlockWriter writer;
  hub::Run run;
  run.add(RunPiece{writer.append("ab"), 1, 5});
  run.add(RunPiece{writer.append("cd"), 1, 6});
  ASSERT_EQ(run.pieces().size(), 1u);
  EXPECT_EQ(run.pieces()[0].slice.view(), "abcd");
  EXPECT_EQ(run.pieces()[0].frames, 2u);
  run.add(RunPiece{writer.append("ef"), 1, 8});  // ids must follow as well
  run.add(RunPiece{writer.append("gh"), 1, 0});
  EXPECT_EQ(run.pieces().size(), 3u);
}

}  // namespace
}  // namespace ringcast::hub
