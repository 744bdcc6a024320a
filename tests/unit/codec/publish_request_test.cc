// SPDX-License-Identifier: Apache-2.0
#include "codec/native/publish_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace ringcast::codec {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

PublishBody parsed_body(std::string_view text) {
  PublishBody body;
  const auto error = parse_publish_body(text, {}, body);
  EXPECT_FALSE(error) << text << ": " << error->message;
  return body;
}

PublishRequest one(std::string_view text) {
  const PublishBody body = parsed_body(text);
  EXPECT_FALSE(body.is_batch);
  EXPECT_EQ(body.requests.size(), 1u) << text;
  return body.requests.empty() ? PublishRequest{} : body.requests.front();
}

Error error_of(std::string_view text, const JsonLimits& limits = {}) {
  PublishBody body;
  return parse_publish_body(text, limits, body).value_or(Error{});
}

std::string code_of_body(std::string_view text, const JsonLimits& limits = {}) {
  return error_of(text, limits).code;
}

TEST(PublishRequest, ARoom) {
  const PublishRequest request = one(
      R"({"room":"general","user":"System","content":"Welcome!","event":"news","exclude":"3-1","final":true,"idempotency_key":"k1"})");
  EXPECT_EQ(request.target, TargetKind::room);
  EXPECT_THAT(request.names, ElementsAre("general"));
  EXPECT_EQ(request.user, "System");
  EXPECT_EQ(request.payload, R"("Welcome!")");
  EXPECT_EQ(request.payload_kind, PayloadKind::content);
  EXPECT_EQ(request.event, "news");
  EXPECT_EQ(request.exclude, "3-1");
  EXPECT_TRUE(request.final_message);
  EXPECT_EQ(request.idempotency_key, "k1");
}

TEST(PublishRequest, TheDefaults) {
  const PublishRequest request = one(R"({"content":""})");
  EXPECT_EQ(request.target, TargetKind::room);
  EXPECT_THAT(request.names, ElementsAre("general"));
  EXPECT_EQ(request.event, "message");
  EXPECT_EQ(request.user, "");
  EXPECT_EQ(request.payload, "\"\"");
  EXPECT_FALSE(request.final_message);
}

TEST(PublishRequest, EveryTarget) {
  const auto target = [](std::string_view fields) { return one(R"({"data":[1, 2],)" + std::string(fields) + "}"); };
  EXPECT_EQ(target(R"("channel":"x")").target, TargetKind::room);
  EXPECT_THAT(target(R"("topic":"x")").names, ElementsAre("x"));
  EXPECT_EQ(target(R"("rooms":["a","b"])").target, TargetKind::rooms);
  EXPECT_THAT(target(R"("topics":["a","b","a"])").names, ElementsAre("a", "b", "a"));
  EXPECT_EQ(target(R"("to":"bob")").target, TargetKind::user);
  EXPECT_THAT(target(R"("to":"bob")").names, ElementsAre("bob"));
  EXPECT_EQ(target(R"("users":["bob"])").target, TargetKind::users);
  EXPECT_EQ(target(R"("to_connection":"1-7")").target, TargetKind::connection);
  EXPECT_THAT(target(R"("to_connection":"1-7")").names, ElementsAre("1-7"));
  EXPECT_EQ(target(R"("broadcast":true)").target, TargetKind::broadcast);
  EXPECT_THAT(target(R"("broadcast":true)").names, IsEmpty());
  EXPECT_EQ(target(R"("broadcast":false,"room":"x")").target, TargetKind::room);
  EXPECT_EQ(target(R"("room":"*")").target, TargetKind::broadcast);
  EXPECT_EQ(target(R"("room":"@bob")").target, TargetKind::user);
  EXPECT_THAT(target(R"("room":"@bob")").names, ElementsAre("bob"));
  EXPECT_THAT(target(R"("room":null,"rooms":null,"to":"bob")").names, ElementsAre("bob"));
  EXPECT_EQ(target(R"("to":"bob")").payload, "[1,2]");
}

TEST(PublishRequest, TargetsExcludeEachOther) {
  for (const std::string_view fields :
       {R"("room":"a","to":"b")", R"("room":"a","rooms":["b"])", R"("rooms":["a"],"users":["b"])",
        R"("rooms":["a"],"topics":["b"])", R"("rooms":["a"],"rooms":["b"])", R"("to":"a","broadcast":true)",
        R"("to_connection":"1","room":"a")", R"("rooms":[])", R"("users":[])", R"("broadcast":true,"final":true)",
        R"("room":"*","final":true)", R"("to":"bob","final":true)", R"("room":"@bob","final":true)",
        R"("users":["bob"],"final":true)", R"("to_connection":"1","final":true)",
        R"("to_connection":"1","exclude":"2")", R"("to_connection":"1","idempotency_key":"2")"}) {
    EXPECT_EQ(code_of_body(R"({"content":"x",)" + std::string(fields) + "}"), "bad_target") << fields;
  }
  EXPECT_EQ(code_of_body(R"({"content":"x","rooms":["a"],"final":true})"), "");
  EXPECT_EQ(code_of_body(R"({"content":"x","room":"a","channel":"a"})"), "bad_field");
}

TEST(PublishRequest, BadFieldsByName) {
  const auto code = [](std::string_view fields) {
    return code_of_body(R"({"content":"x",)" + std::string(fields) + "}");
  };
  EXPECT_EQ(code(R"("room":"")"), "bad_room");
  EXPECT_EQ(code(R"("room":"a\u0000")"), "bad_room");
  EXPECT_EQ(code(R"("room":"@")"), "bad_user");
  EXPECT_EQ(code(R"("rooms":["a","*"])"), "bad_room");
  EXPECT_EQ(code(R"("rooms":["a","@bob"])"), "bad_room");
  EXPECT_EQ(code(R"("rooms":"a,b")"), "bad_field");
  EXPECT_EQ(code(R"("rooms":["a",5])"), "bad_field");
  EXPECT_EQ(code(R"("rooms":{"a":1})"), "bad_field");
  EXPECT_EQ(code(R"("rooms":["a",null])"), "bad_room");
  EXPECT_EQ(code(R"("users":["bob","me"])"), "bad_user");
  EXPECT_EQ(code(R"("to":"anonymous")"), "bad_user");
  EXPECT_EQ(code(R"("to":5)"), "");
  EXPECT_EQ(code(R"("users":[5,"6"])"), "");
  EXPECT_EQ(code(R"("user":42)"), "");
  EXPECT_EQ(code(R"("to":5.5)"), "bad_field");
  EXPECT_EQ(code(R"("to_connection":"a b")"), "bad_connection_id");
  EXPECT_EQ(code(R"("broadcast":"yes")"), "bad_field");
  EXPECT_EQ(code(R"("user":"a,b")"), "bad_user");
  EXPECT_EQ(code(R"("user":"")"), "bad_user");
  EXPECT_EQ(code(R"("event":"gap")"), "bad_event");
  EXPECT_EQ(code(R"("event":"x\n")"), "bad_event");
  EXPECT_EQ(code(R"("exclude":"")"), "bad_connection_id");
  EXPECT_EQ(code(R"("final":1)"), "bad_field");
  EXPECT_EQ(code(R"("data":1)"), "bad_field");
  EXPECT_EQ(code_of_body(R"({"room":"a"})"), "missing_field");
  EXPECT_EQ(code_of_body(R"({"room":"a","content":null})"), "missing_field");
  for (const std::string_view bad : {"", "5", "null", "\"x\"", "{", "[", "[{}", R"({"content":"x"}{})",
                                     R"([{"content":"x"}] x)", R"([{"content":"x"},])", R"([{"content":"x"} 1])"}) {
    EXPECT_EQ(code_of_body(bad), "bad_json") << bad;
  }
}

TEST(PublishRequest, AnAcknowledgementIsOneConnections) {
  const auto body = parsed_body(R"({"to_connection":"1-7","data":1,"ack_timeout_ms":250})");
  EXPECT_EQ(body.requests[0].ack_timeout_ms, 250u);
  EXPECT_EQ(parsed_body(R"({"to_connection":"1-7","data":1,"ack_timeout_ms":null})").requests[0].ack_timeout_ms, 0u);
  EXPECT_EQ(code_of_body(R"({"to_connection":"1-7","data":1,"ack_timeout_ms":60000})"), "");
  for (const std::string_view bad : {"0", "60001", "-1", "1.5", "\"5\""}) {
    EXPECT_EQ(code_of_body(R"({"to_connection":"1-7","data":1,"ack_timeout_ms":)" + std::string(bad) + "}"),
              "bad_field")
        << bad;
  }
  for (const std::string_view target : {R"("room":"a")", R"("to":"bob")", R"("broadcast":true)", R"("users":["a"])"}) {
    EXPECT_EQ(code_of_body("{" + std::string(target) + R"(,"data":1,"ack_timeout_ms":5})"), "bad_target") << target;
  }
  EXPECT_EQ(code_of_body(R"([{"to_connection":"1-7","data":1,"ack_timeout_ms":5}])"), "bad_field");
}

TEST(PublishRequest, UnknownFieldsAreRefused) {
  const Error error = error_of(R"({"rom":"x","content":"a"})");
  EXPECT_EQ(error.code, "unknown_field");
  EXPECT_THAT(error.message, StartsWith("a publish has no field \"rom\"; the nearest one is \"room\", of room, "));
  EXPECT_EQ(http_status_of(error), 400);
  for (const auto& [field, nearest] : {std::pair("Room", "room"),
                                       {"chanel", "channel"},
                                       {"toUser", "user"},
                                       {"to_conection", "to_connection"},
                                       {"finall", "final"},
                                       {"idempotencyKey", "idempotency_key"},
                                       {"echo", "to"},
                                       {"brodcast", "broadcast"}}) {
    EXPECT_THAT(error_of(R"({"content":"a",")" + std::string(field) + R"(":{"x":[1]}})").message,
                testing::HasSubstr("nearest one is \"" + std::string(nearest) + "\""))
        << field;
  }
  EXPECT_EQ(code_of_body(R"({"content":"a","x":null})"), "unknown_field");
  EXPECT_EQ(code_of_body(R"({"content":"a","x":[1}})"), "bad_json");
  EXPECT_THAT(error_of(R"([{"content":"1"},{"content":"2","x":1}])").message, StartsWith("item 1: a publish has no"));
}

TEST(PublishRequest, ABatchKeepsTheOrderAndEachItemsNames) {
  const PublishBody body = parsed_body(
      R"([{"room":"a","content":"1"},{"users":["x","y"],"data":{"n": 2}},{"broadcast":true,"content":"3"},{"rooms":["b","c"],"content":"4\n"}])");
  EXPECT_TRUE(body.is_batch);
  ASSERT_EQ(body.requests.size(), 4u);
  EXPECT_THAT(body.requests[0].names, ElementsAre("a"));
  EXPECT_THAT(body.requests[1].names, ElementsAre("x", "y"));
  EXPECT_THAT(body.requests[2].names, IsEmpty());
  EXPECT_THAT(body.requests[3].names, ElementsAre("b", "c"));
  EXPECT_EQ(body.requests[0].payload, "\"1\"");
  EXPECT_EQ(body.requests[1].payload, R"({"n":2})");
  EXPECT_EQ(body.requests[3].payload, R"("4\n")");
  EXPECT_TRUE(parsed_body(R"([{"content":"1"}])").is_batch);
}

TEST(PublishRequest, ABatchErrorNamesTheItemAndLeavesNothing) {
  PublishBody body;
  const auto error = parse_publish_body(R"([{"content":"1"},{"content":"2"},{"room":"a,b","content":"3"}])", {}, body);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, "bad_room");
  EXPECT_THAT(error->message, StartsWith("item 2: "));
  EXPECT_THAT(body.requests, IsEmpty());
  EXPECT_THAT(error_of(R"([{"content":"1"},5])").message, StartsWith("item 1: "));
  EXPECT_THAT(error_of(R"([{"content":"1"},{}])").message, StartsWith("item 1: "));
  EXPECT_EQ(code_of_body("[]"), "empty_batch");
}

TEST(PublishRequest, BatchesAreBounded) {
  const JsonLimits limits{.batch_items_max = 3};
  const std::string item = R"({"content":"x"})";
  EXPECT_EQ(code_of_body("[" + item + "," + item + "," + item + "]", limits), "");
  EXPECT_EQ(code_of_body("[" + item + "," + item + "," + item + "," + item + "]", limits), "batch_too_large");
  EXPECT_EQ(code_of_body(R"({"content":"x","rooms":["a","b","c"]})", limits), "");
  EXPECT_EQ(code_of_body(R"({"content":"x","rooms":["a","b","c","d"]})", limits), "batch_too_large");
  EXPECT_EQ(code_of_body(R"([{"content":"x","users":["a","b"]},{"content":"x","rooms":["a","b"]}])", limits),
            "batch_too_large");
  std::string thousand = "[" + item;
  for (int i = 1; i < 1000; ++i) thousand += "," + item;
  EXPECT_EQ(code_of_body(thousand + "]"), "");
  EXPECT_EQ(code_of_body(thousand + "," + item + "]"), "batch_too_large");
}

TEST(PublishRequest, StatusOfErrors) {
  EXPECT_EQ(http_status_of({"too_large", ""}), 413);
  EXPECT_EQ(http_status_of({"batch_too_large", ""}), 413);
  EXPECT_EQ(http_status_of({"bad_json", ""}), 400);
  EXPECT_EQ(http_status_of({"forbidden", ""}), 403);
}

}  // namespace
}  // namespace ringcast::codec
