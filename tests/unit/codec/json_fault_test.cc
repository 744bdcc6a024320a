// SPDX-License-Identifier: Apache-2.0
#include "codec/json/json_fault.h"

#include <gtest/gtest.h>

#include "codec/json/compact_json.h"
#include "codec/native/action.h"
#include "codec/native/publish_request.h"

namespace ringcast::codec {
namespace {

std::string fault_of(std::string_view text) {
  const auto fault = find_json_fault(text);
  return fault ? describe(*fault, text) : "none";
}

TEST(JsonFault, WhatIsJsonHasNone) {
  for (const char* text : {"{}", "[]", " [ 1 , -0.5e+10 , \"\\u00e9\\ud83d\\ude00\\n\" , true,false,null ] \r\n\t",
                           "\"é\"", "0", "-1E5", R"({"a":{"b":[[],{}]},"a":"\\\"\/"})"}) {
    EXPECT_EQ(fault_of(text), "none") << text;
  }
}

TEST(JsonFault, SaysWhereAndWhatShouldStandThere) {
  struct {
    const char* text;
    const char* fault;
  } const cases[] = {
      {"", "byte offset 0 (line 1, column 1): expected a value, found the end"},
      {"hello", "byte offset 0 (line 1, column 1): expected a value, found \"h\""},
      {"{\"room\":\"a\" \"content\":1}", "byte offset 12 (line 1, column 13): expected \",\" or \"}\", found a quote"},
      {"{\n  \"é\": 1,\n  }", "byte offset 15 (line 3, column 3): expected a name in quotes, found \"}\""},
      {"{\"é\" 1}", "byte offset 6 (line 1, column 6): expected \":\", found \"1\""},
      {"{room:1}", "byte offset 1 (line 1, column 2): expected a name in quotes or \"}\", found \"r\""},
      {"[1,]", "byte offset 3 (line 1, column 4): expected a value, found \"]\""},
      {"[1 2]", "byte offset 3 (line 1, column 4): expected \",\" or \"]\", found \"2\""},
      {"[01]", "byte offset 2 (line 1, column 3): expected \",\" or \"]\", found \"1\""},
      {"[1.]", "byte offset 3 (line 1, column 4): expected a digit, found \"]\""},
      {"[-]", "byte offset 2 (line 1, column 3): expected a digit, found \"]\""},
      {"[1e]", "byte offset 3 (line 1, column 4): expected a digit, found \"]\""},
      {"[nul]", "byte offset 1 (line 1, column 2): expected a value, found \"n\""},
      {"['a']", "byte offset 1 (line 1, column 2): expected a value, found \"'\""},
      {"{\"a\":1", "byte offset 6 (line 1, column 7): expected \",\" or \"}\", found the end"},
      {"{} x", "byte offset 3 (line 1, column 4): expected nothing more, found \"x\""},
      {"{}{}", "byte offset 2 (line 1, column 3): expected nothing more, found \"{\""},
      {"\"a", "byte offset 2 (line 1, column 3): expected the closing quote of a string, found the end"},
      {"\"a\nb\"",
       "byte offset 2 (line 1, column 3): expected no bare control character in a string (a line end is \\n), found "
       "byte 0x0A"},
      {"\"\\x\"",
       "byte offset 2 (line 1, column 3): expected one of \" \\ / b f n r t u behind a backslash, found \"x\""},
      {"\"\\u12g4\"", "byte offset 5 (line 1, column 6): expected four hexadecimal digits behind \\u, found \"g\""},
      {"\"\\ud800\"", "byte offset 1 (line 1, column 2): expected both halves of a surrogate pair, found \"\\\""},
      {"\"a\xff\"", "byte offset 2 (line 1, column 3): expected UTF-8, found byte 0xFF"},
      {"\xEF\xBB\xBF{}", "byte offset 0 (line 1, column 1): expected a value, found byte 0xEF"},
  };
  for (const auto& one : cases) EXPECT_EQ(fault_of(one.text), one.fault) << one.text;
}

// Every prefix of a text and every single byte put into it: what one reader refuses the other finds the place of.
TEST(JsonFault, AgreesWithTheReader) {
  const std::string text = R"({"content":"aé\n\u00e9","n":[1,-2.5e3,true,null,{"k":[]}]})";
  std::vector<std::string> texts;
  for (size_t cut = 0; cut <= text.size(); ++cut) texts.push_back(text.substr(0, cut));
  for (size_t at = 0; at <= text.size(); ++at) {
    for (const char c : std::string_view("\",:{}[]0a\\\n\x80\x01", 13)) {
      texts.push_back(text.substr(0, at) + c + text.substr(at));
    }
  }
  for (const std::string& one : texts) {
    std::string compact;
    const bool taken = append_compact_json(compact, one, {}).has_value();
    EXPECT_EQ(taken, !find_json_fault(one).has_value()) << one;
  }
}

TEST(JsonFault, IsInTheMessagesOfWhatIsRefused) {
  PublishBody body;
  const auto in_batch = parse_publish_body("[{\"content\":\"1\"},\n{\"content\":\"2\",}]", {}, body);
  ASSERT_TRUE(in_batch);
  EXPECT_NE(in_batch->message.find("byte offset 33 (line 2, column 16): expected a name in quotes, found \"}\""),
            std::string::npos)
      << in_batch->message;
  const auto text = parse_publish_body("hello", {}, body);
  ASSERT_TRUE(text);
  EXPECT_EQ(text->message, "not valid JSON at byte offset 0 (line 1, column 1): expected a value, found \"h\"");
  const auto number = parse_publish_body("17", {}, body);
  ASSERT_TRUE(number);
  EXPECT_EQ(number->message, "the body must be a JSON object, or an array of them");
  Action action;
  const auto half = parse_action(R"({"action":"ping")", {}, action);
  ASSERT_TRUE(half);
  EXPECT_EQ(half->message,
            "not valid JSON at byte offset 16 (line 1, column 17): expected \",\" or \"}\", found the end");
}

}  // namespace
}  // namespace ringcast::codec
