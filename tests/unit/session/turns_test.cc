// SPDX-License-Identifier: Apache-2.0
// What ends many connections at once does so in turns, over each transport: a tick stays short.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "lone_core.h"
#include "reactor/turn_queue.h"

namespace ringcast::session {
namespace {

constexpr size_t kClients = 200;

struct Way {
  const char* name;
  const char* request;  // what it sends to be the user "many" in the room "a"
};

class Turns : public testing::TestWithParam<Way> {
 protected:
  Turns() : core_(setup()) {
    for (size_t i = 0; i < kClients; ++i) {
      peers_.push_back(std::make_unique<Peer>(core_));
      peers_.back()->send(GetParam().request);
      peers_.back()->take();
    }
  }
  static LoneCore::Setup setup() {
    LoneCore::Setup setup;
    setup.connections_max = kClients + 8;
    setup.room.first_id = 1;
    setup.room.presence = false;
    return setup;
  }
  // Those that were sent a close frame (4011), or the end of their stream or answer.
  size_t ended() const {
    return static_cast<size_t>(std::count_if(peers_.begin(), peers_.end(), [](const std::unique_ptr<Peer>& peer) {
      const MemoryBackend::Peer& socket = peer->socket();
      return socket.fin || socket.closed || socket.sent.find("\x0f\xab") != std::string::npos ||
             socket.sent.starts_with("HTTP/1.1 ");
    }));
  }
  // Ticks until all have ended; the most that did in one.
  size_t most_in_a_tick() {
    size_t most = 0;
    for (size_t before = ended(), ticks = 0; before < kClients && ticks < 1000; ++ticks) {
      core_.tick();
      most = std::max(most, ended() - before);
      before = ended();
    }
    return most;
  }

  LoneCore core_;
  std::vector<std::unique_ptr<Peer>> peers_;
};

TEST_P(Turns, AUserIsDisconnected) {
  core_.hub().query({.kind = hub::QueryKind::disconnect_user, .key = "\n@many"});
  const size_t most = most_in_a_tick();
  EXPECT_EQ(ended(), kClients);
  EXPECT_GT(most, 0u);
  EXPECT_LE(most, reactor::turns(kClients));
}

TEST_P(Turns, TheLastMessageOfARoom) {
  if (std::string(GetParam().name) == "websocket") return;  // it goes on without the room
  core_.hub().publish({.key = "\na", .user = "x", .payload = "bye", .final = true});
  const size_t most = most_in_a_tick();
  EXPECT_EQ(ended(), kClients);
  EXPECT_LE(most, reactor::turns(kClients));
}

constexpr Way kWays[] = {
    {"websocket",
     "GET /ws?user=many&rooms=a HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"},
    {"sse", "GET /events?user=many&rooms=a HTTP/1.1\r\nHost: test\r\nAccept: text/event-stream\r\n\r\n"},
    {"poll", "GET /poll?user=many&rooms=a&since=0 HTTP/1.1\r\nHost: test\r\n\r\n"},
};
INSTANTIATE_TEST_SUITE_P(Transports, Turns, testing::ValuesIn(kWays),
                         [](const auto& given) { return std::string(given.param.name); });

}  // namespace
}  // namespace ringcast::session
