// SPDX-License-Identifier: Apache-2.0
#include "inlets/mapping.h"

#include <gtest/gtest.h>

namespace ringcast::inlets {
namespace {

InletOptions options(std::string room, std::string to = {}) {
  InletOptions out;
  out.name = "orders";
  out.room = std::move(room);
  out.to = std::move(to);
  return out;
}

std::string why(Mapping& mapping, const Received& received, const access::Grant* grant = nullptr) {
  const auto task = mapping.map(received, grant);
  return task ? "" : task.error().code;
}

TEST(Mapping, TheReferenceSystemsMessage) {
  InletOptions inlet = options("", "{$.userId}");
  inlet.data = "{$.data}";
  Mapping mapping = *Mapping::create(inlet, {});
  const auto task =
      *mapping.map({.channel = "ws:broadcast", .body = R"({"userId": 7, "data": {"a": [1, 2]}})"}, nullptr);
  EXPECT_EQ(task->key, "\n@7");
  EXPECT_EQ(task->event, "direct");
  EXPECT_EQ(task->payload, R"({"a":[1,2]})");
  EXPECT_EQ(task->idempotency_key, "");
}

TEST(Mapping, AllParts) {
  InletOptions inlet = options("order-{$.id}");
  inlet.user = "{$.by}";
  inlet.event = "{$.what}";
  inlet.tenant = "{$.tenant}";
  inlet.idempotency_key = "{$.key}";
  Mapping mapping = *Mapping::create(inlet, {});
  const auto task = *mapping.map(
      {.channel = "s", .id = "1-0", .body = R"({"id":1,"by":"ann","what":"paid","tenant":"t","key":"k"})"}, nullptr);
  EXPECT_EQ(task->key, "t\norder-1");
  EXPECT_EQ(task->user, "ann");
  EXPECT_EQ(task->event, "paid");
  EXPECT_EQ(task->idempotency_key, "k");
  // What may be left out is; its own id is the key then.
  const auto bare = *mapping.map({.channel = "s", .id = "1-0", .body = R"({"id":1,"tenant":"t"})"}, nullptr);
  EXPECT_EQ(bare->user, "");
  EXPECT_EQ(bare->event, "message");
  EXPECT_EQ(bare->idempotency_key, "orders:s:1-0");
  // Where the other system may begin anew with its ids.
  const auto timed =
      *mapping.map({.channel = "s", .id = "1", .stored_at = 77, .body = R"({"id":1,"tenant":"t"})"}, nullptr);
  EXPECT_EQ(timed->idempotency_key, "orders:s:1:77");
}

TEST(Mapping, ALongIdIsHashedTheSameEverywhere) {
  Mapping one = *Mapping::create(options("r"), {}), two = *Mapping::create(options("r"), {});
  const std::string channel(200, 'c');
  const auto a = *one.map({.channel = channel, .id = "1", .body = "1"}, nullptr);
  const auto b = *two.map({.channel = channel, .id = "1", .body = "1"}, nullptr);
  const auto c = *two.map({.channel = channel, .id = "2", .body = "1"}, nullptr);
  EXPECT_EQ(a->idempotency_key, b->idempotency_key);
  EXPECT_NE(a->idempotency_key, c->idempotency_key);
  EXPECT_LE(a->idempotency_key.size(), 128u);
}

TEST(Mapping, SaysWhyNot) {
  InletOptions inlet = options("{$.room}");
  inlet.event = "{$.event}";
  MappingLimits limits;
  limits.json.payload_bytes_max = 100;
  limits.body_bytes_max = 200;
  Mapping mapping = *Mapping::create(inlet, limits);
  EXPECT_EQ(why(mapping, {.body = "garbage"}), "bad_json");
  EXPECT_EQ(why(mapping, {.body = "{}"}), "missing");
  EXPECT_EQ(why(mapping, {.body = R"({"room":{}})"}), "bad_value");
  EXPECT_EQ(why(mapping, {.body = R"({"room":"a,b"})"}), "bad_room");
  EXPECT_EQ(why(mapping, {.body = R"({"room":"@ann"})"}), "bad_room");  // nobody's inbox by way of a room's name
  EXPECT_EQ(why(mapping, {.body = R"({"room":"*"})"}), "bad_room");
  EXPECT_EQ(why(mapping, {.body = R"({"room":"r","event":"gap"})"}), "bad_event");
  EXPECT_EQ(why(mapping, {.body = R"({"room":"r","x":")" + std::string(100, 'x') + "\"}"}), "too_large");
  EXPECT_EQ(why(mapping, {.body = R"({"room":"r","x":")" + std::string(200, 'x') + "\"}"}), "too_large");
  EXPECT_EQ(why(mapping, {.too_large = true}), "too_large");
  EXPECT_EQ(why(mapping, {.body = R"({"room":"r"})"}), "");
}

TEST(Mapping, RightsAsAnApiKeyHasThem) {
  access::Grant grant;
  ASSERT_TRUE(grant.rules.add("order-*", static_cast<access::Operations>(access::Operation::publish)));
  Mapping mapping = *Mapping::create(options("{$.room}"), {});
  EXPECT_EQ(why(mapping, {.body = R"({"room":"order-1"})"}, &grant), "");
  EXPECT_EQ(why(mapping, {.body = R"({"room":"other"})"}, &grant), "forbidden");
  InletOptions everybody;
  everybody.broadcast = true;
  Mapping broadcast = *Mapping::create(everybody, {});
  EXPECT_EQ(why(broadcast, {.body = "1"}, &grant), "forbidden");
  ASSERT_TRUE(grant.rules.add("*", static_cast<access::Operations>(access::Operation::broadcast)));
  EXPECT_EQ(why(broadcast, {.body = "1"}, &grant), "");
}

TEST(Mapping, ADeadLetterSaysWhatItWas) {
  InletOptions inlet = options("{$.room}");
  inlet.dead_letter = "dead";
  Mapping mapping = *Mapping::create(inlet, {});
  const auto text = mapping.dead_letter({.channel = "c", .id = "1-0", .body = "x\"y"}, {"bad_json", "not JSON"});
  EXPECT_EQ(text->key, "\ndead");
  EXPECT_EQ(text->event, "dead_letter");
  EXPECT_EQ(text->payload, R"({"inlet":"orders","reason":"not_json","why":"not JSON","channel":"c","id":"1-0",)"
                           R"("key":"","body":"x\"y","cut":false})");
  EXPECT_EQ(text->idempotency_key, "orders:c:1-0");
  const auto bytes = mapping.dead_letter({.channel = "c", .body = "\xff"}, {"bad_utf8", "no"});
  EXPECT_NE(bytes->payload.find(R"("body_base64":"/w==")"), std::string::npos) << bytes->payload;
  const auto large = mapping.dead_letter({.channel = "c", .body = std::string(1 << 20, '\1')}, {"too_large", "no"});
  EXPECT_LT(large->payload.size(), 64u << 10);
  EXPECT_TRUE(large->payload.ends_with("\"cut\":true}"));
}

TEST(Mapping, DataIsOnePlaceholder) {
  InletOptions inlet = options("r");
  inlet.data = "a{body}";
  const auto made = Mapping::create(inlet, {});
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message, "data: must be one placeholder, such as {body} or {$.data}, and nothing beside it");
}

}  // namespace
}  // namespace ringcast::inlets
