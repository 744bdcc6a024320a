// SPDX-License-Identifier: Apache-2.0
#include "codec/json/json_members.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "codec/json/json_fields.h"
#include "codec/json/json_writer.h"

namespace ringcast::codec {
namespace {

TEST(JsonMembers, FindsEachMemberWhateverStandsInTheOthers) {
  constexpr std::string_view kJson =
      R"({"id":17,"content":"a,\"b\":{}\\","data":{"x":[1,{"y":"}]"}],"id":3},"end":null})";
  EXPECT_EQ(json_member(kJson, "id"), "17");
  EXPECT_EQ(json_member(kJson, "content"), R"("a,\"b\":{}\\")");
  EXPECT_EQ(json_member(kJson, "data"), R"({"x":[1,{"y":"}]"}],"id":3})");
  EXPECT_EQ(json_member(kJson, "end"), "null");
  EXPECT_EQ(json_member(kJson, "x"), "");
  EXPECT_EQ(json_member("[1]", "x"), "");
  EXPECT_EQ(json_member("{}", "x"), "");
  EXPECT_EQ(json_member("7", "x"), "");
}

TEST(JsonMembers, ElementsComeInOrderWhateverTheyAre) {
  JsonElements elements(R"([1,"a,]\"",{"b":[2,3]},[],null])");
  std::vector<std::string_view> found;
  for (std::string_view value; elements.next(value);) found.push_back(value);
  EXPECT_EQ(found, (std::vector<std::string_view>{"1", R"("a,]\"")", R"({"b":[2,3]})", "[]", "null"}));
  for (const std::string_view none : {"[]", "", "[", "{}", "7", "\"[1]\""}) {
    JsonElements empty(none);
    std::string_view value;
    EXPECT_FALSE(empty.next(value)) << none;
  }
}

TEST(JsonMembers, NothingBrokenIsReadBeyondItsEnd) {
  constexpr std::string_view kJson = R"({"a":"\"x","b":[{"c":1}]})";
  for (size_t size = 0; size <= kJson.size(); ++size) {
    const std::string cut(kJson.substr(0, size));
    json_member(cut, "b");
    json_member(cut + "}", "b");
    std::string text;
    append_unquoted(text, cut);
  }
}

TEST(JsonMembers, TextsComeBackAsTheyWere) {
  for (const std::string text : {"", "plain", "\"quoted\" \\ back", "line\r\nend\t\x01", "ü€😀"}) {
    std::string literal, back;
    append_json_string(literal, text);
    EXPECT_TRUE(append_unquoted(back, literal));
    EXPECT_EQ(back, text);
  }
  std::string none;
  EXPECT_FALSE(append_unquoted(none, "17"));
  EXPECT_FALSE(append_unquoted(none, "\""));
  EXPECT_TRUE(literal_is("\"done\"", "done"));
  EXPECT_FALSE(literal_is("done", "done"));
  EXPECT_FALSE(literal_is("", ""));
}

TEST(JsonMembers, TimestampsAreMilliseconds) {
  for (const int64_t us : {0ll, 1'795'228'560'123'000ll, 951'782'400'999'000ll}) {
    std::string literal = "\"";
    append_iso_timestamp(literal, us);
    literal += '"';
    EXPECT_EQ(timestamp_ms(literal), static_cast<uint64_t>(us / 1000));
  }
  EXPECT_EQ(timestamp_ms("17"), 0u);
}

TEST(JsonFields, TakesWhatIsAskedForAndChecksTheRest) {
  using Kind = JsonField::Kind;
  JsonField fields[] = {{"type"}, {"content", Kind::content}, {"data", Kind::data}};
  EXPECT_FALSE(read_json_fields(R"({"type":"a\u0062","x":[{}],"content":"a\/b","data":{ "n": [1] }})", {}, fields));
  EXPECT_EQ(fields[0].value, "ab");
  EXPECT_EQ(fields[1].value, R"("a/b")");
  EXPECT_EQ(fields[2].value, R"({"n":[1]})");
  JsonField none[] = {{"type"}, {"content", Kind::content}};
  EXPECT_FALSE(read_json_fields(R"({"type":null})", {}, none));
  EXPECT_FALSE(none[0].given());
  EXPECT_FALSE(none[1].given());
}

TEST(JsonFields, SaysWhatIsWrong) {
  const auto code = [](std::string_view text, JsonLimits limits = {}) {
    JsonField fields[] = {{"type"}, {"text", JsonField::Kind::content}};
    const auto error = read_json_fields(text, limits, fields);
    return error ? error->code : std::string();
  };
  EXPECT_EQ(code("{"), "bad_json");
  EXPECT_EQ(code("[]"), "bad_json");
  EXPECT_EQ(code("{} x"), "bad_json");
  EXPECT_EQ(code(R"({"type":1})"), "");
  EXPECT_EQ(code(R"({"type":1.5})"), "bad_field");
  EXPECT_EQ(code(R"({"type":-1})"), "bad_field");
  EXPECT_EQ(code(R"({"type":true})"), "bad_field");
  EXPECT_EQ(code(R"({"text":[]})"), "bad_field");
  EXPECT_EQ(code(R"({"text":"four"})", {.payload_bytes_max = 3}), "too_large");
  EXPECT_EQ(code(R"({"other":[[[[1]]]]})", {.depth_max = 2}), "too_deep");
}

}  // namespace
}  // namespace ringcast::codec
