// SPDX-License-Identifier: Apache-2.0
#include "hooks/answer.h"

#include <gtest/gtest.h>

namespace ringcast::hooks {
namespace {

constexpr uint32_t kPayloadMax = 64;

Decision good(Event event, std::string_view body) {
  auto read = read_answer(event, body, kPayloadMax);
  EXPECT_TRUE(read) << body << ": " << (read ? "" : read.error().message);
  return read ? *std::move(read) : Decision{};
}
std::string bad(Event event, std::string_view body) {
  const auto read = read_answer(event, body, kPayloadMax);
  EXPECT_FALSE(read) << body;
  return read ? "" : read.error().message;
}

TEST(Answer, NothingSaidAllowsAndChangesNothing) {
  for (const std::string_view body : {"", " \r\n", "{}", R"({"allow":true,"other":[1]})",
                                      R"({"allow":true,"user":null,"rooms":null,"event":null,"data":null})"}) {
    for (const Event event : {Event::connect, Event::publish}) {
      const Decision decision = good(event, body);
      EXPECT_TRUE(decision.allow && decision.answered);
      EXPECT_FALSE(decision.user || decision.tenant || decision.event || decision.payload);
      EXPECT_TRUE(decision.rooms.empty());
    }
  }
}

TEST(Answer, ARefusalMaySayWhy) {
  const Decision decision = good(Event::publish, R"({"allow":false,"code":"too_rude","reason":"mind \"it\""})");
  EXPECT_FALSE(decision.allow);
  EXPECT_EQ(decision.code, "too_rude");
  EXPECT_EQ(decision.reason, "mind \"it\"");
  EXPECT_TRUE(good(Event::connect, R"({"allow":false})").code.empty());
}

TEST(Answer, ConnectMayRenameAndJoin) {
  const Decision decision =
      good(Event::connect, R"({"user":"bob","tenant":"acme","rooms":["a","b\"c","\\"],"content":"ignored"})");
  EXPECT_EQ(decision.user, "bob");
  EXPECT_EQ(decision.tenant, "acme");
  EXPECT_EQ(decision.rooms, (std::vector<std::string>{"a", "b\"c", "\\"}));
  EXPECT_FALSE(decision.payload);
  EXPECT_TRUE(good(Event::connect, R"({"rooms":[]})").rooms.empty());
}

TEST(Answer, PublishMayChange) {
  Decision decision = good(Event::publish, R"({"allow":true,"content":"h\u00e9","event":"shout","user":"ignored"})");
  EXPECT_EQ(decision.event, "shout");
  EXPECT_EQ(decision.payload->kind, Message::Kind::content);
  EXPECT_EQ(decision.payload->payload, "\"hé\"");
  EXPECT_FALSE(decision.user);
  decision = good(Event::publish, R"({"data": {"a": [1, 2]}})");
  EXPECT_EQ(decision.payload->kind, Message::Kind::data);
  EXPECT_EQ(decision.payload->payload, R"({"a":[1,2]})");
}

TEST(Answer, EventMayAcknowledgeJoinAndLeave) {
  const Decision decision = good(Event::event, R"({"ack":[1, {"a":"b"}],"rooms":["red"],"leave":["blue","green"]})");
  EXPECT_EQ(decision.acknowledgement, R"([1,{"a":"b"}])");
  EXPECT_EQ(decision.rooms, std::vector<std::string>{"red"});
  EXPECT_EQ(decision.leave, (std::vector<std::string>{"blue", "green"}));
  EXPECT_FALSE(good(Event::event, R"({"ack":null,"user":"x"})").acknowledgement);
  EXPECT_EQ(good(Event::event, R"({"ack":[]})").acknowledgement, "[]");
  EXPECT_NE(bad(Event::event, R"({"ack":5})").find("ack"), std::string::npos);
  EXPECT_NE(bad(Event::event, R"({"ack":{"a":1}})").find("ack"), std::string::npos);
  EXPECT_NE(bad(Event::event, R"({"leave":["*"]})").find("leave"), std::string::npos);
  EXPECT_NE(bad(Event::event, R"({"ack":["0123456789012345678901234567890123456789012345678901234567890123"]})")
                .find("larger"),
            std::string::npos);
  EXPECT_EQ(good(Event::event, R"({"allow":false,"code":"rude"})").code, "rude");
}

TEST(Answer, WhatIsWrongIsNamed) {
  EXPECT_NE(bad(Event::connect, "no").find("JSON"), std::string::npos);
  bad(Event::connect, "[]");
  bad(Event::connect, R"({"allow":true} {})");
  EXPECT_EQ(bad(Event::connect, R"({"allow":"yes"})"), "allow must be true or false");
  EXPECT_NE(bad(Event::connect, R"({"user":"a,b"})").find("user"), std::string::npos);
  EXPECT_NE(bad(Event::connect, R"({"tenant":"a b"})").find("tenant"), std::string::npos);
  for (const std::string_view rooms : {R"({"rooms":"a"})", R"({"rooms":[1]})", R"({"rooms":["a",["b"]]})",
                                       R"({"rooms":{"a":1}})", R"({"rooms":["@me"]})", R"({"rooms":["*"]})"})
    EXPECT_NE(bad(Event::connect, rooms).find("rooms"), std::string::npos) << rooms;
  EXPECT_NE(bad(Event::publish, R"({"event":"joined"})").find("event"), std::string::npos);
  bad(Event::publish, R"({"content":"a","data":1})");
  bad(Event::publish, R"({"content":"0123456789012345678901234567890123456789012345678901234567890123456789"})");
  bad(Event::publish, R"({"allow":false,"code":"a b"})");
  bad(Event::publish, R"({"allow":false,"reason":")" + std::string(300, 'x') + "\"}");
}

TEST(Answer, RoomsAreBounded) {
  std::string body = R"({"rooms":[)";
  for (size_t i = 0; i < kExtraRoomsMax; ++i) body += (i == 0 ? "\"r" : ",\"r") + std::to_string(i) + "\"";
  EXPECT_EQ(good(Event::connect, body + "]}").rooms.size(), kExtraRoomsMax);
  bad(Event::connect, body + ",\"more\"]}");
}

}  // namespace
}  // namespace ringcast::hooks
