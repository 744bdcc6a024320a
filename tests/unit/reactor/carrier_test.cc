// SPDX-License-Identifier: Apache-2.0
// Streams that share a connection: their carrier pulls what they have within windows, and each has limits, a timer and
// an end of its own.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fake_reactor.h"
#include "reactor/reactor.h"

namespace ringcast::reactor {
namespace {

// Writes what streams have one after another to a single connection, as far as the window of each reaches.
class FakeCarrier final : public Carrier {
 public:
  void on_output(Stream& stream) override { note(stream); }
  void on_reading(Stream& stream) override { reading.push_back(stream.slot); }
  void on_closed(Stream& stream, io::CloseMode mode) override { closed.emplace_back(stream.slot, mode); }
  void flush() override {
    for (const StreamId id : std::exchange(noted_, {})) {
      Stream* const stream = reactor->find(id);
      if (stream == nullptr) continue;
      uint32_t& window = windows[id.slot];
      window -= reactor->pull(*stream, window, *reactor->find(connection));
      reactor->settle(*stream);
      if (stream->closing && stream->outbox.empty()) reactor->close(*stream, stream->close_cause);
    }
  }
  io::Delivery delivery(const Stream& stream) const override { return {.unacknowledged = stream.outbox.bytes()}; }
  void open_window(StreamId id, uint32_t bytes) {
    windows[id.slot] = bytes;
    note(*reactor->find(id));
  }

  Reactor* reactor = nullptr;
  ConnectionId connection;
  std::map<uint32_t, uint32_t> windows;
  std::vector<uint32_t> reading;
  std::vector<std::pair<uint32_t, io::CloseMode>> closed;

 private:
  void note(const Stream& stream) {
    noted_.push_back(stream.id());
    reactor->mark_carrier_busy();
  }
  std::vector<StreamId> noted_;
};

class CarrierTest : public ::testing::Test {
 protected:
  CarrierTest() : handler_(reactor_) {
    MeshOptions options;
    options.wake_hook = {[](void*, MemberId) noexcept {}, nullptr};
    mesh_ = std::move(*Mesh::create(options));
    mailboxes_ = std::make_unique<Mailboxes>(*mesh_, 0);
    auto backend = std::make_unique<FakeBackend>();
    backend_ = backend.get();
    owned_ = std::make_unique<Reactor>(ReactorOptions{.connections_max = 10, .carried_max = 3, .checks_frames = true},
                                       std::move(backend), *mailboxes_, clock_);
    reactor_ = carrier_.reactor = owned_.get();
    reactor_->set_handler(&handler_);
    reactor_->set_carrier(&carrier_);
    backend_->arrive();
    tick();
    carrier_.connection = handler_.ids.front();
  }
  StreamId open(uint32_t window) {
    const StreamId id = reactor_->open_carried(7);
    carrier_.windows[id.slot] = window;
    reactor_->start_receive(*reactor_->find(id));
    return id;
  }
  void send(StreamId id, const std::string& text) {
    const OwnedSlice slice = reactor_->copy(text);
    reactor_->send(*reactor_->find(id),
                   {.hold = slice->hold, .offset = slice->offset, .length = slice->length, .frames = 1, .channel = 1});
  }
  const std::string& received() { return backend_->peers.at(0).received; }
  void tick() { reactor_->tick(io::Nanoseconds(0)); }

  VirtualClock clock_;
  std::unique_ptr<Mesh> mesh_;
  std::unique_ptr<Mailboxes> mailboxes_;
  FakeCarrier carrier_;
  Reactor* reactor_ = nullptr;
  TestHandler handler_;
  FakeBackend* backend_ = nullptr;
  std::unique_ptr<Reactor> owned_;
};

TEST_F(CarrierTest, WhatStreamsSendLeavesInTheSameTickInOneSend) {
  const StreamId first = open(100), second = open(100);
  send(first, "one ");
  send(second, "two");
  tick();
  EXPECT_EQ(received(), "one two");
  EXPECT_EQ(backend_->sends, 1u);
  EXPECT_FALSE(reactor_->find(first)->blocked);
}

TEST_F(CarrierTest, RunsStaySharedSlices) {
  const std::string large(20'000, 'r');
  const StreamId first = open(30'000), second = open(30'000);
  const OwnedSlice run = reactor_->copy(large);
  for (const StreamId id : {first, second}) {
    reactor_->send(*reactor_->find(id), {.hold = run->hold, .offset = run->offset, .length = run->length, .frames = 1});
  }
  backend_->peers.at(0).window = 0;
  tick();
  Stream& connection = *reactor_->find(carrier_.connection);
  ASSERT_EQ(connection.outbox.bytes(), 40'000u);
  EXPECT_EQ(connection.outbox.first().hold, run->hold);
  EXPECT_TRUE(reactor_->find(first)->outbox.empty());
}

TEST_F(CarrierTest, AStreamThatIsNotReadReachesItsOwnLimitAndNotThoseOfOthers) {
  const StreamId slow = open(4), other = open(1000);
  for (const StreamId id : {slow, other}) reactor_->set_output(*reactor_->find(id), {nullptr, 20, 100});
  std::vector<uint32_t> notified;
  handler_.when_slow = [&](ConnectionId id) { notified.push_back(id.slot); };
  for (int i = 0; i < 5; ++i) {
    send(slow, "12345678");
    send(other, "abcdefgh");
    tick();
  }
  EXPECT_EQ(received().substr(0, 12), "1234abcdefgh");
  EXPECT_EQ(received().size(), 4u + 5 * 8);
  EXPECT_TRUE(reactor_->find(slow)->blocked);
  ASSERT_FALSE(notified.empty());
  for (const uint32_t slot : notified) EXPECT_EQ(slot, slow.slot);
  EXPECT_EQ(reactor_->find(slow)->unread_bytes, 36u);

  carrier_.open_window(slow, 100);
  tick();
  EXPECT_EQ(received().size(), 80u);
  EXPECT_EQ(reactor_->find(slow)->unread_bytes, 0u);
}

TEST_F(CarrierTest, DrainedIsReportedOnceAllHasBeenPulled) {
  const StreamId id = open(4);
  std::vector<uint32_t> drained;
  handler_.when_drained = [&](ConnectionId of) { drained.push_back(of.slot); };
  send(id, "12345678");
  reactor_->want_drained(*reactor_->find(id));
  tick();
  EXPECT_TRUE(drained.empty());
  carrier_.open_window(id, 4);
  tick();
  EXPECT_EQ(drained, std::vector<uint32_t>{id.slot});
}

TEST_F(CarrierTest, ClosingPassesOnWhatIsQueuedAndThenEnds) {
  const StreamId id = open(4), silent = open(4);
  send(id, "12345678");
  reactor_->close_after_flush(*reactor_->find(id), CloseCause::drained, std::chrono::seconds(5));
  reactor_->close_after_flush(*reactor_->find(silent), CloseCause::done, std::chrono::seconds(5));
  tick();
  EXPECT_EQ(handler_.closed, std::vector<uint32_t>{silent.slot}) << "nothing was left to send";
  ASSERT_NE(reactor_->find(id), nullptr);
  carrier_.open_window(id, 4);
  tick();
  EXPECT_EQ(received(), "12345678");
  EXPECT_EQ(reactor_->find(id), nullptr);
  const ReactorStats& stats = reactor_->stats();
  EXPECT_EQ(stats.carried_by_cause[static_cast<size_t>(CloseCause::drained)].load(), 1u);
  EXPECT_EQ(stats.carried.load(), 0u);
  EXPECT_EQ(stats.carried_ever.load(), 2u);
  EXPECT_EQ(stats.closed.load(), 0u) << "no connection has been closed";
}

TEST_F(CarrierTest, AStreamThatIsNotReadAtItsEndIsResetInTime) {
  const StreamId id = open(4);
  send(id, "12345678");
  reactor_->close_after_flush(*reactor_->find(id), CloseCause::done, std::chrono::seconds(5));
  for (int i = 0; i < 3; ++i) {
    tick();
    clock_.advance_ns(6'000'000'000);
  }
  tick();
  ASSERT_EQ(carrier_.closed.size(), 1u);
  EXPECT_EQ(carrier_.closed.front(), (std::pair{id.slot, io::CloseMode::reset}));
  EXPECT_EQ(received(), "1234");
}

TEST_F(CarrierTest, ReadingGoesOnWhenAllReasonsForAPauseAreGone) {
  const StreamId id = open(0);
  Stream& stream = *reactor_->find(id);
  reactor_->pause_reading(stream, PauseReason::credit);
  reactor_->pause_reading(stream, PauseReason::answer);
  reactor_->resume_reading(stream, PauseReason::credit);
  EXPECT_TRUE(carrier_.reading.empty());
  reactor_->resume_reading(stream, PauseReason::answer);
  EXPECT_EQ(carrier_.reading, std::vector<uint32_t>{id.slot});
}

TEST_F(CarrierTest, ThereAreAsManyAsTheyMayBe) {
  const StreamId first = open(0);
  open(0);
  open(0);
  EXPECT_EQ(reactor_->open_carried(7).slot, kNoIndex);
  EXPECT_EQ(reactor_->open_connections(), 1u);
  EXPECT_EQ(reactor_->find(first)->listener, 7);
  reactor_->close(*reactor_->find(first), CloseCause::kicked);
  EXPECT_EQ(carrier_.closed.size(), 1u);
  tick();
  EXPECT_NE(reactor_->open_carried(7).slot, kNoIndex);
}

}  // namespace
}  // namespace ringcast::reactor
