// SPDX-License-Identifier: Apache-2.0
#include "compat/dialect.h"

#include <gtest/gtest.h>

#include "codec/native/event_json.h"
#include "compat/spelling.h"
#include "transport/encoder.h"

namespace ringcast::session {
namespace {

std::string event(std::string_view payload, codec::PayloadKind kind = codec::PayloadKind::content,
                  std::string_view type = "message", std::string_view room = "lobby") {
  std::string json;
  codec::append_message_event(json, {.id = 17,
                                     .event_type = type,
                                     .room = room,
                                     .user = "Al\"ice",
                                     .payload_kind = kind,
                                     .payload = payload,
                                     .timestamp_us = 1'795'228'560'123'000,
                                     .connection = "c1"});
  return json;
}

// "name|data", or "-" for what is not shown.
std::string spelled(Dialect dialect, std::string_view type, std::string_view json, bool replayed = false) {
  Spelling spelling;
  const Spelled* out = spelling.spell(dialect, type, json, replayed);
  return out == nullptr ? "-" : std::string(out->name) + "|" + out->data;
}

TEST(Dialect, EachHasANameOfItsOwn) {
  for (size_t i = 0; i < kDialects; ++i) EXPECT_EQ(find_dialect(table_of(static_cast<Dialect>(i)).name), i);
  EXPECT_EQ(find_dialect("klingon"), kDialects);
}

TEST(Dialect, OrderStatusIsTheBarePayload) {
  EXPECT_EQ(spelled(Dialect::order_status, "message", event(R"({"status":"a"})", codec::PayloadKind::data)),
            R"(|{"status":"a"})");
  EXPECT_EQ(spelled(Dialect::order_status, "message", event(R"("two\nlines")")), "|two\nlines");
  EXPECT_EQ(spelled(Dialect::order_status, "message", event(R"("{\"status\":\"a\"}")", codec::PayloadKind::data)),
            R"(|{"status":"a"})");
  EXPECT_EQ(spelled(Dialect::order_status, "order-update", event("[]", codec::PayloadKind::data, "order-update")),
            "order-update|[]");
}

TEST(Dialect, TokenHub) {
  EXPECT_EQ(spelled(Dialect::token_hub, "message", event("\"hi\"")),
            R"(|{"type":"new-message","from":"Al\"ice","content":"hi","timestamp":1795228560123})");
  EXPECT_EQ(spelled(Dialect::token_hub, "order", event("[1]", codec::PayloadKind::data, "order")), "|[1]");
  EXPECT_EQ(spelled(Dialect::token_hub, "new-message", event("[1]", codec::PayloadKind::data, "new-message")),
            R"(|{"type":"new-message","from":"Al\"ice","content":[1],"timestamp":1795228560123})");
  std::string error;
  codec::append_error_event(error, codec::ErrorEvent::error, "forbidden", "no", {});
  EXPECT_EQ(spelled(Dialect::token_hub, "error", error), R"(|{"type":"error","message":"no"})");
}

TEST(Dialect, ChatHubSaysWho) {
  EXPECT_EQ(spelled(Dialect::chat_hub, "message", event("\"hi\"")),
            R"(|{"type":"message","user_id":"c1","username":"Al\"ice","content":"hi","timestamp":)"
            R"("2026-11-21T02:36:00.123Z"})");
}

TEST(Dialect, ChatRoomTellsPublicPrivateAndHistory) {
  EXPECT_EQ(spelled(Dialect::chat_room, "message", event("\"hi\"")),
            R"(chat|{"from":"Al\"ice","content":"hi","type":"chat"})");
  EXPECT_EQ(spelled(Dialect::chat_room, "direct", event("\"hi\"", codec::PayloadKind::content, "direct", "@bob")),
            R"(chat|{"from":"Al\"ice","to":"bob","content":"hi","type":"chat"})");
  EXPECT_EQ(spelled(Dialect::chat_room, "message", event("\"hi\""), true),
            R"(history|{"From":"Al\"ice","Content":"hi","Time":"2026-11-21T02:36:00.123Z"})");
}

TEST(Dialect, FeedHasASentenceForWhatIsLost) {
  std::string lagged;
  codec::append_lagged_event(lagged, "general", 5, 7, 11);
  EXPECT_EQ(spelled(Dialect::feed, "lagged", lagged), R"(system|{"warning":"missed 5 events due to lag"})");
}

TEST(Dialect, NothingIsShownButWhatTheRowNames) {
  std::string joined, left, gap, error, typing;
  codec::append_joined_event(joined, {.room = "lobby"});
  codec::append_left_event(left, "lobby", "left", {});
  codec::append_gap_event(gap, "lobby", 1, false);
  codec::append_error_event(error, codec::ErrorEvent::error, "code", "text", {});
  codec::append_typing_event(typing, "lobby", "alice");
  for (const Dialect dialect : {Dialect::order_status, Dialect::token_hub, Dialect::broker, Dialect::gateway,
                                Dialect::chat_room, Dialect::chat_hub, Dialect::notifications, Dialect::socket_io}) {
    EXPECT_EQ(spelled(dialect, "joined", joined), "-");
    EXPECT_EQ(spelled(dialect, "left", left), "-");
    EXPECT_EQ(spelled(dialect, "gap", gap), "-");
    const bool answers = dialect == Dialect::token_hub || dialect == Dialect::chat_hub;
    EXPECT_EQ(spelled(dialect, "error", error) == "-", !answers);
    EXPECT_EQ(spelled(dialect, "typing", typing), "-");
  }
}

TEST(Dialect, WhatClientsSayBecomesAnAction) {
  const auto read = [](Dialect dialect, std::string_view text, codec::Action& action) {
    action = {};
    const auto error = table_of(dialect).read(text, {}, action);
    return error ? error->code : std::string();
  };
  codec::Action action;
  EXPECT_EQ(read(Dialect::token_hub, R"({"type":"join-room","roomId":"a"})", action), "");
  EXPECT_EQ(action.kind, codec::ActionKind::join);
  EXPECT_EQ(action.room, "a");
  EXPECT_EQ(read(Dialect::token_hub, R"({"type":"send-message","roomId":"a","content":"x"})", action), "");
  EXPECT_FALSE(action.echo);
  EXPECT_EQ(action.payload, "\"x\"");
  EXPECT_EQ(read(Dialect::token_hub, R"({"type":"send-message","roomId":"@bob","content":"x"})", action), "bad_room");
  EXPECT_EQ(read(Dialect::token_hub, R"({"type":"join-room"})", action), "missing_field");
  EXPECT_EQ(read(Dialect::token_hub, R"({"type":"fly"})", action), "unknown_action");
  EXPECT_EQ(read(Dialect::chat_hub, R"({"type":"typing"})", action), "");
  EXPECT_TRUE(action.ephemeral);
  EXPECT_EQ(read(Dialect::chat_hub, R"({"type":"message"})", action), "");
  EXPECT_EQ(action.payload, "\"\"");
  EXPECT_EQ(read(Dialect::chat_hub, R"({"type":"message","content":null})", action), "");
  EXPECT_EQ(action.payload, "\"\"");
  EXPECT_EQ(read(Dialect::chat_hub, R"({"type":"any thing","content":[1]})", action), "");
  EXPECT_EQ(action.event, "any thing");
  EXPECT_EQ(action.payload_kind, codec::PayloadKind::data);
  EXPECT_EQ(read(Dialect::chat_hub, R"({"content":"x"})", action), "missing_field");
  EXPECT_EQ(read(Dialect::token_hub, R"({"type":"join-room","roomId":42})", action), "");
  EXPECT_EQ(action.room, "42");
  EXPECT_EQ(read(Dialect::token_hub, R"({"type":"join-room","roomId":4.2})", action), "bad_field");
  EXPECT_EQ(read(Dialect::chat_room, R"({"from":"a","to":"b","content":"x"})", action), "");
  EXPECT_EQ(action.to, "b");
  EXPECT_EQ(read(Dialect::chat_room, R"({"content":"x"})", action), "");
  EXPECT_EQ(action.user, "");
  EXPECT_EQ(read(Dialect::gateway, R"({"text":"x"})", action), "");
  EXPECT_EQ(action.event, "chat");
}

TEST(FinalWhen, LooksAtTheMembersOfData) {
  const Encoder encoder;
  const hub::FinalWhen rules[] = {{"status", {"completed", "failed"}}};
  const auto is_final = [&](std::string_view payload, hub::PayloadKind kind = hub::PayloadKind::data) {
    return encoder.is_final({.kind = kind, .payload = payload}, rules);
  };
  EXPECT_TRUE(is_final(R"({"id":1,"status":"failed"})"));
  EXPECT_FALSE(is_final(R"({"status":"fail"})"));
  EXPECT_FALSE(is_final(R"({"inner":{"status":"failed"}})"));
  EXPECT_FALSE(is_final(R"("status:failed")"));
  EXPECT_FALSE(is_final(R"({"status":"failed"})", hub::PayloadKind::content));
  EXPECT_FALSE(is_final(R"({"status":"failed"})", hub::PayloadKind::binary));
  const std::string text = R"("{ \"id\": 1,\n \"status\" : \"completed\" }")";
  EXPECT_TRUE(is_final(text));
  EXPECT_TRUE(is_final(text, hub::PayloadKind::content));
  EXPECT_FALSE(is_final(R"("{\"status\":\"completed\"")"));
}

}  // namespace
}  // namespace ringcast::session
