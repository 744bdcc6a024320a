// SPDX-License-Identifier: Apache-2.0
// Messages become requests of the REST API, and its answers messages: through protobuf's own serializer.
#include "grpc/methods.h"

#include <gtest/gtest.h>
#include <health.pb.h>
#include <push.pb.h>
#include <ringcast.pb.h>

#include <string>
#include <vector>

#include "codec/native/publish_request.h"
#include "codec/native/rest_json.h"

namespace ringcast::grpc {
namespace {

using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;

const Method& method(std::string_view name) {
  const Method* const found = find_method("/ringcast.v1.Ringcast/" + std::string(name));
  EXPECT_NE(found, nullptr) << name;
  return *found;
}

template <class Message>
Result<RestRequest> ask(std::string_view name, const Message& message) {
  return method(name).ask(message.SerializeAsString());
}

template <class Message>
Message answer(std::string_view name, std::string_view json) {
  std::string bytes = "before";
  method(name).answer(bytes, json);
  Message message;
  EXPECT_TRUE(bytes.starts_with("before"));
  EXPECT_TRUE(message.ParseFromString(bytes.substr(6))) << name;
  return message;
}

TEST(GrpcMethods, AreFoundByTheirPath) {
  EXPECT_TRUE(has_methods());
  EXPECT_TRUE(method("Publish").publishes);
  EXPECT_FALSE(method("History").publishes);
  for (const std::string_view path :
       {"/SSEService/PushToUsers", "/woolive.SSEService/PushToUsers", "/a.b.c.SSEService/PushToUsers"}) {
    const Method* const push = find_method(path);
    ASSERT_NE(push, nullptr) << path;
    EXPECT_TRUE(push->pushes);
  }
  for (const std::string_view path :
       {"", "/", "SSEService/PushToUsers", "/.SSEService/PushToUsers", "/a/SSEService/PushToUsers",
        "/xSSEService/PushToUsers", "/a/b.SSEService/PushToUsers", "/SSEService/PushToUsers/", "/SSEService/Other",
        "/ringcast.v1.Ringcast/publish", "/ringcast.v1.Ringcast/", "/ringcast.v2.Ringcast/Publish"}) {
    EXPECT_EQ(find_method(path), nullptr) << path;
  }
}

TEST(GrpcMethods, APublishBecomesABodyThatIsRead) {
  v1::PublishRequest request;
  request.mutable_rooms()->add_names("a \"b\"");
  request.mutable_rooms()->add_names("c");
  request.set_data(R"( { "n" : 9007199254740993 , "x":[ ] } )");
  request.set_user("Ann\n");
  request.set_event("tick");
  request.set_final(true);
  request.set_idempotency_key("k");
  const auto made = ask("Publish", request);
  ASSERT_TRUE(made);
  EXPECT_EQ(made->body, R"({"rooms":["a \"b\"","c"],"data":{"n":9007199254740993,"x":[]},"user":"Ann\n",)"
                        R"("event":"tick","final":true,"idempotency_key":"k"})");

  request.Clear();
  request.set_to_connection("0-1-2");
  request.set_content("");
  request.set_ack_timeout_ms(500);
  request.set_exclude("");
  EXPECT_EQ(ask("Publish", request)->body, R"({"to_connection":"0-1-2","content":"","ack_timeout_ms":500})");
  request.Clear();
  request.set_broadcast(true);
  request.set_content("x");
  EXPECT_EQ(ask("Publish", request)->body, R"({"broadcast":true,"content":"x"})");
  EXPECT_EQ(ask("Publish", v1::PublishRequest())->body, "{}");
}

TEST(GrpcMethods, DataEndsNoMember) {
  for (const std::string data : {"", "1,\"broadcast\":true", "{", "[1", "x", "1 2", "\"", "{}}", "\xff"}) {
    v1::PublishRequest request;
    request.set_data(data.substr(0, data == "\xff" ? 0 : data.size()));
    const auto made = ask("Publish", request);
    ASSERT_FALSE(made) << data;
    EXPECT_EQ(made.error().code, "bad_json");
    v1::PublishBatchRequest batch;
    batch.add_messages()->set_content("x");
    *batch.add_messages() = request;
    EXPECT_TRUE(ask("PublishBatch", batch).error().message.starts_with("item 1: "));
  }
}

TEST(GrpcMethods, ABatchIsAnArray) {
  v1::PublishBatchRequest batch;
  EXPECT_EQ(ask("PublishBatch", batch)->body, "[]");
  batch.add_messages()->set_content("a");
  batch.add_messages()->set_data("[]");
  EXPECT_EQ(ask("PublishBatch", batch)->body, R"([{"content":"a"},{"data":[]}])");
}

TEST(GrpcMethods, ABatchOfEmptyItemsIsNotTaken) {
  std::string bytes;
  for (int i = 0; i < 100'000; ++i) bytes.append("\x0a\x00", 2);
  EXPECT_TRUE(method("PublishBatch").ask(bytes));
  bytes.append("\x0a\x00", 2);
  EXPECT_EQ(method("PublishBatch").ask(bytes).error().code, "batch_too_large");
  EXPECT_EQ(method("PublishBatch").ask("\x0a\x05x").error().code, "bad_message");
}

TEST(GrpcMethods, WhatIsPushedLeavesAsItCame) {
  v1::PushToUsersRequest request;
  request.add_userids("a");
  request.add_userids("b");
  request.set_jsondata("{\"x\": 1}\n");
  const Method& push = *find_method("/SSEService/PushToUsers");
  EXPECT_EQ(push.ask(request.SerializeAsString())->body, R"({"users":["a","b"],"data":"{\"x\": 1}\n"})");
  std::string bytes;
  push.answer(bytes, R"({"status":"accepted"})");
  v1::PushToUsersResponse response;
  ASSERT_TRUE(response.ParseFromString(bytes));
  EXPECT_EQ(response.code(), 200);
  EXPECT_EQ(response.msg(), "推送成功");
}

TEST(GrpcMethods, NamesAreEscapedInTargets) {
  v1::HistoryRequest history;
  history.set_room("a/b ü%");
  history.set_after(17);
  history.set_limit(3);
  EXPECT_EQ(ask("History", history)->target, "/rooms/a%2Fb%20%C3%BC%25/history?after=17&limit=3");
  v1::RemoveMemberRequest remove;
  remove.set_room("/members/");
  remove.set_user("x?y#z");
  EXPECT_EQ(ask("RemoveMember", remove)->target, "/rooms/%2Fmembers%2F/members/x%3Fy%23z");
  v1::ConnectionsRequest connections;
  connections.set_user("a&b");
  connections.set_room("c=d");
  EXPECT_EQ(ask("Connections", connections)->target, "/connections?user=a%26b&room=c%3Dd");
  v1::CloseRoomRequest close;
  close.set_room("r");
  EXPECT_EQ(ask("CloseRoom", close)->target, "/rooms/r/close");
  EXPECT_EQ(method("CloseRoom").verb, "POST");
  v1::RevokeUserRequest revoke;
  revoke.set_user("u");
  EXPECT_EQ(ask("RevokeUser", revoke)->target, "/users/u/tokens");
  EXPECT_EQ(ask("Rooms", v1::RoomsRequest())->target, "/rooms");
}

TEST(GrpcMethods, NamesMustBeGiven) {
  for (const std::string_view name : {"Members", "History", "Purge", "CloseRoom", "RemoveMember", "User",
                                      "DisconnectUser", "Disconnect", "RevokeUser", "RevokeToken"}) {
    const auto made = method(name).ask("");
    ASSERT_FALSE(made) << name;
    EXPECT_EQ(made.error().code, "missing_field");
    EXPECT_EQ(method(name).ask("\xff\xff").error().code, "bad_message") << name;
    EXPECT_EQ(method(name).ask("\x0a\x01\xff").error().code, "bad_message") << name;
  }
}

TEST(GrpcMethods, ResultsOfPublishesAreRead) {
  const auto sent = answer<v1::PublishResult>(
      "Publish", R"({"status":"sent","event_id":1795258893101491,"receivers":3,"duplicate":true})");
  EXPECT_EQ(sent.status(), "sent");
  EXPECT_EQ(sent.event_id(), 1795258893101491u);
  EXPECT_EQ(sent.receivers(), 3u);
  EXPECT_TRUE(sent.duplicate());
  EXPECT_FALSE(sent.has_ack());
  const auto asked = answer<v1::PublishResult>(
      "Publish", R"({"status":"sent","receivers":1,"ack":[{"a":"]"}],"attachments":["AQL/","!"]})");
  EXPECT_EQ(asked.ack(), R"([{"a":"]"}])");
  EXPECT_EQ(asked.attachments(0), std::string("\x01\x02\xff"));
  EXPECT_FALSE(answer<v1::PublishResult>("Publish", R"({"status":"sent","receivers":0,"ack":null})").has_ack());

  std::string json;
  const Error error{"channels_full", "no \"room\""};
  const std::vector<codec::PublishResult> results{{.event_id = 5, .receivers = 1, .target_key = "room", .target = "a"},
                                                  {.error = &error, .target_key = "user", .target = "ü"}};
  codec::append_batch_begin(json);
  codec::append_publish_results(json, results);
  codec::append_batch_next(json);
  codec::append_publish_result(json, results[0]);
  codec::append_batch_end(json);
  const auto batch = answer<v1::PublishBatchResponse>("PublishBatch", json);
  ASSERT_EQ(batch.results_size(), 2);
  EXPECT_EQ(batch.results(0).status(), "partial");
  ASSERT_EQ(batch.results(0).results_size(), 2);
  EXPECT_EQ(batch.results(0).results(0).room(), "a");
  EXPECT_EQ(batch.results(0).results(1).user(), "ü");
  EXPECT_EQ(batch.results(0).results(1).error().code(), "channels_full");
  EXPECT_EQ(batch.results(0).results(1).error().message(), "no \"room\"");
  EXPECT_FALSE(batch.results(1).has_error());
}

TEST(GrpcMethods, ListsAreRead) {
  const auto rooms = answer<v1::RoomsResponse>(
      "Rooms", R"({"rooms":[{"room":"a\"","members":2,"id":7,"messages":1},{"room":"b"}],"next":"b"})");
  ASSERT_EQ(rooms.rooms_size(), 2);
  EXPECT_EQ(rooms.rooms(0).room(), "a\"");
  EXPECT_EQ(rooms.rooms(0).id(), 7u);
  EXPECT_EQ(rooms.next(), "b");
  EXPECT_EQ(answer<v1::RoomsResponse>("Rooms", R"({"rooms":[],"next":null})").next(), "");
  const auto members = answer<v1::MembersResponse>(
      "Members", R"({"room":"r","count":9,"members":[{"user":"ann","status":"away","connections":2}]})");
  EXPECT_EQ(members.count(), 9u);
  EXPECT_EQ(members.members(0).status(), "away");
  const auto users = answer<v1::UsersResponse>(
      "Users", R"({"users":[{"user":"ann","online":true,"status":"busy","connections":1}],"next":null})");
  EXPECT_TRUE(users.users(0).online());
  const auto connections = answer<v1::ConnectionsResponse>(
      "Connections", R"({"connections":[{"connection_id":"0-1","user":"ann"},{"connection_id":"0-2"}],"next":"x"})");
  EXPECT_EQ(connections.connections(1).connection_id(), "0-2");
  EXPECT_EQ(connections.next(), "x");
}

TEST(GrpcMethods, HistoryIsRead) {
  const auto history = answer<v1::HistoryResponse>(
      "History",
      R"({"room":"r","messages":[{"id":1,"event_type":"message","room":"r","user":"A","content":"a\nb",)"
      R"("timestamp":"2026-11-21T02:36:00.123Z"},{"id":2,"event_type":"x","data":{"y":"]}"},"event":"订单"}],)"
      R"("oldest":1,"newest":2})");
  ASSERT_EQ(history.messages_size(), 2);
  EXPECT_EQ(history.messages(0).content(), "a\nb");
  EXPECT_EQ(history.messages(0).timestamp_ms(), 1795228560123);
  EXPECT_EQ(history.messages(1).data(), R"({"y":"]}"})");
  EXPECT_EQ(history.messages(1).event(), "订单");
  EXPECT_EQ(history.newest(), 2u);
  const auto empty =
      answer<v1::HistoryResponse>("History", R"({"room":"r","messages":[],"oldest":null,"newest":null})");
  EXPECT_FALSE(empty.has_oldest());
}

TEST(GrpcMethods, FiguresAreRead) {
  const auto stats = answer<v1::StatsResponse>(
      "Stats", R"({"total_clients":3,"rooms":{"a\"b":2,"c":1},"transports":{"sse":4},"version":"1","draining":true,)"
               R"("new_figure":5,"cores":[{"core":0,"ticks":9},{"core":1,"clients":7}]})");
  EXPECT_EQ(stats.total_clients(), 3u);
  EXPECT_EQ(stats.rooms().at("a\"b"), 2u);
  EXPECT_EQ(stats.transports().at("sse"), 4u);
  EXPECT_TRUE(stats.draining());
  ASSERT_EQ(stats.cores_size(), 2);
  EXPECT_EQ(stats.cores(1).clients(), 7u);
}

TEST(GrpcMethods, HealthIsWhatReadySays) {
  const Method& health = *find_method("/grpc.health.v1.Health/Check");
  HealthCheckRequest request;
  EXPECT_EQ(health.ask(request.SerializeAsString())->target, "/ready");
  request.set_service("any.SSEService");
  EXPECT_TRUE(health.ask(request.SerializeAsString()));
  request.set_service("nobody");
  EXPECT_EQ(health.ask(request.SerializeAsString()).error().code, "not_found");
  std::string bytes;
  HealthCheckResponse response;
  health.answer(bytes, "OK\n");
  ASSERT_TRUE(response.ParseFromString(bytes));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  bytes.clear();
  EXPECT_FALSE(health.answer_refusal(bytes, 401));
  ASSERT_TRUE(health.answer_refusal(bytes, 503));
  ASSERT_TRUE(response.ParseFromString(bytes));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
}

}  // namespace
}  // namespace ringcast::grpc
