// SPDX-License-Identifier: Apache-2.0
#include "codec/engine_io/socket_io_packet.h"

#include <gtest/gtest.h>

namespace ringcast::codec {
namespace {

using enum SocketIoType;

struct Example {
  std::string_view text;
  SocketIoType type;
  uint32_t attachments;
  std::string_view nsp;
  std::optional<uint64_t> id;
  std::string_view json;
};

// The examples of the Socket.IO protocol, revision 5.
const Example kExamples[] = {
    {"0", connect, 0, "/", {}, ""},
    {R"(0/admin,{"sid":"oSO0OpakMV_3jnilAAAA"})", connect, 0, "/admin", {}, R"({"sid":"oSO0OpakMV_3jnilAAAA"})"},
    {R"(4{"message":"Not authorized"})", connect_error, 0, "/", {}, R"({"message":"Not authorized"})"},
    {R"(2["foo"])", event, 0, "/", {}, R"(["foo"])"},
    {R"(2/admin,["bar"])", event, 0, "/admin", {}, R"(["bar"])"},
    {R"(212["foo"])", event, 0, "/", 12, R"(["foo"])"},
    {R"(3/admin,13["bar"])", ack, 0, "/admin", 13, R"(["bar"])"},
    {"1/admin,", disconnect, 0, "/admin", {}, ""},
    {R"(51-["baz",{"_placeholder":true,"num":0}])",
     binary_event,
     1,
     "/",
     {},
     R"(["baz",{"_placeholder":true,"num":0}])"},
    {R"(52-/admin,["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}])",
     binary_event,
     2,
     "/admin",
     {},
     R"(["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}])"},
    {R"(61-15["bar",{"_placeholder":true,"num":0}])", binary_ack, 1, "/", 15,
     R"(["bar",{"_placeholder":true,"num":0}])"},
};

TEST(SocketIoPacket, TakesTheProtocolsExamplesApart) {
  for (const Example& example : kExamples) {
    SocketIoPacket packet;
    ASSERT_TRUE(parse_socket_io_packet(example.text, packet)) << example.text;
    EXPECT_EQ(packet.type, example.type) << example.text;
    EXPECT_EQ(packet.attachments, example.attachments) << example.text;
    EXPECT_EQ(packet.nsp, example.nsp) << example.text;
    EXPECT_EQ(packet.id, example.id) << example.text;
    EXPECT_EQ(packet.json, example.json) << example.text;
  }
}

TEST(SocketIoPacket, WritesTheProtocolsExamples) {
  for (const Example& example : kExamples) {
    std::string text;
    append_socket_io_head(
        text, {.type = example.type, .nsp = example.nsp, .attachments = example.attachments, .id = example.id});
    EXPECT_EQ(text + std::string(example.json), example.text);
  }
  std::string text;
  append_socket_io_connect_error(text, "/admin", "Invalid namespace");
  EXPECT_EQ(text, R"(4/admin,{"message":"Invalid namespace"})");
}

TEST(SocketIoPacket, ANamespaceNeedsNoCommaAtTheEnd) {
  SocketIoPacket packet;
  ASSERT_TRUE(parse_socket_io_packet("1/admin", packet));
  EXPECT_EQ(packet.nsp, "/admin");
  EXPECT_EQ(packet.json, "");
}

TEST(SocketIoPacket, RefusesHeadsThatAreNone) {
  for (const std::string_view text : {"", "7", "abc", "5", "5[\"a\"]", "5x-[\"a\"]", "51[\"a\"]",
                                      "599999999999-[\"a\"]", "299999999999999999999[\"a\"]"}) {
    SocketIoPacket packet;
    EXPECT_FALSE(parse_socket_io_packet(text, packet)) << text;
  }
}

TEST(SocketIoPacket, ReadsEvents) {
  SocketIoArguments event;
  ASSERT_TRUE(read_socket_io_event(R"( [ "a\u0062\n" , {"x" : [1, 2]}, "t" , null, 1.50 ])", {}, event));
  EXPECT_EQ(event.name, "ab\n");
  EXPECT_EQ(event.name_json, R"("ab\n")");
  EXPECT_EQ(event.values, (std::vector<std::string_view>{R"({"x":[1,2]})", R"("t")", "null", "1.50"}));
  ASSERT_TRUE(read_socket_io_event(R"(["foo"])", {}, event));
  EXPECT_EQ(event.name, "foo");
  EXPECT_TRUE(event.values.empty());
  ASSERT_TRUE(read_socket_io_event("[12,3]", {}, event));
  EXPECT_EQ(event.name, "12");
}

TEST(SocketIoPacket, RefusesEventsThatAreNone) {
  SocketIoArguments event;
  for (const std::string_view json : {"", "{}", "[]", "[{}]", "[null]", "[[\"a\"]]", "[\"a\"", "[\"a\"]]", "[\"a\",]",
                                      "\"a\"", "[\"connect\"]", "[\"connect_error\"]", "[\"disconnect\"]",
                                      "[\"disconnecting\"]", "[\"newListener\"]", "[\"removeListener\"]"}) {
    EXPECT_FALSE(read_socket_io_event(json, {}, event)) << json;
  }
  std::string deep = "[\"a\",";
  for (int i = 0; i < 40; ++i) deep += '[';
  for (int i = 0; i < 41; ++i) deep += ']';
  const auto read = read_socket_io_event(deep, {.depth_max = 32}, event);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, "too_deep");
}

TEST(SocketIoPacket, ReadsAcknowledgements) {
  SocketIoArguments ack;
  ASSERT_TRUE(read_socket_io_ack("[]", {}, ack));
  EXPECT_TRUE(ack.values.empty());
  ASSERT_TRUE(read_socket_io_ack(R"([1,"connect"])", {}, ack));
  EXPECT_EQ(ack.values, (std::vector<std::string_view>{"1", R"("connect")"}));
  EXPECT_FALSE(read_socket_io_ack("{}", {}, ack));
  EXPECT_FALSE(read_socket_io_ack("", {}, ack));
}

TEST(SocketIoPacket, ReadsWhatComesWithAConnect) {
  std::string auth;
  ASSERT_TRUE(read_socket_io_auth("", {}, auth));
  EXPECT_EQ(auth, "{}");
  auth.clear();
  ASSERT_TRUE(read_socket_io_auth(R"( {"token" : "123"})", {}, auth));
  EXPECT_EQ(auth, R"({"token":"123"})");
  auth.clear();
  for (const std::string_view json : {"[]", "\"a\"", "1", "null", "{", "{}x", "abc"}) {
    EXPECT_FALSE(read_socket_io_auth(json, {}, auth)) << json;
    EXPECT_EQ(auth, "") << json;
  }
}

TEST(SocketIoPacket, KnowsPlaceholders) {
  EXPECT_EQ(socket_io_placeholder(R"({"_placeholder":true,"num":3})"), 3u);
  EXPECT_EQ(socket_io_placeholder(R"({"num":0,"_placeholder":true})"), 0u);
  for (const std::string_view json : {R"({"_placeholder":false,"num":3})", R"({"_placeholder":true})", R"("a")", "[]",
                                      R"({"_placeholder":true,"num":-1})", R"({"_placeholder":true,"num":"1"})",
                                      R"({"_placeholder":true,"num":1.5})"}) {
    EXPECT_EQ(socket_io_placeholder(json), std::nullopt) << json;
  }
  std::string text;
  append_socket_io_placeholder(text, 3);
  EXPECT_EQ(socket_io_placeholder(text), 3u);
}

}  // namespace
}  // namespace ringcast::codec
