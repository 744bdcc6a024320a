// SPDX-License-Identifier: Apache-2.0
// Deadlines for a client's next step run from when it has got what came before, and anew for as long as it goes on
// reading; those for a body make room for what has come of it.

#include <gtest/gtest.h>

#include <string>

#include "gate_harness.h"

namespace ringcast::session {
namespace {

using namespace std::chrono_literals;

constexpr size_t kBig = 1'000'000;

// A client that reads from its outbox at the server, `bytes` a second.
void read_slowly(World& world, World::Wire wire, size_t bytes, int seconds) {
  for (int i = 0; i < seconds && !world.closed(wire); ++i) {
    world.backend(wire.core).open_window(wire.socket, bytes);
    world.peer(wire).delivery.acknowledged += bytes;
    world.pass(1s);
  }
}

class Deadlines : public ::testing::Test {
 protected:
  Deadlines() { world_.files().add("/big", "big.txt", std::string(kBig, 'x')); }
  World world_;
};

TEST_F(Deadlines, AnAnswerIsNotCutWhileItIsRead) {
  for (const bool keeps : {false, true}) {
    world_.options().keep_alive_timeout = 5s;
    const World::Wire wire = world_.connect();
    world_.peer(wire).window = 1000;
    world_.send(wire, get("/big", keeps ? "" : "Connection: close\r\n"));
    read_slowly(world_, wire, 80'000, 20);
    EXPECT_GT(world_.take(wire).size(), kBig) << keeps;
    EXPECT_FALSE(world_.peer(wire).reset) << keeps;
    world_.pass(11s);
    EXPECT_TRUE(world_.peer(wire).closed) << "who has read everything is not waited for any longer";
    EXPECT_FALSE(world_.peer(wire).reset);
  }
}

TEST_F(Deadlines, WhoReadsNothingIsReset) {
  for (const bool keeps : {false, true}) {
    world_.options().keep_alive_timeout = 5s;
    const World::Wire wire = world_.connect();
    world_.peer(wire).window = 1000;
    world_.send(wire, get("/big", keeps ? "" : "Connection: close\r\n"));
    read_slowly(world_, wire, 80'000, 4);
    EXPECT_FALSE(world_.peer(wire).closed);
    world_.peer(wire).delivery.since_acknowledgement = 1min;
    world_.pass(21s);
    EXPECT_TRUE(world_.peer(wire).reset) << keeps;
  }
}

// The kernel has taken everything, FIN and all; the client is still reading.
TEST_F(Deadlines, WhatLiesInTheKernelCountsAsUnderWay) {
  for (const bool keeps : {false, true}) {
    world_.options().keep_alive_timeout = 5s;
    const World::Wire wire = world_.connect();
    world_.send(wire, get("/big", keeps ? "" : "Connection: close\r\n"));
    io::Delivery& delivery = world_.peer(wire).delivery;
    for (uint64_t left = kBig; left != 0; left -= 50'000) {
      delivery.unacknowledged = left;
      delivery.acknowledged = kBig - left;
      world_.pass(1s);
      EXPECT_FALSE(world_.peer(wire).closed) << left;
    }
    EXPECT_EQ(world_.peer(wire).fin_sent, !keeps);
    delivery = {.unacknowledged = 0, .acknowledged = kBig};
    world_.pass(21s);
    EXPECT_TRUE(world_.peer(wire).closed);
    EXPECT_FALSE(world_.peer(wire).reset) << "an RST could destroy what the client has not looked at";
  }
}

TEST_F(Deadlines, WhatLiesInTheKernelAndDoesNotMoveIsReset) {
  const World::Wire wire = world_.connect();
  world_.send(wire, get("/big", "Connection: close\r\n"));
  world_.peer(wire).delivery = {.unacknowledged = 5000, .acknowledged = 1};
  world_.pass(11s);
  EXPECT_TRUE(world_.peer(wire).reset);
  const World::Wire dead = world_.connect();
  world_.send(dead, get("/big", "Connection: close\r\n"));
  world_.peer(dead).delivery = {.unacknowledged = 5000, .acknowledged = 1, .since_acknowledgement = 5s};
  world_.pass(5100ms);
  EXPECT_TRUE(world_.peer(dead).reset) << "who does not even acknowledge is not waited for twice";
}

TEST_F(Deadlines, AWebSocketIsNotCutWhileItReadsWhatComesBeforeThePing) {
  const World::Wire wire = world_.connect();
  world_.ask(wire, get("/ws?user=a",
                       "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
  io::Delivery& delivery = world_.peer(wire).delivery;
  for (int i = 0; i < 120; ++i) {
    delivery = {.unacknowledged = 1'000'000, .acknowledged = static_cast<uint64_t>(i)};  // as fast as more is sent
    world_.pass(1s);
    ASSERT_FALSE(world_.closed(wire)) << i;
  }
  world_.pass(50s);
  EXPECT_TRUE(world_.closed(wire)) << "it has stopped reading";
}

TEST_F(Deadlines, ABodyMayTakeItsTimeAndMayNotTrickle) {
  const std::string head =
      "POST /messages HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n";
  const World::Wire slow = world_.connect();
  world_.send(slow, head);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(world_.ask(slow, std::string(999, ' ')), "") << i;
    world_.pass(1s);
  }
  EXPECT_EQ(status_of(world_.ask(slow, std::string(100, ' '))), 400) << "read to its end";

  const World::Wire trickling = world_.connect();
  world_.send(trickling, head);
  for (int i = 0; i < 11; ++i) {
    world_.send(trickling, " ");
    world_.pass(1s);
  }
  EXPECT_EQ(status_of(world_.take(trickling)), 408);
  EXPECT_TRUE(world_.closed(trickling));
}

}  // namespace
}  // namespace ringcast::session
