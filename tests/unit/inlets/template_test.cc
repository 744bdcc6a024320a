// SPDX-License-Identifier: Apache-2.0
#include "inlets/template.h"

#include <gtest/gtest.h>

#include <array>

#include "inlets/mirror.h"
#include "inlets/pattern.h"

namespace ringcast::inlets {
namespace {

const codec::JsonLimits kLimits;

std::string expand(std::string_view text, const Received& received) {
  const auto parsed = Template::parse(text);
  if (!parsed) return parsed.error().message;
  std::string scratch, out;
  const auto done = parsed->expand(Body(received, kLimits, scratch), out);
  if (!done) return "error: " + done.error().code;
  return *done ? out : "missing";
}

std::string json(std::string_view text, const Received& received) {
  std::string scratch;
  const auto out = Template::parse(text)->json(Body(received, kLimits, scratch), kLimits);
  return out ? *out : "error: " + out.error().code;
}

TEST(Template, TakesPartsOfWhatHasCome) {
  const std::array<Field, 2> fields{{{"kind", "created"}, {"kind", "changed"}}};
  const std::array<std::string_view, 2> captured{"eu", "42"};
  const Received received{
      .channel = "orders:eu:42",
      .id = "7-0",
      .key = "k",
      .body = R"( {"a": {"b": [1, {"c d": "x\u0041"}], "n": -1.50, "t": true, "z": null, "e": ""}} )",
      .fields = fields,
      .captured = captured};
  EXPECT_EQ(expand("{channel}|{id}|{key}", received), "orders:eu:42|7-0|k");
  EXPECT_EQ(expand("order-{2}-{1}", received), "order-42-eu");
  EXPECT_EQ(expand("{3}", received), "missing");
  EXPECT_EQ(expand("{field.kind}", received), "changed");  // the last one, as of JSON's members
  EXPECT_EQ(expand("{field.other}", received), "missing");
  EXPECT_EQ(expand("{{{$.a.b[1].c d}}}", received), "{xA}");
  EXPECT_EQ(expand("{$.a.n} {$.a.t}", received), "-1.50 true");
  EXPECT_EQ(expand("{$.a.z}", received), "missing");
  EXPECT_EQ(expand("{$.a.e}", received), "missing");
  EXPECT_EQ(expand("{$.a.b[2]}", received), "missing");
  EXPECT_EQ(expand("{$.a.b}", received), "error: bad_value");
  EXPECT_EQ(expand("", received), "missing");
  EXPECT_EQ(json("{$.a.b}", received), R"([1,{"c d":"xA"}])");
  EXPECT_EQ(json("{$.a.z}", received), "null");  // a value like any other
  EXPECT_EQ(json("{$.b}", received), "");
  EXPECT_EQ(json("{field.kind}", received), "\"changed\"");
}

TEST(Template, ABodyThatIsNoJsonIsAText) {
  const Received text{.body = "plain \"text\""};
  EXPECT_EQ(json("{body}", text), R"("plain \"text\"")");
  EXPECT_EQ(expand("{$.a}", text), "error: bad_json");
  EXPECT_EQ(json("{$.a}", text), "error: bad_json");
  const Received bytes{.body = "\xff\xfe"};
  EXPECT_EQ(json("{body}", bytes), "error: bad_utf8");
  const Received repeated{.body = R"({"a":1,"a":2})"};
  EXPECT_EQ(json("{$.a}", repeated), "2");
  EXPECT_EQ(json("{$}", repeated), R"({"a":1,"a":2})");
}

TEST(Template, SaysWhatIsWrong) {
  for (const auto& [text, why] : {
           std::pair("{nothing}", "there is no {nothing}"),
           std::pair("a{", "a { that is not closed"),
           std::pair("a}", "a } that closes nothing"),
           std::pair("{$a}", "a path is made of"),
           std::pair("{$.}", "a name must follow each ."),
           std::pair("{$[x]}", "the place in a list"),
           std::pair("{$[1}", "the place in a list"),
           std::pair("{field.}", "there is no {field.}"),
       }) {
    const auto parsed = Template::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.error().message.find(why), std::string::npos) << parsed.error().message;
  }
  EXPECT_FALSE(Template::parse(std::string(513, 'x')));
}

TEST(Pattern, SaysWhatTheWildcardsStandFor) {
  std::vector<std::string_view> captured;
  ASSERT_TRUE(capture_redis("room:*", "room:general", captured));
  EXPECT_EQ(captured, (std::vector<std::string_view>{"general"}));
  ASSERT_TRUE(capture_redis("*:x:*y", "a:x:b:x:cy", captured));
  EXPECT_EQ(captured, (std::vector<std::string_view>{"a", "b:x:c"}));
  ASSERT_TRUE(capture_redis("*", "", captured));
  EXPECT_TRUE(capture_redis("a", "a", captured));
  EXPECT_FALSE(capture_redis("a", "ab", captured));
  EXPECT_FALSE(capture_redis("a*b", "ac", captured));
  EXPECT_FALSE(capture_redis("ab*ba", "aba", captured));
  EXPECT_FALSE(check_redis_pattern("a?"));
  EXPECT_FALSE(check_redis_pattern("**"));
  EXPECT_FALSE(check_redis_pattern("*a*b*c*d*e*f*g*h*i*j"));
}

TEST(Pattern, TwoMeetWhereOneNameMatchesBoth) {
  const auto meet = [](std::string_view one, std::string_view other) {
    const bool out = redis_patterns_meet(one, other);
    EXPECT_EQ(out, redis_patterns_meet(other, one));
    return out;
  };
  EXPECT_TRUE(meet("a", "a"));
  EXPECT_FALSE(meet("a", "b"));
  EXPECT_FALSE(meet("a", "ab"));
  EXPECT_TRUE(meet("*", ""));
  EXPECT_TRUE(meet("*", "*"));
  EXPECT_TRUE(meet("room:*", "room:"));
  EXPECT_TRUE(meet("room:*", "*:general"));
  EXPECT_FALSE(meet("room:*", "rooms:*"));
  EXPECT_FALSE(meet("room:*:in", "room:*:out"));
  EXPECT_TRUE(meet("a*b*c", "*b*c"));
  EXPECT_TRUE(meet("a*z", "*m*"));
  EXPECT_FALSE(meet("a*z", "b*"));
  EXPECT_FALSE(meet("*ab", "*ba"));
  EXPECT_TRUE(meet(std::string(500, '*') + "x", "*x"));
}

TEST(MirrorChannel, HasTheNamesOfRoomAndTenant) {
  std::string out;
  append_mirror_channel(out, "{tenant}/room:{}.{}", "acme", "{a}");
  EXPECT_EQ(out, "acme/room:{a}.{a}");
  EXPECT_EQ(mirror_pattern("{tenant}:{}", "a-*"), "*:a-*");
  EXPECT_EQ(mirror_mistake("{tenant}:{}"), "");
  EXPECT_NE(mirror_mistake("{"), "");
  EXPECT_NE(mirror_mistake("{user}"), "");
  EXPECT_NE(mirror_mistake("a*"), "");
}

}  // namespace
}  // namespace ringcast::inlets
