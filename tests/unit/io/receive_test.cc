// SPDX-License-Identifier: Apache-2.0
// The way in: ends of streams, exhausted buffers, full completion queues, pauses, and sockets closed half-way.
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "engine_fixture.h"

namespace ringcast::io {
namespace {

using std::chrono::milliseconds;

std::string pattern(size_t length, size_t seed = 0) {
  std::string bytes(length, '\0');
  for (size_t i = 0; i < length; ++i) bytes[i] = static_cast<char>((i * 31 + (i >> 8) * 7 + seed) & 0xff);
  return bytes;
}

class ReceiveTest : public EngineTest {};

TEST_P(ReceiveTest, HalfCloseLeavesOurDirectionOpen) {
  RINGCAST_START_ENGINE();
  Pair pair = make_pair(listen(), 1);
  pair.peer.send("last words");
  pair.peer.shutdown_write();
  ASSERT_TRUE(pump_until([&] { return count(EventKind::closed) == 1; }));
  EXPECT_EQ(received_[1], "last words");
  EXPECT_EQ(last(EventKind::closed)->reason, CloseReason::peer_closed);
  EXPECT_EQ(last(EventKind::closed)->owner, 1u);
  EXPECT_EQ(send(pair.socket, "answer"), 6);
  backend_->shutdown_write(pair.socket);
  EXPECT_EQ(pair.peer.read_to_end(), "answer");
  backend_->close(pair.socket, CloseMode::graceful);
  pump_once(Nanoseconds::zero());
  EXPECT_EQ(count(EventKind::closed), 1u);
}

TEST_P(ReceiveTest, HalfClosedSocketStillReportsRoom) {
  RINGCAST_START_ENGINE();
  Pair pair = make_pair(listen("127.0.0.1:0", 0, 64 * 1024), 1, 8 * 1024);
  pair.peer.shutdown_write();
  ASSERT_TRUE(pump_until([&] { return count(EventKind::closed) == 1; }));
  const size_t taken = fill(pair.socket);
  EXPECT_EQ(pair.peer.read_exactly(taken).size(), taken);
  EXPECT_TRUE(pump_until([&] { return count(EventKind::writable) == 1; }));
}

TEST_P(ReceiveTest, ShutdownWriteLeavesReceivingOn) {
  RINGCAST_START_ENGINE();
  Pair pair = make_pair(listen(), 1);
  backend_->shutdown_write(pair.socket);
  EXPECT_EQ(pair.peer.read_to_end(), "");
  pair.peer.send("still here");
  EXPECT_TRUE(pump_until([&] { return received_[1] == "still here"; }));
}

TEST_P(ReceiveTest, ResetIsNamed) {
  RINGCAST_START_ENGINE();
  Pair pair = make_pair(listen(), 1);
  pair.peer.reset();
  ASSERT_TRUE(pump_until([&] { return count(EventKind::closed) == 1; }));
  EXPECT_EQ(last(EventKind::closed)->reason, CloseReason::peer_reset);
  EXPECT_EQ(last(EventKind::closed)->error, ECONNRESET);
}

TEST_P(ReceiveTest, FewBuffersDelayButLoseNothing) {
  RINGCAST_START_ENGINE({.receive_buffer_size = 64, .receive_buffer_count = 2});
  const SocketAddress server = listen();
  Pair first = make_pair(server, 1);
  Pair second = make_pair(server, 2);
  const std::string a = pattern(20'000, 1);
  const std::string b = pattern(20'000, 2);
  first.peer.send(a);
  second.peer.send(b);
  first.peer.shutdown_write();
  second.peer.shutdown_write();
  ASSERT_TRUE(pump_until([&] { return count(EventKind::closed) == 2; }));
  EXPECT_TRUE(received_[1] == a);
  EXPECT_TRUE(received_[2] == b);
  if (uring()) {
    EXPECT_GT(backend_->stats().buffers_exhausted, 0u);
  }
}

TEST_P(ReceiveTest, SocketsWithoutBuffersTakeTurns) {
  RINGCAST_START_ENGINE({.receive_buffer_size = 512, .receive_buffer_count = 4});
  const SocketAddress server = listen();
  std::vector<Pair> pairs;
  for (Owner owner = 0; owner < 60; ++owner) pairs.push_back(make_pair(server, owner));
  for (int round = 0; round < 5; ++round) {
    for (Pair& pair : pairs) pair.peer.send(pattern(700, static_cast<size_t>(round)));
  }
  std::string expected;
  for (size_t round = 0; round < 5; ++round) expected += pattern(700, round);
  ASSERT_TRUE(pump_until([&] {
    for (Owner owner = 0; owner < 60; ++owner) {
      if (received_[owner].size() < expected.size()) return false;
    }
    return true;
  }));
  for (Owner owner = 0; owner < 60; ++owner) EXPECT_TRUE(received_[owner] == expected) << owner;
}

// A completion queue of two: completions overflow, and multishot requests end for it without an error.
TEST_P(ReceiveTest, FullCompletionQueueLosesNothing) {
  RINGCAST_START_ENGINE({.receive_buffer_size = 64, .sq_entries = 2, .cq_entries = 2});
  const SocketAddress server = listen();
  std::vector<Pair> pairs;
  for (Owner owner = 0; owner < 40; ++owner) pairs.push_back(make_pair(server, owner));
  pump_once(Nanoseconds::zero());
  const std::string bytes = pattern(1000);
  for (Pair& pair : pairs) pair.peer.send(bytes);
  ASSERT_TRUE(pump_until([&] {
    for (Owner owner = 0; owner < 40; ++owner) {
      if (received_[owner].size() < bytes.size()) return false;
    }
    return true;
  }));
  for (Owner owner = 0; owner < 40; ++owner) EXPECT_TRUE(received_[owner] == bytes) << owner;
  if (uring()) {
    EXPECT_GT(backend_->stats().cq_overflows, 0u);
    EXPECT_GT(backend_->stats().multishot_rearmed, 0u);
  }
}

TEST_P(ReceiveTest, SmallBatchesKeepOrder) {
  RINGCAST_START_ENGINE({.receive_buffer_size = 32, .receive_buffer_count = 64, .events_max = 2});
  Pair pair = make_pair(listen(), 1);
  const std::string bytes = pattern(10'000);
  pair.peer.send(bytes);
  pair.peer.shutdown_write();
  ASSERT_TRUE(pump_until([&] { return count(EventKind::closed) == 1; }));
  EXPECT_TRUE(received_[1] == bytes);
}

TEST_P(ReceiveTest, OneLoudSocketDoesNotStarveAnother) {
  RINGCAST_START_ENGINE({.receive_buffer_size = 2048, .receive_buffer_count = 32});
  const SocketAddress server = listen();
  Pair loud = make_pair(server, 1);
  Pair quiet = make_pair(server, 2);
  const std::string bytes = pattern(1 << 20);
  const int size = 2 << 20;
  ::setsockopt(loud.peer.fd(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  ASSERT_EQ(::send(loud.peer.fd(), bytes.data(), 200'000, MSG_DONTWAIT), 200'000);
  quiet.peer.send("me too");
  ASSERT_TRUE(pump_until([&] { return received_[2] == "me too"; }));
  ASSERT_TRUE(pump_until([&] { return received_[1].size() == 200'000; }));
  EXPECT_TRUE(received_[1] == bytes.substr(0, 200'000));
}

TEST_P(ReceiveTest, PausedSocketDeliversNothingAndLosesNothing) {
  RINGCAST_START_ENGINE({.receive_buffer_size = 128, .receive_buffer_count = 64, .events_max = 4});
  Pair pair = make_pair(listen(), 1);
  const std::string bytes = pattern(50'000);
  pair.peer.send(bytes.substr(0, 20'000));
  ASSERT_TRUE(pump_until([&] { return received_[1].size() > 128; }));
  backend_->pause_receive(pair.socket);
  const size_t before = received_[1].size();
  for (int i = 0; i < 20; ++i) pump_once(milliseconds(1));
  EXPECT_EQ(received_[1].size(), before);
  pair.peer.send(bytes.substr(20'000));
  pair.peer.shutdown_write();
  for (int i = 0; i < 5; ++i) pump_once(milliseconds(1));
  EXPECT_EQ(received_[1].size(), before);
  EXPECT_EQ(count(EventKind::closed), 0u);
  backend_->resume_receive(pair.socket);
  ASSERT_TRUE(pump_until([&] { return count(EventKind::closed) == 1; }));
  EXPECT_TRUE(received_[1] == bytes);
}

TEST_P(ReceiveTest, PauseAndResumeAtEveryEventKeepOrder) {
  RINGCAST_START_ENGINE({.receive_buffer_size = 100, .receive_buffer_count = 16, .events_max = 3});
  Pair pair = make_pair(listen(), 1);
  const std::string bytes = pattern(60'000);
  size_t toggles = 0;
  on_event_ = [&](const Event& event) {
    if (event.kind != EventKind::bytes) return;
    // Four shapes: nothing, pause, pause and resume, pause-resume-pause; a connection that is left paused is resumed
    // below.
    switch (toggles++ % 4) {
      case 1: backend_->pause_receive(pair.socket); break;
      case 2:
        backend_->pause_receive(pair.socket);
        backend_->resume_receive(pair.socket);
        break;
      case 3:
        backend_->pause_receive(pair.socket);
        backend_->resume_receive(pair.socket);
        backend_->pause_receive(pair.socket);
        break;
      default: break;
    }
  };
  pair.peer.send(bytes);
  pair.peer.shutdown_write();
  ASSERT_TRUE(pump_until([&] {
    pump_once(Nanoseconds::zero());  // with the socket paused or not, as the last event left it
    backend_->resume_receive(pair.socket);
    return count(EventKind::closed) == 1;
  }));
  EXPECT_TRUE(received_[1] == bytes);
}

// A publisher that gets a little credit again and again: its input stays in the kernel, which then stops its peer.
TEST_P(ReceiveTest, PausedAgainAfterEachEventTakesLittleInput) {
  constexpr size_t kBuffer = 128;
  RINGCAST_START_ENGINE({.receive_buffer_size = kBuffer, .receive_buffer_count = 256});
  Pair pair = make_pair(listen(), 1);
  pair.peer.send("begin");
  ASSERT_TRUE(pump_until([&] { return received_[1] == "begin"; }));
  backend_->pause_receive(pair.socket);
  pump_once(milliseconds(1));
  const std::string bytes = pattern(30'000);
  pair.peer.send(bytes);
  const auto unread = [&] {
    int queued = 0;
    EXPECT_EQ(::ioctl(pair.socket.value, FIONREAD, &queued), 0);
    return static_cast<size_t>(queued);
  };
  ASSERT_TRUE(pump_until([&] { return unread() == bytes.size(); }));
  for (int i = 0; i < 100; ++i) {
    backend_->resume_receive(pair.socket);
    backend_->pause_receive(pair.socket);
    pump_once(Nanoseconds::zero());
  }
  EXPECT_EQ(unread(), bytes.size());
  if (uring()) {
    on_event_ = [&](const Event& event) {
      if (event.kind == EventKind::bytes) backend_->pause_receive(pair.socket);
    };
    for (size_t turn = 1; turn <= 100; ++turn) {
      backend_->resume_receive(pair.socket);
      ASSERT_TRUE(pump_until([&] { return received_[1].size() == 5 + turn * kBuffer; }));
      EXPECT_EQ(unread(), bytes.size() - turn * kBuffer);
    }
    on_event_ = nullptr;
  }
  backend_->resume_receive(pair.socket);
  ASSERT_TRUE(pump_until([&] { return received_[1].size() == 5 + bytes.size(); }));
  EXPECT_TRUE(received_[1] == "begin" + bytes);
}

// However much a socket has, one wait() takes a part of it: a session that is paused on the first piece keeps the rest.
TEST_P(ReceiveTest, OneSocketDoesNotFillABatch) {
  constexpr size_t kBuffer = 1024;
  RINGCAST_START_ENGINE({.receive_buffer_size = kBuffer, .receive_buffer_count = 1024});
  Pair pair = make_pair(listen(), 1);
  pair.peer.send("begin");
  ASSERT_TRUE(pump_until([&] { return received_[1] == "begin"; }));
  const std::string bytes = pattern(200'000);
  pair.peer.send(bytes);
  size_t largest = 0;
  for (size_t before = 5; before < 5 + bytes.size(); before = received_[1].size()) {
    ASSERT_TRUE(pump_until([&] { return received_[1].size() > before; }));
    largest = std::max(largest, received_[1].size() - before);
  }
  // Without deferred work (before Linux 6.1) the kernel fills the ring as soon as it can: the buffers are the bound.
  const bool fills = uring() && backend_->features().find("defer_taskrun") == std::string::npos;
  EXPECT_LE(largest, fills ? 1024 * kBuffer : 64 * 1024u);
  EXPECT_TRUE(received_[1] == "begin" + bytes);
}

TEST_P(ReceiveTest, PausedBeforeItStarts) {
  RINGCAST_START_ENGINE();
  Peer peer(listen());
  const Socket socket = accept_next();
  backend_->pause_receive(socket);
  backend_->start_receive(socket, 5);
  peer.send("patience");
  for (int i = 0; i < 3; ++i) pump_once(milliseconds(1));
  EXPECT_EQ(received_[5], "");
  backend_->resume_receive(socket);
  EXPECT_TRUE(pump_until([&] { return received_[5] == "patience"; }));
}

TEST_P(ReceiveTest, ClosedWhilePausedWithBytesHeld) {
  RINGCAST_START_ENGINE({.receive_buffer_size = 64, .receive_buffer_count = 64, .events_max = 2});
  Pair pair = make_pair(listen(), 1);
  pair.peer.send(pattern(3000));
  ASSERT_TRUE(pump_until([&] { return !received_[1].empty(); }));
  backend_->pause_receive(pair.socket);
  pump_once(milliseconds(1));
  backend_->resume_receive(pair.socket);
  const size_t before = received_[1].size();
  backend_->close(pair.socket, CloseMode::graceful);
  for (int i = 0; i < 5; ++i) pump_once(milliseconds(1));
  EXPECT_EQ(received_[1].size(), before);
  EXPECT_EQ(count(EventKind::closed), 0u);
}

TEST_P(ReceiveTest, NothingComesAfterClose) {
  RINGCAST_START_ENGINE();
  const SocketAddress server = listen();
  Pair pair = make_pair(server, 1);
  pump_once(Nanoseconds::zero());
  pair.peer.send("too late");
  pair.peer.shutdown_write();
  backend_->close(pair.socket, CloseMode::graceful);
  for (int i = 0; i < 5; ++i) pump_once(milliseconds(1));
  EXPECT_EQ(received_.count(1), 0u);
  EXPECT_EQ(count(EventKind::closed), 0u);
}

// The descriptor's number comes back at once, for another connection; what its first life left behind must not reach
// it.
TEST_P(ReceiveTest, NewConnectionOnTheSameDescriptorStartsClean) {
  RINGCAST_START_ENGINE({.receive_buffer_size = 64, .receive_buffer_count = 16, .events_max = 2});
  const SocketAddress server = listen();
  Pair old = make_pair(server, 0);
  for (Owner owner = 1; owner < 50; ++owner) {
    backend_->pause_accepting(true);
    pump_once(Nanoseconds::zero());
    Peer next(server);
    old.peer.send(std::string(1000, 'o'));
    backend_->close(old.socket, CloseMode::graceful);
    backend_->pause_accepting(false);
    const Socket socket = accept_next();
    EXPECT_EQ(socket, old.socket);
    backend_->start_receive(socket, owner);
    next.send("new");
    ASSERT_TRUE(pump_until([&] { return received_[owner].size() >= 3; }));
    EXPECT_EQ(received_[owner], "new");
    old = Pair{std::move(next), socket};
  }
  EXPECT_EQ(count(EventKind::closed), 0u);
}

// Closed while the reactor still works through the batch: the rest of the batch names nobody.
TEST_P(ReceiveTest, EventsOfTheSameBatchAreWithdrawnAtClose) {
  RINGCAST_START_ENGINE({.receive_buffer_size = 64});
  const SocketAddress server = listen();
  Peer peer(server);
  Peer other_peer(server);
  const Socket socket = accept_next();
  const Socket other = accept_next();
  peer.send(pattern(640));
  other_peer.send("unharmed");
  peer.shutdown_write();
  size_t of_closed = 0;
  on_event_ = [&](const Event& event) {
    if (event.owner != 1) return;
    if (++of_closed == 1) backend_->close(socket, CloseMode::graceful);
  };
  backend_->start_receive(socket, 1);
  backend_->start_receive(other, 2);
  ASSERT_TRUE(pump_until([&] { return received_[2] == "unharmed"; }));
  for (int i = 0; i < 3; ++i) pump_once(milliseconds(1));
  EXPECT_EQ(of_closed, 1u);
}

// A request that stays armed would hold the file, and with it the connection, for ever.
bool socket_file_exists(uint16_t local, uint16_t remote) {
  std::ifstream table("/proc/net/tcp");
  char local_text[8], remote_text[8];
  std::snprintf(local_text, sizeof local_text, ":%04X", local);
  std::snprintf(remote_text, sizeof remote_text, ":%04X", remote);
  for (std::string line; std::getline(table, line);) {
    std::istringstream fields(line);
    std::vector<std::string> words;
    for (std::string word; fields >> word;) words.push_back(word);
    if (words.size() > 9 && words[1].ends_with(local_text) && words[2].ends_with(remote_text)) return words[9] != "0";
  }
  return false;
}

TEST_P(ReceiveTest, CloseReleasesTheSocketWhateverIsArmed) {
  RINGCAST_START_ENGINE();
  const SocketAddress server = listen("127.0.0.1:0", 0, 64 * 1024);
  for (const CloseMode mode : {CloseMode::graceful, CloseMode::reset}) {
    for (const bool blocked : {false, true}) {
      Pair pair = make_pair(server, 1, 8 * 1024);
      if (blocked) fill(pair.socket);
      pump_once(Nanoseconds::zero());
      EXPECT_TRUE(socket_file_exists(server.port(), pair.peer.port()));
      backend_->close(pair.socket, mode);
      EXPECT_TRUE(pump_until([&] {
        pump_once(milliseconds(1));
        return !socket_file_exists(server.port(), pair.peer.port());
      }));
    }
  }
}

TEST_P(ReceiveTest, ResetModeSendsRst) {
  RINGCAST_START_ENGINE();
  const SocketAddress server = listen();
  for (const bool peer_ended : {false, true}) {
    Pair pair = make_pair(server, 1);
    if (peer_ended) {
      pair.peer.shutdown_write();
      ASSERT_TRUE(pump_until([&] { return count(EventKind::closed) == 1; }));
    }
    pump_once(Nanoseconds::zero());
    backend_->close(pair.socket, CloseMode::reset);
    pump_once(Nanoseconds::zero());
    EXPECT_EQ(pair.peer.read_to_end(), "");
    EXPECT_EQ(pair.peer.error(), ECONNRESET);
  }
}

RINGCAST_FOR_EACH_ENGINE(ReceiveTest);

}  // namespace
}  // namespace ringcast::io
