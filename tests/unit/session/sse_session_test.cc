// SPDX-License-Identifier: Apache-2.0
// SSE streams over a core without a kernel: cursors, the seam of their opening, their ends.
#include "transport/sse/sse_session.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "codec/sse/sse_parser.h"
#include "lone_core.h"

namespace ringcast::session {
namespace {

using namespace std::chrono_literals;

// The body behind the chunks' headers; a stream that ended says so.
std::string unchunked(std::string_view chunks, bool& ended) {
  std::string body;
  while (!chunks.empty()) {
    const size_t size = std::stoul(std::string(chunks.substr(0, chunks.find("\r\n"))), nullptr, 16);
    chunks.remove_prefix(chunks.find("\r\n") + 2);
    if (size == 0) {
      ended = true;
      return body;
    }
    body += chunks.substr(0, size);
    chunks.remove_prefix(size + 2);
  }
  return body;
}

class StreamPeer : public Peer {
 public:
  struct Event {
    std::string type, data, id;
  };

  StreamPeer(LoneCore& core, std::string_view target, std::string_view fields = {}, std::string_view version = "1.1")
      : Peer(core), chunked_(version == "1.1") {
    send("GET " + std::string(target) + " HTTP/" + std::string(version) +
         "\r\nHost: test\r\nAccept: text/event-stream\r\n" + std::string(fields) + "\r\n");
    std::string answer = take();
    const size_t end = answer.find("\r\n\r\n");
    head = answer.substr(0, end);
    socket().sent = answer.substr(end + 4);
  }

  std::vector<Event> events() {
    const std::string bytes = take();
    const std::string body = chunked_ ? unchunked(bytes, ended) : bytes;
    std::string_view rest = body;
    std::vector<Event> events;
    while (parser_.next(rest) == codec::SseParser::Status::event) {
      const codec::SseEvent& event = parser_.event();
      events.push_back({std::string(event.type), std::string(event.data), std::string(event.last_event_id)});
    }
    return events;
  }
  std::vector<std::string> types() {
    std::vector<std::string> types;
    for (const Event& event : events()) types.push_back(event.type);
    return types;
  }
  std::string last_event_id() const { return std::string(parser_.last_event_id()); }
  uint64_t comments() const { return parser_.comments(); }

  std::string head;
  bool ended = false;

 private:
  bool chunked_;
  codec::SseParser parser_;
};

using Types = std::vector<std::string>;

void publish(LoneCore& core, std::string_view key, std::string_view payload, bool final = false) {
  core.hub().publish({.key = key, .user = "s", .payload = payload, .final = final});
  core.tick();
}

LoneCore::Setup small_ids() {
  LoneCore::Setup setup;
  setup.room.first_id = 1;
  return setup;
}

TEST(SseSession, TheFirstEventCarriesTheCursor) {
  LoneCore core(small_ids());
  publish(core, "\nroom", "\"before\"");
  StreamPeer peer(core, "/events?rooms=room&user=a");
  EXPECT_EQ(peer.head.substr(0, 15), "HTTP/1.1 200 OK");
  auto events = peer.events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].type, "connection_id");
  EXPECT_EQ(events[0].id, "1");
  publish(core, "\nroom", "\"after\"");
  events = peer.events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].id, "2");
}

class SseVersions : public ::testing::TestWithParam<const char*> {};

// Whatever the moment at which a stream over several rooms is cut, its last event id gets exactly the rest.
TEST_P(SseVersions, AStreamOverSeveralRoomsResumesEverywhere) {
  LoneCore core(small_ids());
  StreamPeer whole(core, "/events?rooms=b,a,c", {}, GetParam());
  std::vector<std::string> cursors{whole.events().at(0).id};
  std::vector<std::string> contents;
  for (int i = 0; i < 12; ++i) {
    const char* key = i % 3 == 0 ? "\na" : i % 3 == 1 ? "\nb" : "\nc";
    contents.push_back("\"m" + std::to_string(i) + "\"");
    publish(core, key, contents.back());
    const auto events = whole.events();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_NE(events[0].data.find(contents.back()), std::string::npos);
    cursors.push_back(events[0].id);
  }
  for (size_t cut = 0; cut < cursors.size(); ++cut) {
    StreamPeer again(core, "/events?rooms=a,b,c&last_event_id=x", "Last-Event-ID: " + cursors[cut] + "\r\n",
                     GetParam());
    const auto events = again.events();
    ASSERT_EQ(events.size(), 1 + contents.size() - cut) << cut;
    EXPECT_EQ(events[0].type, "connection_id");
    EXPECT_EQ(events[0].id, cursors[cut]);
    std::vector<std::string> missing(contents.begin() + static_cast<std::ptrdiff_t>(cut), contents.end());
    for (size_t i = 1; i < events.size(); ++i) {
      const auto found = std::find_if(missing.begin(), missing.end(), [&](const std::string& content) {
        return events[i].data.find("\"content\":" + content) != std::string::npos;
      });
      ASSERT_NE(found, missing.end()) << events[i].data;
      missing.erase(found);
    }
    EXPECT_EQ(again.last_event_id(), cursors.back());
  }
}
INSTANTIATE_TEST_SUITE_P(Http, SseVersions, ::testing::Values("1.0", "1.1"));

TEST(SseSession, ACursorForOtherRoomsIsAGapInEach) {
  LoneCore core(small_ids());
  StreamPeer two(core, "/events?rooms=a,b");
  const std::string cursor = two.events().at(0).id;
  publish(core, "\na", "\"kept\"");
  StreamPeer other(core, "/events?rooms=a,c", "Last-Event-ID: " + cursor + "\r\n");
  EXPECT_EQ(other.types(), (Types{"connection_id", "gap", "gap", "message"}));
}

// EventSource would give up for good at a 400.
TEST(SseSession, ACursorThatCannotBeReadIsAGapAndTheStreamBeginsLive) {
  LoneCore core(small_ids());
  publish(core, "\na", "\"before\"");
  for (const std::string_view field :
       {"evt_001", "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", "-1", "a=x", "1a2b.c", "\xff", ""}) {
    StreamPeer peer(core, "/events?rooms=a", "Last-Event-ID: " + std::string(field) + "\r\n");
    EXPECT_EQ(peer.head.substr(0, 15), "HTTP/1.1 200 OK") << field;
    const auto events = peer.events();
    ASSERT_EQ(events.size(), 2u) << field;
    EXPECT_EQ(events[1].type, "gap");
    EXPECT_EQ(events[1].data, R"({"event_type":"gap","room":"a","oldest":2,"reset":false,"reason":"unknown_cursor"})");
  }
  StreamPeer named(core, "/events?rooms=a,b&since=abc");
  EXPECT_EQ(named.types(), (Types{"connection_id", "gap", "gap"}));
  // An empty field says less than the URL.
  StreamPeer both(core, "/events?rooms=a&last_event_id=0", "Last-Event-ID: \r\n");
  EXPECT_EQ(both.types(), (Types{"connection_id", "message"}));
  publish(core, "\nb", "\"after\"");
  EXPECT_EQ(named.types().back(), "message");
}

TEST(SseSession, InADialectACursorThatCannotBeReadIsNone) {
  LoneCore core(small_ids());
  StreamPeer peer(core, "/events/order-status/7", "Last-Event-ID: evt_001\r\n");
  EXPECT_EQ(peer.head.substr(0, 15), "HTTP/1.1 200 OK");
  EXPECT_EQ(peer.types(), Types{});
}

TEST(SseSession, EveryNamedRoomCountsAndOneNameHasNoComma) {
  LoneCore core(small_ids());
  StreamPeer peer(core, "/events?topic=a&topic=b&rooms=c&rooms=d,a");
  peer.events();
  for (const char* key : {"\na", "\nb", "\nc", "\nd", "\na,b"}) publish(core, key, "\"x\"");
  EXPECT_EQ(peer.types(), (Types{"message", "message", "message", "message"}));
  for (const char* query : {"room=a,b", "channel=a%2Cb", "rooms=c&topic=a,b"}) {
    StreamPeer refused(core, std::string("/events?") + query);
    EXPECT_EQ(refused.head.substr(0, 12), "HTTP/1.1 400") << query;
  }
  StreamPeer two(core, "/events?rooms=a&user=alice&user=bob");
  EXPECT_EQ(two.head.substr(0, 12), "HTTP/1.1 400");
}

TEST(SseSession, AFinalMessageEndsTheStreamAndItsReconnectGets204) {
  LoneCore core(small_ids());
  StreamPeer peer(core, "/events?rooms=a,b");
  peer.events();
  publish(core, "\na", "\"last of a\"", true);
  EXPECT_EQ(peer.types(), (Types{"message", "left"}));
  EXPECT_FALSE(peer.ended);
  publish(core, "\nb", "\"last of b\"", true);
  EXPECT_EQ(peer.types(), (Types{"message", "left"}));
  EXPECT_TRUE(peer.ended);
  EXPECT_TRUE(peer.socket().fin);
  StreamPeer again(core, "/events?rooms=a,b", "Last-Event-ID: " + peer.last_event_id() + "\r\n");
  EXPECT_EQ(again.head.substr(0, 12), "HTTP/1.1 204");
  EXPECT_FALSE(again.socket().fin) << "the connection is kept for the next request";
  publish(core, "\nb", "\"goes on\"");
  StreamPeer later(core, "/events?rooms=a,b", "Last-Event-ID: " + peer.last_event_id() + "\r\n");
  EXPECT_EQ(later.types(), (Types{"connection_id", "message"}));
}

class NotingHooks final : public Hooks {
 public:
  bool wants(HookEvent event, std::string_view) const override {
    return event == HookEvent::join || event == HookEvent::leave || event == HookEvent::disconnect;
  }
  void notify(const HookNotice& notice) override {
    static const std::map<HookEvent, std::string> kNames{
        {HookEvent::join, "join"}, {HookEvent::leave, "leave"}, {HookEvent::disconnect, "disconnect"}};
    notices.push_back(kNames.at(notice.event) + " " + std::string(notice.client.user) + " " +
                      std::string(notice.client.transport) + " " + std::string(notice.room) +
                      std::string(notice.reason));
  }
  std::vector<std::string> notices;
};

// It ends with its 204 for hooks, whatever its connection is used for afterwards.
TEST(SseSession, HooksHearOnceOfTheEndOfAStreamThatGets204) {
  NotingHooks hooks;
  LoneCore::Setup setup = small_ids();
  setup.hooks = &hooks;
  LoneCore core(setup);
  publish(core, "\na", "\"last\"", true);
  StreamPeer peer(core, "/events?rooms=a&user=ann", "Last-Event-ID: 1\r\n");
  ASSERT_EQ(peer.head.substr(0, 12), "HTTP/1.1 204");
  EXPECT_EQ(hooks.notices,
            (std::vector<std::string>{"join ann sse a", "leave ann sse adisconnected", "disconnect ann sse done"}));
  hooks.notices.clear();
  peer.send("GET /events?rooms=b&user=bob HTTP/1.1\r\nHost: test\r\nAccept: text/event-stream\r\n\r\n");
  EXPECT_EQ(hooks.notices, std::vector<std::string>{"join bob sse b"});
  hooks.notices.clear();
  peer.hang_up();
  EXPECT_EQ(hooks.notices, (std::vector<std::string>{"leave bob sse bdisconnected", "disconnect bob sse peer_closed"}));
}

// A stream that had nothing to say leaves a connection of HTTP answers behind it, whose bodies hold no events.
TEST(SseSession, After204ALargeAnswerMayLeaveInPieces) {
  LoneCore core(small_ids());
  publish(core, "\na", "\"" + std::string(5000, 'x') + "\"", true);
  StreamPeer peer(core, "/events?rooms=a", "Last-Event-ID: 1\r\n");
  ASSERT_EQ(peer.head.substr(0, 12), "HTTP/1.1 204");
  const std::string request = "GET /rooms/a/history HTTP/1.1\r\nHost: test\r\n\r\n";
  peer.send(request);
  const std::string whole = peer.take();
  ASSERT_GT(whole.size(), 5000u);
  peer.socket().room = 100;
  peer.send(request);
  while (peer.socket().wants_room) peer.make_room(700);
  EXPECT_EQ(peer.take(), whole);
}

TEST(SseSession, HeadHasTheHeadAndKeepsTheConnection) {
  LoneCore core;
  Peer peer(core);
  peer.send("HEAD /events?rooms=a HTTP/1.1\r\nHost: test\r\n\r\nGET /health HTTP/1.1\r\nHost: test\r\n\r\n");
  const std::string answers = peer.take();
  EXPECT_NE(answers.find("Content-Type: text/event-stream\r\n"), std::string::npos);
  EXPECT_NE(answers.find("OK"), std::string::npos);
  EXPECT_FALSE(peer.socket().fin);
}

TEST(SseSession, HeartbeatsAreCommentsOrEvents) {
  LoneCore::Setup setup;
  setup.sessions.heartbeat_interval = 10s;
  LoneCore core(setup);
  StreamPeer comments(core, "/events?rooms=a");
  StreamPeer events(core, "/events?rooms=a&heartbeat=event");
  EXPECT_EQ(comments.types(), (Types{"connection_id", "member_joined"}));
  events.types();
  core.advance(30s);
  EXPECT_TRUE(comments.types().empty());
  EXPECT_EQ(comments.comments(), 3u);
  EXPECT_EQ(events.types(), (Types{"heartbeat", "heartbeat", "heartbeat"}));
}

TEST(SseSession, RefusedForAPassingReasonItIsAskedToComeBack) {
  LoneCore core;
  core.gate().drain(DrainPhase::refusing);
  StreamPeer stream(core, "/events?rooms=a");
  EXPECT_EQ(stream.head.substr(0, 12), "HTTP/1.1 200");
  EXPECT_NE(stream.socket().sent.find("retry: "), std::string::npos);
  EXPECT_EQ(stream.types(), (Types{"problem", "close"}));
  EXPECT_TRUE(stream.ended);
  StreamPeer bad(core, "/events?rooms=@somebody");
  EXPECT_NE(bad.head.substr(0, 12), "HTTP/1.1 403") << "draining is reported before the request is read";
}

TEST(SseSession, DrainGivesRetryReconnectAndTheEnd) {
  LoneCore::Setup setup;
  setup.sessions.drain_period = 100ms;
  LoneCore core(setup);
  StreamPeer peer(core, "/events?rooms=a");
  peer.events();
  core.gate().drain(DrainPhase::notifying);
  core.advance(500ms);
  EXPECT_NE(peer.socket().sent.find("retry: "), std::string::npos);
  EXPECT_EQ(peer.types(), (Types{"reconnect"}));
  EXPECT_TRUE(peer.ended);
}

TEST(SseSession, AReplayThatHasBegunIsFinishedBeforeTheDrainEndsTheStream) {
  LoneCore::Setup setup = small_ids();
  setup.sessions.drain_period = 100ms;
  setup.hub.replay_chunk = 1;
  LoneCore core(setup);
  for (int i = 0; i < 12; ++i) publish(core, "\na", "1");
  StreamPeer peer(core, "/events?rooms=a", "Last-Event-ID: 1\r\n");
  peer.socket().room = 0;
  core.gate().drain(DrainPhase::notifying);
  core.advance(500ms);
  peer.make_room(SIZE_MAX);
  for (int i = 0; i < 20; ++i) core.tick();
  Types all{"connection_id"};
  all.resize(12, "message");
  all.push_back("reconnect");
  EXPECT_EQ(peer.types(), all);
  EXPECT_TRUE(peer.ended);
}

// A room that has ended gives its number to another one, which a stream may not be in.
TEST(SseSession, WhatIsMissedIsReportedOfItsOwnRoom) {
  LoneCore::Setup setup = small_ids();
  setup.sessions.outbox_messages_max = 8;
  setup.room.slow = hub::SlowPolicy::drop_oldest;
  LoneCore core(setup);
  StreamPeer slow(core, "/events?rooms=a,b");
  slow.events();
  slow.socket().room = 10;
  for (int i = 0; i < 4; ++i) publish(core, "\na", "1", i == 3);
  StreamPeer other(core, "/events?rooms=secret");
  for (int i = 0; i < 20; ++i) publish(core, "\nb", "1");
  slow.make_room(SIZE_MAX);
  uint64_t a = 0;
  bool notified = false;
  for (const auto& event : slow.events()) {
    EXPECT_EQ(event.data.find("secret"), std::string::npos) << event.data;
    if (event.type == "message" && event.data.find("\"room\":\"a\"") != std::string::npos) ++a;
    if (event.type == "lagged") notified = event.data.find("\"room\":\"b\"") != std::string::npos;
  }
  EXPECT_EQ(a, 4u);
  EXPECT_TRUE(notified);
}

TEST(SseSession, ASlowReaderGetsProblemAndTheEnd) {
  LoneCore::Setup setup;
  setup.sessions.outbox_messages_max = 8;
  LoneCore core(setup);
  StreamPeer one(core, "/events?rooms=a");
  StreamPeer several(core, "/events?rooms=a,b");
  one.events();
  several.events();
  one.socket().room = several.socket().room = 10;
  for (int i = 0; i < 20; ++i) publish(core, "\na", "\"" + std::string(300, 'x') + "\"");
  EXPECT_EQ(core.stats().slow_closed.get(), 2u);
  one.make_room(SIZE_MAX);
  several.make_room(SIZE_MAX);
  // The event that had begun is finished, with the cursor where that is a line of its own.
  for (StreamPeer* peer : {&one, &several}) {
    EXPECT_EQ(peer->types(), (Types{"message", "problem", "close"}));
    EXPECT_TRUE(peer->ended);
  }
}

// Wherever a slow reader's bytes end, what it gets is whole events, and its cursor is that of the last message of them.
TEST(SseSession, ASlowReaderOfSeveralRoomsIsCutBetweenEvents) {
  for (const std::string_view version : {"1.1", "1.0"}) {
    LoneCore::Setup setup;
    setup.sessions.outbox_messages_max = 3;
    std::string whole;  // what a reader that is not slow gets of the first two messages
    for (size_t room = 0; whole.empty() || room < whole.size(); room = whole.empty() ? room : room + 1) {
      LoneCore core(setup);
      StreamPeer peer(core, "/events?rooms=a,b", {}, version);
      const std::string start = peer.events().back().id;
      const bool measures = whole.empty();
      if (!measures) peer.socket().room = room;
      for (int i = 0; i < 2; ++i) publish(core, "\na", "\"" + std::to_string(i) + "\"");
      if (measures) {
        whole = peer.socket().sent;
        continue;
      }
      for (int i = 2; i < 8; ++i) publish(core, "\na", "\"" + std::to_string(i) + "\"");
      ASSERT_EQ(core.stats().slow_closed.get(), 1u) << room;
      peer.make_room(SIZE_MAX);
      const auto events = peer.events();
      ASSERT_GE(events.size(), 2u) << room;
      EXPECT_EQ(events[events.size() - 2].type, "problem") << room;
      EXPECT_EQ(events.back().type, "close") << room;
      EXPECT_TRUE(peer.ended || version == "1.0");
      // Going on from there brings the next message: neither the same one again nor the one after it.
      const size_t got = events.size() - 2;
      const std::string cursor = got == 0 ? start : events[got - 1].id;
      StreamPeer again(core, "/events?rooms=a,b", "Last-Event-ID: " + cursor + "\r\n", version);
      const auto rest = again.events();
      ASSERT_GE(rest.size(), 2u) << room;
      EXPECT_NE(rest[1].data.find("\"" + std::to_string(got) + "\""), std::string::npos) << room << rest[1].data;
    }
  }
}

}  // namespace
}  // namespace ringcast::session
