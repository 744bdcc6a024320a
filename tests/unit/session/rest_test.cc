// SPDX-License-Identifier: Apache-2.0
// The REST calls: what they publish, ask and answer. The integration tests play PROTOCOL.md's rows; here are the edges
// that need cores, credit or a body of a certain kind.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "gate_harness.h"

namespace ringcast::session {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(RestMessages, EveryTargetAnswersInItsPlace) {
  World world({.cores = 2});
  const World::Wire wire = world.connect();
  const std::string answer = body_of(world.ask(wire, post("/messages", R"([
      {"room":"a","content":"1"},
      {"rooms":["b","c"],"content":"2"},
      {"to":"alice","data":{"n":3}},
      {"users":["bob","carol"],"content":"4"},
      {"broadcast":true,"content":"5"},
      {"to_connection":"00000000000000000000000000000000","content":"6"}])")));
  EXPECT_EQ(count(answer, R"("status":"sent")"), 6u + 4u) << answer;
  EXPECT_LT(answer.find(R"("room":"b")"), answer.find(R"("room":"c")"));
  EXPECT_LT(answer.find(R"("user":"bob")"), answer.find(R"("user":"carol")"));
  EXPECT_EQ(count(answer, "event_id"), 7u) << "to_connection has none";
  const std::string inbox = body_of(world.ask(wire, get("/history?room=%40alice")));
  EXPECT_THAT(inbox, HasSubstr(R"("event_type":"direct")"));
  EXPECT_THAT(inbox, HasSubstr(R"("data":{"n":3})"));
}

TEST(RestMessages, NothingOfABadBatchIsPublished) {
  World world;
  const World::Wire wire = world.connect();
  const std::string answer =
      world.ask(wire, post("/messages", R"([{"room":"a","content":"1"},{"room":"@","content":"2"}])"));
  EXPECT_EQ(status_of(answer), 400);
  EXPECT_THAT(body_of(answer), HasSubstr("item 1"));
  EXPECT_THAT(body_of(world.ask(wire, get("/history?room=a"))), HasSubstr(R"("messages":[])"));
}

TEST(RestMessages, ABatchBeyondTheCreditIsPublishedInOrder) {
  // Two publishes may be under way at once: the batch waits for credit and goes on several times over.
  World world({.cores = 2, .credit_publishes = 2});
  const World::Wire wire = world.connect();
  std::string batch = "[";
  for (int i = 0; i < 40; ++i) {
    if (i != 0) batch += ',';
    batch += R"({"room":"r)" + std::to_string(i % 3) + R"(","content":")" + std::to_string(i) + R"("})";
  }
  std::string answers = world.ask(wire, post("/messages", batch + "]") + get("/health"));
  const std::string answer = take_answer(answers);
  EXPECT_EQ(count(answer, R"("status":"sent")"), 40u);
  EXPECT_EQ(body_of(take_answer(answers)), "OK\n") << "what was pipelined behind it waited";
  EXPECT_GT(world.gate().stats().stalls.get(), 0u);
  const std::string history = body_of(world.ask(wire, get("/history?room=r0&limit=100")));
  size_t last = 0;
  for (int i = 0; i < 40; i += 3) {
    const size_t at = history.find(R"("content":")" + std::to_string(i) + '"');
    ASSERT_NE(at, std::string::npos) << i;
    EXPECT_GT(at, last) << i;
    last = at;
  }
}

TEST(RestMessages, PublishersThatWaitForCreditAreServedInTurn) {
  World world({.cores = 2, .credit_publishes = 1});
  std::vector<World::Wire> wires;
  for (int i = 0; i < 8; ++i) wires.push_back(world.connect());
  for (size_t i = 0; i < wires.size(); ++i) {
    world.send_unworked(wires[i], post("/messages", R"({"room":"r","content":")" + std::to_string(i) + R"("})"));
  }
  world.work();
  for (const World::Wire wire : wires) EXPECT_EQ(status_of(world.take(wire)), 200);
  const std::string history = body_of(world.ask(wires[0], get("/history?room=r")));
  for (size_t i = 1; i < wires.size(); ++i) {
    EXPECT_LT(history.find(R"("content":")" + std::to_string(i - 1)),
              history.find(R"("content":")" + std::to_string(i)));
  }
}

TEST(RestMessages, AClientThatGoesWhileItWaitsForCreditIsForgotten) {
  World world({.cores = 2, .credit_publishes = 1});
  const World::Wire first = world.connect();
  const World::Wire second = world.connect();
  const World::Wire third = world.connect();
  for (const World::Wire wire : {first, second, third}) {
    world.send_unworked(wire, post("/messages", R"([{"content":"1"},{"content":"2"},{"content":"3"}])"));
  }
  world.end(second, io::CloseReason::peer_reset);
  EXPECT_EQ(status_of(world.take(first)), 200);
  EXPECT_EQ(status_of(world.take(third)), 200);
  EXPECT_TRUE(world.peer(second).closed);
}

// Of what many have pipelined each tick reads a part; meanwhile nothing is added to what the others have waiting.
TEST(RestMessages, WhoseInputWaitsForItsTurnIsNotReadFrom) {
  World world;
  std::vector<World::Wire> wires;
  for (int i = 0; i < 12; ++i) wires.push_back(world.connect());
  std::string input = post("/messages", R"({"room":"r","content":"x"})");
  size_t requests = 1;
  for (; input.size() < 20'000; ++requests) input += get("/health");
  for (const World::Wire wire : wires) world.send_unworked(wire, input);
  int waiting = 0;
  for (int round = 0; round < 30; ++round) {
    for (const World::Wire wire : wires) world.send_unworked(wire, get("/health"));
    ++requests;
    world.pass_alone(0, 1ms);
    for (size_t i = 0; i < wires.size(); ++i) {
      const Client* const client = world.gate().find({static_cast<uint32_t>(i), 1});
      ASSERT_NE(client, nullptr);
      if (!client->has_buffered_input) continue;
      ++waiting;
      EXPECT_TRUE(world.peer(wires[i]).paused) << i;
    }
  }
  EXPECT_GT(waiting, 0);
  world.work();
  for (const World::Wire wire : wires) {
    const std::string answers = world.take(wire);
    size_t count = 0;
    for (size_t found = 0; (found = answers.find("HTTP/1.1 200", found)) != std::string::npos; ++found) ++count;
    EXPECT_EQ(count, requests);
  }
}

// Closing one does not look through all that wait, and those that have closed do not pile up among them.
TEST(RestMessages, ClientsThatGoWhileTheyWaitForCreditLeaveNothing) {
  World world({.cores = 2, .credit_publishes = 1});
  std::string room;
  for (int i = 0; room.empty() || world.gate().hub().owner_of(hub::channel_key("", room)) != 1; ++i) {
    room = "r" + std::to_string(i);
  }
  std::vector<World::Wire> wires;
  for (int i = 0; i < 80; ++i) wires.push_back(world.connect());
  for (const World::Wire wire : wires) {
    world.send_unworked(wire, post("/messages", R"({"room":")" + room + R"(","content":"x"})"));
  }
  for (int i = 0; i < 20; ++i) world.pass_alone(0, 50ms);
  EXPECT_EQ(world.gate().stall_entries(), wires.size() - 1) << "the first one took the credit";
  for (size_t i = 1; i + 1 < wires.size(); ++i) {
    Client* const client = world.gate().find({static_cast<uint32_t>(i), 1});
    ASSERT_NE(client, nullptr);
    world.gate().close_now(*client, reactor::CloseCause::kicked);
    world.pass_alone(0, 50ms);
    ASSERT_EQ(world.gate().stall_entries(), wires.size() - 1 - i) << i;
  }
  world.work();
  EXPECT_EQ(world.gate().stall_entries(), 0u);
  EXPECT_EQ(status_of(world.take(wires.front())), 200);
  EXPECT_EQ(status_of(world.take(wires.back())), 200);
}

TEST(RestMessages, OnlyJsonIsTaken) {
  World world;
  const World::Wire wire = world.connect();
  const auto send = [&](std::string_view type) {
    std::string request = "POST /messages HTTP/1.1\r\nHost: localhost\r\n";
    if (!type.empty()) request += "Content-Type: " + std::string(type) + "\r\n";
    return status_of(world.ask(wire, request + "Content-Length: 15\r\n\r\n{\"content\":\"x\"}"));
  };
  for (const char* type : {"application/json", "Application/JSON; charset=utf-8", "application/ld+json"}) {
    EXPECT_EQ(send(type), 200) << type;
  }
  for (const char* type : {"", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "+json"}) {
    EXPECT_EQ(send(type), 415) << type;
  }
}

TEST(RestMessages, SizeLimitAtItsEdge) {
  World world;
  world.options().message_max = 10;
  const World::Wire wire = world.connect();
  EXPECT_EQ(status_of(world.ask(wire, post("/messages", R"({"content":"1234567890"})"))), 200);
  EXPECT_EQ(status_of(world.ask(wire, post("/messages", R"({"content":"12345678901"})"))), 413);
}

TEST(RestRooms, NamesInPathsAndQueries) {
  World world;
  const World::Wire wire = world.connect();
  world.ask(wire, post("/messages", R"({"room":"a/b c","content":"x"})"));
  for (const char* target : {"/rooms/a%2Fb%20c/history", "/rooms/a/b%20c/history", "/history?room=a%2Fb%20c",
                             "/history?room=a/b+c", "/history?topic=a/b+c"}) {
    EXPECT_THAT(body_of(world.ask(wire, get(target))), HasSubstr(R"("content":"x")")) << target;
  }
  EXPECT_EQ(status_of(world.ask(wire, get("/history"))), 400);
  EXPECT_EQ(status_of(world.ask(wire, get("/rooms/%zz/history"))), 400);
  EXPECT_EQ(status_of(world.ask(wire, get("/rooms/%00/members"))), 400);
  EXPECT_EQ(status_of(world.ask(wire, get("/rooms?limit=0"))), 400);
  EXPECT_EQ(status_of(world.ask(wire, get("/rooms?limit=1001"))), 400);
  EXPECT_EQ(status_of(world.ask(wire, get("/rooms?limit=1000"))), 200);
}

// RFC 3986 section 6.2.2.2: an escaped letter is that letter, in the path of a call as in a name.
TEST(RestRooms, EscapedLettersInPathsAreLetters) {
  World world;
  const World::Wire wire = world.connect();
  world.ask(wire, post("/%6dess%61ges", R"({"room":"a/b-c","content":"x"})"));
  for (const char* path : {"/rooms/a%2Fb-c/history", "/r%6Foms/%61%2fb%2Dc/h%69story", "/%72%6F%6F%6D%73/a/b-c/history",
                           "/history?room=a/b-c", "/%68istory?%72oom=a%2Fb-c"}) {
    EXPECT_THAT(body_of(world.ask(wire, get(path))), HasSubstr(R"("room":"a/b-c")")) << path;
  }
  EXPECT_EQ(status_of(world.ask(wire, get("/rooms%2Fa%2Fhistory"))), 404) << "an escaped slash is no slash";
  EXPECT_EQ(status_of(world.ask(wire, get("/he%61lth"))), 200);
  EXPECT_EQ(status_of(world.ask(wire, get("/h%zzalth"))), 400);
  EXPECT_EQ(header_of(world.ask(wire, post("/%68istory", "{}")), "Allow"), "GET, HEAD, OPTIONS");
}

TEST(RestRooms, WhatIsNotThereIs404) {
  World world;
  const World::Wire wire = world.connect();
  const auto status = [&](std::string_view method, std::string_view target) {
    return status_of(world.ask(wire, std::string(method) + ' ' + std::string(target) +
                                         " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"));
  };
  EXPECT_EQ(status("DELETE", "/rooms/none"), 404);
  EXPECT_EQ(status("POST", "/rooms/none/close"), 404);
  EXPECT_EQ(status("DELETE", "/rooms/none/members/bob"), 404);
  EXPECT_EQ(status("DELETE", "/connections/00000000000000000000000000000000"), 404);
  EXPECT_EQ(status("DELETE", "/users/bob/connections"), 200);
  std::string name;
  hub::Address gone;
  gone.core = 0;
  gone.connection = {50, 1};
  world.gate().append_name(name, gone);
  EXPECT_EQ(status("DELETE", "/connections/" + name), 404) << "a true name of somebody who is gone";
}

TEST(RestRooms, TenantsDoNotSeeEachOther) {
  World world;
  const World::Wire wire = world.connect();
  world.ask(wire, post("/messages?tenant=red", R"({"room":"r","content":"x"})"));
  EXPECT_THAT(body_of(world.ask(wire, get("/rooms?tenant=red"))), HasSubstr(R"("room":"r")"));
  EXPECT_THAT(body_of(world.ask(wire, get("/rooms?tenant=blue"))), HasSubstr(R"("rooms":[])"));
  EXPECT_THAT(body_of(world.ask(wire, get("/rooms"))), HasSubstr(R"("rooms":[])"));
  EXPECT_EQ(status_of(world.ask(wire, get("/rooms?tenant=a%20b"))), 400);
  world.options().tenants = false;
  EXPECT_THAT(body_of(world.ask(wire, get("/rooms?tenant=red"))), HasSubstr(R"("rooms":[])"));
}

TEST(RestStats, CountsAndNextId) {
  World world({.cores = 2});
  const World::Wire wire = world.connect();
  const std::string sent = body_of(world.ask(wire, post("/messages", R"({"content":"x"})")));
  const size_t at = sent.find(R"("event_id":)") + 11;
  const uint64_t id = std::stoull(sent.substr(at));
  const std::string stats = body_of(world.ask(wire, get("/stats")));
  EXPECT_THAT(stats, HasSubstr(R"("next_event_id":)" + std::to_string(id + 1) + ','));
  EXPECT_THAT(stats, HasSubstr(R"("rooms":{})"));
  EXPECT_THAT(stats, HasSubstr(R"("occupied_rooms":0)"));
  EXPECT_THAT(stats, HasSubstr(R"("buffered_events":1)"));
  EXPECT_THAT(stats, HasSubstr(R"("total_clients":0)"));
  EXPECT_EQ(count(stats, R"("core":)"), 2u);
}

TEST(RestStats, RoomNamesAreEscapedAsKeys) {
  World world;
  world.ask(world.connect(), get("/events?rooms=a%22b%5C"));
  EXPECT_THAT(body_of(world.ask(world.connect(), get("/stats"))), HasSubstr(R"("rooms":{"a\"b\\":1})"));
}

TEST(RestStats, TheRoomsWithTheMostMembersAreNamed) {
  World world({.cores = 2});
  world.options().stats_rooms_max = 2;
  for (const char* rooms : {"quiet", "busy", "busy", "busiest", "busiest", "busiest"}) {
    world.ask(world.connect(), get("/events?rooms=" + std::string(rooms)));
  }
  const std::string stats = body_of(world.ask(world.connect(), get("/stats")));
  EXPECT_THAT(stats, HasSubstr(R"("rooms":{"busiest":3,"busy":2},)"));
  EXPECT_THAT(stats, HasSubstr(R"("occupied_rooms":3)"));
}

// Counters are for everybody, names of rooms are not.
TEST(RestStats, WhoSeesTheNamesOfRooms) {
  struct Case {
    const char* what;
    bool keys;
    const char* address;
    uint16_t listener;
    const char* target;
    const char* fields;
    bool sees;
  };
  constexpr const char *kLocal = "127.0.0.1:1", *kLocal6 = "[::1]:1", *kFar = "192.0.2.1:1";
  constexpr const char *kKey = "X-API-Key: whole-key\r\n", *kWrong = "X-API-Key: wrong-key\r\n";
  const Case cases[] = {
      {"no keys, loopback", false, kLocal, 0, "/stats", "", true},
      {"no keys, loopback of IPv6", false, kLocal6, 0, "/stats", "", true},
      {"no keys, from elsewhere", false, kFar, 0, "/stats", "", false},
      {"no keys, loopback, another site's page", false, kLocal, 0, "/stats", "Origin: https://evil.test\r\n", false},
      {"keys, none given", true, kLocal, 0, "/stats", "", false},
      {"keys, a wrong one given", true, kLocal, 0, "/stats", kWrong, false},
      {"keys, given", true, kFar, 0, "/stats", kKey, true},
      {"keys, given as bearer", true, kFar, 0, "/stats", "Authorization: Bearer whole-key\r\n", true},
      {"the admin port", true, kFar, kAdminListener, "/stats", "", true},
      {"the stream, no keys, loopback", false, kLocal, 0, "/stats/stream", "", true},
      {"the stream, no keys, from elsewhere", false, kFar, 0, "/stats/stream", "", false},
      {"the stream, keys, given", true, kFar, 0, "/stats/stream", kKey, true},
      {"the stream, the admin port", true, kFar, kAdminListener, "/stats/stream", "", true},
  };
  for (const Case& at : cases) {
    World world;
    world.ask(world.connect(), get("/events?rooms=order-4711"));
    if (at.keys) world.options().api_keys = {"whole-key"};
    const std::string answer = world.ask(world.connect(0, at.address, at.listener), get(at.target, at.fields));
    EXPECT_EQ(status_of(answer), 200) << at.what;
    EXPECT_THAT(answer, HasSubstr(R"("occupied_rooms":1)")) << at.what;
    EXPECT_THAT(answer, HasSubstr(at.sees ? R"("rooms":{"order-4711":1})" : R"("rooms":{})")) << at.what;
  }
}

TEST(RestStats, ARequestIsOneOfTheLimits) {
  World world;
  world.options().limits.rate(access::Scope::address, access::Charge::messages) = {
      .amount = 1, .period = 1s, .burst = 1s};
  const World::Wire wire = world.connect(0, "192.0.2.1:1");
  EXPECT_EQ(status_of(world.ask(wire, get("/stats"))), 200);
  EXPECT_EQ(status_of(world.ask(wire, get("/stats"))), 429);
  EXPECT_EQ(status_of(world.ask(wire, get("/health"))), 200);
}

TEST(Metrics, TheEngineIsNamedWithTheReason) {
  World world;
  const World::Wire wire = world.connect();
  EXPECT_THAT(world.ask(wire, get("/stats")), Not(HasSubstr("io_fallback")));
  world.shared().engines = {{"epoll", "a \"quoted\" reason\\"}};
  EXPECT_THAT(
      world.ask(wire, get("/metrics")),
      HasSubstr("\nringcast_engine_info{core=\"0\",io=\"epoll\",fallback=\"a \\\"quoted\\\" reason\\\\\"} 1\n"));
  EXPECT_THAT(world.ask(wire, get("/stats")), HasSubstr("\"io_fallback\":\"a \\\"quoted\\\" reason\\\\\""));
}

TEST(Metrics, AStreamIsCountedWithItsEndAndItsLength) {
  World world;
  const World::Wire stream = world.connect();
  world.ask(stream, get("/events?rooms=a"));
  world.pass(3s);
  world.end(stream, io::CloseReason::peer_reset);
  const World::Wire returning = world.connect();
  world.ask(returning, get("/events?rooms=a&last_event_id=1"));
  const std::string text = world.ask(world.connect(), get("/metrics"));
  for (const char* line : {"client_seconds_bucket{core=\"0\",transport=\"sse\",le=\"1.6\"} 0",
                           "client_seconds_sum{core=\"0\",transport=\"sse\"} 3",
                           "client_seconds_bucket{core=\"0\",transport=\"sse\",le=\"3.2\"} 1",
                           "client_seconds_count{core=\"0\",transport=\"sse\"} 1",
                           "clients_closed_total{core=\"0\",transport=\"sse\",reason=\"peer_reset\"} 1",
                           "clients_closed_total{core=\"0\",transport=\"sse\",reason=\"peer_closed\"} 0",
                           "clients{core=\"0\",transport=\"sse\"} 1", "reconnects_total{core=\"0\"} 1"}) {
    EXPECT_THAT(text, HasSubstr("\nringcast_" + std::string(line) + '\n'));
  }
}

TEST(Metrics, EveryFamilyIsDescribedOnceAndHasSamples) {
  World world({.cores = 2});
  world.shared().engines.assign(2, {"uring", "", "multishot_accept,inline_sends"});
  const World::Wire wire = world.connect();
  const std::string answer = world.ask(wire, get("/metrics"));
  EXPECT_THAT(header_of(answer, "Content-Type"), HasSubstr("version=0.0.4"));
  std::string text = body_of(answer);
  std::set<std::string> families;
  std::string family;
  size_t samples = 1;
  bool histogram = false;
  for (size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
    const std::string line = text.substr(0, end);
    text.erase(0, end + 1);
    if (line.starts_with("# HELP ")) {
      EXPECT_GT(samples, 0u) << family;
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(families.insert(family).second) << family << " twice";
      samples = 0;
    } else if (line.starts_with("# TYPE ")) {
      EXPECT_TRUE(line.starts_with("# TYPE " + family + ' ')) << line;
      const bool counter = line.ends_with(" counter") || line.ends_with(" untyped");  // names that others gave
      histogram = line.ends_with(" histogram");
      EXPECT_EQ(counter, family.ends_with("_total")) << line;
    } else {
      std::string name = line.substr(0, line.find_first_of("{ "));
      if (histogram) {
        const std::string part = name.substr(std::min(name.size(), family.size()));
        EXPECT_TRUE(part == "_bucket" || part == "_count" || part == "_sum") << line;
        name.resize(family.size());
      }
      EXPECT_EQ(name, family) << line;
      ++samples;
    }
  }
  EXPECT_EQ(text, "") << "ends with a line end";
  EXPECT_GT(families.size(), 30u);
}

}  // namespace
}  // namespace ringcast::session
