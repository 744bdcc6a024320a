// SPDX-License-Identifier: Apache-2.0
// What WebSockets may send: by connection, user, address and key, over all cores, and what becomes of who sends more.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "codec/websocket/websocket_decoder.h"
#include "codec/websocket/websocket_frame.h"
#include "gate_harness.h"

namespace ringcast::session {
namespace {

using access::Charge;
using access::Scope;
using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::chrono_literals;

void limit(World& world, Scope scope, Charge charge, uint64_t amount, access::nanoseconds burst = 1s) {
  world.options().limits.rate(scope, charge) = {.amount = amount, .period = 1s, .burst = burst};
}

class Socket {
 public:
  Socket(World& world, uint16_t core, std::string_view query, std::string_view fields = {},
         std::string_view address = "127.0.0.1:1", std::string_view path = "/ws", uint16_t listener = 0)
      : world_(world),
        wire_(world.connect(core, address, listener)),
        decoder_({.role = codec::WebSocketRole::client, .message_max = 1 << 20}) {
    const std::string answer =
        world.ask(wire_, "GET " + std::string(path) + "?" + std::string(query) +
                             " HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
                             std::string(fields) + "\r\n");
    EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 101") << answer;
    read(answer.substr(answer.find("\r\n\r\n") + 4));
  }

  static std::string frame(std::string_view text, codec::WebSocketOpcode opcode = codec::WebSocketOpcode::text) {
    std::string bytes;
    codec::append_masked_frame(bytes, {.opcode = opcode}, text, {1, 2, 3, 4});
    return bytes;
  }
  // What comes back, as texts; a close frame as "close CODE".
  std::vector<std::string> say(std::string_view text) { return read(world_.ask(wire_, frame(text))); }
  std::vector<std::string> send(std::string_view bytes) { return read(world_.ask(wire_, bytes)); }
  // How many of so many pings are answered, one after the other.
  int pings(int count) {
    int answered = 0;
    for (int i = 0; i < count; ++i) {
      const std::vector<std::string> answer = say(R"({"action":"ping"})");
      if (answer.size() == 1 && answer[0].find("\"pong\"") != std::string::npos) ++answered;
    }
    return answered;
  }
  void end() { world_.end(wire_, io::CloseReason::peer_reset); }
  World::Wire wire() const { return wire_; }

 private:
  std::vector<std::string> read(std::string bytes) {
    std::span<uint8_t> input(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size());
    std::vector<std::string> texts;
    for (;;) {
      const codec::WebSocketEvent event = decoder_.next(input);
      if (event.kind == codec::WebSocketEventKind::need_more) return texts;
      if (event.kind == codec::WebSocketEventKind::close) {
        texts.push_back("close " + std::to_string(event.code));
        return texts;
      }
      texts.emplace_back(event.payload.begin(), event.payload.end());
    }
  }

  World& world_;
  World::Wire wire_;
  codec::WebSocketDecoder decoder_;
};

TEST(Rates, OfOneWebSocket) {
  World world;
  limit(world, Scope::connection, Charge::messages, 2);
  Socket socket(world, 0, "user=alice");
  EXPECT_EQ(socket.pings(2), 2);
  EXPECT_THAT(socket.say(R"({"action":"message","room":"r","content":"x","ref":"r7"})"),
              ElementsAre(R"({"event_type":"error","code":"rate_limited","message":"the limit of this connection is )"
                          R"(2 messages a second","retry_after_ms":500,"ref":"r7"})"));
  EXPECT_EQ(world.gate().stats().limited(Scope::connection, Charge::messages).get(), 1u);
  EXPECT_EQ(Socket(world, 0, "user=alice").pings(2), 2) << "another one";
  world.pass(450ms);
  EXPECT_EQ(socket.pings(1), 0);
  world.pass(50ms);
  EXPECT_EQ(socket.pings(1), 1);
  EXPECT_THAT(world.ask(world.connect(), "GET /history?room=r HTTP/1.1\r\nHost: a\r\n\r\n"),
              HasSubstr("\"messages\":[]"))
      << "nothing of what is refused is done";
}

TEST(Rates, BytesOfOneWebSocket) {
  World world;
  limit(world, Scope::connection, Charge::bytes, 1000);
  Socket socket(world, 0, "rooms=r");
  const std::string large = R"({"action":"message","room":"r","content":")" + std::string(2500, 'x') + "\"}";
  EXPECT_EQ(socket.say(large).size(), 1u) << "larger than the bucket: passes when that is full";
  const std::vector<std::string> refused = socket.say(R"({"action":"ping"})");
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_THAT(refused[0], HasSubstr("1000 bytes a second"));
  world.pass(2s);
  EXPECT_EQ(socket.pings(1), 1) << "what was owed has been paid";
}

TEST(Rates, OfAUserOverAllCoresAndConnections) {
  World world({.cores = 2});
  limit(world, Scope::user, Charge::messages, 6);
  Socket one(world, 0, "user=alice");
  Socket two(world, 1, "user=alice");
  EXPECT_EQ(one.pings(2) + two.pings(2) + one.pings(1) + two.pings(1), 6);
  const std::vector<std::string> refused = two.say(R"({"action":"ping","ref":4})");
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_THAT(refused[0], HasSubstr("the limit of user \\\"alice\\\" is 6 messages a second"));
  EXPECT_THAT(refused[0], HasSubstr("\"ref\":4"));
  EXPECT_EQ(one.pings(1), 0);
  EXPECT_EQ(Socket(world, 1, "user=bob").pings(6), 6);
  EXPECT_EQ(Socket(world, 1, "").pings(9), 9) << "who is anonymous is nobody's user";
  world.pass(1s);
  EXPECT_EQ(one.pings(4) + two.pings(4), 6);
}

TEST(Rates, WhatACoreDidNotSpendGoesBack) {
  World world({.cores = 2});
  limit(world, Scope::user, Charge::messages, 80);
  Socket one(world, 0, "user=alice");
  Socket two(world, 1, "user=alice");
  EXPECT_EQ(one.pings(1), 1);
  EXPECT_EQ(two.pings(71), 70) << "an eighth is leased to the other core";
  one.end();
  world.work();
  world.pass(50ms);  // longer than the refused one was to wait
  EXPECT_EQ(two.pings(20), 13) << "nine that came back, and four in these milliseconds";
}

TEST(Rates, BytesOfAUserLargerThanTheBucketAreOwed) {
  World world({.cores = 2});
  limit(world, Scope::user, Charge::bytes, 1000);
  Socket one(world, 0, "user=alice&rooms=r");
  const std::string large = R"({"action":"message","room":"r","content":")" + std::string(2900, 'x') + "\"}";
  EXPECT_THAT(one.say(large)[0], HasSubstr("\"message\""));
  EXPECT_EQ(Socket(world, 1, "user=alice").pings(1), 0);
  world.pass(1s);
  EXPECT_EQ(Socket(world, 1, "user=alice").pings(1), 0) << "still owed";
  world.pass(1s);
  EXPECT_EQ(Socket(world, 1, "user=alice").pings(1), 1);
}

TEST(Rates, OfAKeyAndOfAnAddress) {
  World world({.cores = 2});
  world.options().api_keys = access::ApiKeys({"shop:0123456789abcdef0123"});
  limit(world, Scope::key, Charge::messages, 2);
  limit(world, Scope::address, Charge::messages, 4);
  constexpr std::string_view kKey = "X-API-Key: 0123456789abcdef0123\r\n";
  EXPECT_EQ(Socket(world, 0, "user=a", kKey, "203.0.113.7:1").pings(1), 1);
  EXPECT_EQ(Socket(world, 1, "user=b", kKey, "203.0.113.8:1").pings(3), 1) << "a key is one wherever it is used";
  EXPECT_EQ(Socket(world, 1, "user=c", {}, "203.0.113.7:1").pings(3), 3) << "and its bearers' addresses do not count";
  EXPECT_EQ(Socket(world, 0, "user=d", {}, "203.0.113.7:2").pings(3), 1);
  EXPECT_EQ(Socket(world, 0, "user=e", {}, "127.0.0.1:2").pings(9), 9) << "loopback has no limit";
  EXPECT_EQ(Socket(world, 0, "user=f", {}, "203.0.113.9:1", "/ws", kAdminListener).pings(9), 9);
  world.options().trusted_proxies = *access::AddressSet::parse(std::vector<std::string>{"192.0.2.1"});
  EXPECT_EQ(Socket(world, 0, "user=g", "X-Forwarded-For: 203.0.113.7\r\n", "192.0.2.1:1").pings(1), 0);
  EXPECT_EQ(Socket(world, 0, "user=g", "X-Forwarded-For: 203.0.113.10\r\n", "192.0.2.1:1").pings(1), 1);
}

TEST(Rates, HttpAndWebSocketSpendFromTheSameBucket) {
  World world;
  world.options().api_keys = access::ApiKeys({"shop:0123456789abcdef0123"});
  limit(world, Scope::key, Charge::messages, 2);
  constexpr std::string_view kKey = "X-API-Key: 0123456789abcdef0123\r\n";
  EXPECT_EQ(Socket(world, 0, "", kKey).pings(1), 1);
  const auto rooms = [&] {
    return world.ask(world.connect(), "GET /rooms HTTP/1.1\r\nHost: a\r\n" + std::string(kKey) + "\r\n").substr(9, 3);
  };
  EXPECT_EQ(rooms(), "200");
  EXPECT_EQ(rooms(), "429");
  EXPECT_EQ(Socket(world, 0, "", kKey).pings(1), 0);
}

TEST(Rates, WhoDoesNotListenIsClosed) {
  World world;
  limit(world, Scope::user, Charge::messages, 1);
  world.options().limits.strikes_max = 3;
  Socket socket(world, 0, "user=alice");
  EXPECT_EQ(socket.pings(3), 1);
  world.pass(1s);
  EXPECT_EQ(socket.pings(3), 1) << "one that passed begins the count anew";
  const std::vector<std::string> last = socket.say(R"({"action":"ping"})");
  ASSERT_EQ(last.size(), 2u);
  EXPECT_THAT(last[0], HasSubstr("rate_limited"));
  EXPECT_EQ(last[1], "close 4029");
  EXPECT_EQ(
      world.gate().reactor().stats().closed_by_cause[static_cast<size_t>(reactor::CloseCause::rate_limited)].load(),
      0u);
  socket.send(Socket::frame(std::string("\x0f\xbd", 2), codec::WebSocketOpcode::close));
  world.end(socket.wire());
  EXPECT_EQ(
      world.gate().reactor().stats().closed_by_cause[static_cast<size_t>(reactor::CloseCause::rate_limited)].load(),
      1u);
}

TEST(Rates, WhatWaitsForALeaseKeepsItsOrder) {
  for (const char* user : {"alice", "bob", "carol", "dave"}) {  // owned by either core
    World world({.cores = 2});
    limit(world, Scope::user, Charge::messages, 4);
    Socket socket(world, 0, "user=" + std::string(user));
    std::string bytes;
    for (int i = 0; i < 6; ++i) bytes += Socket::frame(R"({"action":"ping","ref":)" + std::to_string(i) + "}");
    const std::vector<std::string> answers = socket.send(bytes);
    ASSERT_EQ(answers.size(), 6u);
    for (int i = 0; i < 6; ++i) {
      EXPECT_THAT(answers[static_cast<size_t>(i)], HasSubstr("\"ref\":" + std::to_string(i)));
      EXPECT_THAT(answers[static_cast<size_t>(i)], HasSubstr(i < 4 ? "pong" : "rate_limited"));
    }
  }
}

TEST(Rates, BinaryFramesAndEchoes) {
  World world({.cores = 2});
  limit(world, Scope::user, Charge::messages, 2);
  Socket socket(world, 0, "user=alice&rooms=r");
  const auto send = [&] { return socket.send(Socket::frame("bytes", codec::WebSocketOpcode::binary)); };
  EXPECT_EQ(send().size(), 2u);
  EXPECT_EQ(send().size(), 2u);
  EXPECT_THAT(send(), ElementsAre(HasSubstr("rate_limited")));
  limit(world, Scope::user, Charge::messages, 0);
  limit(world, Scope::connection, Charge::messages, 1);
  Socket echo(world, 0, "", {}, "127.0.0.1:1", "/echo");
  EXPECT_THAT(echo.say("as it is"), ElementsAre("as it is"));
  EXPECT_THAT(echo.say("as it is"), ElementsAre(HasSubstr("rate_limited")));
}

TEST(Rates, WhoGoesWhileItWaitsLeavesNothingBehind) {
  World world({.cores = 2});
  limit(world, Scope::user, Charge::messages, 4);
  for (const char* user : {"alice", "bob", "carol", "dave"}) {
    const std::string query = "user=" + std::string(user);
    Socket brief(world, 0, query);
    world.send_unworked(brief.wire(), Socket::frame(R"({"action":"ping"})"));
    brief.end();
    world.work();
    EXPECT_GE(Socket(world, 1, query).pings(9), 3);
  }
}

}  // namespace
}  // namespace ringcast::session
