// SPDX-License-Identifier: Apache-2.0
#include "codec/json/json_writer.h"

#include <gtest/gtest.h>

#include <ctime>
#include <random>

#include "json_check.h"

namespace ringcast::codec {
namespace {

std::string written(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(JsonWriter, EscapesWhatMustBeEscapedAndNothingElse) {
  EXPECT_EQ(written(""), R"("")");
  EXPECT_EQ(written("plain é \x7f /"), "\"plain é \x7f /\"");
  EXPECT_EQ(written("\"\\\b\f\n\r\t"), R"("\"\\\b\f\n\r\t")");
  EXPECT_EQ(written(std::string_view("\0\x1f", 2)), R"("\u0000\u001f")");
}

TEST(JsonWriter, EveryByteAtEveryOffsetOfAWord) {
  for (int byte = 0; byte < 0x80; ++byte) {
    for (size_t offset = 0; offset < 20; ++offset) {
      std::string text(20, 'a');
      text[offset] = static_cast<char>(byte);
      const std::string json = written(text);
      simdjson::dom::parser parser;
      std::string_view read;
      ASSERT_EQ(parser.parse(simdjson::padded_string(json)).get(read), simdjson::SUCCESS) << byte << ' ' << offset;
      ASSERT_EQ(read, text);
      ASSERT_EQ(json.find_first_of("\r\n"), std::string::npos);
    }
  }
}

TEST(JsonWriter, RandomTextsAreReadBackAsTheyWere) {
  std::mt19937 random(7);
  const std::string_view alphabet[] = {"a", "\"", "\\", "\n", "\x01", "é", "\U0001F600", "zzzzzzzzz", "\x7f", "\u2028"};
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (size_t n = random() % 40; n > 0; --n) text += alphabet[random() % std::size(alphabet)];
    simdjson::dom::parser parser;
    std::string_view read;
    ASSERT_EQ(parser.parse(simdjson::padded_string(written(text))).get(read), simdjson::SUCCESS);
    ASSERT_EQ(read, text);
  }
}

TEST(JsonWriter, PutsCommas) {
  std::string out = "kept";
  JsonWriter writer(out);
  writer.begin_object().uint("a", 18446744073709551615u).string("b", "x").key("c").begin_array();
  writer.integer(-9223372036854775807 - 1).boolean(true).null().begin_object().end_object().begin_array().end_array();
  writer.end_array().key("d").begin_object().end_object().raw("e", "[1]").boolean("f", false);
  writer.string_key("a\"b").uint(0).end_object();
  EXPECT_EQ(out, R"(kept{"a":18446744073709551615,"b":"x","c":[-9223372036854775808,true,null,{},[]],"d":{},"e":[1],)"
                 R"("f":false,"a\"b":0})");
  expect_one_line_json(std::string_view(out).substr(4));
}

std::string iso(int64_t timestamp_us) {
  std::string out;
  append_iso_timestamp(out, timestamp_us);
  return out;
}

TEST(JsonWriter, Timestamps) {
  EXPECT_EQ(iso(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(iso(1795228560123456), "2026-11-21T02:36:00.123Z");
  EXPECT_EQ(iso(951782399999999), "2000-02-28T23:59:59.999Z");
  EXPECT_EQ(iso(951782400000000), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(iso(4107542400000000), "2100-03-01T00:00:00.000Z");
  EXPECT_EQ(iso(253402300799999999), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(iso(INT64_MAX), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(iso(-1), "1970-01-01T00:00:00.000Z");
}

TEST(JsonWriter, TimestampsAgreeWithTheCLibrary) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 20000; ++round) {
    const int64_t seconds = static_cast<int64_t>(random() % 253402300800);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char expected[64];
    std::strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S.000Z", &parts);
    ASSERT_EQ(iso(seconds * 1000000), expected);
  }
}

}  // namespace
}  // namespace ringcast::codec
