// SPDX-License-Identifier: Apache-2.0
// The way out: short sends to the byte, broken sockets, many sockets and many pieces in one flush, tiny rings.
#include <sys/socket.h>

#include <thread>

#include "engine_fixture.h"

namespace ringcast::io {
namespace {

using std::chrono::milliseconds;

class SendTest : public EngineTest {};

char byte_at(size_t position) {
  return static_cast<char>((position * 131 + (position >> 11) * 17) & 0xff);
}

TEST_P(SendTest, ShortSendsAreExactToTheByte) {
  constexpr size_t kMessage = 100'000;
  constexpr size_t kMessages = 400;
  constexpr size_t kTotal = kMessage * kMessages;
  RINGCAST_START_ENGINE();
  Pair pair = make_pair(listen("127.0.0.1:0", 0, 32 * 1024), 1, 16 * 1024);
  size_t wrong = 0;
  size_t read = 0;
  std::thread reader([&] {
    char piece[4096];
    for (ssize_t got = 1; got > 0 && read < kTotal;) {
      got = ::recv(pair.peer.fd(), piece, sizeof piece, 0);
      for (ssize_t i = 0; i < got; ++i) wrong += piece[i] != byte_at(read++);
    }
  });
  std::vector<char> message(kMessage);
  size_t sent = 0;
  while (sent < kTotal) {
    const size_t offset = sent % kMessage;
    for (size_t i = offset; i < kMessage; ++i) message[i] = byte_at(sent - offset + i);
    // In two pieces every other time, so that both operations see short sends.
    const size_t half = (kMessage - offset) / 2;
    const iovec iov[2] = {{message.data() + offset, half}, {message.data() + offset + half, kMessage - offset - half}};
    const iovec whole{message.data() + offset, kMessage - offset};
    const bool pieces = sent / kMessage % 2 == 0 && half > 0;
    SendOp op{.socket = pair.socket, .iov_count = static_cast<uint16_t>(pieces ? 2 : 1), .iov = pieces ? iov : &whole};
    backend_->flush({&op, 1});
    ASSERT_GE(op.result, 0);
    std::fill(message.begin(), message.end(), 'X');  // the memory is ours again
    sent += static_cast<size_t>(op.result);
    if (static_cast<size_t>(op.result) == kMessage - offset) continue;
    const size_t before = count(EventKind::writable);
    ASSERT_TRUE(pump_until([&] { return count(EventKind::writable) > before; }));
  }
  reader.join();
  EXPECT_EQ(read, kTotal);
  EXPECT_EQ(wrong, 0u);
  EXPECT_GT(backend_->stats().short_sends, 10u);
}

TEST_P(SendTest, FullSocketTakesNothingAndReportsRoomOnce) {
  RINGCAST_START_ENGINE();
  Pair pair = make_pair(listen("127.0.0.1:0", 0, 64 * 1024), 1, 8 * 1024);
  size_t taken = fill(pair.socket);
  for (int i = 0; i < 3; ++i) pump_once(milliseconds(1));
  EXPECT_EQ(count(EventKind::writable), 0u);
  EXPECT_EQ(pair.peer.read_exactly(taken).size(), taken);
  ASSERT_TRUE(pump_until([&] { return count(EventKind::writable) == 1; }));
  for (int i = 0; i < 3; ++i) pump_once(milliseconds(1));
  EXPECT_EQ(count(EventKind::writable), 1u);
  EXPECT_EQ(last(EventKind::writable)->owner, 1u);
  EXPECT_EQ(send(pair.socket, "more"), 4);
}

TEST_P(SendTest, BlockedSocketWhosePeerDiesIsReported) {
  RINGCAST_START_ENGINE();
  Pair pair = make_pair(listen("127.0.0.1:0", 0, 64 * 1024), 1, 8 * 1024);
  fill(pair.socket);
  pair.peer.reset();
  ASSERT_TRUE(pump_until([&] { return count(EventKind::closed) == 1; }));
  EXPECT_EQ(last(EventKind::closed)->reason, CloseReason::peer_reset);
}

TEST_P(SendTest, WhatArrivedBeforeASocketBrokeIsDeliveredAndThenItsEnd) {
  RINGCAST_START_ENGINE();
  Peer peer(listen());
  const Socket socket = accept_next();
  peer.send("last words");
  peer.reset();
  int64_t result = 0;
  ASSERT_TRUE(pump_until([&] {
    result = send(socket, "x");
    return result < 0;
  }));
  EXPECT_TRUE(result == -ECONNRESET || result == -EPIPE) << result;
  backend_->start_receive(socket, 3);
  ASSERT_TRUE(pump_until([&] { return count(EventKind::closed) == 1; }));
  EXPECT_EQ(received_[3], "last words");
}

TEST_P(SendTest, OneThousandSocketsInOneFlush) {
  RINGCAST_START_ENGINE();
  const SocketAddress server = listen();
  std::vector<Pair> pairs;
  for (Owner owner = 0; owner < 1000; ++owner) pairs.push_back(make_pair(server, owner));
  pairs[500].peer.reset();
  pump_until([&] { return count(EventKind::closed) == 1; });
  std::vector<std::string> messages;
  std::vector<iovec> iovs;
  std::vector<SendOp> ops;
  for (size_t i = 0; i < pairs.size(); ++i) messages.push_back("message for " + std::to_string(i));
  for (std::string& message : messages) iovs.push_back({message.data(), message.size()});
  for (size_t i = 0; i < pairs.size(); ++i) ops.push_back({.socket = pairs[i].socket, .iov_count = 1, .iov = &iovs[i]});
  backend_->flush(ops);
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (i == 500) {
      EXPECT_LT(ops[i].result, 0);
      continue;
    }
    EXPECT_EQ(ops[i].result, static_cast<int64_t>(messages[i].size()));
    EXPECT_EQ(pairs[i].peer.read_exactly(messages[i].size()), messages[i]);
  }
}

TEST_P(SendTest, ManyPiecesLeaveAsOne) {
  RINGCAST_START_ENGINE();
  Pair pair = make_pair(listen(), 1);
  std::string expected;
  std::vector<std::string> pieces;
  for (int i = 0; i < kIovMax; ++i)
    pieces.push_back(std::string(static_cast<size_t>(i % 7) * 13 + 1, static_cast<char>('a' + i % 26)));
  std::vector<iovec> iov;
  for (std::string& piece : pieces) {
    iov.push_back({piece.data(), piece.size()});
    expected += piece;
  }
  SendOp op{.socket = pair.socket, .iov_count = kIovMax, .iov = iov.data()};
  backend_->flush({&op, 1});
  EXPECT_EQ(op.result, static_cast<int64_t>(expected.size()));
  EXPECT_EQ(pair.peer.read_exactly(expected.size()), expected);
}

// Submission and completion queues of two, and every send short: results come through overflow, mixed with bytes of
// other sockets, which must all be there afterwards.
TEST_P(SendTest, TinyQueuesKeepEveryResultAndEveryByte) {
  RINGCAST_START_ENGINE({.sq_entries = 2, .cq_entries = 2, .events_max = 5});
  const SocketAddress server = listen("127.0.0.1:0", 0, 64 * 1024);
  std::vector<Pair> pairs;
  for (Owner owner = 0; owner < 30; ++owner) pairs.push_back(make_pair(server, owner, 8 * 1024));
  pump_once(Nanoseconds::zero());
  for (size_t i = 0; i < pairs.size(); ++i) pairs[i].peer.send("note from " + std::to_string(i));
  std::string big(4 << 20, 'b');
  const iovec iov{big.data(), big.size()};
  std::vector<SendOp> ops;
  for (Pair& pair : pairs) ops.push_back({.socket = pair.socket, .iov_count = 1, .iov = &iov});
  backend_->flush(ops);
  for (size_t i = 0; i < pairs.size(); ++i) {
    EXPECT_GT(ops[i].result, 0) << i;
    EXPECT_LT(ops[i].result, static_cast<int64_t>(big.size())) << i;
    EXPECT_EQ(pairs[i].peer.read_exactly(static_cast<size_t>(ops[i].result)).size(),
              static_cast<size_t>(ops[i].result));
  }
  ASSERT_TRUE(pump_until([&] { return count(EventKind::writable) == pairs.size(); }));
  ASSERT_TRUE(pump_until([&] {
    for (Owner owner = 0; owner < 30; ++owner) {
      if (received_[owner] != "note from " + std::to_string(owner)) return false;
    }
    return true;
  }));
  if (uring()) {
    EXPECT_GT(backend_->stats().sq_full, 0u);
  }
  if (GetParam() == EngineKind::uring || GetParam() == EngineKind::uring_older) {
    EXPECT_GT(backend_->stats().cq_overflows, 0u);
  }
}

TEST_P(SendTest, NothingIsSentTwiceAcrossManyFlushes) {
  RINGCAST_START_ENGINE({.sends_per_submit = 3});
  const SocketAddress server = listen();
  std::vector<Pair> pairs;
  for (Owner owner = 0; owner < 10; ++owner) pairs.push_back(make_pair(server, owner));
  std::string expected;
  for (int round = 0; round < 100; ++round) {
    std::string message = std::to_string(round) + ",";
    expected += message;
    const iovec iov{message.data(), message.size()};
    std::vector<SendOp> ops;
    for (Pair& pair : pairs) ops.push_back({.socket = pair.socket, .iov_count = 1, .iov = &iov});
    backend_->flush(ops);
    message.assign(message.size(), '!');
  }
  for (Pair& pair : pairs) {
    backend_->close(pair.socket, CloseMode::graceful);
  }
  pump_once(Nanoseconds::zero());
  for (Pair& pair : pairs) EXPECT_EQ(pair.peer.read_to_end(), expected);
}

RINGCAST_FOR_EACH_ENGINE(SendTest);

}  // namespace
}  // namespace ringcast::io
