// SPDX-License-Identifier: Apache-2.0
#include "templates.h"

#include <gtest/gtest.h>

namespace ringcast::ringload {
namespace {

std::string filled(std::string_view text) {
  std::string out;
  append_filled(out, text, {.room = "r1", .user = "u1", .payload = "{room}", .cursor = "17"});
  return out;
}

TEST(Templates, PlaceholdersAreFilled) {
  EXPECT_EQ(filled("/ws?rooms={room}&user={user}&since={cursor}"), "/ws?rooms=r1&user=u1&since=17");
  EXPECT_EQ(filled("{room}{room}"), "r1r1");
  EXPECT_EQ(filled(""), "");
}

TEST(Templates, OtherBracesAreText) {
  EXPECT_EQ(filled(R"({"a":{"room":"{room}"},"b":{}})"), R"({"a":{"room":"r1"},"b":{}})");
  EXPECT_EQ(filled("{roo{room}"), "{roor1");
  EXPECT_EQ(filled("{"), "{");
}

TEST(Templates, WhatIsFilledInIsNotFilledAgain) {
  EXPECT_EQ(filled("<{payload}>"), "<{room}>");
}

TEST(Templates, EveryPresetPublishesItsPayload) {
  for (const char* name : {"ringcast", "raw", "socketio", "centrifugo", "nchan"}) {
    const auto dialect = preset(name, Transport::websocket, Purpose::member);
    ASSERT_TRUE(dialect) << name;
    EXPECT_NE((dialect->publish + dialect->post_body).find("{payload}"), std::string::npos) << name;
    EXPECT_FALSE(dialect->target.empty()) << name;
  }
}

TEST(Templates, WhatAPresetHasNotIsRefused) {
  EXPECT_FALSE(preset("nobody", Transport::websocket, Purpose::member));
  EXPECT_FALSE(preset("socketio", Transport::sse, Purpose::member));
  EXPECT_TRUE(preset("nchan", Transport::sse, Purpose::member));
}

}  // namespace
}  // namespace ringcast::ringload
