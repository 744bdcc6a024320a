// SPDX-License-Identifier: Apache-2.0
#include "codec/http1/url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringcast::codec {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Url, PercentDecoding) {
  std::string out = "before:";
  EXPECT_TRUE(append_percent_decoded(out, "a%20b+c%C3%a9"));
  EXPECT_EQ(out, "before:a b+cé");
  out.clear();
  EXPECT_TRUE(append_percent_decoded(out, "a+b%2B", PlusSign::is_space));
  EXPECT_EQ(out, "a b+");
  for (const std::string_view bad : {"%", "%4", "%zz", "%4g", "a%", "%ff", "%C3", "%ED%A0%80", "\xff"}) {
    out = "kept";
    EXPECT_FALSE(append_percent_decoded(out, bad)) << bad;
    EXPECT_EQ(out, "kept") << bad;
  }
}

TEST(Url, EncodingIsUndoneByDecoding) {
  std::string every_ascii;
  for (char c = 0; c < 0x7f; ++c) every_ascii += c;
  every_ascii += "\u00e9\U0001F600";
  std::string encoded;
  append_percent_encoded(encoded, every_ascii);
  EXPECT_EQ(encoded.find_first_of("+&=,# \r\n"), std::string::npos);
  std::string decoded;
  EXPECT_TRUE(append_percent_decoded(decoded, encoded, PlusSign::is_space));
  EXPECT_EQ(decoded, every_ascii);
}

TEST(Url, EscapesHaveOneNormalForm) {
  const auto normalized = [](std::string_view text) {
    std::string out;
    append_normalized_escapes(out, text);
    return out;
  };
  EXPECT_EQ(normalized("/%72%6f%6Fms/%41%7e%2d%2E%5f%30"), "/rooms/A~-._0");
  EXPECT_EQ(normalized("/a%2fb%2F%c3%a9%20%25%3f"), "/a%2Fb%2F%C3%A9%20%25%3F") << "reserved ones stay encoded";
  EXPECT_EQ(normalized("%2561"), "%2561") << "decoded once only";
  EXPECT_EQ(normalized("/%zz%4/%%41%"), "/%zz%4/%A%") << "what is no escape stays";
  EXPECT_EQ(normalized("%41"), "A");
  EXPECT_EQ(normalized("%4"), "%4");
}

TEST(Url, QueriesAsBrowsersWriteThem) {
  const Query query = Query::parse("user=Al+ice&rooms=a%2Cb&empty=&flag&&x=1=2&user=Bob").value();
  EXPECT_EQ(query.get("user"), "Al ice");
  EXPECT_EQ(query.get("rooms"), "a,b");
  EXPECT_EQ(query.get("empty"), "");
  EXPECT_EQ(query.get("flag"), "");
  EXPECT_EQ(query.get("x"), "1=2");
  EXPECT_EQ(query.get("nothing"), std::nullopt);
  EXPECT_EQ(query.get_any({"nothing", "x"}), "1=2");
  EXPECT_EQ(query.size(), 6u);
  EXPECT_EQ(Query::parse("").value().size(), 0u);
}

TEST(Url, QueriesAreBounded) {
  std::string raw;
  for (int i = 0; i < 64; ++i) raw += "a=1&";
  EXPECT_TRUE(Query::parse(raw).has_value());
  EXPECT_EQ(Query::parse(raw + "a=1").error().code, "bad_query");
  EXPECT_EQ(Query::parse("a=%zz").error().code, "bad_query");
  EXPECT_EQ(Query::parse("%ff=1").error().code, "bad_query");
}

TEST(Url, NumbersHaveBounds) {
  const Query query = Query::parse("timeout=30&zero=0&text=3s&minus=-1&huge=99999999999999999999&empty=").value();
  EXPECT_EQ(query.get_uint("timeout", 1, 1, 120).value(), 30u);
  EXPECT_EQ(query.get_uint("timeout", 1, 30, 30).value(), 30u);
  EXPECT_EQ(query.get_uint("absent", 7, 1, 120).value(), 7u);
  for (const std::string_view bad : {"zero", "text", "minus", "huge", "empty"}) {
    EXPECT_EQ(query.get_uint(bad, 1, 1, 120).error().code, "bad_query") << bad;
  }
  EXPECT_FALSE(query.get_uint("timeout", 1, 1, 29).has_value());
}

TEST(Url, RoomListsInEveryForm) {
  for (const std::string_view raw :
       {"rooms=a,b/c,@me,*", "topics=a%2Cb%2Fc%2C%40me%2C*", "channels=a,b/c,@me,*,a", "rooms=a,b/c&rooms=@me,*",
        "topic=a&topic=b/c&topic=%40me&topic=*&topic=a", "room=a&rooms=b/c,@me&channel=*"}) {
    const Query query = Query::parse(raw).value();
    EXPECT_THAT(room_list(query, 4).value(), ElementsAre("a", "b/c", "@me", "*")) << raw;
    EXPECT_EQ(room_list(query, 3).error().code, "too_many_rooms") << raw;
  }
  for (const std::string_view raw : {"room=a", "channel=a", "topic=a"}) {
    const Query query = Query::parse(raw).value();
    EXPECT_THAT(room_list(query, 32).value(), ElementsAre("a")) << raw;
    EXPECT_EQ(room_parameter(query).value(), "a");
    EXPECT_TRUE(names_rooms(query));
  }
  EXPECT_THAT(room_list(Query::parse("user=x").value(), 32).value(), IsEmpty());
  for (const std::string_view raw : {"rooms=", "rooms=a,,b", "rooms=a,", "rooms=%00", "rooms=@", "room=a,b",
                                     "topic=a%2Cb", "room=", "rooms=a&rooms="}) {
    EXPECT_EQ(room_list(Query::parse(raw).value(), 32).error().code, "bad_room") << raw;
  }
  EXPECT_FALSE(names_rooms(Query::parse("rooms=&user=x").value()));
}

TEST(Url, OneRoomAndTwo) {
  EXPECT_EQ(room_parameter(Query::parse("x=1").value()).value(), std::nullopt);
  EXPECT_EQ(room_parameter(Query::parse("room=a&room=a").value()).value(), "a");
  for (const std::string_view raw : {"room=a&room=b", "room=a&channel=b", "topic=a&x=1&topic="}) {
    EXPECT_EQ(room_parameter(Query::parse(raw).value()).error().code, "bad_query") << raw;
  }
}

TEST(Url, AKeyWithTwoValues) {
  EXPECT_EQ(Query::parse("user=a&token=t&user=b").value().contradiction(), "user");
  EXPECT_EQ(Query::parse("since=&since=1").value().contradiction(), "since");
  for (const std::string_view raw :
       {"", "user=a", "user=a&user=a", "user=a&users=b", "room=a&room=b&rooms=c&rooms=d"}) {
    EXPECT_EQ(Query::parse(raw).value().contradiction(), std::nullopt) << raw;
  }
}

}  // namespace
}  // namespace ringcast::codec
