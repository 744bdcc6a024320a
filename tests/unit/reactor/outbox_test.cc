// SPDX-License-Identifier: Apache-2.0
#include "reactor/outbox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace ringcast::reactor {
namespace {

// Frames of these tests: a length byte, then that many bytes.
uint32_t frame_length(std::span<const uint8_t> bytes) {
  return 1u + bytes[0];
}

std::string frame(uint64_t id, size_t payload) {
  return std::string(1, static_cast<char>(payload)) + std::string(payload, static_cast<char>('a' + id % 26));
}

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

TEST_F(OutboxTest, DropsTheNewestFromTheEnd) {
  Outbox outbox;
  BlockWriter writer(4096, 4096);
  for (uint64_t id = 1; id <= 10; ++id) push(outbox, writer, id, 9);
  push(outbox, other_, 11, 9, 2);
  std::vector<Dropped> dropped;
  const auto of_one = [](uint32_t channel) { return channel == 1; };
  const auto nothing = [](const Slice&) { return false; };
  const auto note = [&](const Dropped& each) { dropped.push_back(each); };
  EXPECT_TRUE(outbox.drop_newest(1000, 8, frame_length, of_one, nothing, note));
  ASSERT_EQ(dropped.size(), 1u);
  EXPECT_EQ(dropped[0].frames, 3u);
  EXPECT_EQ(dropped[0].first_id, 8u);
  EXPECT_EQ(dropped[0].last_id, 10u);
  EXPECT_EQ(outbox.messages(), 8u);
  std::string left;
  for (const uint64_t id : {1, 2, 3, 4, 5, 6, 7, 11}) left += frame(id, 9);
  EXPECT_EQ(bytes_of(outbox), left);
  EXPECT_FALSE(outbox.drop_newest(
      10, 8, frame_length, [](uint32_t) { return false; }, nothing, note));
}

TEST_F(OutboxTest, AFrameThatHasBegunIsNotTheNewest) {
  Outbox outbox;
  BlockWriter writer(4096, 4096);
  for (uint64_t id = 1; id <= 4; ++id) push(outbox, writer, id, 9);
  outbox.consume(15, frame_length);  // one and a half
  uint32_t frames = 0;
  const auto note = [&](const Dropped& each) {
    frames += each.frames;
    EXPECT_EQ(each.last_id, 4u);
    EXPECT_EQ(each.first_id, 3u);
  };
  const auto any = [](uint32_t) { return true; };
  EXPECT_FALSE(outbox.drop_newest(
      0, 0, frame_length, any, [](const Slice&) { return false; }, note));
  EXPECT_EQ(frames, 2u);
  EXPECT_EQ(bytes_of(outbox), frame(2, 9).substr(5));
  outbox.consume(5, frame_length);
  EXPECT_TRUE(outbox.empty());
}

TEST_F(OutboxTest, WhatEndsADroppedFrameGoesWithIt) {
  Outbox outbox;
  for (uint64_t id = 1; id <= 3; ++id) {
    push(outbox, writer_, id, 9);
    const Slice end = other_.append(frame(25, 3));
    outbox.append(Segment{end.hold, end.offset, end.length});
  }
  const auto any = [](uint32_t) { return true; };
  const auto ends = [](const Slice& slice) { return slice.length == 4; };
  EXPECT_TRUE(outbox.drop_newest(1000, 1, frame_length, any, ends, [](const Dropped&) {}));
  EXPECT_EQ(bytes_of(outbox), frame(1, 9) + frame(25, 3));
}

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

// Whose backlog never gets empty: what has been sent takes no memory.
TEST_F(OutboxTest, ABacklogThatIsNeverEmptyStaysSmall) {
  for (const uint32_t waiting : {2u, 40u, 300u}) {
    Outbox outbox;
    BlockWriter* const writers[] = {&writer_, &other_};  // in turn: each frame is a segment
    uint64_t pushed = 0;
    for (; pushed < waiting; ++pushed) push(outbox, *writers[pushed % 2], pushed + 1, 9);
    size_t most = 0;
    for (; pushed < 20'000; ++pushed) {
      push(outbox, *writers[pushed % 2], pushed + 1, 9);
      outbox.consume(10, frame_length);
      most = std::max(most, outbox.capacity());
    }
    EXPECT_EQ(outbox.messages(), waiting);
    EXPECT_LE(most, std::max<size_t>(64, 4 * waiting));
    // Most of it is read at last: what the large backlog took goes.
    outbox.consume(10 * (waiting - 2), frame_length);
    EXPECT_LE(outbox.capacity(), 64u);
    EXPECT_EQ(bytes_of(outbox), frame(pushed - 1, 9) + frame(pushed, 9));
  }
}

TEST_F(OutboxTest, ABacklogOfWhichTheOldestIsDroppedStaysSmall) {
  Outbox outbox;
  BlockWriter* const writers[] = {&writer_, &other_};
  size_t most = 0;
  for (uint64_t id = 1; id <= 5'000; ++id) {
    push(outbox, *writers[id % 2], id, 9);
    if (id == 1) outbox.consume(3, frame_length);  // it has begun, and stays in front
    if (outbox.messages() <= 50) continue;
    outbox.drop_oldest(
        UINT64_MAX, 25, frame_length, [](uint32_t) { return true; }, [](const Dropped&) {});
    most = std::max(most, outbox.capacity());
  }
  EXPECT_LE(most, 256u);
  EXPECT_EQ(bytes_of(outbox).substr(0, 7), frame(1, 9).substr(3));
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

TEST_F(OutboxTest, AnOpeningIsOneFrameWhateverItHolds) {
  Outbox outbox;
  push(outbox, writer_, 1, 20);
  const std::string text = "HTTP/1.1 200 OK\r\n\r\n" + frame(7, 5);  // the first byte would be a length
  const Slice opening = other_.append(text);
  const auto length = static_cast<uint32_t>(text.size());
  outbox.prepend({.hold = opening.hold, .offset = opening.offset, .length = length, .channel = kOpening});
  outbox.forget_channels();
  EXPECT_TRUE(outbox.opening_unsent());
  outbox.consume(3, frame_length);
  EXPECT_FALSE(outbox.opening_unsent());
  EXPECT_EQ(outbox.begun_rest(frame_length), length - 3);
  outbox.discard_unsent(frame_length);
  EXPECT_EQ(bytes_of(outbox), text.substr(3));
  outbox.consume(length - 3, frame_length);
  EXPECT_TRUE(outbox.empty());
  EXPECT_FALSE(outbox.opening_unsent());
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

// The notice about dropped frames lies between those before and those behind them, whatever place they had.
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

TEST_F(OutboxTest, WhatIsLeftOfAForgottenChannelIsSentAndNotDropped) {
  Outbox outbox;
  push(outbox, writer_, 1, 10);
  push(outbox, other_, 7, 10, 2);
  push(outbox, writer_, 2, 10);
  const Slice said = other_.append(frame(0, 3));
  outbox.append({.hold = said.hold, .offset = said.offset, .length = said.length, .channel = 1});
  outbox.forget_channel(1);
  // The number means another channel now, whose frames come behind.
  push(outbox, other_, 90, 10);
  Slice notice;
  EXPECT_EQ(outbox.take_notice(1, notice), Outbox::kNoNotice);
  std::vector<Dropped> gone;
  const auto note = [&](const Dropped& dropped) { gone.push_back(dropped); };
  EXPECT_FALSE(outbox.drop_oldest(
      0, 1, frame_length, [](uint32_t) { return true; }, note));
  ASSERT_EQ(gone.size(), 2u);
  EXPECT_EQ(gone[0].channel, 2u);
  EXPECT_EQ(gone[1].first_id, 90u);
  EXPECT_EQ(gone[1].channel, 1u);
  EXPECT_EQ(outbox.messages(), 2u);
  EXPECT_EQ(bytes_of(outbox), frame(1, 10) + frame(2, 10) + frame(0, 3));
}

// A frame as the model has it. `counted`: a message of a channel; else a control frame, a replayed one or a notice.
struct ModelFrame {
  std::string bytes;
  uint32_t channel = kNoChannel;
  uint64_t id = 0;
  bool counted = false;
  bool notice = false;
};

// Against a model of single frames: runs of any kind, partial sends, drops with their notices, notices taken back,
// what goes before everything, discards, a close behind them. Bytes, counts and the ends of frames agree all the time.
class OutboxModel {
 public:
  // `waiting`: so many frames stay, so that the backlog never gets empty; what is sent then leaves by little.
  explicit OutboxModel(uint32_t seed, size_t waiting = 0) : random_(seed), waiting_(waiting) {}

  void run(int steps) {
    for (step_ = 0; step_ < steps; ++step_) {
      switch (below(8)) {
        case 0:
        case 1:
        case 2: append(); break;
        case 3:
        case 4: consume_some(); break;
        case 5: drop(); break;
        case 6:
          if (below(4) == 0) prepend();
          break;
        case 7:
          if (below(8) == 0 && waiting_ == 0) close();
          break;
      }
      check();
      if (::testing::Test::HasFatalFailure()) return;
    }
  }

 private:
  uint64_t below(uint64_t bound) { return random_() % bound; }
  std::string some_frame(uint64_t id) { return frame(id, below(40)); }
  Slice write(const std::string& bytes) { return writers_[below(2)].append(bytes); }

  void append() {
    const uint64_t kind = below(4);
    const auto channel = static_cast<uint32_t>(below(2));
    const uint64_t count = kind == 0 ? 1 : 1 + below(5);
    std::string bytes;
    const uint64_t first_id = next_id_[channel];
    for (uint64_t i = 0; i < count; ++i) {
      ModelFrame one{.bytes = some_frame(first_id + i)};
      bytes += one.bytes;
      if (kind >= 2) {  // live messages
        one.channel = channel;
        one.counted = true;
        one.id = next_id_[channel]++;
        if (i == count - 1 && below(8) == 0) ++next_id_[channel];
      }
      model_.push_back(one);
    }
    const Slice slice = write(bytes);
    if (kind < 2) {
      outbox_.append({.hold = slice.hold, .offset = slice.offset, .length = slice.length});
    } else {
      outbox_.append({slice.hold, slice.offset, slice.length, static_cast<uint32_t>(count), channel, first_id});
    }
  }

  void consume_some() {
    if (waiting_ == 0) return consume(outbox_.bytes() == 0 ? 0 : below(outbox_.bytes() + 1));
    if (model_.size() > waiting_) consume(below(std::min<uint64_t>(outbox_.bytes(), 200)));
  }

  void consume(uint64_t bytes) {
    outbox_.consume(bytes, frame_length);
    while (bytes != 0) {
      const uint64_t part = std::min<uint64_t>(bytes, model_.front().bytes.size() - begun_);
      begun_ += part;
      bytes -= part;
      if (begun_ != model_.front().bytes.size()) continue;
      model_.erase(model_.begin());
      begun_ = 0;
    }
  }

  void drop() {
    const auto messages_max = static_cast<uint32_t>(waiting_ + below(12));
    std::vector<Dropped> reports;
    const bool enough = outbox_.drop_oldest(
        UINT64_MAX, messages_max, frame_length, [](uint32_t channel) { return channel == 1; },
        [&](const Dropped& gone) { reports.push_back(gone); });
    EXPECT_EQ(enough, outbox_.messages() <= messages_max);
    size_t place = SIZE_MAX;
    for (const Dropped& gone : reports) {
      ASSERT_EQ(gone.channel, 1u);
      uint64_t id = gone.first_id;
      for (uint32_t n = 0; n < gone.frames; ++n, ++id) {
        const auto found = std::find_if(model_.begin() + (begun_ != 0 ? 1 : 0), model_.end(),
                                        [&](const ModelFrame& at) { return at.channel == 1 && at.id == id; });
        ASSERT_NE(found, model_.end()) << "step " << step_;
        place = std::min(place, static_cast<size_t>(found - model_.begin()));
        model_.erase(found);
      }
      EXPECT_EQ(gone.last_id, id - 1);
    }
    if (reports.empty()) return;
    // One notice for all that the channel has lost, as the sessions write it.
    uint32_t at = reports.front().at;
    Slice said;
    const uint32_t taken = outbox_.take_notice(1, said);
    const auto waits =
        std::find_if(model_.begin() + (begun_ != 0 ? 1 : 0), model_.end(), [](const auto& one) { return one.notice; });
    ASSERT_EQ(taken != Outbox::kNoNotice, waits != model_.end());
    if (taken != Outbox::kNoNotice) {
      EXPECT_EQ(said.view(), waits->bytes);
      said.hold->release();
      at = std::min(at, taken);
      place = std::min(place, static_cast<size_t>(waits - model_.begin()));
      model_.erase(waits);
    }
    const ModelFrame notice{.bytes = some_frame(0), .channel = 1, .notice = true};
    const Slice slice = write(notice.bytes);
    outbox_.insert(at,
                   {.hold = slice.hold, .offset = slice.offset, .length = slice.length, .channel = 1, .first_id = 9});
    model_.insert(model_.begin() + static_cast<std::ptrdiff_t>(place), notice);
  }

  void prepend() {
    if (begun_ != 0) return;
    const ModelFrame first{.bytes = some_frame(3)};
    const Slice slice = write(first.bytes);
    outbox_.prepend({.hold = slice.hold, .offset = slice.offset, .length = slice.length});
    model_.insert(model_.begin(), first);
  }

  // What is unsent goes, but for the rest of a frame that has begun; a last frame leaves in pieces.
  void close() {
    EXPECT_EQ(outbox_.begun_rest(frame_length), begun_ == 0 ? 0 : model_.front().bytes.size() - begun_);
    outbox_.discard_unsent(frame_length);
    model_.resize(begun_ == 0 ? 0 : 1);
    check();
    const ModelFrame last{.bytes = some_frame(5)};
    const Slice slice = write(last.bytes);
    outbox_.append({.hold = slice.hold, .offset = slice.offset, .length = slice.length});
    model_.push_back(last);
    while (!outbox_.empty()) {
      check();
      consume(1 + below(outbox_.bytes()));
    }
  }

  void check() {
    std::string expected;
    uint32_t messages = 0;
    for (const ModelFrame& one : model_) {
      expected += one.bytes;
      messages += one.counted ? 1 : 0;
    }
    expected.erase(0, begun_);
    std::string all;
    iovec pieces[512];
    uint64_t wanted;
    const int count = outbox_.gather(pieces, 512, wanted);
    for (int i = 0; i < count; ++i) all.append(static_cast<char*>(pieces[i].iov_base), pieces[i].iov_len);
    ASSERT_EQ(all, expected) << "step " << step_;
    ASSERT_EQ(outbox_.bytes(), expected.size()) << "step " << step_;
    ASSERT_EQ(outbox_.messages(), messages) << "step " << step_;
    ASSERT_EQ(outbox_.empty(), expected.empty()) << "step " << step_;
    most_ = std::max(most_, model_.size());
    ASSERT_LE(outbox_.capacity(), std::max<size_t>(64, 4 * most_)) << "step " << step_;
  }

  std::mt19937 random_;
  size_t waiting_;
  size_t most_ = 0;
  BlockWriter writers_[2] = {BlockWriter(64, 512), BlockWriter(64, 512)};
  Outbox outbox_;
  std::vector<ModelFrame> model_;
  size_t begun_ = 0;  // bytes of the first frame that are sent
  uint64_t next_id_[2] = {1, 1};
  int step_ = 0;
};

TEST_F(OutboxTest, OfForgottenChannelsNothingIsAskedAbout) {
  Outbox outbox;
  push(outbox, writer_, 1, 10);
  push(outbox, other_, 7, 10, 2);
  outbox.forget_channels();
  const auto ask = [](uint32_t channel) {
    ADD_FAILURE() << channel;
    return true;
  };
  EXPECT_FALSE(outbox.drop_oldest(0, 0, frame_length, ask, [](const Dropped&) {}));
  EXPECT_EQ(bytes_of(outbox), frame(1, 10) + frame(7, 10));
}

TEST_F(OutboxTest, AgreesWithAModel) {
  for (uint32_t seed = 1; seed <= 1000; ++seed) {
    SCOPED_TRACE(seed);
    OutboxModel(seed).run(200);
    if (HasFatalFailure()) return;
    if (seed % 10 == 0) OutboxModel(seed, 30).run(2000);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace ringcast::reactor
