// SPDX-License-Identifier: Apache-2.0
// Long polls over a core without a kernel: when they are answered, and with what.
#include "transport/long_poll/poll_session.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>

#include "lone_core.h"

namespace ringcast::session {
namespace {

using namespace std::chrono_literals;

class PollPeer : public Peer {
 public:
  explicit PollPeer(LoneCore& core) : Peer(core), core_(core) {}
  void poll(std::string_view query) { send("GET /poll?" + std::string(query) + " HTTP/1.1\r\nHost: test\r\n\r\n"); }
  // The body of the answer; empty while there is none.
  std::string answer() {
    for (int i = 0; i < 10 && socket().sent.empty(); ++i) core_.tick();  // a piece of history takes a tick
    const std::string response = take();
    if (response.empty()) return {};
    status = response.substr(9, 3);
    return response.substr(response.find("\r\n\r\n") + 4);
  }
  std::string status;

 private:
  LoneCore& core_;
};

std::string cursor_in(const std::string& body) {
  const size_t begin = body.find("\"cursor\":\"") + 10;
  return body.substr(begin, body.find('"', begin) - begin);
}

class PollSessionTest : public ::testing::Test {
 protected:
  static LoneCore::Setup small_ids() {
    LoneCore::Setup setup;
    setup.room.first_id = 1;
    setup.room.presence = false;
    return setup;
  }
  void publish(std::string_view key, std::string_view payload) {
    core_.hub().publish({.key = key, .user = "s", .payload = payload});
    core_.tick();
  }
  LoneCore core_{small_ids()};
};

TEST_F(PollSessionTest, WithoutACursorItGetsOneAtOnce) {
  publish("\na", "1");
  PollPeer peer(core_);
  peer.poll("rooms=a");
  EXPECT_EQ(peer.answer(), R"({"events":[],"cursor":"1","gaps":[]})");
}

TEST_F(PollSessionTest, WaitsForTheFirstEventOrTheTimeout) {
  PollPeer peer(core_);
  peer.poll("rooms=a&since=0");
  EXPECT_EQ(peer.answer(), "");
  publish("\na", "1");
  EXPECT_NE(peer.answer().find("\"content\":1"), std::string::npos);
  peer.poll("rooms=a&since=1&timeout=5");
  core_.advance(4s);
  EXPECT_EQ(peer.answer(), "");
  core_.advance(2s);
  EXPECT_EQ(peer.answer(), R"({"events":[],"cursor":"1","gaps":[]})");
  EXPECT_EQ(peer.status, "200");
}

TEST_F(PollSessionTest, NothingIsLostBetweenPolls) {
  PollPeer peer(core_);
  peer.poll("rooms=a,b");
  std::string cursor = cursor_in(peer.answer());
  int seen = 0;
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < round; ++i) publish(i % 2 == 0 ? "\na" : "\nb", "1");
    peer.poll("rooms=b,a&since=" + cursor);
    if (round == 0) publish("\na", "1");
    const std::string body = peer.answer();
    for (size_t at = body.find("\"event_type\""); at != std::string::npos; at = body.find("\"event_type\"", at + 1)) {
      ++seen;
    }
    cursor = cursor_in(body);
  }
  EXPECT_EQ(seen, 46);
}

TEST_F(PollSessionTest, WhatIsTooMuchForOneAnswerComesWithTheNext) {
  const std::string large = "\"" + std::string(60000, 'x') + "\"";
  for (int i = 0; i < 7; ++i) publish("\na", large);
  PollPeer peer(core_);
  peer.poll("rooms=a&since=0");
  std::string body = peer.answer();
  EXPECT_EQ(cursor_in(body), "4");
  EXPECT_LT(body.size(), 256u << 10);
  peer.poll("rooms=a&since=4");
  EXPECT_EQ(cursor_in(peer.answer()), "7");
}

TEST_F(PollSessionTest, APipelinedRequestWaitsForTheAnswer) {
  PollPeer peer(core_);
  peer.send(
      "GET /poll?rooms=a&since=0&timeout=3 HTTP/1.1\r\nHost: test\r\n\r\nGET /health HTTP/1.1\r\nHost: test\r\n\r\n");
  EXPECT_EQ(peer.take(), "");
  core_.advance(4s);
  const std::string answers = peer.take();
  EXPECT_LT(answers.find("\"cursor\""), answers.find("OK\n"));
  EXPECT_FALSE(peer.socket().paused);
}

TEST_F(PollSessionTest, AGapAloneIsAnswered) {
  PollPeer peer(core_);
  publish("\na", "1");
  peer.poll("rooms=a&since=99");
  const std::string body = peer.answer();
  EXPECT_NE(body.find(R"("gaps":[{"room":"a","oldest":1)"), std::string::npos) << body;
  EXPECT_EQ(cursor_in(body), "1");
}

TEST_F(PollSessionTest, RefusesWhatCannotBePolled) {
  PollPeer peer(core_);
  for (const char* query : {"", "rooms=a&timeout=0", "rooms=a&timeout=121", "rooms=a,@me&since=1"}) {
    peer.poll(query);
    peer.answer();
    EXPECT_TRUE(peer.status == "400" || peer.status == "403") << query << ": " << peer.status;
  }
}

TEST_F(PollSessionTest, ACursorThatCannotBeReadIsAGapAtOnce) {
  publish("\na", "1");
  PollPeer peer(core_);
  for (const char* since : {"evt_001", "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", "x=y", "", "1.5"}) {
    peer.poll(std::string("rooms=a&since=") + since);
    EXPECT_EQ(peer.answer(), R"({"events":[],"cursor":"1","gaps":[{"room":"a","oldest":2,"reason":"unknown_cursor"}]})")
        << since;
  }
}

TEST_F(PollSessionTest, AGapOfAnEmptyHistorySaysWithWhichIdTheRoomGoesOn) {
  publish("\na", "1");
  core_.hub().query({.kind = hub::QueryKind::purge, .key = "\na"});
  core_.tick();
  PollPeer peer(core_);
  peer.poll("rooms=a&since=0");
  EXPECT_EQ(peer.answer(), R"({"events":[],"cursor":"1","gaps":[{"room":"a","oldest":2}]})");
  peer.poll("rooms=a&since=1");
  EXPECT_EQ(peer.answer(), "");
}

TEST_F(PollSessionTest, HearsThatItWasTakenOutOfARoom) {
  PollPeer peer(core_);
  peer.poll("rooms=a,b&since=a=0,b=0");
  core_.hub().query({.kind = hub::QueryKind::close_room, .key = "\na"});
  core_.tick();
  const std::string body = peer.answer();
  EXPECT_NE(body.find(R"("events":[{"event_type":"left","room":"a","reason":"closed"}])"), std::string::npos) << body;
  EXPECT_EQ(peer.status, "200");
}

TEST_F(PollSessionTest, HearsTheEndOfARoomAfterItsLastMessage) {
  PollPeer peer(core_);
  peer.poll("rooms=a&since=0");
  core_.hub().publish({.key = "\na", .user = "s", .payload = "1", .final = true});
  core_.tick();
  const std::string body = peer.answer();
  const std::string_view left = R"({"event_type":"left","room":"a","reason":"final"}],"cursor":"1")";
  EXPECT_NE(body.find(left), std::string::npos) << body;
  EXPECT_LT(body.find("\"content\":1"), body.find(left));
  // The same out of history; and a client that has seen it all learns that nothing will come.
  peer.poll("rooms=a&since=0");
  EXPECT_NE(peer.answer().find(left), std::string::npos);
  peer.poll("rooms=a&since=1");
  EXPECT_EQ(peer.answer(), "");
  EXPECT_EQ(peer.status, "204");
  peer.poll("rooms=a,b&since=a=1,b=0&timeout=5");  // there may be something in the other one
  EXPECT_EQ(peer.answer(), "");
  publish("\nb", "1");
  EXPECT_NE(peer.answer().find("\"content\":1"), std::string::npos);
  peer.poll("rooms=a");
  EXPECT_EQ(peer.answer(), R"({"events":[],"cursor":"1","gaps":[]})");
}

TEST_F(PollSessionTest, AFinalMessageThatDoesNotFitBringsItsEndWithTheNextAnswer) {
  const std::string large = "\"" + std::string(60000, 'x') + "\"";
  for (int i = 0; i < 4; ++i) publish("\na", large);
  core_.hub().publish({.key = "\na", .user = "s", .payload = large, .final = true});
  core_.tick();
  PollPeer peer(core_);
  peer.poll("rooms=a&since=0");
  std::string body = peer.answer();
  EXPECT_EQ(cursor_in(body), "4");
  EXPECT_EQ(body.find("\"left\""), std::string::npos);
  peer.poll("rooms=a&since=4");
  body = peer.answer();
  EXPECT_EQ(cursor_in(body), "5");
  EXPECT_NE(body.find("\"final\""), std::string::npos);
}

TEST_F(PollSessionTest, IsRefusedWhenItIsThrownOut) {
  PollPeer peer(core_);
  peer.poll("rooms=a&since=0&user=bob");
  core_.hub().query({.kind = hub::QueryKind::disconnect_user, .key = "\n@bob"});
  core_.tick();
  EXPECT_NE(peer.answer().find("\"code\":\"kicked\""), std::string::npos);
  EXPECT_EQ(peer.status, "403");
  EXPECT_TRUE(peer.socket().fin);
}

TEST(PollSession, ARoomWithoutHistoryIsRefused) {
  LoneCore::Setup setup;
  setup.room.history_messages = 0;
  LoneCore core(setup);
  PollPeer peer(core);
  peer.poll("rooms=a&since=1");
  EXPECT_NE(peer.answer().find("no_history"), std::string::npos);
  EXPECT_EQ(peer.status, "400");
}

TEST(PollSession, DrainAnswersAtOnce) {
  LoneCore::Setup setup;
  setup.sessions.drain_period = std::chrono::milliseconds(100);
  setup.room.first_id = 1;
  LoneCore core(setup);
  PollPeer peer(core);
  peer.poll("rooms=a&since=0");
  core.gate().drain(DrainPhase::notifying);
  core.advance(500ms);
  EXPECT_NE(peer.answer().find("\"cursor\""), std::string::npos);
  EXPECT_TRUE(peer.socket().fin);
}

TEST(PollSession, WhileItIsDrainedItGetsAllThatItMissed) {
  for (int ticks = 0; ticks < 6; ++ticks) {
    LoneCore::Setup setup;
    setup.sessions.drain_period = std::chrono::milliseconds(100);
    setup.room.first_id = 1;
    setup.hub.replay_chunk = 1;
    LoneCore core(setup);
    for (int i = 0; i < 6; ++i) {
      core.hub().publish({.key = "\na", .user = "s", .payload = "1"});
      core.tick();
    }
    PollPeer peer(core);
    peer.poll("rooms=a&since=1");
    for (int i = 0; i < ticks; ++i) core.tick();
    core.gate().drain(DrainPhase::notifying);
    core.advance(500ms);
    EXPECT_EQ(cursor_in(peer.answer()), "6") << ticks;
    EXPECT_TRUE(peer.socket().fin);
  }
}

}  // namespace
}  // namespace ringcast::session
