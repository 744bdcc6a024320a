// SPDX-License-Identifier: Apache-2.0
#include "codec/native/action.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "json_check.h"

namespace ringcast::codec {
namespace {

using testing::HasSubstr;

Action parsed_action(std::string_view text) {
  Action action;
  const auto error = parse_action(text, {}, action);
  EXPECT_FALSE(error) << text << ": " << error->message;
  return action;
}

std::string code_of_action(std::string_view text, const JsonLimits& limits = {}) {
  Action action;
  const auto error = parse_action(text, limits, action);
  return error ? error->code : "";
}

TEST(Action, EveryActionOfTheProtocol) {
  Action action = parsed_action(R"({"action":"join","room":"general","last_id":17,"ref":"r1"})");
  EXPECT_EQ(action.kind, ActionKind::join);
  EXPECT_EQ(action.room, "general");
  EXPECT_EQ(action.room_kind, ChannelKind::room);
  EXPECT_EQ(action.last_id, 17u);
  EXPECT_EQ(action.ref, R"("r1")");

  action = parsed_action(R"({"action":"leave","channel":"@me"})");
  EXPECT_EQ(action.kind, ActionKind::leave);
  EXPECT_EQ(action.room_kind, ChannelKind::inbox);

  action = parsed_action(R"({"action":"message","content":"Hello everyone!"})");
  EXPECT_EQ(action.kind, ActionKind::message);
  EXPECT_EQ(action.payload_kind, PayloadKind::content);
  EXPECT_EQ(action.payload, R"("Hello everyone!")");
  EXPECT_EQ(action.event, "message");
  EXPECT_TRUE(action.room.empty());
  EXPECT_TRUE(action.echo);

  action = parsed_action(
      R"({"action":"message","topic":"a/b","data":{"x":[1]},"event":"order:created","echo":false,"idempotency_key":"k","ref":5})");
  EXPECT_EQ(action.payload_kind, PayloadKind::data);
  EXPECT_EQ(action.payload, R"({"x":[1]})");
  EXPECT_EQ(action.event, "order:created");
  EXPECT_FALSE(action.echo);
  EXPECT_EQ(action.idempotency_key, "k");
  EXPECT_EQ(action.room, "a/b");
  EXPECT_EQ(action.ref, "5");

  action = parsed_action(R"({"action":"direct","to":"bob","content":"psst"})");
  EXPECT_EQ(action.kind, ActionKind::direct);
  EXPECT_EQ(action.to, "bob");
  EXPECT_EQ(action.event, "direct");

  EXPECT_EQ(parsed_action(R"({"action":"status","status":"busy"})").status, UserStatus::busy);
  EXPECT_EQ(parsed_action(R"({"action":"typing","room":"general"})").kind, ActionKind::typing);
  EXPECT_EQ(parsed_action(R"({"action":"members","room":"general","limit":5})").limit, 5u);
  EXPECT_EQ(parsed_action(R"({"action":"history","room":"general","after":"12"})").after, 12u);
  EXPECT_EQ(parsed_action(R"({"action":"ping"})").kind, ActionKind::ping);
  EXPECT_EQ(parsed_action(R"({"action":"binary","room":"files"})").kind, ActionKind::binary);
}

TEST(Action, NamesRoundTrip) {
  for (int i = 1; i <= static_cast<int>(ActionKind::binary); ++i) {
    const auto kind = static_cast<ActionKind>(i);
    std::string_view fields = R"("room":"r")";
    if (kind == ActionKind::message) fields = R"("content":"c")";
    if (kind == ActionKind::direct) fields = R"("to":"u","content":"c")";
    if (kind == ActionKind::status) fields = R"("status":"away")";
    if (kind == ActionKind::ping) fields = R"("ref":1)";
    const std::string text = R"({"action":")" + std::string(to_string(kind)) + "\"," + std::string(fields) + "}";
    EXPECT_EQ(parsed_action(text).kind, kind);
  }
}

TEST(Action, DataIsReSerialisedOnOneLine) {
  const Action action = parsed_action(
      "{\"action\":\"message\",\"data\": {\r\n \"a\" : [ 1 , -2.50e+3,\ttrue , null , \"x\\ny\" ] ,"
      " \"\\u0041\\u000a\" : { } , \"s\" : \"\\/\\ud83d\\ude00\\u0000é\" , \"n\":123456789012345678901234567890 } }");
  EXPECT_EQ(action.payload,
            "{\"a\":[1,-2.50e+3,true,null,\"x\\ny\"],\"A\\n\":{},\"s\":\"/"
            "\U0001F600\\u0000é\",\"n\":123456789012345678901234567890}");
  EXPECT_EQ(action.payload.find_first_of("\r\n"), std::string_view::npos);
}

TEST(Action, AnyJsonIsData) {
  for (const std::string_view data : {"null", "true", "false", "0", "-0", "1e400", "\"\"", "[]", "{}", "[[],[{}]]"}) {
    const std::string text = R"({"action":"message","data":)" + std::string(data) + " }";
    EXPECT_EQ(parsed_action(text).payload, data);
    EXPECT_EQ(parsed_action(text).payload_kind, PayloadKind::data);
  }
}

TEST(Action, WhatIsNotJsonIsRefused) {
  for (const std::string& bad : {
           std::string(""),
           std::string(" "),
           std::string("{"),
           std::string("[]"),
           std::string("\"join\""),
           std::string("17"),
           std::string("{}}"),
           std::string("{} {}"),
           std::string(R"({"action":"ping"}x)"),
           std::string(R"({"action":"ping",})"),
           std::string(R"({"action":"ping" "ref":1})"),
           std::string(R"({"action" "ping"})"),
           std::string(R"({action:"ping"})"),
           std::string(R"({'action':'ping'})"),
           std::string(R"({"action":"ping","x":01})"),
           std::string(R"({"action":"ping","x":1.})"),
           std::string(R"({"action":"ping","x":.5})"),
           std::string(R"({"action":"ping","x":+1})"),
           std::string(R"({"action":"ping","x":NaN})"),
           std::string(R"({"action":"ping","x":truth})"),
           std::string(R"({"action":"ping","x":nul})"),
           std::string(R"({"action":"ping","x":[1,]})"),
           std::string(R"({"action":"ping","x":[1 2]})"),
           std::string(R"({"action":"ping","x":[1}})"),
           std::string(R"({"action":"ping","x":{"a":1]})"),
           std::string(R"({"action":"ping","x":{1:1}})"),
           std::string(R"({"action":"ping","x":"a":"b","y":"c"]})"),
           std::string(R"({"action":"ping","x":["a" :"b"]})"),
           std::string(R"({"action":"ping","x":"\x"})"),
           std::string(R"({"action":"ping","x":"\ud800"})"),
           std::string(R"({"action":"ping","x":"\udc00"})"),
           std::string(R"({"action":"ping","x":"\ud800\u0041"})"),
           std::string(R"({"action":"ping","x":"\u12"})"),
           std::string(R"({"action":"ping","\ud800":1})"),
           std::string("{\"action\":\"ping\",\"x\":\"a\nb\"}"),
           std::string("{\"action\":\"ping\",\"x\":\"a\0b\"}", 26),
           std::string("{\"action\":\"ping\",\"x\":\"\xff\"}"),
           std::string("{\"action\":\"ping\",\"x\":\"\xed\xa0\x80\"}"),
           std::string("{\"action\":\"ping\"}\0", 18),
           std::string("\xef\xbb\xbf{\"action\":\"ping\"}"),
           std::string("{\"action\":\"ping\",/**/\"x\":1}"),
       }) {
    EXPECT_EQ(code_of_action(bad), "bad_json") << bad;
  }
}

TEST(Action, FieldsOfTheWrongTypeOrRange) {
  for (const std::string_view bad : {
           R"({"action":"join","room":5})",
           R"({"action":"join","room":["a"]})",
           R"({"action":"join","room":"a","last_id":true})",
           R"({"action":"join","room":"a","last_id":[1]})",
           R"({"action":"history","room":"a","after":-1})",
           R"({"action":"history","room":"a","after":1.0})",
           R"({"action":"history","room":"a","after":1e3})",
           R"({"action":"history","room":"a","after":"0x1"})",
           R"({"action":"history","room":"a","after":""})",
           R"({"action":"history","room":"a","after":" 1"})",
           R"({"action":"history","room":"a","after":true})",
           R"({"action":"history","room":"a","after":9007199254740992})",
           R"({"action":"history","room":"a","after":"18446744073709551616"})",
           R"({"action":"join","room":"a","channel":"b"})",
           R"({"action":"message","content":5})",
           R"({"action":"message","content":{"a":1}})",
           R"({"action":"message","content":"a","data":1})",
           R"({"action":"message","content":"a","echo":"no"})",
           R"({"action":"message","content":"a","event":5})",
           R"({"action":"history","limit":0})",
           R"({"action":"history","limit":"5"})",
           R"({"action":"history","limit":4294967296})",
           R"({"action":"status","status":"asleep"})",
           R"({"action":"ping","ref":[1]})",
           R"({"action":"ping","ref":true})",
           R"({"action":5})",
       }) {
    EXPECT_EQ(code_of_action(bad), "bad_field") << bad;
  }
  EXPECT_EQ(parsed_action(R"({"action":"join","room":"a","last_id":9007199254740991})").last_id, kMessageIdMax);
  EXPECT_EQ(parsed_action(R"({"action":"join","room":"a","last_id":"0"})").last_id, 0u);
}

TEST(Action, MissingAndBadFieldsByName) {
  EXPECT_EQ(code_of_action(R"({})"), "missing_field");
  EXPECT_EQ(code_of_action(R"({"action":"join"})"), "missing_field");
  EXPECT_EQ(code_of_action(R"({"action":"leave","room":null})"), "missing_field");
  EXPECT_EQ(code_of_action(R"({"action":"binary"})"), "missing_field");
  EXPECT_EQ(code_of_action(R"({"action":"message"})"), "missing_field");
  EXPECT_EQ(code_of_action(R"({"action":"direct","content":"x"})"), "missing_field");
  EXPECT_EQ(code_of_action(R"({"action":"direct","to":"bob"})"), "missing_field");
  EXPECT_EQ(code_of_action(R"({"action":"status"})"), "missing_field");
  EXPECT_EQ(code_of_action(R"({"action":"direct","to":"me","content":"x"})"), "bad_user");
  EXPECT_EQ(code_of_action(R"({"action":"direct","to":"anonymous","content":"x"})"), "bad_user");
  EXPECT_EQ(code_of_action(R"({"action":"join","room":"a,b"})"), "bad_room");
  EXPECT_EQ(code_of_action(R"({"action":"join","room":""})"), "bad_room");
  EXPECT_EQ(code_of_action(R"({"action":"join","room":"a\nb"})"), "bad_room");
  EXPECT_EQ(code_of_action(R"({"action":"message","content":"x","event":"joined"})"), "bad_event");
  EXPECT_EQ(code_of_action(R"({"action":"message","content":"x","event":"a\nb"})"), "bad_event");
  EXPECT_EQ(code_of_action(R"({"action":"message","content":"x","idempotency_key":""})"), "bad_idempotency_key");
  Action action;
  EXPECT_THAT(parse_action(R"({"action":"dance"})", {}, action)->message, HasSubstr("\"dance\""));
  EXPECT_EQ(code_of_action(R"({"action":"dance"})"), "unknown_action");
  EXPECT_EQ(code_of_action(R"({"action":"unknown"})"), "unknown_action");
}

TEST(Action, TheRefIsFoundWhateverElseIsWrong) {
  for (const std::string_view text : {
           R"({"ref":"a\n","action":"dance"})",
           R"({"action":"dance","ref":"a\n"})",
           R"({"action":5,"ref":"a\n"})",
           R"({"room":[{"x":[]}],"action":"join","ref":"a\n"})",
           R"({"action":"join","room":"*,","ref":"a\n"})",
           R"({"action":"message","content":"a","data":[1],"ref":"a\u000a"})",
       }) {
    Action action;
    EXPECT_TRUE(parse_action(text, {}, action)) << text;
    EXPECT_EQ(action.ref, R"("a\n")") << text;
  }
  EXPECT_EQ(parsed_action(R"({"action":"ping","ref":-1.5e3 })").ref, "-1.5e3");
  EXPECT_EQ(parsed_action(R"({"action":"ping","ref":null})").ref, "");
  const std::string longest(kRefBytesMax - 2, 'r');
  EXPECT_EQ(code_of_action(R"({"action":"ping","ref":")" + longest + "\"}"), "");
  EXPECT_EQ(code_of_action(R"({"action":"ping","ref":"r)" + longest + "\"}"), "bad_field");
}

TEST(Action, ACursorThatCannotBeReadIsNoError) {
  for (const std::string_view last_id :
       {"-1", "1.0", "1e3", "9007199254740992", R"("evt_001")", R"("")", R"(" 1")",
        R"("urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66")", R"("18446744073709551616")"}) {
    const Action action = parsed_action(R"({"action":"join","room":"a","last_id":)" + std::string(last_id) + "}");
    EXPECT_TRUE(action.unknown_last_id) << last_id;
    EXPECT_FALSE(action.last_id) << last_id;
  }
  const Action action = parsed_action(R"({"action":"join","room":"a","last_id":"x","last_id":"5"})");
  EXPECT_FALSE(action.unknown_last_id);
  EXPECT_EQ(action.last_id, 5u);
  EXPECT_FALSE(parsed_action(R"({"action":"join","room":"a","last_id":null})").unknown_last_id);
}

TEST(Action, FieldsThatTheActionDoesNotTakeAreRefused) {
  const auto error_of = [](std::string_view text) {
    Action action;
    return parse_action(text, {}, action).value_or(Error{});
  };
  EXPECT_EQ(error_of(R"({"action":"message","rom":"x","content":"a"})").code, "unknown_field");
  EXPECT_THAT(error_of(R"({"action":"message","rom":"x","content":"a"})").message,
              HasSubstr("message has no field \"rom\"; the nearest one is \"room\""));
  EXPECT_THAT(error_of(R"({"idempotencyKey":"k","content":"a","action":"message"})").message,
              HasSubstr("\"idempotency_key\""));
  // What another action takes would be lost here: this one was not meant for the room joined last.
  EXPECT_THAT(error_of(R"({"action":"message","to":"bob","content":"a"})").message,
              HasSubstr("message has no field \"to\""));
  for (const std::string_view text :
       {R"({"action":"join","room":"a","since":1})", R"({"action":"join","room":"a","content":"a"})",
        R"({"action":"leave","room":"a","last_id":1})", R"({"action":"message","content":"a","user":"bob"})",
        R"({"action":"direct","to":"bob","room":"a","content":"a"})", R"({"action":"typing","content":"a"})",
        R"({"action":"status","status":"away","room":"a"})", R"({"action":"members","last_id":1})",
        R"({"action":"history","since":1})", R"({"action":"ping","token":"a"})",
        R"({"action":"binary","room":"a","event":"a"})", R"({"action":"refresh","token":"a","user":"b"})",
        R"({"action":"ping","":1})"}) {
    EXPECT_EQ(error_of(text).code, "unknown_field") << text;
  }
  const std::string longest = R"({"action":"ping",")" + std::string(100'000, 'x') + "\":1}";
  EXPECT_EQ(error_of(longest).code, "unknown_field");
  EXPECT_LT(error_of(longest).message.size(), 200u);
  // An action of the program that the server is part of has fields of its own.
  EXPECT_EQ(error_of(R"({"action":"dance","partner":"bob"})").code, "unknown_action");
  Action action;
  EXPECT_TRUE(parse_action(R"({"action":"message","rom":"x","content":"a","ref":7})", {}, action));
  EXPECT_EQ(action.ref, "7");
}

TEST(Action, TheLastOfRepeatedFieldsCounts) {
  const Action action = parsed_action(
      R"({"action":"ping","action":"message","content":"first","content":"second\t","room":"a","room":"b"})");
  EXPECT_EQ(action.kind, ActionKind::message);
  EXPECT_EQ(action.payload, R"("second\t")");
  EXPECT_EQ(action.room, "b");
}

TEST(Action, DepthHasALimit) {
  const auto nested = [](size_t depth) {
    return R"({"action":"message","data":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  EXPECT_EQ(code_of_action(nested(32)), "");
  EXPECT_EQ(code_of_action(nested(33)), "too_deep");
  EXPECT_EQ(code_of_action(nested(10000)), "too_deep");
  EXPECT_EQ(code_of_action(nested(3), {.depth_max = 2}), "too_deep");
  EXPECT_EQ(code_of_action(nested(kJsonDepthMax), {.depth_max = UINT32_MAX}), "");
  EXPECT_EQ(code_of_action(nested(kJsonDepthMax + 1), {.depth_max = UINT32_MAX}), "too_deep");
  EXPECT_EQ(code_of_action(nested(1'000'000), {.depth_max = UINT32_MAX}), "too_deep");
  EXPECT_EQ(code_of_action(R"({"action":"ping","x":)" + std::string(33, '[') + std::string(33, ']') + "}"), "too_deep");
}

TEST(Action, PayloadsHaveALimit) {
  const JsonLimits limits{.payload_bytes_max = 10};
  EXPECT_EQ(code_of_action(R"({"action":"message","content":"0123456789"})", limits), "");
  EXPECT_EQ(code_of_action(R"({"action":"message","content":"01234567890"})", limits), "too_large");
  EXPECT_EQ(code_of_action(R"({"action":"message","data":[ 1, 2, 3,44]})", limits), "");
  EXPECT_EQ(code_of_action(R"({"action":"message","data":[ 1, 2, 33,44]})", limits), "too_large");
}

TEST(Action, TheWidestLimitsHoldEverything) {
  const JsonLimits limits{kJsonDepthMax, UINT32_MAX, UINT32_MAX};
  EXPECT_EQ(code_of_action(R"({"action":"message","content":"x"})", limits), "");
  EXPECT_EQ(code_of_action(R"({"action":"message","data":[1]})", limits), "");
}

TEST(Action, LargeAndSmallTextsInTurn) {
  const JsonLimits limits{.payload_bytes_max = 8 << 20};
  for (const size_t size : {10u, 100'000u, 5'000'000u, 10u, 70'000u, 3u}) {
    const std::string content(size, 'x');
    Action action;
    EXPECT_FALSE(parse_action(R"({"action":"message","content":")" + content + "\"}", limits, action));
    EXPECT_EQ(action.payload.size(), size + 2);
    EXPECT_EQ(action.payload.substr(1, size), content);
  }
}

TEST(Action, HostileContentStaysInsideItsString) {
  std::string text = R"({"action":"message","content":"\r\n\ndata: x\u000d\u000a\u2028","ref":"\n"})";
  const Action action = parsed_action(text);
  expect_one_line_json(action.payload);
  expect_one_line_json(action.ref);
}

}  // namespace
}  // namespace ringcast::codec
