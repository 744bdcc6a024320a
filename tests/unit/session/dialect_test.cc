// SPDX-License-Identifier: Apache-2.0
#include "session/dialect/dialect.h"

#include <gtest/gtest.h>

#include "session/dialect/spelling.h"
#include "session/encoder.h"
#include "wire/event_json.h"

namespace ringcast::session {
namespace {

std::string event(std::string_view payload, wire::PayloadKind kind = wire::PayloadKind::content,
                  std::string_view type = "message", std::string_view room = "lobby") {
  std::string json;
  wire::append_message_event(json, {.id = 17,
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
  EXPECT_EQ(spelled(Dialect::order_status, "message", event(R"({"status":"a"})", wire::PayloadKind::data)),
            R"(|{"status":"a"})");
  EXPECT_EQ(spelled(Dialect::order_status, "message", event(R"("two\nlines")")), "|two\nlines");
}

TEST(Dialect, TokenHub) {
  EXPECT_EQ(spelled(Dialect::token_hub, "message", event("\"hi\"")),
            R"(|{"type":"new-message","from":"Al\"ice","content":"hi","timestamp":1795228560123})");
  EXPECT_EQ(spelled(Dialect::token_hub, "order", event("[1]", wire::PayloadKind::data, "order")), "|[1]");
}

TEST(Dialect, ChatHubSaysWho) {
  EXPECT_EQ(spelled(Dialect::chat_hub, "message", event("\"hi\"")),
            R"(|{"type":"message","user_id":"c1","username":"Al\"ice","content":"hi","timestamp":)"
            R"("2026-11-21T02:36:00.123Z"})");
}

TEST(Dialect, ChatRoomTellsPublicPrivateAndHistory) {
  EXPECT_EQ(spelled(Dialect::chat_room, "message", event("\"hi\"")),
            R"(chat|{"from":"Al\"ice","content":"hi","type":"public"})");
  EXPECT_EQ(spelled(Dialect::chat_room, "direct", event("\"hi\"", wire::PayloadKind::content, "direct", "@bob")),
            R"(chat|{"from":"Al\"ice","content":"hi","type":"private"})");
  EXPECT_EQ(spelled(Dialect::chat_room, "message", event("\"hi\""), true),
            R"(history|{"From":"Al\"ice","Content":"hi","Time":"2026-11-21T02:36:00.123Z"})");
}

TEST(Dialect, FeedHasASentenceForWhatIsLost) {
  std::string lagged;
  wire::append_lagged_event(lagged, "general", 5, 7, 11);
  EXPECT_EQ(spelled(Dialect::feed, "lagged", lagged), R"(system|{"warning":"missed 5 events due to lag"})");
}

TEST(Dialect, NothingIsShownButWhatTheRowNames) {
  std::string joined, left, gap, error, typing;
  wire::append_joined_event(joined, {.room = "lobby"});
  wire::append_left_event(left, "lobby", "left", {});
  wire::append_gap_event(gap, "lobby", 1, false);
  wire::append_error_event(error, wire::ErrorEvent::error, "code", "text", {});
  wire::append_typing_event(typing, "lobby", "alice");
  for (const Dialect dialect : {Dialect::order_status, Dialect::token_hub, Dialect::broker, Dialect::gateway,
                                Dialect::chat_room, Dialect::chat_hub, Dialect::notifications}) {
    EXPECT_EQ(spelled(dialect, "joined", joined), "-");
    EXPECT_EQ(spelled(dialect, "left", left), "-");
    EXPECT_EQ(spelled(dialect, "gap", gap), "-");
    EXPECT_EQ(spelled(dialect, "error", error), "-");
    EXPECT_EQ(spelled(dialect, "typing", typing) == "-", dialect != Dialect::chat_hub);
  }
}

TEST(Dialect, WhatClientsSayBecomesAnAction) {
  const auto read = [](Dialect dialect, std::string_view text, wire::Action& action) {
    action = {};
    const auto error = table_of(dialect).read(text, {}, action);
    return error ? error->code : std::string();
  };
  wire::Action action;
  EXPECT_EQ(read(Dialect::token_hub, R"({"type":"join-room","roomId":"a"})", action), "");
  EXPECT_EQ(action.kind, wire::ActionKind::join);
  EXPECT_EQ(action.room, "a");
  EXPECT_EQ(read(Dialect::token_hub, R"({"type":"send-message","roomId":"a","content":"x"})", action), "");
  EXPECT_FALSE(action.echo);
  EXPECT_EQ(action.payload, "\"x\"");
  EXPECT_EQ(read(Dialect::token_hub, R"({"type":"send-message","roomId":"@bob","content":"x"})", action), "bad_room");
  EXPECT_EQ(read(Dialect::token_hub, R"({"type":"join-room"})", action), "missing_field");
  EXPECT_EQ(read(Dialect::token_hub, R"({"type":"fly"})", action), "unknown_action");
  EXPECT_EQ(read(Dialect::chat_hub, R"({"type":"typing"})", action), "");
  EXPECT_TRUE(action.ephemeral);
  EXPECT_EQ(read(Dialect::chat_hub, R"({"type":"message"})", action), "missing_field");
  EXPECT_EQ(read(Dialect::chat_room, R"({"from":"a","to":"b","content":"x"})", action), "");
  EXPECT_EQ(action.to, "b");
  EXPECT_EQ(read(Dialect::chat_room, R"({"content":"x"})", action), "missing_field");
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
}

}  // namespace
}  // namespace ringcast::session
