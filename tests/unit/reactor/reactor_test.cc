// SPDX-License-Identifier: Apache-2.0
// The reactor over a backend whose sockets are strings: flushes whose handlers reach into other connections, closing
// with bytes on their way, memory of what is copied, tables that load fills.
#include "reactor/reactor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "fake_reactor.h"

namespace ringcast::reactor {
namespace {

class ReactorTest : public ::testing::Test {
 protected:
  ReactorTest() : handler_(reactor_) {
    MeshOptions options;
    options.wake_hook = {[](void*, MemberId) noexcept {}, nullptr};
    mesh_ = std::move(*Mesh::create(options));
    mailboxes_ = std::make_unique<Mailboxes>(*mesh_, 0);
    auto backend = std::make_unique<FakeBackend>();
    backend_ = backend.get();
    owned_ = std::make_unique<Reactor>(
        ReactorOptions{
            .connections_max = 1000, .detached_max = 2, .unread_bytes_max = kUnreadMax, .checks_frames = true},
        std::move(backend), *mailboxes_, clock_);
    reactor_ = owned_.get();
    reactor_->set_handler(&handler_);
  }
  static constexpr uint64_t kUnreadMax = 100'000;
  // Sockets and connections have the same numbers.
  void accept(int count) {
    for (int i = 0; i < count; ++i) backend_->arrive();
    tick();
    ASSERT_EQ(handler_.ids.size(), backend_->peers.size());
  }
  void tick() { reactor_->tick(io::Nanoseconds(0)); }
  void in_tick(std::function<void()> what) {
    handler_.when_tick = std::move(what);
    tick();
  }
  Connection& at(uint32_t number) { return *reactor_->find(handler_.ids[number]); }
  FakeBackend::Peer& peer(int number) { return backend_->peers.at(number); }
  // Segments that are too large to be laid together: as many as one send takes.
  void send_many(uint32_t number) {
    for (int i = 0; i < io::kIovMax; ++i) {
      const OwnedSlice slice = reactor_->copy(std::string(300, 'm'));
      reactor_->send(at(number), {.hold = slice->hold,
                                  .offset = slice->offset,
                                  .length = slice->length,
                                  .frames = 1,
                                  .channel = 1,
                                  .first_id = static_cast<uint64_t>(10 + 2 * i)});
    }
  }

  VirtualClock clock_;
  std::unique_ptr<Mesh> mesh_;
  std::unique_ptr<Mailboxes> mailboxes_;
  Reactor* reactor_ = nullptr;
  TestHandler handler_;
  FakeBackend* backend_ = nullptr;
  std::unique_ptr<Reactor> owned_;
};

// What the backend has taken and could not pass on (ciphertext, say) has not left: nothing follows it before
// `writable`, neither more bytes nor what is to happen when all has left.
TEST_F(ReactorTest, WhatWaitsInTheBackendHasNotLeft) {
  accept(2);
  int drained = 0;
  handler_.when_drained = [&](ConnectionId) { ++drained; };
  peer(0).keeps = peer(1).keeps = true;
  in_tick([&] {
    reactor_->send_copy(at(0), "one");
    reactor_->want_drained(at(0));
    reactor_->send_copy(at(1), "last");
    reactor_->close_after_flush(at(1), CloseCause::done, std::chrono::seconds(5));
  });
  EXPECT_EQ(peer(0).received, "one");
  EXPECT_TRUE(at(0).blocked);
  in_tick([&] {
    reactor_->send_copy(at(0), "two");
    reactor_->want_drained(at(0));
  });
  tick();
  EXPECT_EQ(peer(0).received, "one");
  EXPECT_EQ(drained, 0);
  EXPECT_FALSE(peer(1).fin);
  peer(0).keeps = peer(1).keeps = false;
  backend_->open_window(backend_->socket(0), SIZE_MAX);
  backend_->open_window(backend_->socket(1), SIZE_MAX);
  tick();
  EXPECT_EQ(peer(0).received, "onetwo");
  EXPECT_EQ(drained, 1);
  EXPECT_TRUE(peer(1).fin);
  // With nothing queued, the end of the wait is what was waited for.
  peer(0).keeps = true;
  in_tick([&] { reactor_->send_copy(at(0), "three"); });
  in_tick([&] { reactor_->want_drained(at(0)); });
  EXPECT_EQ(drained, 1);
  backend_->open_window(backend_->socket(0), SIZE_MAX);
  tick();
  EXPECT_EQ(drained, 2);
  in_tick([&] { reactor_->send_copy(at(0), "four"); });
  in_tick([&] { reactor_->close_after_flush(at(0), CloseCause::done, std::chrono::seconds(5)); });
  EXPECT_FALSE(peer(0).fin);
  backend_->open_window(backend_->socket(0), SIZE_MAX);
  tick();
  EXPECT_TRUE(peer(0).fin);
}

// The batch leaves when its table of pieces is full, and handlers are called then: whatever they do to the connection
// that comes next must be seen.
TEST_F(ReactorTest, AHandlerMayCloseTheConnectionThatIsSentNext) {
  accept(6);
  in_tick([&] {
    at(0).want_drained = true;
    for (uint32_t i = 0; i < 6; ++i) send_many(i);
    handler_.when_drained = [&](ConnectionId) { reactor_->close(at(4), CloseCause::kicked); };
  });
  EXPECT_TRUE(peer(4).closed);
  EXPECT_EQ(peer(4).received, "");
  EXPECT_EQ(peer(5).received, std::string(300 * io::kIovMax, 'm'));
}

// A connection without a socket takes no part in what is done with sockets, and ends like any other.
TEST_F(ReactorTest, DetachedConnectionsHaveASlotATimerAndAnEnd) {
  accept(1);
  const ConnectionId first = reactor_->open_detached(), second = reactor_->open_detached();
  EXPECT_EQ(reactor_->open_detached().slot, kNoIndex) << "there may be two";
  EXPECT_EQ(reactor_->open_connections(), 1u);
  EXPECT_EQ(reactor_->live_connections(), 3u);
  Connection& connection = *reactor_->find(first);
  reactor_->pause_reading(connection, PauseReason::credit);
  reactor_->resume_reading(connection, PauseReason::credit);
  reactor_->arm_timer(connection, std::chrono::seconds(1));
  clock_.advance_ns(2'000'000'000);
  tick();
  EXPECT_EQ(handler_.timers, std::vector<uint32_t>{first.slot});
  in_tick([&] { reactor_->close(*reactor_->find(first), CloseCause::kicked); });
  EXPECT_EQ(handler_.closed, std::vector<uint32_t>{first.slot});
  EXPECT_EQ(reactor_->find(first), nullptr);
  EXPECT_NE(reactor_->find(second), nullptr);
  EXPECT_EQ(reactor_->stats().closed.load(), 0u) << "no socket has been closed";
  EXPECT_NE(reactor_->open_detached().slot, kNoIndex);
  EXPECT_EQ(backend_->sends, 0u);
}

// Handlers find every outbox of the batch as the kernel has left it.
TEST_F(ReactorTest, AHandlerFindsWhatOthersHaveSentGone) {
  accept(4);
  peer(2).window = 5;
  peer(3).broken = true;
  std::string seen;
  in_tick([&] {
    at(0).want_drained = true;
    for (uint32_t i = 0; i < 4; ++i) reactor_->send_copy(at(i), "0123456789");
    handler_.when_drained = [&](ConnectionId id) {
      if (id.slot != 0) return;
      for (uint32_t i = 1; i < 4; ++i) seen += std::to_string(at(i).outbox.bytes()) + " ";
      at(2).outbox.discard_unsent(nullptr);
      reactor_->send_copy(at(1), "more");
      reactor_->close_after_flush(at(1), CloseCause::kicked, std::chrono::seconds(1));
    };
  });
  EXPECT_EQ(seen, "0 5 0 ");
  EXPECT_EQ(peer(1).received, "0123456789more");
  EXPECT_TRUE(peer(1).fin);
  EXPECT_EQ(handler_.gone, std::vector<uint32_t>{3});
  EXPECT_TRUE(peer(3).closed);
}

TEST_F(ReactorTest, AHandlerMayCloseAConnectionOfTheSameBatch) {
  accept(3);
  peer(1).broken = true;
  in_tick([&] {
    for (uint32_t i = 0; i < 3; ++i) {
      at(i).want_drained = true;
      reactor_->send_copy(at(i), "x");
    }
    handler_.when_drained = [&](ConnectionId id) {
      if (id.slot != 0) return;
      reactor_->close(at(1), CloseCause::kicked);
      reactor_->close_after_flush(at(2), CloseCause::kicked, std::chrono::seconds(1));
    };
  });
  EXPECT_TRUE(handler_.gone.empty());
  EXPECT_TRUE(peer(2).fin);
  EXPECT_FALSE(peer(2).closed);
}

// Whatever a send takes, everything leaves before FIN, and nothing is queued behind it.
TEST_F(ReactorTest, ClosingSendsAllThatIsQueuedAndNothingMore) {
  for (const size_t step : {1u, 3u, 300u, 5000u}) {
    handler_.ids.clear();
    backend_->peers.clear();
    accept(1);
    Connection& connection = at(0);
    const int32_t socket = connection.socket.value;
    peer(socket).window = step;
    in_tick([&] {
      reactor_->send_copy(connection, "head ", std::string(4000, 'b'));
      reactor_->send_copy(connection, "last");
      reactor_->close_after_flush(connection, CloseCause::done, std::chrono::seconds(1));
      reactor_->send_copy(connection, "too late");
    });
    for (int i = 0; i < 5000 && !peer(socket).fin; ++i) {
      backend_->open_window(connection.socket, step);
      tick();
    }
    reactor_->send_copy(connection, "far too late");
    tick();
    EXPECT_EQ(peer(socket).received, "head " + std::string(4000, 'b') + "last");
    reactor_->close(connection, CloseCause::done);
    tick();
  }
}

// Closed because all slow readers hold too much, a connection is sent a last frame that takes it over its own limits,
// too. That is looked at in the next tick, when it is gone.
TEST_F(ReactorTest, AConnectionThatWasNotedAsSlowMayBeGone) {
  for (uint32_t round = 0; round < 2; ++round) {
    accept(1);
    peer(static_cast<int>(round)).window = 5;
    reactor_->set_output(at(round), {nullptr, 2 * kUnreadMax, 10});
    int asked = 0;
    handler_.when_slow = [&](ConnectionId) {
      if (++asked == 1) return reactor_->send_copy(at(round), std::string(kUnreadMax, 'l'));
      reactor_->close(at(round), CloseCause::unread_total);
    };
    in_tick([&] { reactor_->send_copy(at(round), std::string(2 * kUnreadMax, 'b')); });
    EXPECT_TRUE(peer(static_cast<int>(round)).closed);
    if (round == 0) tick();
    if (round == 1) accept(1);  // gets the slot
    EXPECT_EQ(asked, 2) << "another one was taken for slow";
  }
}

// --- work for many is done in turns; tests of these count steps ---

constexpr uint32_t kMany = 900;
static_assert(turns(kMany) < kMany / 10);

// However much is queued for others: a message leaves in the tick that it was queued in.
TEST_F(ReactorTest, AMessageLeavesBeforeMuchThatOthersAreSent) {
  accept(kMany + 1);
  in_tick([&] {
    for (uint32_t i = 0; i < kMany; ++i) reactor_->send_copy(at(i), std::string(kBulkBytes + 1, 'b'));
    reactor_->send_copy(at(kMany), "message");
  });
  EXPECT_EQ(peer(kMany).received, "message");
  EXPECT_EQ(backend_->sends, turns(kMany) + 1);
  for (size_t ticks = 1; ticks < kTurnTicksMax; ++ticks) {
    backend_->sends = 0;
    peer(kMany).received.clear();
    in_tick([&] { reactor_->send_copy(at(kMany), "another"); });
    EXPECT_EQ(peer(kMany).received, "another");
    EXPECT_LE(backend_->sends, turns(kMany) + 1);
  }
  while (reactor_->stats().flushed_connections < kMany + kTurnTicksMax) tick();
  for (uint32_t i = 0; i < kMany; ++i) EXPECT_EQ(peer(static_cast<int>(i)).received.size(), kBulkBytes + 1);
}

// Who gets more while it waits keeps its place; who is gone when its turn comes takes nobody else's.
TEST_F(ReactorTest, ConnectionsInLineKeepTheirOrder) {
  accept(100);
  in_tick([&] {
    for (uint32_t i = 0; i < 100; ++i) reactor_->send_copy(at(i), std::string(kBulkBytes + 1, 'b'));
  });
  ASSERT_EQ(peer(99).received, "");
  in_tick([&] {
    reactor_->send_copy(at(99), "more");
    reactor_->close(at(50), CloseCause::done);
  });
  accept(1);  // may get the slot
  reactor_->send_copy(at(100), "new");
  while (peer(99).received.empty()) tick();
  EXPECT_EQ(peer(99).received, std::string(kBulkBytes + 1, 'b') + "more");
  EXPECT_EQ(peer(50).received, "");
  EXPECT_EQ(peer(100).received, "new");
}

// Answers are made when they are asked for: so few at a time need no larger turns when there are many.
TEST_F(ReactorTest, AnswersHaveFewTurns) {
  accept(kMany);
  in_tick([&] {
    for (uint32_t i = 0; i < kMany; ++i) {
      at(i).unlimited_output = true;
      reactor_->send_copy(at(i), std::string(kBulkBytes + 1, 'b'));
    }
  });
  EXPECT_EQ(backend_->sends, kAnswersPerTick);
  EXPECT_EQ(reactor_->answers_waiting(), kMany - kAnswersPerTick);
  while (reactor_->answers_waiting() != 0) tick();
  EXPECT_EQ(backend_->sends, kMany);
}

// A handler that always has more for who takes everything does not keep the others from their turns.
TEST_F(ReactorTest, AReplayThatIsTakenAtOnceGoesOnInTheNextTick) {
  accept(1);
  int pieces = 0;
  handler_.when_drained = [&](ConnectionId) {
    ++pieces;
    reactor_->send_copy(at(0), std::string(kBulkBytes + 1, 'r'));
    reactor_->want_drained(at(0));
  };
  in_tick([&] {
    reactor_->send_copy(at(0), std::string(kBulkBytes + 1, 'r'));
    reactor_->want_drained(at(0));
  });
  EXPECT_EQ(pieces, 1);
  tick();
  EXPECT_EQ(pieces, 2);
}

TEST_F(ReactorTest, SlowReadersAreDealtWithInTurns) {
  accept(kMany);
  uint32_t asked = 0;
  handler_.when_slow = [&](ConnectionId id) {
    ++asked;
    reactor_->close(*reactor_->find(id), CloseCause::slow_consumer);
  };
  for (uint32_t i = 0; i < kMany; ++i) {
    peer(static_cast<int>(i)).window = 0;
    reactor_->set_output(at(i), {nullptr, 5, 10});
  }
  in_tick([&] {
    for (uint32_t i = 0; i < kMany; ++i) reactor_->send_copy(at(i), "too much");
  });
  EXPECT_EQ(asked, turns(kMany));
  // One that has read in the meantime is not slow any more.
  backend_->open_window(backend_->socket(kMany - 1), SIZE_MAX);
  for (uint32_t before = 0; before != asked;) {
    before = asked;
    tick();
    EXPECT_LE(asked - before, turns(kMany));
  }
  EXPECT_EQ(asked, kMany - 1);
  EXPECT_FALSE(peer(kMany - 1).closed);
}

// All slow readers together hold too much: those with the most are closed, so many a tick, until the rest is allowed.
TEST_F(ReactorTest, TooMuchThatIsUnreadInAllGoesInTurns) {
  accept(kMany);
  constexpr size_t kEach = 2 * kUnreadMax / kMany;
  uint32_t asked = 0;
  handler_.when_slow = [&](ConnectionId id) {
    ++asked;
    reactor_->close(*reactor_->find(id), CloseCause::unread_total);
  };
  for (uint32_t i = 0; i < kMany; ++i) peer(static_cast<int>(i)).window = 0;
  in_tick([&] {
    for (uint32_t i = 0; i < kMany; ++i) reactor_->send_copy(at(i), std::string(kEach, 'u'));
  });
  EXPECT_EQ(asked, turns(kMany));
  for (uint32_t before = 0; before != asked;) {
    before = asked;
    tick();
    EXPECT_LE(asked - before, turns(kMany));
  }
  EXPECT_EQ(asked, kMany - kUnreadMax / kEach);
}

TEST_F(ReactorTest, TimersThatFireTogetherAreServedInTurns) {
  accept(kMany);
  for (uint32_t i = 0; i < kMany; ++i) reactor_->arm_timer(at(i), kTimerTick);
  clock_.advance_ns((2 * kTimerTick).count());
  tick();
  EXPECT_EQ(handler_.timers.size(), turns(kMany));
  // Of those whose time is over, but who have not been notified: one has no timer any more, another one anew.
  const auto waits = [&](uint32_t slot) { return std::ranges::count(handler_.timers, slot) == 0; };
  uint32_t cancelled = 0, armed = kMany - 1;
  while (!waits(cancelled)) ++cancelled;
  while (!waits(armed)) --armed;
  reactor_->cancel_timer(at(cancelled));
  reactor_->arm_timer(at(armed), 10 * kTimerTick);
  for (size_t before = 0; before != handler_.timers.size();) {
    before = handler_.timers.size();
    tick();
    EXPECT_LE(handler_.timers.size() - before, turns(kMany));
  }
  EXPECT_EQ(handler_.timers.size(), kMany - 2);
  clock_.advance_ns((11 * kTimerTick).count());
  tick();
  EXPECT_EQ(handler_.timers.size(), kMany - 1);
  EXPECT_EQ(handler_.timers.back(), armed);
}

TEST_F(ReactorTest, CopiesStayUntilTheyAreLetGo) {
  const int64_t before = Block::live_blocks();
  {
    const OwnedSlice first = reactor_->copy("first");
    const OwnedSlice second = reactor_->copy(std::string(100'000, 's'));  // ends the block of the first
    EXPECT_EQ(Block::live_blocks(), before + 2);
    EXPECT_EQ(first->view(), "first");
    EXPECT_EQ(second->view(), std::string(100'000, 's'));
  }
  EXPECT_EQ(Block::live_blocks(), before + 1);  // the one that is written to
}

uint32_t other_frames(std::span<const uint8_t> bytes) {
  return static_cast<uint32_t>(bytes.size());
}

// As many limits as reloads have set; the table has an end, and a wire form that comes later still finds its own.
TEST_F(ReactorTest, LimitsMayChangeForAsLongAsTheServerRuns) {
  accept(2);
  for (uint32_t bytes = 1; bytes < 70'000; bytes += 10) reactor_->set_output(at(0), {nullptr, bytes, 10});
  EXPECT_EQ(reactor_->output_of(at(0)).frame_length, nullptr);
  reactor_->set_output(at(1), {other_frames, 1, 1});
  EXPECT_EQ(reactor_->output_of(at(1)).frame_length, other_frames);
  reactor_->set_output(at(1), {other_frames, 2, 1});
  EXPECT_EQ(reactor_->output_of(at(1)).frame_length, other_frames);
  reactor_->reset_output(at(1));
  EXPECT_EQ(reactor_->output_of(at(1)).frame_length, nullptr);
}

}  // namespace
}  // namespace ringcast::reactor
