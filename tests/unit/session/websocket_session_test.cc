// SPDX-License-Identifier: Apache-2.0
// WebSocket sessions over a core without a kernel: what can be seen only from inside, or at an exact moment.
#include "session/websocket_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "lone_core.h"
#include "wire/websocket_decoder.h"
#include "wire/websocket_frame.h"

namespace ringcast::session {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using wire::WebSocketEventKind;
using wire::WebSocketOpcode;

class WebSocketPeer : public Peer {
 public:
  struct Frame {
    WebSocketEventKind kind;
    uint16_t code;
    std::string payload;
  };

  WebSocketPeer(LoneCore& core, std::string_view target)
      : Peer(core), decoder_({.role = wire::WebSocketRole::client, .message_max = 64 << 20}) {
    send("GET " + std::string(target) +
         " HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    std::string answer = take();
    const size_t end = answer.find("\r\n\r\n");
    EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 101") << answer;
    socket().sent = answer.substr(end + 4);
  }

  void say(std::string_view json) { frame(WebSocketOpcode::text, json); }
  void frame(WebSocketOpcode opcode, std::string_view payload) {
    std::string bytes;
    wire::append_masked_frame(bytes, {.opcode = opcode}, payload, {1, 2, 3, 4});
    send(bytes);
  }
  std::vector<Frame> frames() {
    std::string bytes = take();
    std::span<uint8_t> input(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size());
    std::vector<Frame> frames;
    for (;;) {
      const wire::WebSocketEvent event = decoder_.next(input);
      if (event.kind == WebSocketEventKind::need_more) return frames;
      frames.push_back({event.kind, event.code, std::string(event.payload.begin(), event.payload.end())});
      if (event.kind == WebSocketEventKind::close || event.kind == WebSocketEventKind::error) return frames;
    }
  }
  // The event types that came, in order; other frames as "ping", "close 1001", …
  std::vector<std::string> events() {
    std::vector<std::string> types;
    for (const Frame& frame : frames()) {
      switch (frame.kind) {
        case WebSocketEventKind::ping: types.push_back("ping"); break;
        case WebSocketEventKind::pong: types.push_back("pong frame"); break;
        case WebSocketEventKind::close: types.push_back("close " + std::to_string(frame.code)); break;
        case WebSocketEventKind::text: {
          constexpr std::string_view kType = "\"event_type\":\"";
          const size_t begin = frame.payload.find(kType) + kType.size();
          types.push_back(frame.payload.substr(begin, frame.payload.find('"', begin) - begin));
          break;
        }
        default: types.push_back("?"); break;
      }
    }
    return types;
  }

 private:
  wire::WebSocketDecoder decoder_;
};

using Events = std::vector<std::string>;

TEST(WebSocketSession, ConnectionIdComesBeforeWhatItsJoinsBring) {
  LoneCore core;
  WebSocketPeer alice(core, "/ws?user=alice&rooms=one,two");
  EXPECT_EQ(alice.events(), (Events{"connection_id", "joined", "joined"}));
  alice.say(R"({"action":"message","content":"hello"})");
  const auto frames = alice.frames();
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_NE(frames[0].payload.find("\"room\":\"two\""), std::string::npos) << frames[0].payload;
}

TEST(WebSocketSession, AReplayComesBetweenJoinedAndLiveMessages) {
  LoneCore core;
  WebSocketPeer writer(core, "/ws?user=w&rooms=room");
  for (const char* content : {"a", "b", "c"}) {
    writer.say(R"({"action":"message","content":")" + std::string(content) + "\"}");
  }
  const auto sent = writer.frames();
  const std::string first = sent[2].payload.substr(6, 16);  // {"id":NNNNNNNNNNNNNNNN
  WebSocketPeer late(core, "/ws?user=l&rooms=room&since=room%3D" + first);
  EXPECT_EQ(late.events(), (Events{"connection_id", "joined", "message", "message"}));
}

TEST(WebSocketSession, WhatArrivesDuringAnAnswerWaitsForIt) {
  LoneCore core;
  WebSocketPeer peer(core, "/ws?user=a");
  peer.events();
  std::string both;
  wire::append_masked_frame(both, {.opcode = WebSocketOpcode::text}, R"({"action":"join","room":"r"})", {1, 2, 3, 4});
  wire::append_masked_frame(both, {.opcode = WebSocketOpcode::text}, R"({"action":"ping"})", {5, 6, 7, 8});
  wire::append_masked_frame(both, {.opcode = WebSocketOpcode::text}, R"({"action":"message","content":1})",
                            {5, 6, 7, 8});
  wire::append_masked_frame(both, {.opcode = WebSocketOpcode::text}, R"({"action":"message","content":"x"})",
                            {5, 6, 7, 8});
  peer.send(both);
  EXPECT_EQ(peer.events(), (Events{"joined", "pong", "error", "message"}));
  EXPECT_FALSE(peer.socket().paused);
}

TEST(WebSocketSession, WithoutCreditItIsNotReadFromAndLosesNothing) {
  LoneCore::Setup setup;
  setup.hub.credit_publishes = 1;
  LoneCore core(setup);
  WebSocketPeer peer(core, "/ws?user=a&rooms=r");
  peer.events();
  std::string burst;
  for (int i = 0; i < 10; ++i) {
    wire::append_masked_frame(burst, {.opcode = WebSocketOpcode::text},
                              R"({"action":"message","content":")" + std::to_string(i) + "\"}", {1, 2, 3, 4});
    wire::append_masked_frame(burst, {.opcode = WebSocketOpcode::binary}, "b" + std::to_string(i), {1, 2, 3, 4});
  }
  peer.send(burst);
  for (int i = 0; i < 40; ++i) core.tick();
  std::string order;
  for (const auto& frame : peer.frames()) {
    if (frame.kind == WebSocketEventKind::binary) order += frame.payload + " ";
    const size_t at = frame.payload.find("\"content\":\"");
    if (at != std::string::npos) order += frame.payload.substr(at + 11, 1) + " ";
  }
  EXPECT_EQ(order, "0 b0 1 b1 2 b2 3 b3 4 b4 5 b5 6 b6 7 b7 8 b8 9 b9 ");
  EXPECT_GT(core.stats().stalls.get(), 0u);
  EXPECT_FALSE(peer.socket().paused);
}

TEST(WebSocketSession, TheirCloseIsEchoedAndTheConnectionEnds) {
  LoneCore core;
  WebSocketPeer peer(core, "/ws?user=a");
  peer.events();
  std::string close;
  wire::append_masked_frame(close, {.opcode = WebSocketOpcode::close}, std::string("\x0b\xb8", 2), {1, 2, 3, 4});
  peer.send(close);
  EXPECT_EQ(peer.events(), (Events{"close 3000"}));
  EXPECT_TRUE(peer.socket().fin);
  EXPECT_FALSE(peer.socket().closed) << "its FIN is awaited";
  peer.hang_up();
  EXPECT_TRUE(peer.socket().closed);
  EXPECT_FALSE(peer.socket().reset);
}

TEST(WebSocketSession, OurCloseWaitsForTheirsThenGivesUp) {
  LoneCore::Setup setup;
  setup.sessions.close_timeout = 5s;
  setup.sessions.drain_period = 100ms;
  LoneCore core(setup);
  WebSocketPeer answers(core, "/ws?user=a");
  WebSocketPeer silent(core, "/ws?user=b");
  answers.events();
  silent.events();
  core.gate().drain(DrainPhase::telling);
  core.advance(1s);
  EXPECT_EQ(answers.events(), (Events{"reconnect", "close 1001"}));
  EXPECT_EQ(silent.events(), (Events{"reconnect", "close 1001"}));
  EXPECT_FALSE(answers.socket().fin);
  answers.frame(WebSocketOpcode::close, std::string("\x03\xe9", 2));
  EXPECT_TRUE(answers.socket().fin);
  EXPECT_FALSE(silent.socket().closed);
  core.advance(5s);
  EXPECT_TRUE(silent.socket().reset);
}

TEST(WebSocketSession, NothingIsDeliveredBehindACloseFrame) {
  LoneCore::Setup setup;
  setup.sessions.drain_period = 100ms;
  LoneCore core(setup);
  WebSocketPeer early(core, "/ws?user=a&rooms=r");
  WebSocketPeer late(core, "/ws?user=b&rooms=r");
  early.events();
  core.gate().drain(DrainPhase::telling);
  while (early.socket().sent.find("reconnect") == std::string::npos) core.advance(50ms);
  hub::Publish publish{.key = "\nr", .user = "s", .payload = "\"late\""};
  core.hub().publish(publish);
  core.tick();
  const Events events = early.events();
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.back(), "close 1001");
  EXPECT_TRUE(early.take().empty());
}

TEST(WebSocketSession, ASilentPeerIsPingedThenDropped) {
  LoneCore::Setup setup;
  setup.sessions.heartbeat_interval = 20s;
  setup.sessions.heartbeat_timeout = 5s;
  LoneCore core(setup);
  WebSocketPeer peer(core, "/ws?user=a");
  peer.events();
  // Its beat lies anywhere in the interval, and it counts as silent from half an interval on.
  for (int i = 0; i < 31 && peer.socket().sent.empty(); ++i) core.advance(1s);
  EXPECT_EQ(peer.events(), (Events{"ping"}));
  peer.frame(WebSocketOpcode::pong, "");
  core.advance(10s);
  EXPECT_FALSE(peer.socket().closed);
  core.advance(30s);
  EXPECT_EQ(peer.events(), (Events{"ping"}));
  EXPECT_TRUE(peer.socket().closed);
  EXPECT_EQ(core.stats().heartbeat_timeouts.get(), 1u);
}

TEST(WebSocketSession, OneThatTalksIsNotPinged) {
  LoneCore::Setup setup;
  setup.sessions.heartbeat_interval = 20s;
  LoneCore core(setup);
  WebSocketPeer peer(core, "/ws?user=a");
  peer.events();
  for (int i = 0; i < 20; ++i) {
    core.advance(5s);
    peer.say(R"({"action":"ping"})");
  }
  EXPECT_EQ(peer.events(), Events(20, "pong"));
}

TEST(WebSocketSession, ASlowReaderGetsTheFrameThatHadBegunThenTheClose) {
  LoneCore::Setup setup;
  setup.sessions.outbox_messages_max = 8;
  setup.sessions.close_timeout = 5s;
  LoneCore core(setup);
  WebSocketPeer slow(core, "/ws?user=slow&rooms=r");
  slow.events();
  slow.socket().room = 10;
  const std::string content = "\"" + std::string(500, 'x') + "\"";
  for (int i = 0; i < 20; ++i) {
    core.hub().publish({.key = "\nr", .user = "s", .payload = content});
    core.tick();
  }
  EXPECT_EQ(core.stats().slow_closed.get(), 1u);
  slow.make_room(SIZE_MAX);
  EXPECT_EQ(slow.events(), (Events{"message", "close 4008"}));
  core.advance(5s);
  EXPECT_TRUE(slow.socket().reset);
}

TEST(WebSocketSession, ASlowReaderOfAFeedIsToldWhatItMissed) {
  LoneCore::Setup setup;
  setup.sessions.outbox_messages_max = 8;
  setup.room.slow = hub::SlowPolicy::drop_oldest;
  setup.room.first_id = 1;
  LoneCore core(setup);
  WebSocketPeer slow(core, "/ws?user=slow&rooms=r");
  slow.events();
  slow.socket().room = 10;
  for (int i = 0; i < 40; ++i) {
    core.hub().publish({.key = "\nr", .user = "s", .payload = "1"});
    core.tick();
  }
  slow.make_room(SIZE_MAX);
  uint64_t next = 1;
  int notices = 0;
  for (const auto& frame : slow.frames()) {
    if (frame.payload.find("\"lagged\"") != std::string::npos) {
      ++notices;
      uint64_t missed = 0, from = 0, to = 0;
      ASSERT_EQ(std::sscanf(frame.payload.c_str() + frame.payload.find("\"missed\""),
                            "\"missed\":%lu,\"from\":%lu,\"to\":%lu", &missed, &from, &to),
                3)
          << frame.payload;
      EXPECT_EQ(from, next);
      EXPECT_EQ(missed, to - from + 1);
      next = to + 1;
    } else {
      EXPECT_EQ(frame.payload.substr(0, 7 + std::to_string(next).size()), "{\"id\":" + std::to_string(next) + ",");
      ++next;
    }
  }
  EXPECT_EQ(next, 41u);
  EXPECT_EQ(notices, 1);
}

TEST(WebSocketSession, WhatNamesNoRoomGoesToTheOneJoinedLastAsLongAsItLasts) {
  LoneCore core;
  WebSocketPeer peer(core, "/ws?user=ann&rooms=first,second");
  peer.events();
  const auto says = [&](std::string_view json) {
    peer.say(json);
    const std::vector<WebSocketPeer::Frame> frames = peer.frames();
    return frames.empty() ? std::string() : frames[0].payload;
  };
  const std::string message = R"({"action":"message","content":"x"})";
  EXPECT_THAT(says(message), HasSubstr(R"("room":"second")"));
  EXPECT_THAT(says(R"({"action":"leave","room":"first"})"), HasSubstr(R"("event_type":"left")"));
  EXPECT_THAT(says(message), HasSubstr(R"("room":"second")")) << "another one was left";
  EXPECT_THAT(says(R"({"action":"leave","room":"second"})"), HasSubstr(R"("event_type":"left")"));
  // Its number at the hub goes to the next channel that somebody makes: that is not the peer's.
  WebSocketPeer other(core, "/ws?user=bob&rooms=third");
  EXPECT_THAT(says(message), HasSubstr(R"("no_room")"));
  EXPECT_THAT(says(R"({"action":"join","room":"third"})"), HasSubstr(R"("event_type":"joined")"));
  EXPECT_THAT(says(message), HasSubstr(R"("room":"third")"));
  core.hub().query({.kind = hub::QueryKind::remove_member, .key = "\nthird", .user = "ann"});
  core.tick();
  EXPECT_EQ(peer.events().back(), "left");
  EXPECT_THAT(says(message), HasSubstr(R"("no_room")"));
}

TEST(WebSocketSession, EchoSendsBackWhatCame) {
  LoneCore core;
  WebSocketPeer peer(core, "/echo");
  std::string burst, expected;
  for (const size_t size : {0u, 1u, 125u, 126u, 60000u}) {
    const std::string payload(size, 'e');
    for (const auto opcode : {WebSocketOpcode::text, WebSocketOpcode::binary}) {
      wire::append_masked_frame(burst, {.opcode = opcode}, payload, {9, 8, 7, 6});
      wire::append_frame(expected, {.opcode = opcode}, payload);
    }
  }
  peer.send(burst);
  EXPECT_EQ(peer.take(), expected);
}

TEST(WebSocketSession, AnEchoPeerThatDoesNotReadIsNotReadFrom) {
  LoneCore::Setup setup;
  setup.sessions.outbox_bytes_max = 10000;
  LoneCore core(setup);
  WebSocketPeer peer(core, "/echo");
  peer.socket().room = 0;
  std::string burst;
  for (int i = 0; i < 100; ++i) {
    wire::append_masked_frame(burst, {.opcode = WebSocketOpcode::binary}, std::string(1000, 'e'), {9, 8, 7, 6});
  }
  peer.send(burst);
  EXPECT_TRUE(peer.socket().paused);
  EXPECT_LE(core.stats().echoed.get(), 6u);
  for (int i = 0; i < 200 && core.stats().echoed.get() < 100; ++i) peer.make_room(SIZE_MAX);
  EXPECT_EQ(core.stats().echoed.get(), 100u);
  peer.make_room(SIZE_MAX);
  EXPECT_EQ(peer.take().size(), 100 * 1004u);
  EXPECT_FALSE(peer.socket().paused);
}

TEST(WebSocketSession, EveryBlockIsGivenBack) {
  const int64_t before = Block::live_blocks();
  {
    LoneCore core;
    WebSocketPeer one(core, "/ws?user=a&rooms=r");
    WebSocketPeer two(core, "/ws?user=b&rooms=r&binary=raw");
    two.socket().room = 100;
    for (int i = 0; i < 50; ++i) one.say(R"({"action":"message","content":"x"})");
    core.gate().drain(DrainPhase::finishing);
    core.tick();
    EXPECT_TRUE(two.socket().closed);
  }
  EXPECT_EQ(Block::live_blocks(), before);
}

}  // namespace
}  // namespace ringcast::session
