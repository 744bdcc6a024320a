// SPDX-License-Identifier: Apache-2.0
// A client that ends its side: what it had sent before is done all the same, wherever it waits, and what it asked for
// is answered while there is somebody to read it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "client/decisions.h"
#include "client/hooks.h"
#include "codec/websocket/websocket_decoder.h"
#include "codec/websocket/websocket_frame.h"
#include "gate_harness.h"

namespace ringcast::session {
namespace {

using namespace std::chrono_literals;
using codec::WebSocketOpcode;
using io::CloseReason;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kMany = 300;

std::string upgrade(std::string_view target) {
  return get(target,
             "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
}

// Takes the beginning of /big and no more.
World::Wire connect_slow_reader(World& world) {
  world.files().add("/big", "big.txt", std::string(100'000, 'x'));
  const World::Wire wire = world.connect();
  world.peer(wire).window = 1000;
  return wire;
}

std::string frame(std::string_view payload, WebSocketOpcode opcode = WebSocketOpcode::text) {
  std::string bytes;
  codec::append_masked_frame(bytes, {.opcode = opcode}, payload, {1, 2, 3, 4});
  return bytes;
}

std::string say(int number, bool acknowledged = false) {
  const std::string n = std::to_string(number);
  return frame(R"({"action":"message","room":"r","content":"m)" + n + "\"" +
               (acknowledged ? R"(,"ref":")" + n + "\"" : std::string()) + "}");
}

const std::string& goodbye() {
  static const std::string bytes = frame(std::string("\x03\xE8", 2), WebSocketOpcode::close);
  return bytes;
}

// How much of "m0", "m1", … is in the room's history, in order and without a hole.
int published(World& world) {
  const World::Wire reader = world.connect(0);
  const std::string history = body_of(world.ask(reader, get("/history?room=r&limit=1000")));
  size_t at = 0;
  for (int number = 0;; ++number) {
    at = history.find("\"m" + std::to_string(number) + "\"", at);
    if (at == std::string::npos) return number;
  }
}

// How the end comes: orderly, as a reset behind the input, or found by a send first.
enum class End { fin, reset, failed_send };

std::string name_of(End how) {
  return how == End::fin ? "fin" : how == End::reset ? "reset" : "failed_send";
}

void finish(World& world, World::Wire wire, End how) {
  if (how == End::failed_send) world.peer(wire).broken = true;
  world.end(wire, how == End::fin ? CloseReason::peer_closed : CloseReason::peer_reset);
}

class EndOfInput : public ::testing::TestWithParam<End> {};

// Room "r" is owned by the other core for one of the two publishers: both are tried.
TEST_P(EndOfInput, MessagesThatWaitForCreditArePublished) {
  for (const uint16_t core : {0, 1}) {
    for (const bool closes : {true, false}) {
      for (const std::string_view path : {"/ws?user=a&rooms=r", "/ws?user=a"}) {
        World world({.cores = 2, .credit_publishes = 4});
        const World::Wire wire = world.connect(core);
        world.ask(wire, upgrade(path));
        std::string bytes;
        for (int i = 0; i < kMany; ++i) bytes += say(i, i % 2 == 0);
        world.send_unworked(wire, bytes + (closes ? goodbye() : std::string()));
        finish(world, wire, GetParam());
        EXPECT_EQ(published(world), kMany) << core << closes << path;
        EXPECT_TRUE(world.closed(wire));
        if (GetParam() == End::fin) {
          EXPECT_EQ(count(world.take(wire), R"("event_type":"ack")"), size_t{kMany} / 2);
        }
      }
    }
  }
}

TEST_P(EndOfInput, MessagesBehindAnUpgradeArePublished) {
  World world({.cores = 2, .credit_publishes = 4});
  const World::Wire wire = world.connect(1);
  std::string bytes = upgrade("/ws?user=a&rooms=r");
  for (int i = 0; i < kMany; ++i) bytes += say(i);
  world.send_unworked(wire, bytes);
  finish(world, wire, GetParam());
  EXPECT_EQ(published(world), kMany);
  EXPECT_TRUE(world.closed(wire));
}

TEST_P(EndOfInput, MessagesBehindAnActionThatWaitsArePublished) {
  World world({.cores = 2});
  const World::Wire wire = world.connect(1);
  world.ask(wire, upgrade("/ws?user=a"));
  world.send_unworked(wire, frame(R"({"action":"join","room":"r"})") + say(0) +
                                frame(R"({"action":"members","room":"r"})") + say(1) + goodbye());
  finish(world, wire, GetParam());
  EXPECT_EQ(published(world), 2);
  EXPECT_TRUE(world.closed(wire));
}

TEST_P(EndOfInput, PipelinedPostsAndAllOfABatchArePublished) {
  for (const bool batch : {true, false}) {
    World world({.cores = 2, .credit_publishes = 4});
    const World::Wire wire = world.connect(1);
    std::string bytes, items;
    for (int i = 0; i < kMany; ++i) {
      const std::string item = R"({"room":"r","content":"m)" + std::to_string(i) + "\"}";
      items += (i == 0 ? "[" : ",") + item;
      if (!batch) bytes += post("/messages", item);
    }
    if (batch) bytes = post("/messages", items + "]");
    world.send_unworked(wire, bytes);
    finish(world, wire, GetParam());
    EXPECT_EQ(published(world), kMany) << batch;
    EXPECT_TRUE(world.closed(wire));
    if (GetParam() == End::fin) {
      EXPECT_EQ(count(world.take(wire), "HTTP/1.1 200 OK"), batch ? 1u : size_t{kMany});
    }
  }
}

// Input that lies in the kernel while the server does not read: the reader is slow, then it is gone.
TEST_P(EndOfInput, PostsOfAClientThatDoesNotReadItsAnswersArePublished) {
  World world;
  const World::Wire wire = connect_slow_reader(world);
  world.send(wire, get("/big"));
  ASSERT_TRUE(world.peer(wire).paused);
  world.send(wire, post("/messages", R"({"room":"r","content":"m0"})"));
  if (GetParam() == End::fin) return;  // is read when the client has read on
  world.peer(wire).broken = true;
  world.backend().end(wire.socket, CloseReason::peer_reset);
  world.backend().open_window(wire.socket, SIZE_MAX);  // as a socket that has failed takes anything
  world.work();
  EXPECT_EQ(published(world), 1);
  EXPECT_TRUE(world.closed(wire));
}

// What waits behind an answer that is not read goes on when a send fails, not when a timer happens to wake the core.
TEST(FailedSend, IsFollowedAtOnceByWhatArrivedBefore) {
  World world;
  const World::Wire wire = connect_slow_reader(world);
  world.send(wire, get("/big") + get("/big") + post("/messages", R"({"room":"r","content":"m0"})"));
  ASSERT_EQ(world.gate().stats().requests[2].get(), 1u);
  world.peer(wire).broken = true;
  world.backend().open_window(wire.socket, SIZE_MAX);
  const io::Nanoseconds until_something_happens(-1);
  world.reactor().tick(until_something_happens);
  ASSERT_EQ(world.gate().stats().requests[2].get(), 1u);
  world.reactor().tick(until_something_happens);
  EXPECT_EQ(world.backend().waited().count(), 0);
  EXPECT_EQ(published(world), 1);
}

// Each answer would be more than one send takes, and nobody reads it: only what was published is done.
TEST_P(EndOfInput, WhatAClientOnlyAskedForIsNotMadeWhenItIsGone) {
  if (GetParam() == End::fin) return;  // it may still read
  for (const std::string_view target : {"/big", "/poll?rooms=r", "/history?room=r", "/metrics"}) {
    World world;
    const World::Wire wire = connect_slow_reader(world);
    world.send(wire, get("/big"));
    ASSERT_TRUE(world.peer(wire).paused);
    std::string bytes = post("/messages", R"({"room":"r","content":"m0"})");
    for (int i = 0; i < 1000; ++i) bytes += get(target);
    world.send(wire, bytes + post("/messages", R"({"room":"r","content":"m1"})"));
    world.peer(wire).broken = true;
    world.backend().end(wire.socket, CloseReason::peer_reset);
    world.backend().open_window(wire.socket, SIZE_MAX);
    world.work();
    EXPECT_TRUE(world.closed(wire)) << target;
    EXPECT_THAT(world.ask(world.connect(), get("/metrics")),
                HasSubstr("ringcast_http_requests_total{core=\"0\",status=\"2xx\"} 3\n"));
    EXPECT_EQ(published(world), 2) << target;
  }
}

// The end of the input is found in the same moment as more than may be queued; then a send fails.
TEST_P(EndOfInput, AnEchoThatWaitsForItsReaderEndsWithIt) {
  World world;
  const World::Wire wire = world.connect();
  EXPECT_EQ(status_of(world.ask(wire, upgrade("/echo"))), 101);
  std::string bytes;
  for (int i = 0; i < 30; ++i) bytes += frame(std::string(60'000, 'x'));
  if (GetParam() != End::failed_send) world.peer(wire).window = 1000;
  world.send_unworked(wire, bytes);
  finish(world, wire, GetParam());
  world.peer(wire).broken = true;
  world.backend().open_window(wire.socket, SIZE_MAX);
  world.work();
  EXPECT_TRUE(world.closed(wire));
}

INSTANTIATE_TEST_SUITE_P(Ends, EndOfInput, ::testing::Values(End::fin, End::reset, End::failed_send),
                         [](const auto& parameter) { return name_of(parameter.param); });

TEST(HalfClosed, AWebSocketGetsItsAnswersAndThenTheEnd) {
  World world({.cores = 2});
  const World::Wire wire = world.connect(1);
  world.send_unworked(wire, upgrade("/ws?user=a&rooms=r") + say(0, true) + frame(R"({"action":"ping","ref":"p"})"));
  world.end(wire);
  const std::string answers = world.take(wire);
  for (const char* part : {"HTTP/1.1 101 ", "connection_id", R"("event_type":"ack")", R"("event_type":"pong")"}) {
    EXPECT_THAT(answers, HasSubstr(part));
  }
  EXPECT_TRUE(world.closed(wire));
}

TEST(HalfClosed, AStreamGetsWhatThereIsAndItsEnd) {
  for (const char* rooms : {"r", "r,s"}) {
    World world({.cores = 2});
    const World::Wire publisher = world.connect();
    const std::string sent = world.ask(publisher, post("/messages", R"({"room":"r","content":"m0"})"));
    const std::string id = sent.substr(sent.find("\"event_id\":") + 11, 16);
    for (int i = 1; i < kMany; ++i) {
      world.send(publisher, post("/messages", R"({"room":"r","content":"m)" + std::to_string(i) + "\"}"));
    }
    const World::Wire wire = world.connect(1);
    const std::string cursor = std::string(rooms) == "r" ? id : "r%3D" + id;
    world.send_unworked(wire, get("/events?rooms=" + std::string(rooms) + "&last_event_id=" + cursor));
    world.end(wire);
    const std::string answer = world.take(wire);
    EXPECT_EQ(status_of(answer), 200);
    EXPECT_THAT(answer, HasSubstr("event: connection_id"));
    EXPECT_GT(count(answer, "event: message"), 90u) << "as much as history has";
    EXPECT_THAT(answer, HasSubstr("\"m" + std::to_string(kMany - 1) + "\""));
    EXPECT_TRUE(answer.ends_with("\r\n0\r\n\r\n")) << "whole";
    EXPECT_TRUE(world.closed(wire));
    // One that is open ends at once.
    const World::Wire open = world.connect(1);
    world.send(open, get("/events?rooms=" + std::string(rooms)));
    EXPECT_FALSE(world.closed(open));
    world.end(open);
    EXPECT_TRUE(world.take(open).ends_with("\r\n0\r\n\r\n"));
    EXPECT_TRUE(world.closed(open));
  }
}

TEST(HalfClosed, APollIsAnsweredWithWhatThereIsAndSoIsWhatFollowsIt) {
  World world({.cores = 2});
  const World::Wire publisher = world.connect();
  const std::string sent = world.ask(publisher, post("/messages", R"({"room":"r","content":"m0"})"));
  const std::string id = sent.substr(sent.find("\"event_id\":") + 11, 16);
  for (const bool pipelined : {false, true}) {
    const World::Wire waiting = world.connect(1);
    world.send(waiting, get("/poll?rooms=r&since=" + id));
    EXPECT_EQ(world.take(waiting), "");
    world.send_unworked(waiting, pipelined ? get("/health") : "");
    world.end(waiting);
    std::string answers = world.take(waiting);
    EXPECT_THAT(body_of(take_answer(answers)), HasSubstr(R"({"events":[],"cursor":")"));
    EXPECT_EQ(body_of(answers), pipelined ? "OK\n" : "");
    EXPECT_TRUE(world.closed(waiting));
  }
  const World::Wire at_once = world.connect(1);
  world.send_unworked(at_once, get("/poll?rooms=r&since=" + std::to_string(std::stoull(id) - 1)));
  world.end(at_once);
  EXPECT_THAT(world.take(at_once), HasSubstr("\"m0\""));
  EXPECT_TRUE(world.closed(at_once));
}

TEST(HalfClosed, AStreamOfFiguresEnds) {
  World world;
  const World::Wire wire = world.connect();
  world.send_unworked(wire, get("/stats/stream"));
  world.end(wire);
  world.pass(1s);
  const std::string answer = world.take(wire);
  EXPECT_THAT(answer, HasSubstr("event: stats"));
  EXPECT_TRUE(answer.ends_with("\r\n0\r\n\r\n"));
  EXPECT_TRUE(world.closed(wire));
}

TEST(HalfClosed, ARequestThatIsNotCompleteIsReported) {
  World world;
  const std::string whole = post("/messages", R"({"room":"r","content":"x"})");
  for (size_t cut = 1; cut < whole.size(); ++cut) {
    const World::Wire wire = world.connect();
    world.send_unworked(wire, whole.substr(0, cut));
    world.end(wire);
    const std::string answer = world.take(wire);
    EXPECT_EQ(status_of(answer), 400) << cut;
    EXPECT_THAT(answer, HasSubstr("incomplete_request")) << cut;
    EXPECT_TRUE(world.closed(wire));
  }
  EXPECT_EQ(published(world), 0);
  const World::Wire wire = world.connect();
  world.send_unworked(wire, get("/health") + "\r\n");  // as some clients end a request
  world.end(wire);
  std::string answers = world.take(wire);
  EXPECT_EQ(status_of(take_answer(answers)), 200);
  EXPECT_EQ(answers, "");
}

// Leaves every message undecided until decide() is called.
class AskingHooks final : public Hooks {
 public:
  bool wants(HookEvent event, std::string_view) const override { return event == HookEvent::publish || connects; }
  std::optional<HookDecision> decide_connect(const HookClient&, const HookRequest&, uint64_t, Ticket ticket) override {
    if (!connects) return HookDecision{};
    tickets.push_back(ticket);
    return std::nullopt;
  }
  std::optional<HookDecision> decide_publish(const HookClient&, const HookMessage&, uint64_t, Ticket ticket) override {
    tickets.push_back(ticket);
    return std::nullopt;
  }
  void decide_all(World& world) {
    while (!tickets.empty()) {
      const Ticket ticket = tickets.front();
      tickets.erase(tickets.begin());
      world.decide(ticket);
    }
  }
  bool connects = false;
  std::vector<Ticket> tickets;
};

TEST(HalfClosed, WhatOthersDecideIsWaitedFor) {
  for (const bool closes : {true, false}) {
    AskingHooks hooks;
    World world({.cores = 2});
    world.shared().hooks = &hooks;
    const World::Wire wire = world.connect(1);
    std::string bytes = upgrade("/ws?user=a&rooms=r");
    for (int i = 0; i < 5; ++i) bytes += say(i, true);
    world.send_unworked(wire, bytes + (closes ? goodbye() : std::string()));
    world.end(wire);
    EXPECT_THAT(world.take(wire), Not(HasSubstr("ack")));
    EXPECT_FALSE(world.closed(wire));
    hooks.decide_all(world);
    EXPECT_EQ(count(world.take(wire), R"("event_type":"ack")"), 5u) << closes;
    EXPECT_EQ(published(world), 5);
    EXPECT_TRUE(world.closed(wire));
  }
  for (const char* target : {"/events?rooms=r", "/poll?rooms=r", "/ws?user=a&rooms=r"}) {
    AskingHooks hooks;
    hooks.connects = true;
    World world;
    world.shared().hooks = &hooks;
    const World::Wire wire = world.connect();
    world.send_unworked(wire, target[1] == 'w' ? upgrade(target) : get(target));
    world.end(wire);
    EXPECT_EQ(world.take(wire), "") << target;
    hooks.decide_all(world);
    EXPECT_NE(status_of(world.take(wire)), 0) << target;
    EXPECT_TRUE(world.closed(wire)) << target;
  }
}

// One that is gone, not half-closed, shows by a send that fails: it is not kept until somebody has decided.
TEST(HalfClosed, WhoIsGoneIsFoundOutWhileOthersDecide) {
  AskingHooks hooks;
  World world;
  world.shared().hooks = &hooks;
  const World::Wire wire = world.connect();
  world.ask(wire, upgrade("/ws?user=a&rooms=r"));
  world.send_unworked(wire, say(0, true));
  world.end(wire);
  world.pass(1100ms);
  EXPECT_EQ(world.take(wire), std::string("\x89\x00", 2)) << "a ping";
  EXPECT_FALSE(world.closed(wire));
  world.peer(wire).broken = true;
  world.pass(1s);
  EXPECT_TRUE(world.closed(wire));
  hooks.decide_all(world);
  EXPECT_EQ(published(world), 1) << "and what it sent counts all the same";
}

// A close frame is answered behind the acks of what came before it, and at last without them.
TEST(CloseFrame, IsAnsweredBehindTheAcksThatAreOwed) {
  AskingHooks hooks;
  World world;
  world.shared().hooks = &hooks;
  const World::Wire wire = world.connect();
  world.ask(wire, upgrade("/ws?user=a&rooms=r"));
  world.send(wire, say(0, true) + goodbye() + say(1, true));
  EXPECT_EQ(world.take(wire), "");
  hooks.decide_all(world);
  const std::string answers = world.take(wire);
  EXPECT_THAT(answers, HasSubstr(R"("ref":"0")"));
  EXPECT_TRUE(answers.ends_with(std::string("\x88\x02\x03\xE8", 4)));
  EXPECT_TRUE(world.closed(wire));
  EXPECT_EQ(published(world), 1) << "what follows a close frame is not read";

  const World::Wire undecided = world.connect();
  world.ask(undecided, upgrade("/ws?user=a&rooms=r"));
  world.send(undecided, say(0, true) + goodbye());
  world.pass(5100ms);
  EXPECT_TRUE(world.take(undecided).ends_with(std::string("\x88\x02\x03\xE8", 4)));
  EXPECT_TRUE(world.closed(undecided));
}

}  // namespace
}  // namespace ringcast::session
