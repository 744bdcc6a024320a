// SPDX-License-Identifier: Apache-2.0
// Where a request ends is decided by its length fields alone (RFC 9112 section 6.3): not by its method, nor by how it
// is answered. A body that is not read to its end means that the connection closes.

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "gate_harness.h"

namespace ringcast::session {
namespace {

using Pieces = std::vector<std::string>;

constexpr std::string_view kMethods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"};

enum class Body { none, sized, chunked, chunked_with_trailer };

// The body is itself a request: its answer would say "smuggled".
std::string request(std::string_view method, std::string_view target, std::string_view fields, Body body) {
  const std::string inner = get("/inner");
  std::string text = std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n";
  text += fields;
  if (body == Body::none) return text + "\r\n";
  if (body == Body::sized) return text + "Content-Length: " + std::to_string(inner.size()) + "\r\n\r\n" + inner;
  char size[8];
  std::snprintf(size, sizeof size, "%zx", inner.size());
  text += "Transfer-Encoding: chunked\r\n\r\n" + std::string(size) + "\r\n" + inner + "\r\n0\r\n";
  return text + (body == Body::chunked ? "\r\n" : "X-Inner: a\r\n\r\n");
}

struct Situation {
  std::string_view name;
  std::string_view target;
  std::string_view fields = {};
  void (*prepare)(World&) = nullptr;
};

const Situation kSituations[] = {
    {"served", "/health"},
    {"a file", "/"},
    {"bad query", "/health?a=%zz"},
    {"bad path", "/%zz"},
    {"not found", "/nothing"},
    {"method not allowed", "/messages"},
    {"a call of servers", "/rooms"},
    {"a call with a name", "/rooms/a"},
    {"bad argument", "/history?room=a&limit=x"},
    {"messages that are not JSON", "/messages", "Content-Type: application/json\r\n"},
    {"an upgrade without its fields", "/ws"},
    {"a bad upgrade", "/ws", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 12\r\n"},
    {"a poll that names no room", "/poll"},
    {"a poll", "/poll?rooms=a"},
    {"a stream with a bad name", "/events?rooms=,"},
    {"100-continue", "/nothing", "Expect: 100-continue\r\n"},
    {"100-continue, served", "/health", "Expect: 100-continue\r\n"},
    {"an expectation that cannot be met", "/health", "Expect: 200-ok\r\n"},
    {"a bad field", "/health", "a b: c\r\n"},
    {"a preflight", "/messages", "Origin: https://chat.example\r\nAccess-Control-Request-Method: POST\r\n",
     [](World& world) { world.options().origins = {"https://chat.example"}; }},
    {"a page of another host", "/rooms", "Origin: https://other.example\r\n"},
    {"another host", "/rooms", {}, [](World& world) { world.options().hosts = {"chat.example"}; }},
    {"no key", "/rooms", {}, [](World& world) { world.options().api_keys = {"key"}; }},
    {"the admin's port only", "/rooms", {}, [](World& world) { world.options().admin_apart = true; }},
    {"body too large", "/health", {}, [](World& world) { world.options().body_max = 10; }},
    {"draining", "/poll?rooms=a", {}, [](World& world) { world.gate().drain(DrainPhase::refusing); }},
    {"full",
     "/rooms",
     {},
     [](World& world) {
       world.options().connections_max = 1;
       world.connect();
     }},
    {"full, for a stream", "/events?rooms=a", "Accept: text/event-stream\r\n",
     [](World& world) {
       world.options().connections_max = 1;
       world.connect();
     }},
};

struct Outcome {
  std::string received;
  bool closed = false;
};

Outcome run(const Situation& situation, const Pieces& pieces) {
  World world;
  world.files().add("/index.html", "index.html", "page");
  world.files().add("/inner", "inner.txt", "smuggled");
  world.files().add("/next", "next.txt", "the next answer");
  // Before the connection is made: listeners close when draining begins, connections that are there stay.
  const bool drains = situation.name == "draining";
  if (situation.prepare != nullptr && !drains) situation.prepare(world);
  const World::Wire wire = world.connect();
  if (drains) situation.prepare(world);
  for (const std::string& piece : pieces) world.send(wire, piece);
  return {world.take(wire), world.closed(wire)};
}

Pieces cut_every(size_t size, std::string_view text) {
  Pieces pieces;
  for (size_t at = 0; at < text.size(); at += size) pieces.emplace_back(text.substr(at, size));
  return pieces;
}

TEST(Framing, ABodyIsNeverReadAsARequest) {
  for (const Situation& situation : kSituations) {
    for (const std::string_view method : kMethods) {
      for (const Body body : {Body::none, Body::sized, Body::chunked, Body::chunked_with_trailer}) {
        const std::string first = request(method, situation.target, situation.fields, body);
        const std::string second = get("/next", "Host-Of: nobody\r\n");
        const size_t head = first.find("\r\n\r\n") + 4;
        const Outcome whole = run(situation, {first + second});
        const std::string what = std::string(situation.name) + ": " + first + "\n-> " + whole.received;
        EXPECT_EQ(count(whole.received, "smuggled"), 0u) << what;
        // What follows is answered unless the first answer said "close", and nothing is answered after it did.
        std::string_view answers = whole.received;
        if (answers.starts_with("HTTP/1.1 100 ")) answers.remove_prefix(answers.find("\r\n\r\n") + 4);
        const bool last = header_of(answers, "Connection") == "close";
        EXPECT_EQ(count(answers, "HTTP/1.1 "), last ? 1u : 2u) << what;
        EXPECT_TRUE(whole.closed || !last) << what;
        if (method == "HEAD") {
          const std::string_view behind = answers.substr(answers.find("\r\n\r\n") + 4);
          EXPECT_TRUE(behind.empty() || behind.starts_with("HTTP/1.1 ")) << what;
        }
        const Pieces cuts[] = {{first, second},
                               {first.substr(0, head), first.substr(head) + second},
                               {first.substr(0, first.size() - 1), first.substr(first.size() - 1) + second},
                               cut_every(13, first + second)};
        for (const Pieces& pieces : cuts) {
          const Outcome cut = run(situation, pieces);
          EXPECT_EQ(cut.received, whole.received) << what << "\nin " << pieces.size() << " pieces";
          EXPECT_EQ(cut.closed, whole.closed) << what << "\nin " << pieces.size() << " pieces";
        }
      }
    }
  }
}

// An answer that says "nothing to come" (204) keeps the connection: what came behind the request is the next one.
TEST(Framing, WhatFollowsAStreamThatDidNotOpenIsTheNextRequest) {
  World world;
  world.files().add("/next", "next.txt", "the next answer");
  const World::Wire publisher = world.connect();
  const std::string sent = world.ask(publisher, post("/messages", R"({"room":"r","content":"last","final":true})"));
  const std::string id = sent.substr(sent.find("\"event_id\":") + 11, 16);
  const std::string stream = get("/events?rooms=r&last_event_id=" + id);
  const std::string next = get("/next");
  for (size_t cut = 0; cut <= next.size(); ++cut) {
    const World::Wire wire = world.connect();
    world.send_unworked(wire, stream + next.substr(0, cut));
    world.send(wire, next.substr(cut));
    const std::string answers = world.take(wire);
    EXPECT_EQ(status_of(answers), 204) << answers;
    EXPECT_EQ(count(answers, "the next answer"), 1u) << cut << "\n" << answers;
    EXPECT_FALSE(world.closed(wire));
  }
}

}  // namespace
}  // namespace ringcast::session
