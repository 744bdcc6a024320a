// SPDX-License-Identifier: Apache-2.0
#include "codec/native/subscribe_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace ringcast::codec {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

constexpr size_t kNamesMax = 4;

SubscribeRequest parsed_subscription(std::string_view text) {
  SubscribeRequest request;
  const auto error = parse_subscribe_body(text, {}, kNamesMax, request);
  EXPECT_FALSE(error) << text << ": " << error->message;
  return request;
}

Error refusal_of(std::string_view text, const JsonLimits& limits = {}) {
  SubscribeRequest request;
  const auto error = parse_subscribe_body(text, limits, kNamesMax, request);
  EXPECT_THAT(request.rooms, IsEmpty()) << text;
  EXPECT_THAT(request.positions, IsEmpty()) << text;
  return error.value_or(Error{});
}

TEST(SubscribeRequest, RoomsPositionsAndTimeout) {
  const auto request = parsed_subscription(
      R"({"rooms":["general","@me","*","r\u00e4ume"],"positions":{"general":17,"*":"9"},"timeout":25})");
  EXPECT_THAT(request.rooms, ElementsAre("general", "@me", "*", "räume"));
  EXPECT_THAT(request.positions, ElementsAre(Pair("general", 17u), Pair("*", 9u)));
  EXPECT_EQ(request.timeout_s, 25u);
}

TEST(SubscribeRequest, EveryFieldMayBeMissing) {
  const auto request = parsed_subscription(" {} ");
  EXPECT_THAT(request.rooms, IsEmpty());
  EXPECT_THAT(request.positions, IsEmpty());
  EXPECT_EQ(request.timeout_s, std::nullopt);
}

TEST(SubscribeRequest, APositionMayBeNullOrAnyId) {
  const auto request = parsed_subscription(R"({"positions":{"a":null,"b":0,"c":9007199254740991}})");
  EXPECT_THAT(request.positions, ElementsAre(Pair("b", 0u), Pair("c", 9007199254740991u)));
}

// Whether they are names is for those to say that resolve them, one by one.
TEST(SubscribeRequest, NamesAreNotChecked) {
  EXPECT_THAT(parsed_subscription(R"({"rooms":["a,b","","@","\n"]})").rooms, ElementsAre("a,b", "", "@", "\n"));
}

TEST(SubscribeRequest, OfAFieldThatIsThereTwiceTheLastCounts) {
  const auto request = parsed_subscription(
      R"({"rooms":["a","b","c"],"positions":{"a":1,"b":2,"c":3},"timeout":1,"rooms":["d","e"],"positions":{"d":4,"d":5},"timeout":2})");
  EXPECT_THAT(request.rooms, ElementsAre("d", "e"));
  EXPECT_THAT(request.positions, ElementsAre(Pair("d", 4u), Pair("d", 5u)));
  EXPECT_EQ(request.timeout_s, 2u);
}

TEST(SubscribeRequest, BothListsAreBounded) {
  EXPECT_EQ(parsed_subscription(R"({"rooms":["a","a","b","c"]})").rooms.size(), kNamesMax);
  EXPECT_EQ(parsed_subscription(R"({"positions":{"a":1,"b":1,"c":1,"d":1,"e":null}})").positions.size(), kNamesMax);
  for (const auto& [text, field] : {std::pair{R"({"rooms":["a","b","c","d","d"]})", "\"rooms\" may have 4 names"},
                                    {R"({"positions":{"a":1,"b":1,"c":1,"d":1,"e":1}})", "\"positions\" may have 4"}}) {
    const Error error = refusal_of(text);
    EXPECT_EQ(error.code, "too_many_rooms") << text;
    EXPECT_THAT(error.message, HasSubstr(field));
  }
}

TEST(SubscribeRequest, WrongTypesAreNamed) {
  for (const auto& [text, message] : {
           std::pair{R"({"rooms":"general"})", "\"rooms\" must be an array of names"},
           {R"({"rooms":null})", "\"rooms\" must be an array of names"},
           {R"({"rooms":{"general":1}})", "\"rooms\" must be an array of names"},
           {R"({"rooms":["general",7]})", "\"rooms\" must be an array of names"},
           {R"({"rooms":[["general"]]})", "\"rooms\" must be an array of names"},
           {R"({"positions":[1]})", "\"positions\" must be an object of ids by channel"},
           {R"({"positions":{"general":-1}})", "\"general\" must be an id"},
           {R"({"positions":{"general":1.5}})", "\"general\" must be an id"},
           {R"({"positions":{"general":9007199254740992}})", "\"general\" must be an id"},
           {R"({"positions":{"general":"x"}})", "\"general\" must be an id"},
           {R"({"positions":{"general":{}}})", "\"general\" must be an id"},
           {R"({"timeout":"25"})", "\"timeout\" must be a number of seconds"},
           {R"({"timeout":-1})", "\"timeout\" must be a whole number of seconds"},
           {R"({"timeout":1.5})", "\"timeout\" must be a whole number of seconds"},
           {R"({"timeout":4294967296})", "\"timeout\" must be a whole number of seconds"},
       }) {
    const Error error = refusal_of(text);
    EXPECT_EQ(error.code, "bad_field") << text;
    EXPECT_THAT(error.message, HasSubstr(message)) << text;
  }
}

TEST(SubscribeRequest, AFieldThatIsNotKnownIsRefusedWithTheNearest) {
  const Error error = refusal_of(R"({"rooms":["a"],"position":{"a":1}})");
  EXPECT_EQ(error.code, "unknown_field");
  EXPECT_THAT(error.message, HasSubstr(R"("position"; the nearest one is "positions", of rooms, positions, timeout)"));
}

TEST(SubscribeRequest, WhatIsNoJsonObject) {
  for (const auto& text : {"", " ", "[", "[]", "\"rooms\"", "null", "{", "{\"rooms\":[\"a\"}", "{\"rooms\":[\"a\",]}",
                           "{\"rooms\":[\"a\"]} x", "{\"rooms\":[\"a\"]}{}", "{\"rooms\":[\"\xff\"]}", "{rooms:[]}",
                           "{\"timeout\":1x}", "{\"timeout\":01}"}) {
    EXPECT_THAT(refusal_of(text).code, testing::AnyOf("bad_json", "bad_field")) << text;
    if (std::string_view(text).find("timeout") == std::string_view::npos) {
      EXPECT_EQ(refusal_of(text).code, "bad_json") << text;
    }
  }
  EXPECT_EQ(refusal_of(R"({"x":[[[[1]]]]})", {.depth_max = 3}).code, "too_deep");
}

// A request is whole or empty, whatever was in it before.
TEST(SubscribeRequest, WhatWasThereBeforeIsGone) {
  SubscribeRequest request;
  ASSERT_FALSE(parse_subscribe_body(R"({"rooms":["a"],"positions":{"a":1},"timeout":3})", {}, kNamesMax, request));
  ASSERT_FALSE(parse_subscribe_body(R"({"rooms":["b"]})", {}, kNamesMax, request));
  EXPECT_THAT(request.rooms, ElementsAre("b"));
  EXPECT_THAT(request.positions, IsEmpty());
  EXPECT_EQ(request.timeout_s, std::nullopt);
  EXPECT_TRUE(parse_subscribe_body(R"({"rooms":["c"],"since":1})", {}, kNamesMax, request));
  EXPECT_THAT(request.rooms, IsEmpty());
}

}  // namespace
}  // namespace ringcast::codec
