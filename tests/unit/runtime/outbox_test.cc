// SPDX-License-Identifier: Apache-2.0
#include "runtime/outbox.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace ringcast::runtime {
namespace {

// Frames of these tests: a length byte, then that many bytes.
uint32_t frame_length(std::span<const uint8_t> bytes) {
  return 1u + bytes[0];
}

std::string frame(uint64_t id, size_t payload) {
  return std::string(1, static_cast<char>(payload)) + std::string(payload, static_cast<char>('a' + id % 26));
}

struct Kept {
  uint64_t id;
  uint32_t channel;
};

class OutboxTest : public ::testing::Test {
 protected:
  ~OutboxTest() override {
    writer_.reset();
    other_.reset();
    EXPECT_EQ(Block::live_blocks(), before_);
  }
  void push(Outbox& outbox, BlockWriter& writer, uint64_t id, size_t payload, uint32_t channel = 1) {
    const Slice slice = writer.append(frame(id, payload));
    outbox.append(Segment{slice.hold, slice.offset, slice.length, 1, channel, id});
  }
  static std::string bytes_of(const Outbox& outbox) {
    iovec pieces[64];
    uint64_t wanted;
    const int count = outbox.gather(pieces, 64, wanted);
    std::string out;
    for (int i = 0; i < count; ++i) out.append(static_cast<char*>(pieces[i].iov_base), pieces[i].iov_len);
    EXPECT_EQ(out.size(), wanted);
    return out;
  }

  int64_t before_ = Block::live_blocks();
  BlockWriter writer_{64, 4096};
  BlockWriter other_{64, 4096};
};

TEST_F(OutboxTest, ARunOfFramesIsOneSegment) {
  Outbox outbox;
  BlockWriter writer(4096, 4096);
  for (uint64_t id = 1; id <= 10; ++id) push(outbox, writer, id, 20);
  EXPECT_TRUE(outbox.single());
  EXPECT_EQ(outbox.bytes(), 210u);
  EXPECT_EQ(outbox.messages(), 10u);
  outbox.consume(210, frame_length);
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(outbox.messages(), 0u);
}

TEST_F(OutboxTest, AGapInTheIdsBeginsANewSegment) {
  Outbox outbox;
  BlockWriter writer(4096, 4096);
  push(outbox, writer, 1, 5);
  push(outbox, writer, 3, 5);
  EXPECT_FALSE(outbox.single());
  EXPECT_EQ(bytes_of(outbox), frame(1, 5) + frame(3, 5));
}

TEST_F(OutboxTest, PrependGoesBeforeEverything) {
  Outbox outbox;
  push(outbox, writer_, 1, 5);
  push(outbox, other_, 7, 3, 2);
  const Slice first = writer_.append("hello");
  outbox.prepend(Segment{first.hold, first.offset, first.length});
  EXPECT_EQ(bytes_of(outbox), "hello" + frame(1, 5) + frame(7, 3));
}

TEST_F(OutboxTest, DiscardKeepsTheRestOfAFrameThatHasBegun) {
  Outbox outbox;
  BlockWriter writer(4096, 4096);
  for (uint64_t id = 1; id <= 4; ++id) push(outbox, writer, id, 9);
  push(outbox, other_, 9, 4, 2);
  outbox.consume(13, frame_length);  // one frame and three bytes of the second
  EXPECT_EQ(outbox.messages(), 4u);
  outbox.discard_unsent(frame_length);
  EXPECT_EQ(bytes_of(outbox), frame(2, 9).substr(3));
  EXPECT_EQ(outbox.messages(), 1u);
  outbox.consume(7, frame_length);
  EXPECT_TRUE(outbox.empty());
}

TEST_F(OutboxTest, DiscardAtAFrameEndDropsAll) {
  Outbox outbox;
  BlockWriter writer(4096, 4096);
  for (uint64_t id = 1; id <= 3; ++id) push(outbox, writer, id, 9);
  outbox.consume(10, frame_length);
  outbox.discard_unsent(frame_length);
  EXPECT_TRUE(outbox.empty());
}

TEST_F(OutboxTest, DropOldestNamesWhatIsGoneAndSparesOthers) {
  Outbox outbox;
  BlockWriter writer(4096, 4096);
  for (uint64_t id = 1; id <= 5; ++id) push(outbox, writer, id, 9, 1);
  const Slice control = other_.append("ctl");
  outbox.append(Segment{control.hold, control.offset, control.length});
  for (uint64_t id = 6; id <= 8; ++id) push(outbox, writer, id, 9, 1);
  outbox.consume(3, frame_length);  // the first frame has begun
  std::vector<Dropped> dropped;
  const bool enough = outbox.drop_oldest(
      1 << 20, 3, frame_length, [](uint32_t channel) { return channel == 1; },
      [&](const Dropped& gone) { dropped.push_back(gone); });
  EXPECT_TRUE(enough);
  EXPECT_EQ(outbox.messages(), 3u);
  ASSERT_EQ(dropped.size(), 2u);
  EXPECT_EQ(dropped[0].first_id, 2u);
  EXPECT_EQ(dropped[0].last_id, 5u);
  EXPECT_EQ(dropped[1].first_id, 6u);
  EXPECT_EQ(dropped[1].last_id, 6u);
  EXPECT_EQ(bytes_of(outbox), frame(1, 9).substr(3) + "ctl" + frame(7, 9) + frame(8, 9));
}

TEST_F(OutboxTest, DropOldestGivesUpWhenNothingMayGo) {
  Outbox outbox;
  push(outbox, writer_, 1, 9, 1);
  push(outbox, other_, 2, 9, 2);
  EXPECT_FALSE(outbox.drop_oldest(
      0, 0, frame_length, [](uint32_t) { return false; }, [](const Dropped&) { FAIL(); }));
  EXPECT_EQ(outbox.messages(), 2u);
}

// What is told about dropped frames lies between those before and those behind them, whatever place they had.
TEST_F(OutboxTest, ANoticeTakesThePlaceOfDroppedFrames) {
  for (const uint32_t sent : {0u, 3u}) {
    for (const uint32_t kept : {0u, 1u, 2u}) {
      Outbox outbox;
      BlockWriter writer(64, 512);
      for (uint64_t id = 1; id <= 4; ++id) push(outbox, writer, id, 9, 1);
      if (sent != 0) outbox.consume(sent, frame_length);
      uint32_t at = UINT32_MAX;
      outbox.drop_oldest(
          UINT64_MAX, kept + (sent != 0 ? 1 : 0), frame_length, [](uint32_t) { return true; },
          [&](const Dropped& gone) { at = gone.at; });
      const Slice notice = other_.append("notice");
      outbox.insert(at, {notice.hold, notice.offset, notice.length});
      std::string expected = sent != 0 ? frame(1, 9).substr(sent) : "";
      expected += "notice";
      for (uint64_t id = 5 - kept; id <= 4; ++id) expected += frame(id, 9);
      EXPECT_EQ(bytes_of(outbox), expected) << sent << " " << kept;
      EXPECT_EQ(outbox.bytes(), expected.size());
    }
  }
}

TEST_F(OutboxTest, AWaitingNoticeCanBeTakenBack) {
  Outbox outbox;
  const auto notice_about = [&](uint32_t channel, std::string_view text) {
    const Slice slice = other_.append(text);
    return Segment{.hold = slice.hold, .offset = slice.offset, .length = slice.length, .channel = channel};
  };
  outbox.append(notice_about(7, "seven"));
  push(outbox, writer_, 1, 9, 1);
  outbox.append(notice_about(8, "eight"));
  push(outbox, writer_, 2, 9, 1);
  Slice said;
  EXPECT_EQ(outbox.take_notice(1, said), Outbox::kNoNotice);
  EXPECT_EQ(outbox.take_notice(8, said), 2u);
  EXPECT_EQ(said.view(), "eight");
  said.hold->release();
  EXPECT_EQ(bytes_of(outbox), "seven" + frame(1, 9) + frame(2, 9));
  outbox.consume(2, nullptr);
  EXPECT_EQ(outbox.take_notice(7, said), Outbox::kNoNotice) << "its beginning is sent";
  EXPECT_EQ(bytes_of(outbox), "ven" + frame(1, 9) + frame(2, 9));
}

// Against a model: any mix of appends, partial sends, drops and discards keeps bytes, counts and frame boundaries.
TEST_F(OutboxTest, AgreesWithAModel) {
  for (uint32_t seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    Outbox outbox;
    BlockWriter writers[2] = {BlockWriter(64, 512), BlockWriter(64, 512)};
    std::vector<std::pair<Kept, std::string>> model;  // frames that have not begun
    std::string begun;                                // rest of the frame in progress
    uint64_t next_id[2] = {1, 1};
    for (int step = 0; step < 200; ++step) {
      const auto model_bytes = [&] {
        std::string all = begun;
        for (const auto& [kept, bytes] : model) all += bytes;
        return all;
      };
      switch (random() % 5) {
        case 0:
        case 1: {
          const uint32_t channel = random() % 2;
          const uint64_t id = next_id[channel]++;
          const size_t payload = random() % 40;
          push(outbox, writers[channel], id, payload, channel);
          model.push_back({{id, channel}, frame(id, payload)});
          break;
        }
        case 2: {  // the kernel takes some
          uint64_t take = outbox.bytes() == 0 ? 0 : random() % (outbox.bytes() + 1);
          outbox.consume(take, frame_length);
          while (take != 0) {
            if (begun.empty()) {
              begun = model.front().second;
              model.erase(model.begin());
            }
            const size_t part = std::min<uint64_t>(take, begun.size());
            begun.erase(0, part);
            take -= part;
          }
          break;
        }
        case 3: {
          const auto messages_max = static_cast<uint32_t>(random() % 12);
          std::vector<Dropped> dropped;
          outbox.drop_oldest(
              UINT64_MAX, messages_max, frame_length, [](uint32_t channel) { return channel == 1; },
              [&](const Dropped& gone) { dropped.push_back(gone); });
          for (const Dropped& gone : dropped) {
            uint64_t id = gone.first_id;
            for (uint32_t n = 0; n < gone.frames; ++n, ++id) {
              const auto found = std::find_if(model.begin(), model.end(), [&](const auto& entry) {
                return entry.first.channel == gone.channel && entry.first.id == id;
              });
              ASSERT_NE(found, model.end()) << "seed " << seed;
              model.erase(found);
            }
            EXPECT_EQ(gone.last_id, id - 1);
          }
          break;
        }
        case 4:
          if (random() % 8 != 0) break;
          outbox.discard_unsent(frame_length);
          model.clear();
          break;
      }
      ASSERT_EQ(outbox.bytes(), model_bytes().size()) << "seed " << seed << " step " << step;
      ASSERT_EQ(outbox.messages(), model.size() + (begun.empty() ? 0 : 1)) << "seed " << seed << " step " << step;
      std::string all;
      iovec pieces[256];
      uint64_t wanted;
      const int count = outbox.gather(pieces, 256, wanted);
      for (int i = 0; i < count; ++i) all.append(static_cast<char*>(pieces[i].iov_base), pieces[i].iov_len);
      ASSERT_EQ(all, model_bytes()) << "seed " << seed << " step " << step;
    }
  }
}

}  // namespace
}  // namespace ringcast::runtime
