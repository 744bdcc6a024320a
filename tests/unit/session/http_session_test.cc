// SPDX-License-Identifier: Apache-2.0
#include "transport/http1/http_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gate_harness.h"

namespace ringcast::session {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(HttpSession, AnswersAndKeepsTheConnection) {
  World world;
  const World::Wire wire = world.connect();
  for (int i = 0; i < 3; ++i) {
    const std::string answer = world.ask(wire, get("/health"));
    EXPECT_EQ(status_of(answer), 200);
    EXPECT_EQ(body_of(answer), "OK\n");
    EXPECT_THAT(header_of(answer, "Date"), HasSubstr(" GMT"));
  }
  EXPECT_FALSE(world.closed(wire));
  EXPECT_EQ(world.gate().stats().requests[2].get(), 3u);
}

TEST(HttpSession, PipelinedRequestsAreAnsweredInOrder) {
  // The first needs other steps of the hub, the second none: it waits all the same.
  World world({.cores = 2});
  const World::Wire wire = world.connect();
  std::string answers =
      world.ask(wire, post("/messages", R"({"room":"r","content":"1"})") + get("/health") + get("/rooms?limit=5") +
                          post("/messages", R"({"room":"r","content":"2"})") + get("/history?room=r"));
  EXPECT_THAT(body_of(take_answer(answers)), HasSubstr(R"("status":"sent")"));
  EXPECT_EQ(body_of(take_answer(answers)), "OK\n");
  EXPECT_THAT(body_of(take_answer(answers)), HasSubstr(R"("rooms":[{"room":"r","members":0)"));
  EXPECT_THAT(body_of(take_answer(answers)), HasSubstr(R"("status":"sent")"));
  const std::string history = body_of(take_answer(answers));
  EXPECT_LT(history.find(R"("content":"1")"), history.find(R"("content":"2")"));
  EXPECT_EQ(answers, "");
}

// Large answers are made a few per tick, in the order in which they were asked for. Meanwhile others are answered in
// the tick in which they ask. Steps are counted.
TEST(HttpSession, LargeAnswersAreMadeInTurns) {
  World world;
  world.files().add("/large", "large.txt", std::string(40'000, 'l'));
  constexpr size_t kClients = 50, kEach = 3;
  std::vector<World::Wire> wires;
  for (size_t i = 0; i < kClients; ++i) wires.push_back(world.connect());
  const World::Wire other = world.connect();
  for (const World::Wire wire : wires) {
    world.send_unworked(wire, get("/large") + get("/large") + get("/large"));
  }
  const auto& answered = world.gate().stats().requests[2];
  size_t ticks = 0, others = 0;
  while (answered.get() - others < kClients * kEach) {
    world.send_unworked(other, get("/health"));
    const uint64_t before = answered.get();
    world.reactor().tick(io::Nanoseconds(0));
    ++others;
    ASSERT_EQ(body_of(world.take(other)), "OK\n") << "after " << ticks << " ticks";
    ASSERT_LE(answered.get() - before, 1u + 4) << "after " << ticks << " ticks";
    ASSERT_LT(++ticks, 10'000u);
  }
  world.work();
  for (const World::Wire wire : wires) {
    std::string answers = world.take(wire);
    for (size_t i = 0; i < kEach; ++i) EXPECT_EQ(body_of(take_answer(answers)).size(), 40'000u);
    EXPECT_EQ(answers, "");
  }
}

// Polls for all of a room's history, with others behind them; one that waits for a message passes by.
TEST(HttpSession, PollsThatWerePipelinedAreAnsweredInTurns) {
  World world({.cores = 2});
  const World::Wire publisher = world.connect();
  const std::string message = post("/messages", R"({"room":"r","content":")" + std::string(3'000, 'h') + "\"}");
  for (int i = 0; i < 10; ++i) ASSERT_EQ(status_of(world.ask(publisher, message)), 200);
  const World::Wire poller = world.connect();
  world.send(poller, get("/poll?rooms=r"));
  const std::string first = body_of(world.take(poller));
  constexpr size_t kClients = 50;
  std::vector<World::Wire> wires;
  for (size_t i = 0; i < kClients; ++i) wires.push_back(world.connect());
  const auto& answered = world.gate().stats().requests[2];
  const uint64_t before = answered.get();
  for (const World::Wire wire : wires) world.send_unworked(wire, get("/poll?rooms=r&since=1") + get("/health"));
  const auto tick = [&] {
    for (uint16_t core = 0; core < 2; ++core) world.reactor(core).tick(io::Nanoseconds(0));
  };
  for (int i = 0; i < 3; ++i) tick();
  EXPECT_LE(answered.get() - before, 2 * 3 * 8u);
  EXPECT_LE(world.reactor().answers_waiting(), 16u);
  world.send_unworked(poller, get("/poll?rooms=r&since=now"));
  world.send_unworked(publisher, post("/messages", R"({"room":"r","content":"new"})"));
  for (int i = 0; i < 6; ++i) tick();
  EXPECT_THAT(world.take(poller), HasSubstr("\"content\":\"new\""));
  EXPECT_LT(answered.get() - before, 2 * kClients);
  world.work();
  for (const World::Wire wire : wires) {
    std::string answers = world.take(wire);
    EXPECT_GT(body_of(take_answer(answers)).size(), 30'000u);
    EXPECT_EQ(body_of(answers), "OK\n");
  }
}

// Of what a client does not read no more than one large answer is made.
TEST(HttpSession, LargeAnswersAreNotMadeForWhoDoesNotReadTheFirst) {
  World world;
  world.files().add("/large", "large.txt", std::string(40'000, 'l'));
  const World::Wire wire = world.connect();
  world.peer(wire).window = 10'000;
  world.send(wire, get("/large") + get("/large") + get("/health"));
  EXPECT_EQ(world.gate().stats().requests[2].get(), 1u);
  world.backend().open_window(wire.socket, SIZE_MAX);
  world.work();
  EXPECT_EQ(world.gate().stats().requests[2].get(), 3u);
}

// What many have pipelined behind an answer that they now read all at once.
TEST(HttpSession, WaitingInputIsReadInTurns) {
  World world;
  world.files().add("/large", "large.txt", std::string(40'000, 'l'));
  constexpr size_t kClients = 50, kEach = 50;
  std::string requests;
  for (size_t i = 0; i < kEach; ++i) requests += get("/health");
  std::vector<World::Wire> wires;
  for (size_t i = 0; i < kClients; ++i) {
    wires.push_back(world.connect());
    world.peer(wires.back()).window = 10'000;
    world.send(wires.back(), get("/large") + requests);
  }
  const World::Wire other = world.connect();
  const auto& answered = world.gate().stats().requests[2];
  ASSERT_EQ(answered.get(), kClients);
  for (const World::Wire wire : wires) world.backend().open_window(wire.socket, SIZE_MAX);
  const uint64_t in_a_tick = (64 << 10) / get("/health").size() + kEach;
  world.reactor().tick(io::Nanoseconds(0));
  ASSERT_LE(answered.get(), kClients + in_a_tick);
  size_t waiting = 0;
  for (const World::Wire wire : wires) waiting += world.peer(wire).paused ? 1 : 0;
  EXPECT_GT(waiting, 0u) << "what they send would pile up behind what waits here";
  size_t ticks = 0;
  for (uint64_t others = 0; answered.get() - others < kClients * (1 + kEach); ++others) {
    world.send_unworked(other, get("/health"));
    const uint64_t before = answered.get();
    world.reactor().tick(io::Nanoseconds(0));
    ASSERT_EQ(body_of(world.take(other)), "OK\n") << "after " << ticks << " ticks";
    ASSERT_LE(answered.get() - before, 1 + in_a_tick) << "after " << ticks << " ticks";
    ASSERT_LT(++ticks, 10'000u);
  }
}

TEST(HttpSession, AnySplitGivesTheSameAnswers) {
  const std::string requests = post("/messages", R"({"room":"r","content":"x"})") + get("/health") + get("/nothing");
  for (size_t size : {1, 2, 7, 50}) {
    World world;
    const World::Wire wire = world.connect();
    for (size_t at = 0; at < requests.size(); at += size) world.send(wire, requests.substr(at, size));
    std::string answers = world.take(wire);
    EXPECT_EQ(status_of(take_answer(answers)), 200) << size;
    EXPECT_EQ(body_of(take_answer(answers)), "OK\n") << size;
    EXPECT_EQ(status_of(take_answer(answers)), 404) << size;
    EXPECT_EQ(answers, "") << size;
  }
}

TEST(HttpSession, WhatArrivesWhileAnAnswerIsOutstandingWaits) {
  World world({.cores = 2});
  const World::Wire wire = world.connect();
  world.send_unworked(wire, get("/rooms"));
  world.send_unworked(wire, get("/health"));
  world.send_unworked(wire, get("/users"));
  world.work();
  std::string answers = world.take(wire);
  EXPECT_THAT(body_of(take_answer(answers)), HasSubstr("rooms"));
  EXPECT_EQ(body_of(take_answer(answers)), "OK\n");
  EXPECT_THAT(body_of(take_answer(answers)), HasSubstr("users"));
}

TEST(HttpSession, AFinAfterTheRequestsStillGetsAllAnswers) {
  World world({.cores = 2});
  const World::Wire wire = world.connect();
  world.send_unworked(wire, get("/rooms") + get("/health"));
  world.end(wire);
  std::string answers = world.take(wire);
  EXPECT_THAT(body_of(take_answer(answers)), HasSubstr("rooms"));
  EXPECT_EQ(body_of(take_answer(answers)), "OK\n");
  EXPECT_TRUE(world.closed(wire));
}

TEST(HttpSession, AnIdleConnectionThatEndsIsClosed) {
  World world;
  const World::Wire wire = world.connect();
  world.end(wire);
  EXPECT_TRUE(world.closed(wire));
  const World::Wire reset = world.connect();
  world.end(reset, io::CloseReason::peer_reset);
  EXPECT_TRUE(world.peer(reset).closed);
}

TEST(HttpSession, ConnectionCloseAndOldVersionsEndTheConnection) {
  World world;
  const World::Wire asked = world.connect();
  EXPECT_EQ(header_of(world.ask(asked, get("/health", "Connection: close\r\n")), "Connection"), "close");
  EXPECT_TRUE(world.closed(asked));
  const World::Wire old = world.connect();
  EXPECT_EQ(status_of(world.ask(old, "GET /health HTTP/1.0\r\n\r\n")), 200);
  EXPECT_TRUE(world.closed(old));
}

TEST(HttpSession, ARequestMustBeCompleteInTime) {
  World world;
  const World::Wire slow = world.connect();
  world.send(slow, "GET /health HTTP/1.1\r\n");
  world.pass(9s);
  world.send(slow, "Host:");  // another byte gains nothing
  EXPECT_EQ(world.take(slow), "");
  world.pass(1100ms);
  EXPECT_EQ(status_of(world.take(slow)), 408);
  EXPECT_TRUE(world.closed(slow));
  const World::Wire silent = world.connect();
  world.pass(9900ms);
  EXPECT_FALSE(world.closed(silent));
  world.pass(200ms);
  EXPECT_TRUE(world.closed(silent));
  EXPECT_EQ(world.take(silent), "") << "who asked nothing gets nothing";
}

TEST(HttpSession, TheTimeOfARequestRunsFromItsFirstByte) {
  World world;
  const World::Wire wire = world.connect();
  world.ask(wire, get("/health"));
  world.pass(60s);
  world.send(wire, "GET /health HTTP/1.1\r\n");
  world.pass(9900ms);
  EXPECT_EQ(status_of(world.ask(wire, "Host: localhost\r\n\r\n")), 200);
  world.pass(74900ms);
  EXPECT_FALSE(world.closed(wire));
  world.pass(200ms);
  EXPECT_TRUE(world.closed(wire)) << "idle for longer than the keep-alive timeout";
}

TEST(HttpSession, AClientThatDoesNotReadItsAnswersIsNotReadFrom) {
  World world;
  world.files().add("/big", "big.txt", std::string(100'000, 'x'));
  const World::Wire wire = world.connect();
  world.peer(wire).window = 1000;
  std::string requests;
  for (int i = 0; i < 20; ++i) requests += get("/big");
  world.send(wire, requests);
  EXPECT_TRUE(world.peer(wire).paused);
  const uint64_t answered = world.gate().stats().requests[2].get();
  EXPECT_LE(answered, 2u) << "answers do not pile up";
  world.backend().open_window(wire.socket, SIZE_MAX);
  world.work();
  EXPECT_EQ(world.gate().stats().requests[2].get(), 20u);
  EXPECT_GT(world.take(wire).size(), 2'000'000u);
  EXPECT_FALSE(world.closed(wire));
}

TEST(HttpSession, RefusesBeforeTheBodyIsSent) {
  World world;
  const auto head = [](std::string_view target) {
    return "POST " + std::string(target) +
           " HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\nExpect: "
           "100-continue\r\n\r\n";
  };
  const World::Wire good = world.connect();
  EXPECT_THAT(world.ask(good, head("/messages")), HasSubstr("100 Continue"));
  const World::Wire wrong = world.connect();
  const std::string answer = world.ask(wrong, head("/nowhere"));
  EXPECT_EQ(status_of(answer), 404);
  EXPECT_TRUE(world.closed(wrong)) << "the body may or may not follow";
  const World::Wire method = world.connect();
  EXPECT_EQ(header_of(world.ask(method, head("/history")), "Allow"), "GET, HEAD, OPTIONS");
}

TEST(HttpSession, HeadHasNoBody) {
  World world;
  const World::Wire wire = world.connect();
  const std::string answer = world.ask(wire, "HEAD /health HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_EQ(header_of(answer, "Content-Length"), "3");
  EXPECT_EQ(body_of(answer), "");
}

TEST(HttpSession, ServesFilesWithTagAndPolicy) {
  World world;
  world.files().add("/index.html", "index.html", "<p>");
  const World::Wire wire = world.connect();
  const std::string answer = world.ask(wire, get("/"));
  EXPECT_EQ(body_of(answer), "<p>");
  EXPECT_THAT(header_of(answer, "Content-Security-Policy"), HasSubstr("default-src 'self'"));
  EXPECT_EQ(header_of(answer, "X-Content-Type-Options"), "nosniff");
  const std::string tag = header_of(answer, "ETag");
  const std::string unchanged = world.ask(wire, get("/", "If-None-Match: " + tag + "\r\n"));
  EXPECT_EQ(status_of(unchanged), 304);
  EXPECT_EQ(body_of(unchanged), "");
  EXPECT_EQ(header_of(unchanged, "ETag"), tag);
  EXPECT_EQ(status_of(world.ask(wire, get("/none"))), 404);
}

TEST(HttpAccess, PagesOfOtherHostsAreRefused) {
  World world;
  world.options().origins = {"https://chat.example"};
  const World::Wire wire = world.connect();
  EXPECT_EQ(status_of(world.ask(wire, get("/rooms", "Origin: http://evil.example\r\n"))), 403);
  EXPECT_EQ(status_of(world.ask(wire, get("/rooms", "Origin: http://localhost\r\n"))), 200);
  const std::string listed = world.ask(wire, get("/rooms", "Origin: https://chat.example\r\n"));
  EXPECT_EQ(header_of(listed, "Access-Control-Allow-Origin"), "https://chat.example");
  EXPECT_EQ(header_of(listed, "Vary"), "Origin");
  const std::string plain = world.ask(wire, get("/rooms"));
  EXPECT_EQ(header_of(plain, "Access-Control-Allow-Origin"), "") << "not left over from the request before";
  EXPECT_EQ(status_of(world.ask(wire, get("/health", "Origin: http://evil.example\r\n"))), 200);
  const std::string preflight =
      world.ask(wire, "OPTIONS /messages HTTP/1.1\r\nHost: localhost\r\nOrigin: https://chat.example\r\n\r\n");
  EXPECT_EQ(status_of(preflight), 204);
  EXPECT_EQ(header_of(preflight, "Access-Control-Allow-Methods"), "POST, OPTIONS");
  EXPECT_EQ(header_of(preflight, "Access-Control-Allow-Origin"), "https://chat.example");
}

TEST(HttpAccess, ServerCallsNeedTheKeyOnceThereIsOne) {
  World world;
  world.options().api_keys = {"first-key", "second-key"};
  const World::Wire wire = world.connect();
  const std::string refused = world.ask(wire, get("/rooms"));
  EXPECT_EQ(status_of(refused), 401);
  EXPECT_EQ(header_of(refused, "WWW-Authenticate"), "Bearer");
  for (const char* field :
       {"Authorization: Bearer second-key\r\n", "Authorization: bearer  first-key\r\n", "X-API-Key: first-key\r\n"}) {
    EXPECT_EQ(status_of(world.ask(wire, get("/rooms", field))), 200) << field;
  }
  for (const char* field : {"Authorization: Bearer third-key\r\n", "Authorization: Basic first-key\r\n",
                            "X-API-Key: first-ke\r\n", "X-API-Key: first-keyy\r\n", "Authorization: Bearer \r\n"}) {
    EXPECT_EQ(status_of(world.ask(wire, get("/rooms", field))), 401) << field;
  }
  for (const char* path : {"/stats", "/health", "/ready"})
    EXPECT_EQ(status_of(world.ask(wire, get(path))), 200) << path;
  world.options().status_open = false;
  for (const char* path : {"/stats", "/health", "/ready"})
    EXPECT_EQ(status_of(world.ask(wire, get(path))), 401) << path;
}

TEST(HttpAccess, TheAdminListenerNeedsNoKeyAndKeepsTheCallsToItself) {
  World world;
  world.options().api_keys = {"a-key"};
  world.options().admin_apart = true;
  const World::Wire outside = world.connect(0, "127.0.0.1:1", 0);
  const World::Wire inside = world.connect(0, "127.0.0.1:1", kAdminListener);
  EXPECT_EQ(status_of(world.ask(outside, get("/rooms", "X-API-Key: a-key\r\n"))), 404);
  EXPECT_EQ(status_of(world.ask(inside, get("/rooms"))), 200);
  EXPECT_EQ(status_of(world.ask(outside, get("/health"))), 200);
}

TEST(HttpLimits, ConnectionsInAll) {
  World world({.cores = 2});
  world.options().connections_max = 2;
  const World::Wire first = world.connect(0);
  const World::Wire second = world.connect(1);
  const World::Wire third = world.connect(0);
  EXPECT_EQ(status_of(world.ask(first, get("/rooms"))), 200);
  EXPECT_EQ(status_of(world.ask(second, get("/rooms"))), 200);
  EXPECT_EQ(status_of(world.ask(third, get("/health"))), 200) << "who looks after the server is always answered";
  const std::string full = world.ask(third, get("/rooms"));
  EXPECT_EQ(status_of(full), 503);
  EXPECT_NE(header_of(full, "Retry-After"), "");
  EXPECT_TRUE(world.closed(third));
  world.end(first);
  world.end(third);
  world.pass(6s);
  const World::Wire fourth = world.connect(1);
  EXPECT_EQ(status_of(world.ask(fourth, get("/rooms"))), 200);
}

TEST(HttpLimits, AStreamThatIsRefusedForNowIsNotifiedByAnEvent) {
  World world;
  world.options().connections_max = 1;
  world.connect();
  const World::Wire wire = world.connect();
  const std::string answer = world.ask(wire, get("/events?rooms=a", "Accept: text/event-stream\r\n"));
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_THAT(answer, HasSubstr("event: problem"));
  EXPECT_THAT(answer, HasSubstr("retry:"));
  EXPECT_TRUE(world.closed(wire));
  const World::Wire plain = world.connect();
  EXPECT_EQ(status_of(world.ask(plain, get("/events?rooms=a"))), 503);
}

TEST(HttpLimits, ConnectionsPerAddressOverAllCores) {
  World world({.cores = 2});
  world.options().limits.connections_max[static_cast<size_t>(access::Scope::address)] = 2;
  const auto status = [&](World::Wire wire) { return status_of(world.ask(wire, get("/rooms"))); };
  const World::Wire first = world.connect(0, "192.0.2.1:1");
  const World::Wire second = world.connect(1, "192.0.2.1:2");
  const World::Wire third = world.connect(1, "192.0.2.1:3");
  const World::Wire other = world.connect(1, "192.0.2.2:1");
  EXPECT_EQ(status(first), 200);
  EXPECT_EQ(status(second), 200);
  EXPECT_EQ(status(third), 429);
  EXPECT_EQ(status(other), 200);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(status(world.connect(0, "127.0.0.1:1")), 200) << "loopback has no limit";
  world.end(first, io::CloseReason::peer_reset);
  EXPECT_EQ(status(world.connect(0, "192.0.2.1:4")), 200);
  EXPECT_EQ(status(world.connect(0, "192.0.2.1:5")), 429);
  // One that goes before it has been read from does not keep its place.
  world.end(second, io::CloseReason::peer_reset);
  const World::Wire brief{0, world.backend(0).arrive("192.0.2.1:6", 0)};
  world.end(brief, io::CloseReason::peer_reset);
  EXPECT_EQ(status(world.connect(1, "192.0.2.1:7")), 200);
}

TEST(Drain, EachPhase) {
  World world;
  const World::Wire wire = world.connect();
  world.gate().drain(DrainPhase::unready);
  EXPECT_EQ(status_of(world.ask(wire, get("/ready"))), 503);
  EXPECT_EQ(status_of(world.ask(wire, get("/health"))), 200);
  EXPECT_EQ(status_of(world.ask(wire, post("/messages", R"({"content":"x"})"))), 200);
  EXPECT_TRUE(world.backend().listening());

  const World::Wire idle = world.connect();
  world.ask(idle, get("/health"));
  const World::Wire late = world.connect();
  world.gate().drain(DrainPhase::refusing);
  EXPECT_FALSE(world.backend().listening());
  const std::string refused = world.ask(wire, post("/messages", R"({"content":"x"})"));
  EXPECT_EQ(status_of(refused), 503);
  EXPECT_THAT(body_of(refused), HasSubstr("draining"));
  EXPECT_TRUE(world.closed(wire));
  EXPECT_FALSE(world.closed(idle));

  const std::string read = world.ask(late, get("/rooms"));
  EXPECT_EQ(status_of(read), 200);
  EXPECT_EQ(header_of(read, "Connection"), "close");

  world.gate().drain(DrainPhase::notifying);
  world.pass(10'200ms);
  EXPECT_TRUE(world.closed(idle));
  world.gate().drain(DrainPhase::unready);
  EXPECT_EQ(world.gate().drain_phase(), DrainPhase::notifying) << "there is no way back";
}

TEST(Drain, FinishingClosesWhatIsLeft) {
  World world;
  const World::Wire idle = world.connect();
  const World::Wire half = world.connect();
  world.send(half, "GET /health HT");
  world.gate().drain(DrainPhase::finishing);
  world.work();
  EXPECT_TRUE(world.peer(idle).closed);
  EXPECT_EQ(status_of(world.take(half)), 503);
  EXPECT_TRUE(world.closed(half));
}

TEST(Drain, AFirstRequestUnderWayIsAnswered) {
  WorldOptions options;
  options.sessions.drain_period = 100ms;
  options.sessions.close_timeout = 1000ms;
  World world(options);
  const World::Wire used = world.connect();
  const World::Wire fresh = world.connect();
  const World::Wire silent = world.connect();
  world.ask(used, get("/health"));
  world.gate().drain(DrainPhase::notifying);
  world.pass(300ms);
  EXPECT_TRUE(world.closed(used)) << "between two requests";
  EXPECT_FALSE(world.closed(fresh));
  const std::string refused = world.ask(fresh, get("/ws", "Upgrade: websocket\r\nConnection: Upgrade\r\n"));
  EXPECT_EQ(status_of(refused), 503);
  EXPECT_THAT(body_of(refused), HasSubstr("draining"));
  EXPECT_FALSE(header_of(refused, "Retry-After").empty());
  EXPECT_TRUE(world.closed(fresh));
  world.pass(1000ms);
  EXPECT_TRUE(world.closed(silent));
}

// Both a WebSocket and a stream whose joins another core has yet to answer.
TEST(Drain, WhoIsBeingLetInIsLetInThenNotified) {
  WorldOptions options;
  options.cores = 2;
  options.sessions.drain_period = 100ms;
  World world(options);
  // A room at the other core, whatever the hash.
  std::string room = "r";
  while (world.gate().hub().owner_of("\n" + room) != 1) room += 'r';
  const World::Wire socket = world.connect();
  const World::Wire stream = world.connect();
  world.send_unworked(socket, get("/ws?user=a&rooms=" + room,
                                  "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
  world.send_unworked(stream, get("/events?rooms=" + room, "Accept: text/event-stream\r\n"));
  world.pass_alone(0, 50ms);
  world.gate().drain(DrainPhase::notifying);
  world.pass_alone(0, 500ms);
  EXPECT_EQ(world.take(socket) + world.take(stream), "");
  EXPECT_FALSE(world.closed(socket));
  world.work();
  const std::string answer = world.take(socket);
  EXPECT_EQ(status_of(answer), 101);
  const size_t hello = answer.find("connection_id"), reconnect = answer.find("\"reconnect\"");
  EXPECT_LT(hello, reconnect);
  EXPECT_LT(reconnect, answer.find("\x03\xe9")) << "1001";
  EXPECT_NE(answer.find("\x03\xe9"), std::string::npos);
  const std::string events = world.take(stream);
  EXPECT_EQ(status_of(events), 200);
  EXPECT_LT(events.find("event: connection_id"), events.find("event: reconnect"));
  EXPECT_TRUE(events.ends_with("0\r\n\r\n"));
  EXPECT_TRUE(world.closed(stream));
}

TEST(Drain, TheAdminPortGoesLast) {
  WorldOptions options;
  options.sessions.drain_period = 100ms;
  World world(options);
  const World::Wire client = world.connect();
  const World::Wire admin = world.connect(0, "127.0.0.1:2", kAdminListener);
  EXPECT_EQ(world.gate().admin_connections(), 1u);
  world.ask(client, get("/health"));
  for (const DrainPhase phase : {DrainPhase::refusing, DrainPhase::notifying, DrainPhase::finishing}) {
    world.gate().drain(phase);
    world.pass(300ms);
    EXPECT_FALSE(world.backend().listening());
    EXPECT_TRUE(world.backend().admin_listening());
    EXPECT_EQ(status_of(world.ask(admin, get("/ready"))), 503);
    const std::string metrics = world.ask(admin, get("/metrics"));
    EXPECT_EQ(status_of(metrics), 200);
    EXPECT_THAT(metrics, HasSubstr("ringcast_draining " + std::to_string(static_cast<int>(phase))));
    EXPECT_NE(header_of(metrics, "Connection"), "close");
  }
  EXPECT_TRUE(world.closed(client));
  world.gate().drain(DrainPhase::admin);
  world.work();
  EXPECT_FALSE(world.backend().admin_listening());
  EXPECT_TRUE(world.closed(admin));
  world.end(admin);
  EXPECT_EQ(world.gate().admin_connections(), 0u);
}

}  // namespace
}  // namespace ringcast::session
