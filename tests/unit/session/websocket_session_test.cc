// SPDX-License-Identifier: Apache-2.0
// WebSocket sessions over a core without a kernel: what can be seen only from inside, or at an exact moment.
#include "transport/websocket/websocket_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "codec/websocket/websocket_decoder.h"
#include "codec/websocket/websocket_frame.h"
#include "lone_core.h"

namespace ringcast::session {
namespace {

using namespace std::chrono_literals;
using codec::WebSocketEventKind;
using codec::WebSocketOpcode;
using ::testing::HasSubstr;

class WebSocketPeer : public Peer {
 public:
  struct Frame {
    WebSocketEventKind kind;
    uint16_t code;
    std::string payload;
  };

  WebSocketPeer(LoneCore& core, std::string_view target)
      : Peer(core), decoder_({.role = codec::WebSocketRole::client, .message_max = 64 << 20}) {
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
    codec::append_masked_frame(bytes, {.opcode = opcode}, payload, {1, 2, 3, 4});
    send(bytes);
  }
  std::vector<Frame> frames() {
    std::string bytes = take();
    std::span<uint8_t> input(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size());
    std::vector<Frame> frames;
    for (;;) {
      const codec::WebSocketEvent event = decoder_.next(input);
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
  codec::WebSocketDecoder decoder_;
};

using Events = std::vector<std::string>;

constexpr codec::MaskKey kCloseMask{1, 2, 3, 4};

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

TEST(WebSocketSession, ACursorThatCannotBeReadIsAGapAndTheRoomBeginsLive) {
  LoneCore core;
  WebSocketPeer writer(core, "/ws?user=w&rooms=room");
  writer.say(R"({"action":"message","content":"before"})");
  for (const char* since : {"abc", "evt_001", "", "room%3Dx"}) {
    WebSocketPeer late(core, std::string("/ws?rooms=room&since=") + since);
    const auto frames = late.frames();
    ASSERT_GE(frames.size(), 3u) << since;
    EXPECT_THAT(frames[1].payload, HasSubstr(R"("event_type":"joined","room":"room")"));
    EXPECT_THAT(frames[1].payload, HasSubstr(R"("recovered":false)"));
    EXPECT_THAT(frames[2].payload, HasSubstr(R"("reset":false,"reason":"unknown_cursor"})")) << since;
    // A cursor with names is about `*` as well.
    EXPECT_EQ(frames.size(), std::string_view(since) == "room%3Dx" ? 4u : 3u);
  }
  WebSocketPeer nowhere(core, "/ws?user=n&since=abc");
  EXPECT_EQ(nowhere.events(), (Events{"connection_id", "gap", "gap"}));
  for (const char* last_id : {R"("evt_001")", "-1", R"("")"}) {
    WebSocketPeer peer(core, "/ws");
    peer.events();
    peer.say(R"({"action":"join","room":"room","last_id":)" + std::string(last_id) + "}");
    EXPECT_EQ(peer.events(), (Events{"joined", "gap"})) << last_id;
  }
}

TEST(WebSocketSession, ANumberIsAboutOneRoom) {
  LoneCore core;
  WebSocketPeer writer(core, "/ws?user=w&rooms=one");
  writer.say(R"({"action":"message","content":"before"})");
  WebSocketPeer two(core, "/ws?rooms=one,two&since=1");
  EXPECT_EQ(two.events(), (Events{"connection_id", "joined", "gap", "message", "joined", "gap"}));
}

// Pieces are asked for one at a time: whichever channel's is under way, another's replay does not end with it.
TEST(WebSocketSession, AReplayGoesOnWhenAnotherRoomIsLeftInTheMiddleOfIts) {
  for (const std::string_view left : {"a", "b"}) {
    const std::string_view stays = left == "a" ? "b" : "a";
    for (int ticks = 0; ticks < 12; ++ticks) {
      LoneCore::Setup setup;
      setup.room.first_id = 1;
      setup.hub.replay_chunk = 1;
      LoneCore core(setup);
      for (int i = 0; i < 6; ++i) {
        for (const std::string_view key : {"\na", "\nb"}) {
          core.hub().publish({.key = key, .user = "s", .payload = "1"});
          core.tick();
        }
      }
      WebSocketPeer peer(core, "/ws?user=l&rooms=a,b&since=a%3D1,b%3D1");
      for (int i = 0; i < ticks; ++i) core.tick();
      peer.say(R"({"action":"leave","room":")" + std::string(left) + "\"}");
      for (int i = 0; i < 40; ++i) core.tick();
      int got = 0;
      for (const auto& frame : peer.frames()) {
        if (frame.payload.find("\"message\",\"room\":\"" + std::string(stays)) != std::string::npos) ++got;
      }
      EXPECT_EQ(got, 5) << "left " << left << " after " << ticks << " ticks";
    }
  }
}

TEST(WebSocketSession, WhatArrivesDuringAnAnswerWaitsForIt) {
  LoneCore core;
  WebSocketPeer peer(core, "/ws?user=a");
  peer.events();
  std::string both;
  codec::append_masked_frame(both, {.opcode = WebSocketOpcode::text}, R"({"action":"join","room":"r"})", {1, 2, 3, 4});
  codec::append_masked_frame(both, {.opcode = WebSocketOpcode::text}, R"({"action":"ping"})", {5, 6, 7, 8});
  codec::append_masked_frame(both, {.opcode = WebSocketOpcode::text}, R"({"action":"message","content":1})",
                             {5, 6, 7, 8});
  codec::append_masked_frame(both, {.opcode = WebSocketOpcode::text}, R"({"action":"message","content":"x"})",
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
    codec::append_masked_frame(burst, {.opcode = WebSocketOpcode::text},
                               R"({"action":"message","content":")" + std::to_string(i) + "\"}", {1, 2, 3, 4});
    codec::append_masked_frame(burst, {.opcode = WebSocketOpcode::binary}, "b" + std::to_string(i), {1, 2, 3, 4});
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
  codec::append_masked_frame(close, {.opcode = WebSocketOpcode::close}, std::string("\x0b\xb8", 2), {1, 2, 3, 4});
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
  core.gate().drain(DrainPhase::notifying);
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
  core.gate().drain(DrainPhase::notifying);
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
  // Its heartbeat lies anywhere in the interval, and it counts as silent from half an interval on.
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

// Whatever room the limit leaves behind the messages that stay: the notice of those that went is no reason to close.
TEST(WebSocketSession, ASlowReaderThatKeepsTheOldestIsNeverClosed) {
  for (uint32_t max = 4000; max < 4600; max += 3) {
    LoneCore::Setup setup;
    setup.sessions.outbox_bytes_max = max;
    setup.room.slow = hub::SlowPolicy::drop_newest;
    LoneCore core(setup);
    WebSocketPeer slow(core, "/ws?user=slow&rooms=r");
    slow.events();
    slow.socket().room = 10;
    const std::string content = "\"" + std::string(400, 'x') + "\"";
    for (int i = 0; i < 40; ++i) {
      core.hub().publish({.key = "\nr", .user = "s", .payload = content});
      core.tick();
    }
    EXPECT_EQ(core.stats().slow_closed.get(), 0u) << "at most " << max << " bytes";
    slow.make_room(SIZE_MAX);
    EXPECT_EQ(std::ranges::count(slow.events(), "lagged"), 1);
  }
}

TEST(WebSocketSession, ASlowReaderOfAFeedIsNotifiedOfWhatItMissed) {
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

// The hub's number for a room may go to another one as soon as the first has no members left.
TEST(WebSocketSession, WhatIsMissedOfARoomIsNotReportedAsAnothers) {
  for (const bool by_end : {false, true}) {
    LoneCore::Setup setup;
    setup.sessions.outbox_messages_max = 8;
    setup.room.slow = hub::SlowPolicy::drop_oldest;
    setup.room.first_id = 1;
    LoneCore core(setup);
    WebSocketPeer slow(core, "/ws?user=slow&rooms=first");
    slow.events();
    slow.socket().room = 10;
    for (int i = 0; i < 4; ++i) {
      core.hub().publish({.key = "\nfirst", .user = "s", .payload = "1", .final = by_end && i == 3});
      core.tick();
    }
    if (!by_end) slow.say(R"({"action":"leave","room":"first"})");
    for (int i = 0; i < 100; ++i) core.hub().publish({.key = "\nsecond", .user = "s", .payload = "1"});
    core.tick();
    slow.say(R"({"action":"join","room":"second"})");
    for (int i = 0; i < 20; ++i) {
      core.hub().publish({.key = "\nsecond", .user = "s", .payload = "1"});
      core.tick();
    }
    slow.make_room(SIZE_MAX);
    uint64_t first = 0, second = 100;
    for (const auto& frame : slow.frames()) {
      uint64_t id = 0, missed = 0, from = 0, to = 0;
      if (const size_t at = frame.payload.find("\"missed\""); at != std::string::npos) {
        EXPECT_THAT(frame.payload, HasSubstr("\"room\":\"second\""));
        std::sscanf(frame.payload.c_str() + at, "\"missed\":%lu,\"from\":%lu,\"to\":%lu", &missed, &from, &to);
        EXPECT_EQ(from, second + 1);
        EXPECT_EQ(missed, to - from + 1);
        second = to;
      } else if (std::sscanf(frame.payload.c_str(), "{\"id\":%lu", &id) == 1) {
        uint64_t& last = frame.payload.find("\"room\":\"first\"") != std::string::npos ? first : second;
        EXPECT_EQ(id, last + 1) << frame.payload;
        last = id;
      }
    }
    EXPECT_EQ(first, 4u) << "what was queued of the room that was left";
    EXPECT_EQ(second, 120u);
  }
}

TEST(WebSocketSession, WhileItsPeersAreAskedToGoAReplayIsFinishedAndNoneBegins) {
  LoneCore::Setup setup;
  setup.sessions.drain_period = 100ms;
  setup.room.first_id = 1;
  setup.hub.replay_chunk = 1;
  LoneCore core(setup);
  for (int i = 0; i < 6; ++i) {
    core.hub().publish({.key = "\nr", .user = "s", .payload = "1"});
    core.tick();
  }
  WebSocketPeer late(core, "/ws?user=l&rooms=r&since=r%3D1");
  late.socket().room = 0;
  WebSocketPeer asks(core, "/ws?user=a");
  EXPECT_EQ(asks.events(), (Events{"connection_id"}));
  core.gate().drain(DrainPhase::notifying);
  asks.say(R"({"action":"join","room":"r","last_id":1})");
  EXPECT_EQ(asks.events(), (Events{"reconnect", "close 1001"}));
  core.advance(1s);
  late.make_room(SIZE_MAX);
  for (int i = 0; i < 20; ++i) core.tick();
  EXPECT_EQ(late.events(), (Events{"connection_id", "joined", "message", "message", "message", "message", "message",
                                   "reconnect", "close 1001"}));
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
      codec::append_masked_frame(burst, {.opcode = opcode}, payload, {9, 8, 7, 6});
      codec::append_frame(expected, {.opcode = opcode}, payload);
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
    codec::append_masked_frame(burst, {.opcode = WebSocketOpcode::binary}, std::string(1000, 'e'), {9, 8, 7, 6});
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

// Head and payload of an echo are one piece of the outbox, also where they lie apart in memory: whatever a partial send
// leaves of it, the payload is not looked at as if frames began there (0x7f would be the length of a huge one).
TEST(WebSocketSession, AnEchoThatLeavesInPiecesAndTheCloseBehindItAreWhole) {
  for (const size_t size : {12u, 200u, 65000u, 262144u}) {
    for (const size_t room : {1u, 3u, 9u, 1000u, 131072u}) {
      LoneCore::Setup setup;
      setup.sessions.message_max = 1 << 20;
      LoneCore core(setup);
      WebSocketPeer peer(core, "/echo");
      peer.make_room(room);
      std::string bytes;
      codec::append_masked_frame(bytes, {.opcode = WebSocketOpcode::text}, std::string(size, '\x7f'), {1, 2, 3, 4});
      codec::append_masked_frame(bytes, {.opcode = WebSocketOpcode::text}, "behind it...", {1, 2, 3, 4});
      codec::append_close_frame(bytes, 1000, {}, &kCloseMask);
      codec::append_masked_frame(bytes, {.opcode = WebSocketOpcode::ping}, {}, {1, 2, 3, 4});
      for (size_t at = 0; at < bytes.size(); at += 30000) peer.send(bytes.substr(at, 30000));
      for (size_t step = std::max<size_t>(room, size / 20 + 1); !peer.socket().fin; peer.make_room(step)) {
        ASSERT_LT(peer.socket().sent_bytes, 2 * size + 1000);
      }
      const auto frames = peer.frames();
      ASSERT_EQ(frames.size(), 3u) << size << " " << room;
      EXPECT_EQ(frames[0].payload, std::string(size, '\x7f'));
      EXPECT_EQ(frames[1].payload, "behind it...");
      EXPECT_EQ(frames[2].kind, WebSocketEventKind::close);
    }
  }
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
