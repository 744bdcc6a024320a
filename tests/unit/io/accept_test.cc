// SPDX-License-Identifier: Apache-2.0
// Listeners: families, backlogs, pauses, and what happens when descriptors run out.
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "engine_fixture.h"
#include "io/descriptor_table.h"
#include "io/listener.h"

namespace ringcast::io {
namespace {

using std::chrono::milliseconds;

class AcceptTest : public EngineTest {
 protected:
  void echo_over(const std::string& address) {
    const SocketAddress server = listen(address, 7);
    Pair pair = make_pair(server, 42);
    EXPECT_EQ(last(EventKind::accepted)->listener, 7);
    pair.peer.send("hello");
    ASSERT_TRUE(pump_until([&] { return received_[42] == "hello"; }));
    EXPECT_EQ(send(pair.socket, "hello back"), 10);
    EXPECT_EQ(pair.peer.read_exactly(10), "hello back");
    backend_->close(pair.socket, CloseMode::graceful);
    pump_once(Nanoseconds::zero());
    EXPECT_EQ(pair.peer.read_to_end(), "");
    EXPECT_EQ(pair.peer.error(), 0);
  }
};

TEST_P(AcceptTest, EchoOverIpv4) {
  RINGCAST_START_ENGINE();
  echo_over("127.0.0.1:0");
}

TEST_P(AcceptTest, EchoOverIpv6) {
  RINGCAST_START_ENGINE();
  echo_over("[::1]:0");
}

TEST_P(AcceptTest, EchoOverUnixSocket) {
  RINGCAST_START_ENGINE();
  const std::string path = ::testing::TempDir() + "ringcast-io-" + std::to_string(::getpid()) + ".sock";
  echo_over("unix:" + path);
  std::filesystem::remove(path);
}

TEST_P(AcceptTest, AnyAddressTakesBothFamilies) {
  RINGCAST_START_ENGINE();
  const SocketAddress server = listen("*:0");
  for (const char* host : {"127.0.0.1:", "[::1]:"}) {
    const Peer peer(*SocketAddress::parse(host + std::to_string(server.port())));
    const Socket socket = accept_next();
    const SocketAddress address = backend_->peer_address(socket);
    EXPECT_TRUE(address.is_loopback()) << address.to_string();
    EXPECT_EQ(address.port(), peer.port());
  }
}

TEST_P(AcceptTest, ManyConnectionsAtOnceInSmallBatches) {
  RINGCAST_START_ENGINE({.sq_entries = 4, .cq_entries = 8, .events_max = 3});
  const SocketAddress server = listen();
  std::vector<Peer> peers;
  for (int i = 0; i < 200; ++i) peers.emplace_back(server);
  ASSERT_TRUE(pump_until([&] { return count(EventKind::accepted) == peers.size(); }));
  EXPECT_EQ(pump_once(Nanoseconds::zero()), 0u);
}

TEST_P(AcceptTest, PausedAcceptingLeavesClientsInTheBacklog) {
  RINGCAST_START_ENGINE();
  const SocketAddress server = listen();
  pump_once(Nanoseconds::zero());
  backend_->pause_accepting(true);
  pump_once(Nanoseconds::zero());
  const Peer first(server);
  const Peer second(server);
  for (int i = 0; i < 3; ++i) pump_once(milliseconds(1));
  EXPECT_EQ(count(EventKind::accepted), 0u);
  backend_->pause_accepting(false);
  EXPECT_TRUE(pump_until([&] { return count(EventKind::accepted) == 2; }));
}

TEST_P(AcceptTest, PauseAndResumeInOneTickLoseNothing) {
  RINGCAST_START_ENGINE();
  const SocketAddress server = listen();
  pump_once(Nanoseconds::zero());
  for (int i = 0; i < 3; ++i) {
    backend_->pause_accepting(true);
    backend_->pause_accepting(false);
  }
  const Peer peer(server);
  EXPECT_TRUE(pump_until([&] { return count(EventKind::accepted) == 1; }));
}

TEST_P(AcceptTest, ClosingListenersTakesTheBacklogFirst) {
  RINGCAST_START_ENGINE({.events_max = 4});
  const SocketAddress server = listen();
  pump_once(Nanoseconds::zero());
  std::vector<Peer> peers;
  for (int i = 0; i < 10; ++i) peers.emplace_back(server);
  backend_->close_listeners(kNoListener);
  ASSERT_TRUE(pump_until([&] { return count(EventKind::accepted) == peers.size(); }));
  // The port is free: nothing in the engine holds the listener any more.
  ASSERT_TRUE(pump_until([&] { return open_listener(server, {.reuse_port = false}).has_value(); }));
  // And who was taken from the backlog is a connection like any other.
  const Socket socket = last(EventKind::accepted)->socket;
  backend_->start_receive(socket, 1);
  const SocketAddress address = backend_->peer_address(socket);
  for (Peer& peer : peers) {
    if (peer.port() == address.port()) peer.send("late");
  }
  EXPECT_TRUE(pump_until([&] { return received_[1] == "late"; }));
}

TEST_P(AcceptTest, OneListenerMayBeKeptAndClosedLater) {
  RINGCAST_START_ENGINE();
  const SocketAddress server = listen();
  const SocketAddress admin = listen("127.0.0.1:0", 7);
  pump_once(Nanoseconds::zero());
  backend_->close_listeners(7);
  ASSERT_TRUE(pump_until([&] { return open_listener(server, {.reuse_port = false}).has_value(); }));
  const Peer peer(admin);
  ASSERT_TRUE(pump_until([&] { return count(EventKind::accepted) == 1; }));
  EXPECT_EQ(last(EventKind::accepted)->listener, 7);
  backend_->close_listeners(kNoListener);
  EXPECT_TRUE(pump_until([&] { return open_listener(admin, {.reuse_port = false}).has_value(); }));
}

TEST_P(AcceptTest, ListenersAddedWhilePausedStartLater) {
  RINGCAST_START_ENGINE();
  backend_->pause_accepting(true);
  const Peer peer(listen());
  for (int i = 0; i < 3; ++i) pump_once(milliseconds(1));
  EXPECT_EQ(count(EventKind::accepted), 0u);
  backend_->pause_accepting(false);
  EXPECT_TRUE(pump_until([&] { return count(EventKind::accepted) == 1; }));
}

// Lowest free number: how many more descriptors a limit allows follows from it.
int lowest_free_descriptor() {
  const int fd = ::dup(0);
  ::close(fd);
  return fd;
}

void allow_descriptors(int more) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = static_cast<rlim_t>(lowest_free_descriptor() + more);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

TEST_P(AcceptTest, WithoutDescriptorsClientsAreAnsweredAndClosed) {
  constexpr std::string_view kAnswer = "HTTP/1.1 503 Service Unavailable\r\n\r\n";
  expect_in_child([&] {
    const int keep[] = {wake_.fd()};
    if (!own_descriptor_table(keep)) return false;
    start({.descriptors_exhausted_answer = std::string(kAnswer)});
    if (IsSkipped()) return true;
    const SocketAddress server = listen();
    // An accept that is armed keeps the limit of that moment.
    backend_->pause_accepting(true);
    pump_once(Nanoseconds::zero());
    std::vector<Peer> peers;
    for (int i = 0; i < 8; ++i) peers.emplace_back(server);
    allow_descriptors(3);
    backend_->pause_accepting(false);
    EXPECT_TRUE(pump_until([&] { return backend_->stats().accept_emfile == 5; }));
    EXPECT_EQ(count(EventKind::accepted), 3u);
    for (size_t i = 3; i < peers.size(); ++i) EXPECT_EQ(peers[i].read_to_end(), kAnswer);

    // With nobody waiting there is nothing to do, however long that lasts.
    for (int i = 0; i < 2; ++i) pump_once(milliseconds(1));
    const uint64_t before = backend_->stats().syscalls;
    for (int i = 0; i < 5; ++i) pump_once(milliseconds(1));
    EXPECT_LE(backend_->stats().syscalls - before, 10u);

    // Descriptors come back, and with them service.
    for (size_t i = 3; i < peers.size(); ++i) peers[i].close();
    const Peer another(server);
    EXPECT_TRUE(pump_until([&] { return count(EventKind::accepted) == 4; }));
    return true;
  });
}

RINGCAST_FOR_EACH_ENGINE(AcceptTest);

}  // namespace
}  // namespace ringcast::io
