// SPDX-License-Identifier: Apache-2.0
#include "codec/native/rest_json.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "codec/native/poll_json.h"
#include "json_check.h"

namespace ringcast::codec {
namespace {

template <class Append>
std::string made(Append&& append) {
  std::string out;
  append(out);
  expect_one_line_json(out);
  return out;
}

const Error kFull{"full", "no more rooms"};

TEST(RestJson, PublishResults) {
  EXPECT_EQ(made([](std::string& out) { append_publish_result(out, {.event_id = 17, .receivers = 3}); }),
            R"({"status":"sent","event_id":17,"receivers":3})");
  EXPECT_EQ(made([](std::string& out) { append_publish_result(out, {.receivers = 1}); }),
            R"({"status":"sent","receivers":1})");
  EXPECT_EQ(
      made([](std::string& out) { append_publish_result(out, {.event_id = 17, .receivers = 3, .duplicate = true}); }),
      R"({"status":"sent","event_id":17,"receivers":3,"duplicate":true})");
  EXPECT_EQ(made([](std::string& out) { append_publish_result(out, {.error = &kFull}); }),
            R"({"status":"failed","error":{"code":"full","message":"no more rooms"}})");
}

TEST(RestJson, SeveralTargetsSayWhichIsWhich) {
  const PublishResult good{.event_id = 1, .receivers = 2, .target_key = "room", .target = "a"};
  const PublishResult bad{.error = &kFull, .target_key = "room", .target = "b"};
  const auto status = [](const std::vector<PublishResult>& results) {
    return member(made([&](std::string& out) { append_publish_results(out, results); }), "/status");
  };
  EXPECT_EQ(status({good, good}), "\"sent\"");
  EXPECT_EQ(status({good, bad}), "\"partial\"");
  EXPECT_EQ(status({bad, bad}), "\"failed\"");
  const std::vector<PublishResult> results = {good, bad};
  EXPECT_EQ(made([&](std::string& out) { append_publish_results(out, results); }),
            R"({"status":"partial","results":[{"room":"a","status":"sent","event_id":1,"receivers":2},)"
            R"({"room":"b","status":"failed","error":{"code":"full","message":"no more rooms"}}]})");
  EXPECT_EQ(made([&](std::string& out) {
              append_batch_begin(out);
              append_publish_result(out, {.event_id = 9, .receivers = 0});
              append_batch_next(out);
              append_publish_results(out, results);
              append_batch_end(out);
            }).substr(0, 49),
            R"([{"status":"sent","event_id":9,"receivers":0},{"s)");
}

TEST(RestJson, Listings) {
  const std::vector<RoomRow> rooms = {{"general", 3, 17, 5}, {"dev", 0, 2, 2}};
  EXPECT_EQ(made([&](std::string& out) { append_rooms(out, rooms, "dev"); }),
            R"({"rooms":[{"room":"general","members":3,"id":17,"messages":5},)"
            R"({"room":"dev","members":0,"id":2,"messages":2}],"next":"dev"})");
  EXPECT_EQ(made([](std::string& out) { append_rooms(out, {}, ""); }), R"({"rooms":[],"next":null})");

  const std::vector<MemberRow> members = {{"alice", "online", 2}};
  EXPECT_EQ(made([&](std::string& out) { append_members(out, Shape::answer, "general", 1, members); }),
            R"({"room":"general","count":1,"members":[{"user":"alice","status":"online","connections":2}]})");
  EXPECT_EQ(made([&](std::string& out) { append_members(out, Shape::event, "general", 0, {}, "5"); }),
            R"({"event_type":"members","room":"general","count":0,"members":[],"ref":5})");

  const std::vector<std::string_view> messages = {R"({"id":1})", R"({"id":2})"};
  EXPECT_EQ(made([&](std::string& out) { append_history(out, Shape::answer, "general", messages, 1, 2); }),
            R"({"room":"general","messages":[{"id":1},{"id":2}],"oldest":1,"newest":2})");
  EXPECT_EQ(made([&](std::string& out) {
              append_history(out, Shape::event, "general", {}, std::nullopt, std::nullopt, R"("r")");
            }),
            R"({"event_type":"history","room":"general","messages":[],"oldest":null,"newest":null,"ref":"r"})");

  const std::vector<UserRow> users = {{"alice", true, "away", 2}, {"bob", false, "online", 0}};
  EXPECT_EQ(made([&](std::string& out) { append_users(out, users, ""); }),
            R"({"users":[{"user":"alice","online":true,"status":"away","connections":2},)"
            R"({"user":"bob","online":false,"status":"offline","connections":0}],"next":null})");
  EXPECT_EQ(made([&](std::string& out) { append_user(out, users[0]); }),
            R"({"user":"alice","online":true,"status":"away","connections":2})");
  EXPECT_EQ(made([](std::string& out) { append_error_body(out, "rate_limited", "slow down"); }),
            R"({"error":{"code":"rate_limited","message":"slow down"}})");
}

TEST(RestJson, HostileTextStaysInsideItsMember) {
  const std::string text = hostile_text();
  const Error error{text, text};
  const std::vector<RoomRow> rooms = {{text, 1, 1, 1}};
  const std::vector<MemberRow> members = {{text, text, 1}};
  const std::vector<UserRow> users = {{text, true, text, 1}};
  made([&](std::string& out) { append_publish_result(out, {.error = &error, .target_key = "room", .target = text}); });
  made([&](std::string& out) { append_rooms(out, rooms, text); });
  made([&](std::string& out) { append_members(out, Shape::event, text, 1, members); });
  made([&](std::string& out) { append_users(out, users, text); });
  const std::string body = made([&](std::string& out) { append_error_body(out, text, text); });
  EXPECT_NE(member(body, "/error/code"), "(none)");
}

TEST(PollAnswer, EventsCursorGaps) {
  std::string out = "kept";
  PollAnswer answer(out);
  EXPECT_TRUE(answer.empty());
  EXPECT_TRUE(answer.add_event(R"({"id":1})"));
  EXPECT_TRUE(answer.add_event(R"({"id":2})"));
  answer.add_gap("a\"b", 7);
  answer.add_gap("c", 8);
  EXPECT_FALSE(answer.empty());
  answer.finish("12.a.b");
  EXPECT_EQ(out, R"(kept{"events":[{"id":1},{"id":2}],"cursor":"12.a.b","gaps":[{"room":"a\"b","oldest":7},)"
                 R"({"room":"c","oldest":8}]})");
  expect_one_line_json(std::string_view(out).substr(4));
}

TEST(PollAnswer, EmptyIsJsonToo) {
  std::string out;
  PollAnswer answer(out);
  answer.finish("0");
  EXPECT_EQ(out, R"({"events":[],"cursor":"0","gaps":[]})");
}

TEST(PollAnswer, StopsAtItsLimitButTakesOneEvent) {
  const std::string event = "\"" + std::string(998, 'e') + "\"";
  std::string out = "before it";
  const size_t begin = out.size();
  PollAnswer answer(out, 20'000);
  while (answer.add_event(event)) {
  }
  EXPECT_EQ(answer.events(), 18u);
  answer.finish(std::string(1024, 'c'));
  EXPECT_LE(out.size() - begin, 20'000u);
  expect_one_line_json(std::string_view(out).substr(begin));

  std::string large;
  PollAnswer one(large, 500);
  EXPECT_TRUE(one.add_event(event));
  EXPECT_FALSE(one.add_event(event));
  one.finish("1");
  expect_one_line_json(large);
}

TEST(PollAnswer, GapsCountTowardsTheLimit) {
  std::string out;
  PollAnswer answer(out, 10'000);
  for (int i = 0; i < 32; ++i) answer.add_gap(std::string(128, 'r'), 1);
  while (answer.add_event(std::string(100, '1'))) {
  }
  answer.finish(std::string(1024, 'c'));
  EXPECT_LE(out.size(), 10'000u);
}

}  // namespace
}  // namespace ringcast::codec
