// SPDX-License-Identifier: Apache-2.0
// Outgoing connections, waking from other threads, timeouts.
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "engine_fixture.h"
#include "io/listener.h"

namespace ringcast::io {
namespace {

using std::chrono::milliseconds;

class ConnectTest : public EngineTest {
 protected:
  void connect_over(const std::string& address) {
    const SocketAddress server = listen(address);
    const auto client = backend_->connect(server, nullptr, 9);
    ASSERT_TRUE(client) << client.error().message;
    const Socket accepted = accept_next();
    ASSERT_TRUE(pump_until([&] { return count(EventKind::connected) == 1; }));
    EXPECT_EQ(last(EventKind::connected)->owner, 9u);
    EXPECT_EQ(last(EventKind::connected)->socket, *client);
    backend_->start_receive(*client, 9);
    backend_->start_receive(accepted, 1);
    EXPECT_EQ(send(*client, "ping"), 4);
    ASSERT_TRUE(pump_until([&] { return received_[1] == "ping"; }));
    EXPECT_EQ(send(accepted, "pong"), 4);
    ASSERT_TRUE(pump_until([&] { return received_[9] == "pong"; }));
    backend_->close(accepted, CloseMode::graceful);
    ASSERT_TRUE(pump_until([&] { return count(EventKind::closed) == 1; }));
    EXPECT_EQ(last(EventKind::closed)->owner, 9u);
    backend_->close(*client, CloseMode::graceful);
  }
};

TEST_P(ConnectTest, Ipv4) {
  RINGCAST_START_ENGINE();
  connect_over("127.0.0.1:0");
}

TEST_P(ConnectTest, Ipv6) {
  RINGCAST_START_ENGINE();
  connect_over("[::1]:0");
}

TEST_P(ConnectTest, UnixSocket) {
  RINGCAST_START_ENGINE();
  const std::string path = ::testing::TempDir() + "ringcast-connect-" + std::to_string(::getpid()) + ".sock";
  connect_over("unix:" + path);
  std::filesystem::remove(path);
}

TEST_P(ConnectTest, FromAChosenAddress) {
  RINGCAST_START_ENGINE();
  const SocketAddress server = listen();
  const SocketAddress local = *SocketAddress::parse("127.0.0.5:0");
  ASSERT_TRUE(backend_->connect(server, &local, 9));
  const Socket accepted = accept_next();
  EXPECT_EQ(backend_->peer_address(accepted).host_string(), "127.0.0.5");
}

TEST_P(ConnectTest, RefusalIsAnEvent) {
  RINGCAST_START_ENGINE();
  SocketAddress nobody;
  {
    const auto listener = open_listener(*SocketAddress::parse("127.0.0.1:0"), {});
    nobody = local_address(listener->get());
  }
  const auto client = backend_->connect(nobody, nullptr, 9);
  ASSERT_TRUE(client);
  ASSERT_TRUE(pump_until([&] { return count(EventKind::closed) == 1; }));
  EXPECT_EQ(last(EventKind::closed)->reason, CloseReason::connect_failed);
  EXPECT_EQ(last(EventKind::closed)->error, ECONNREFUSED);
  EXPECT_EQ(last(EventKind::closed)->owner, 9u);
  backend_->close(*client, CloseMode::graceful);
  pump_once(Nanoseconds::zero());
  EXPECT_EQ(count(EventKind::closed), 1u);
}

TEST_P(ConnectTest, MissingUnixSocketIsAnEventToo) {
  RINGCAST_START_ENGINE();
  const auto client = backend_->connect(*SocketAddress::parse("unix:/nonexistent/ringcast.sock"), nullptr, 9);
  ASSERT_TRUE(client);
  ASSERT_TRUE(pump_until([&] { return count(EventKind::closed) == 1; }));
  EXPECT_EQ(last(EventKind::closed)->error, ENOENT);
}

TEST_P(ConnectTest, ImpossibleLocalAddressFailsAtOnce) {
  RINGCAST_START_ENGINE();
  const SocketAddress local = *SocketAddress::parse("192.0.2.77:0");
  const auto client = backend_->connect(listen(), &local, 9);
  ASSERT_FALSE(client);
  EXPECT_NE(client.error().message.find("192.0.2.77"), std::string::npos) << client.error().message;
}

TEST_P(ConnectTest, ClosedBeforeItIsConnected) {
  RINGCAST_START_ENGINE();
  // 192.0.2.0/24 (RFC 5737) answers nothing useful; whatever the kernel makes of it, nobody hears of it after close.
  for (const char* remote : {"192.0.2.1:9", "127.0.0.1:1"}) {
    const auto client = backend_->connect(*SocketAddress::parse(remote), nullptr, 9);
    if (!client) continue;
    backend_->close(*client, CloseMode::graceful);
  }
  for (int i = 0; i < 5; ++i) pump_once(milliseconds(1));
  EXPECT_TRUE(seen_.empty());
}

TEST_P(ConnectTest, ManyAtOnce) {
  RINGCAST_START_ENGINE({.sq_entries = 8, .cq_entries = 64});
  const SocketAddress server = listen();
  for (Owner owner = 0; owner < 300; ++owner) ASSERT_TRUE(backend_->connect(server, nullptr, owner));
  EXPECT_TRUE(pump_until([&] { return count(EventKind::connected) == 300 && count(EventKind::accepted) == 300; }));
}

class WakeTest : public EngineTest {};

TEST_P(WakeTest, WakeBeforeWaitIsNotLost) {
  RINGCAST_START_ENGINE();
  wake_.wake();
  ASSERT_TRUE(pump_until([&] { return backend_->stats().wakeups >= 1; }));
  // And is over then: it does not wake again.
  const uint64_t wakeups = backend_->stats().wakeups;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(pump_once(milliseconds(1)), 0u);
  EXPECT_EQ(backend_->stats().wakeups, wakeups);
}

TEST_P(WakeTest, WakeBeforeTheBackendExistsIsNotLost) {
  wake_.wake();
  RINGCAST_START_ENGINE();
  EXPECT_TRUE(pump_until([&] { return backend_->stats().wakeups >= 1; }));
}

TEST_P(WakeTest, EveryWakeOfAnotherThreadEndsAWait) {
  RINGCAST_START_ENGINE();
  constexpr int kRounds = 5000;
  std::atomic<int> said{0};
  std::atomic<int> heard{0};
  std::thread speaker([&] {
    for (int round = 1; round <= kRounds; ++round) {
      said.store(round);
      wake_.wake();
      for (int now = heard.load(); now < round; now = heard.load()) heard.wait(now);
    }
  });
  // Without a limit: a lost wake-up hangs here, and the test runner says so.
  for (int round = 1; round <= kRounds; ++round) {
    while (said.load() < round) backend_->wait(Nanoseconds(-1));
    heard.store(round);
    heard.notify_one();
  }
  speaker.join();
  EXPECT_EQ(said.load(), kRounds);
}

TEST_P(WakeTest, ManyThreadsAtOnce) {
  RINGCAST_START_ENGINE({.sq_entries = 2, .cq_entries = 2});
  std::atomic<int> said{0};
  std::vector<std::thread> speakers;
  for (int i = 0; i < 4; ++i) {
    speakers.emplace_back([&] {
      for (int n = 0; n < 2000; ++n) {
        said.fetch_add(1);
        wake_.wake();
      }
    });
  }
  while (said.load() < 8000) backend_->wait(Nanoseconds(-1));
  for (std::thread& speaker : speakers) speaker.join();
  EXPECT_TRUE(pump_until([&] { return backend_->stats().wakeups >= 1; }));
  // Traffic goes on as before.
  Pair pair = make_pair(listen(), 1);
  pair.peer.send("after");
  EXPECT_TRUE(pump_until([&] { return received_[1] == "after"; }));
}

TEST_P(WakeTest, TimeoutGivesAnEmptyBatch) {
  RINGCAST_START_ENGINE();
  EXPECT_EQ(pump_once(Nanoseconds::zero()), 0u);
  EXPECT_EQ(pump_once(std::chrono::microseconds(300)), 0u);
  EXPECT_EQ(pump_once(milliseconds(2)), 0u);
  EXPECT_EQ(backend_->stats().wakeups, 0u);
  EXPECT_EQ(backend_->stats().waits, 3u);
}

TEST_P(WakeTest, PollingWithoutATimeoutSeesEverything) {
  RINGCAST_START_ENGINE();
  const SocketAddress server = listen();
  Peer peer(server);
  while (count(EventKind::accepted) == 0) pump_once(Nanoseconds::zero());
  backend_->start_receive(seen_[0].socket, 1);
  peer.send("seen");
  while (received_[1] != "seen") pump_once(Nanoseconds::zero());
  wake_.wake();
  while (backend_->stats().wakeups == 0) pump_once(Nanoseconds::zero());
}

RINGCAST_FOR_EACH_ENGINE(ConnectTest);
RINGCAST_FOR_EACH_ENGINE(WakeTest);

}  // namespace
}  // namespace ringcast::io
