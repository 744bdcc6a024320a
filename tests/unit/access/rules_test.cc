// SPDX-License-Identifier: Apache-2.0
#include "access/rules.h"

#include <gtest/gtest.h>

namespace ringcast::access {
namespace {

constexpr auto kSubscribe = static_cast<Operations>(Operation::subscribe);
constexpr auto kPublish = static_cast<Operations>(Operation::publish);

bool fits(std::string_view pattern, std::string_view room, Subject subject = {"acme", "alice"}) {
  Rules rules;
  EXPECT_TRUE(rules.add(pattern, kSubscribe));
  return rules.allow(Operation::subscribe, room, subject);
}

TEST(Rules, PatternsHaveStarsAndNames) {
  EXPECT_TRUE(fits("general", "general"));
  EXPECT_FALSE(fits("general", "General"));
  EXPECT_FALSE(fits("general", "general2"));
  EXPECT_TRUE(fits("chat/*", "chat/a"));
  EXPECT_TRUE(fits("chat/*", "chat/"));
  EXPECT_FALSE(fits("chat/*", "chat/a/b")) << "one star stays within its part";
  EXPECT_TRUE(fits("chat/**", "chat/a/b"));
  EXPECT_TRUE(fits("*/b/*x", "a/b/xyx"));
  EXPECT_TRUE(fits("**/x/*y", "a/x/b/x/zy"));
  EXPECT_FALSE(fits("**/x/*y", "a/x/b/z/zy"));
  EXPECT_TRUE(fits("private/{user}", "private/alice"));
  EXPECT_FALSE(fits("private/{user}", "private/alice2"));
  EXPECT_TRUE(fits("{tenant}/{user}/*", "acme/alice/x"));
  EXPECT_TRUE(fits("*{user}", "malicealice"));
  EXPECT_TRUE(fits("**", "any/thing"));
  EXPECT_FALSE(fits("*", "any/thing"));
}

TEST(Rules, NamesAreLiteralWhateverTheyHold) {
  EXPECT_FALSE(fits("private/{user}", "private/bob", {"", "*"}));
  EXPECT_TRUE(fits("private/{user}", "private/*", {"", "*"}));
  EXPECT_FALSE(fits("private/{user}", "private/bob", {"", "**"}));
  EXPECT_FALSE(fits("{user}", "alice", {"", "{user}"}));
  EXPECT_FALSE(fits("private/{user}", "private/", {"", ""})) << "nobody has no place of their own";
  EXPECT_FALSE(fits("private/{user}*", "private/x", {"", ""}));
}

TEST(Rules, InboxesAndRoomsAreApart) {
  EXPECT_TRUE(fits("@*", "@bob"));
  EXPECT_TRUE(fits("@{user}", "@alice"));
  EXPECT_FALSE(fits("@{user}", "@bob"));
  EXPECT_FALSE(fits("**", "@bob"));
  EXPECT_FALSE(fits("*", "@bob"));
  EXPECT_FALSE(fits("@**", "general"));
}

TEST(Rules, WhatNoRuleAllowsIsForbidden) {
  Rules rules;
  EXPECT_FALSE(rules.allow(Operation::subscribe, "a", {}));
  ASSERT_TRUE(rules.add("a", kSubscribe));
  ASSERT_TRUE(rules.add("a", kPublish, {"alice", "anonymous"}));
  EXPECT_TRUE(rules.allow(Operation::subscribe, "a", {"", "bob"}));
  EXPECT_FALSE(rules.allow(Operation::history, "a", {"", "bob"}));
  EXPECT_FALSE(rules.allow(Operation::publish, "a", {"", "bob"}));
  EXPECT_TRUE(rules.allow(Operation::publish, "a", {"", "alice"}));
  EXPECT_TRUE(rules.allow(Operation::publish, "a", {"", ""}));
  EXPECT_FALSE(rules.allow(Operation::broadcast, "*", {"", "alice"}));
  ASSERT_TRUE(rules.add("x", static_cast<Operations>(Operation::broadcast)));
  EXPECT_TRUE(rules.allow(Operation::broadcast, "*", {"", "bob"}));
  EXPECT_FALSE(rules.allow(Operation::publish, "x", {"", "bob"}));
}

TEST(Rules, RefusesWhatIsNoRule) {
  Rules rules;
  EXPECT_FALSE(rules.add("", kSubscribe));
  EXPECT_FALSE(rules.add("a\nb", kSubscribe));
  EXPECT_FALSE(rules.add("\x01", kSubscribe));
  EXPECT_FALSE(rules.add("\xff", kSubscribe));
  EXPECT_FALSE(rules.add(std::string(kRulePatternMax + 1, 'a'), kSubscribe));
  EXPECT_TRUE(rules.add(std::string(kRulePatternMax, 'a'), kSubscribe));
  EXPECT_FALSE(rules.add("a", 0));
  EXPECT_FALSE(operation_from("join"));
  for (const char* name : {"subscribe", "publish", "presence", "history", "broadcast"}) {
    EXPECT_EQ(to_string(operation_from(name).value()), name);
  }
}

// Every pattern of a small alphabet against every text of one, beside a recursive definition of what they mean.
bool means(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.starts_with("**"))
    return means(pattern.substr(2), text) || (!text.empty() && means(pattern, text.substr(1)));
  if (pattern[0] == '*') {
    return means(pattern.substr(1), text) || (!text.empty() && text[0] != '/' && means(pattern, text.substr(1)));
  }
  if (pattern.starts_with("{user}")) return text.starts_with("ab") && means(pattern.substr(6), text.substr(2));
  return !text.empty() && text[0] == pattern[0] && means(pattern.substr(1), text.substr(1));
}

void each(const std::vector<std::string>& parts, int length, const std::string& so_far, auto&& visit) {
  if (!so_far.empty()) visit(so_far);
  if (length == 0) return;
  for (const std::string& part : parts) each(parts, length - 1, so_far + part, visit);
}

TEST(Rules, MeanWhatTheirDefinitionSays) {
  std::vector<std::string> texts;
  each({"a", "b", "/"}, 5, "", [&](const std::string& text) { texts.push_back(text); });
  each({"a", "*", "**", "/", "{user}"}, 4, "", [&](const std::string& pattern) {
    Rules rules;
    ASSERT_TRUE(rules.add(pattern, kSubscribe));
    for (const std::string& text : texts) {
      ASSERT_EQ(rules.allow(Operation::subscribe, text, {"", "ab"}), means(pattern, text)) << pattern << " of " << text;
    }
  });
}

}  // namespace
}  // namespace ringcast::access
