// SPDX-License-Identifier: Apache-2.0
#include "codec/native/cursor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "codec/native/names.h"

namespace ringcast::codec {
namespace {

using testing::Each;
using testing::ElementsAre;
using Names = std::vector<std::string_view>;

std::string encoded(const Names& names, const std::vector<uint64_t>& positions) {
  std::string out;
  append_cursor(out, cursor_hash(names), positions);
  return out;
}

std::string code_of_cursor(std::string_view text, const Names& names) {
  auto cursor = parse_cursor(text, names, "alice");
  return cursor ? "" : cursor.error().code;
}

Cursor parsed_cursor(std::string_view text, const Names& names, std::string_view self = "alice") {
  auto cursor = parse_cursor(text, names, self);
  EXPECT_TRUE(cursor.has_value()) << text;
  return cursor.value_or(Cursor{});
}

TEST(Cursor, OneChannelIsDecimal) {
  EXPECT_EQ(encoded({"general"}, {1795228560123456}), "1795228560123456");
  EXPECT_EQ(encoded({"general"}, {0}), "0");
  EXPECT_THAT(parsed_cursor("1795228560123456", {"general"}).positions, ElementsAre(1795228560123456));
  EXPECT_THAT(parsed_cursor("0", {"general"}).positions, ElementsAre(0));
  EXPECT_THAT(parsed_cursor("9007199254740991", {"general"}).positions, ElementsAre(kMessageIdMax));
  EXPECT_EQ(parsed_cursor("", {"general"}).match, Cursor::Match::absent);
}

TEST(Cursor, TheHashIsFnv1a) {
  // FNV-1a, 32 bits, of "foobar," from the definition: offset basis 2166136261, prime 16777619.
  uint32_t expected = 2166136261u;
  for (const unsigned char c : std::string_view("foobar,")) expected = (expected ^ c) * 16777619u;
  EXPECT_EQ(cursor_hash(Names{"foobar"}), expected);
  EXPECT_NE(cursor_hash(Names{"a", "b"}), cursor_hash(Names{"ab"}));
  EXPECT_EQ(cursor_hash(Names{}), 2166136261u);
}

TEST(Cursor, TokensRoundTrip) {
  const Names names = {"*", "@alice", "dev", "general"};
  const std::vector<uint64_t> positions = {0, 35, 36, kMessageIdMax};
  const std::string token = encoded(names, positions);
  EXPECT_EQ(token.substr(8), ".0.z.10.2gosa7pa2gv");
  EXPECT_EQ(token.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz."), std::string::npos);
  const Cursor cursor = parsed_cursor(token, names);
  EXPECT_EQ(cursor.match, Cursor::Match::matched);
  EXPECT_EQ(cursor.positions, positions);
}

TEST(Cursor, TheLargestStreamFitsInOneKilobyte) {
  std::vector<std::string> storage;
  for (int i = 0; i < 32; ++i) storage.push_back(std::string(120, 'r') + std::to_string(100 + i));
  const Names names(storage.begin(), storage.end());
  const std::string token = encoded(names, std::vector<uint64_t>(32, kMessageIdMax));
  EXPECT_LE(token.size(), kCursorTokenBytesMax);
  EXPECT_THAT(parsed_cursor(token, names).positions, Each(kMessageIdMax));
}

TEST(Cursor, OtherRoomsAreAMismatch) {
  const std::string token = encoded({"a", "b"}, {1, 2});
  for (const Names& names : {Names{"a", "c"}, Names{"a"}, Names{"a", "b", "c"}}) {
    const Cursor cursor = parsed_cursor(token, names);
    EXPECT_EQ(cursor.match, Cursor::Match::mismatch);
    EXPECT_EQ(cursor.positions.size(), names.size());
    EXPECT_THAT(cursor.positions, Each(kNoPosition));
  }
  EXPECT_EQ(parsed_cursor("17", {"a", "b"}).match, Cursor::Match::mismatch);
}

TEST(Cursor, Lists) {
  const Names names = {"*", "@alice", "dev", "general"};
  EXPECT_THAT(parsed_cursor("general=17,dev=18", names).positions, ElementsAre(kNoPosition, kNoPosition, 18, 17));
  EXPECT_THAT(parsed_cursor("@me=5,*=6,other=7", names).positions, ElementsAre(6, 5, kNoPosition, kNoPosition));
  EXPECT_THAT(parsed_cursor("@alice=5", names).positions, ElementsAre(kNoPosition, 5, kNoPosition, kNoPosition));
  EXPECT_THAT(parsed_cursor("%40me=5,%2A=6", names).positions, ElementsAre(6, 5, kNoPosition, kNoPosition));
  EXPECT_EQ(parsed_cursor("dev=1", names).match, Cursor::Match::matched);
  EXPECT_THAT(parsed_cursor("@me=5", {"@bob"}, "").positions, ElementsAre(kNoPosition));
}

TEST(Cursor, ListNamesLiteralAndEncoded) {
  EXPECT_THAT(parsed_cursor("a=b=17", {"a=b"}).positions, ElementsAre(17));
  EXPECT_THAT(parsed_cursor("caf%C3%A9=17", {"café"}).positions, ElementsAre(17));
  EXPECT_THAT(parsed_cursor("café=17", {"café"}).positions, ElementsAre(17));
  EXPECT_THAT(parsed_cursor("50%=17", {"50%"}).positions, ElementsAre(17));
  EXPECT_THAT(parsed_cursor("50%25=17", {"50%"}).positions, ElementsAre(17));
  for (const std::string_view name : {"a=b", "50%", "café x", "a+b/c", "@alice", "*"}) {
    std::string item;
    append_cursor_item(item, true, name, 17);
    EXPECT_THAT(parsed_cursor(item, {name}).positions, ElementsAre(17)) << item;
  }
  std::string list;
  append_cursor_item(list, true, "a b", 1);
  append_cursor_item(list, false, "c", 2);
  EXPECT_EQ(list, "a%20b=1,c=2");
}

TEST(Cursor, ErrorsAreStrict) {
  const Names names = {"a", "b"};
  for (const std::string_view bad : {"x",
                                     "-1",
                                     "+1",
                                     " 1",
                                     "1 ",
                                     "9007199254740992",
                                     "99999999999999999999",
                                     "0x1",
                                     "a=",
                                     "=1",
                                     "a=1,",
                                     ",a=1",
                                     "a=1,,b=1",
                                     "a=-1",
                                     "a=1,a=2",
                                     "a=9007199254740992",
                                     "1a2b3c4d.",
                                     "1a2b3c4d.1.",
                                     "1a2b3c4d..1",
                                     "1a2b3c4.1",
                                     "1a2b3c4dd.1",
                                     "1a2b3c4g.1",
                                     "1a2b3c4d.-1",
                                     "1a2b3c4d.2gosa7pa2gw",
                                     ".",
                                     "1.5",
                                     "\xff",
                                     "\xff=1",
                                     "a=\xff"}) {
    EXPECT_EQ(code_of_cursor(bad, names), "bad_cursor") << bad;
    const auto cursor = parse_cursor(bad, names, "");
    ASSERT_FALSE(cursor.has_value()) << bad;
    EXPECT_TRUE(is_valid_utf8(cursor.error().message)) << bad;
  }
  EXPECT_EQ(code_of_cursor(std::string("a\0=1", 4), names), "");
}

TEST(Cursor, ListsAndTokensAreBounded) {
  std::string list = "r0=1";
  for (int i = 1; i < 32; ++i) list += ",r" + std::to_string(i) + "=1";
  EXPECT_EQ(code_of_cursor(list, {"a"}), "");
  EXPECT_EQ(code_of_cursor(list + ",r32=1", {"a"}), "bad_cursor");
  std::string token = "1a2b3c4d";
  while (token.size() + 2 <= kCursorTokenBytesMax) token += ".1";
  EXPECT_EQ(code_of_cursor(token, {"a"}), "");
  EXPECT_EQ(code_of_cursor(token + ".1", {"a"}), "bad_cursor");
}

TEST(Cursor, RandomStreamsRoundTripInAllForms) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 500; ++round) {
    std::vector<std::string> storage;
    for (size_t n = 1 + random() % 32; n > 0; --n) storage.push_back("r%=/ é" + std::to_string(random() % 100000));
    std::sort(storage.begin(), storage.end());
    storage.erase(std::unique(storage.begin(), storage.end()), storage.end());
    const Names names(storage.begin(), storage.end());
    std::vector<uint64_t> positions;
    for (size_t i = 0; i < names.size(); ++i) positions.push_back(random() % (kMessageIdMax + 1) >> random() % 53);
    ASSERT_EQ(parsed_cursor(encoded(names, positions), names).positions, positions);
    std::string list;
    for (size_t i = 0; i < names.size(); ++i) append_cursor_item(list, i == 0, names[i], positions[i]);
    ASSERT_EQ(parsed_cursor(list, names).positions, positions);
  }
}

}  // namespace
}  // namespace ringcast::codec
