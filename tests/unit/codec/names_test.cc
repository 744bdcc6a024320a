// SPDX-License-Identifier: Apache-2.0
#include "codec/native/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "json_check.h"

namespace ringcast::codec {
namespace {

using testing::HasSubstr;

std::string code_of(const auto& result) {
  return result ? "" : result.error().code;
}

TEST(Names, RoomsAtTheEdgesOfTheRule) {
  for (const std::string& good :
       {std::string("general"), std::string("a"), std::string(128, 'x'), std::string("order-status/17"),
        std::string("a b"), std::string("50%=x"), std::string("**"), std::string("a@b"), std::string("café"),
        std::string("me"), std::string("\u00a0"), std::string("\U0001F600")}) {
    EXPECT_EQ(code_of(check_room(good)), "") << good;
  }
  for (const std::string& bad :
       {std::string(), std::string(129, 'x'), std::string("a,b"), std::string("*"), std::string("@alice"),
        std::string("a\nb"), std::string("a\0b", 3), std::string("\x1f"), std::string("\x7f"), std::string("\u0080"),
        std::string("\u009f"), std::string("\xff"), std::string("\xc2"), std::string("\xed\xa0\x80")}) {
    EXPECT_EQ(code_of(check_room(bad)), "bad_room") << bad;
  }
}

TEST(Names, UsersAtTheEdgesOfTheRule) {
  for (const std::string_view good : {"alice", "*", "@bob", "anonymous", "Me", "Zoë"}) {
    EXPECT_EQ(code_of(check_user(good)), "") << good;
  }
  EXPECT_EQ(code_of(check_user(std::string(128, 'u'))), "");
  EXPECT_EQ(code_of(check_user(std::string(129, 'u'))), "bad_user");
  for (const std::string_view bad : {"", "me", "a,b", "a\rb", "\xc3"}) {
    EXPECT_EQ(code_of(check_user(bad)), "bad_user") << bad;
  }
}

TEST(Names, TenantsAndEventTypesAndConnectionIds) {
  EXPECT_EQ(code_of(check_tenant("acme_1.x-Y")), "");
  EXPECT_EQ(code_of(check_tenant(std::string(64, 't'))), "");
  for (const std::string& bad : {std::string(), std::string(65, 't'), std::string("a:b"), std::string("a b")}) {
    EXPECT_EQ(code_of(check_tenant(bad)), "bad_tenant") << bad;
  }
  for (const std::string_view good : {"message", "order:created", "a.b_c-d", "system", "chat"}) {
    EXPECT_EQ(code_of(check_event_type(good)), "") << good;
  }
  EXPECT_EQ(code_of(check_event_type(std::string(64, 'e'))), "");
  for (const std::string& bad : {std::string(), std::string(65, 'e'), std::string("a b"), std::string("a\nb")}) {
    EXPECT_EQ(code_of(check_event_type(bad)), "bad_event") << bad;
  }
  EXPECT_EQ(code_of(check_connection_id("1-2:3")), "");
  EXPECT_EQ(code_of(check_connection_id("1/2")), "bad_connection_id");
  EXPECT_EQ(code_of(check_idempotency_key("Zoë's 1st")), "");
  EXPECT_EQ(code_of(check_idempotency_key(std::string(129, 'k'))), "bad_idempotency_key");
}

TEST(Names, TheServersOwnEventTypesAreReserved) {
  for (const std::string_view type :
       {"connection_id", "joined",         "left",    "ack",     "direct", "member_joined", "member_left",
        "typing",        "status",         "members", "history", "pong",   "gap",           "lagged",
        "reconnect",     "token_expiring", "error",   "problem", "binary", "heartbeat",     "close"}) {
    EXPECT_TRUE(is_reserved_event_type(type)) << type;
    EXPECT_EQ(code_of(check_event_type(type)), "bad_event") << type;
  }
  EXPECT_FALSE(is_reserved_event_type("message"));
}

TEST(Names, ChannelsAreOfThreeKinds) {
  EXPECT_EQ(check_channel("general").value(), ChannelKind::room);
  EXPECT_EQ(check_channel("@alice").value(), ChannelKind::inbox);
  EXPECT_EQ(check_channel("@me").value(), ChannelKind::inbox);
  EXPECT_EQ(check_channel("*").value(), ChannelKind::broadcast);
  for (const std::string_view bad : {"", "@", "@anonymous", "@a,b", "a,b"}) {
    EXPECT_EQ(code_of(check_channel(bad)), "bad_room") << bad;
  }
}

TEST(Names, OnlyTheOwnInboxCanBeJoined) {
  std::string scratch;
  EXPECT_EQ(resolve_channel("@me", "alice", scratch).value().name, "@alice");
  EXPECT_EQ(resolve_channel("@alice", "alice", scratch).value().kind, ChannelKind::inbox);
  EXPECT_EQ(resolve_channel("general", "", scratch).value().name, "general");
  EXPECT_EQ(resolve_channel("*", "", scratch).value().kind, ChannelKind::broadcast);
  EXPECT_EQ(code_of(resolve_channel("@bob", "alice", scratch)), "forbidden");
  EXPECT_EQ(code_of(resolve_channel("@me", "", scratch)), "forbidden");
  EXPECT_EQ(code_of(resolve_channel("@me", "anonymous", scratch)), "forbidden");
  EXPECT_EQ(code_of(resolve_channel("@", "alice", scratch)), "bad_room");
}

TEST(Names, MessagesNameWhatWasWrongAndWhatIsAllowed) {
  EXPECT_THAT(check_room("a,b").error().message, HasSubstr("\"a,b\" has a ','"));
  EXPECT_THAT(check_room("a,b").error().message, HasSubstr("1 to 128 bytes"));
  EXPECT_THAT(check_event_type("gap").error().message, HasSubstr("\"gap\""));
  // What was quoted must not spoil the JSON that the message goes into.
  EXPECT_TRUE(is_valid_utf8(check_room("\xff\xfe").error().message));
}

TEST(Names, QuotesAreCutBetweenCharacters) {
  EXPECT_EQ(quoted("abc"), "\"abc\"");
  EXPECT_EQ(quoted("aé", 2), "\"a…\"");
  EXPECT_EQ(quoted("éé", 2), "\"é…\"");
  for (size_t bytes_max = 0; bytes_max < 12; ++bytes_max) {
    EXPECT_TRUE(is_valid_utf8(quoted("a\U0001F600é\u2028x", bytes_max))) << bytes_max;
  }
}

}  // namespace
}  // namespace ringcast::codec
