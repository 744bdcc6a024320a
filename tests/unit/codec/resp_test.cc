// SPDX-License-Identifier: Apache-2.0
#include "codec/resp/resp_parser.h"

#include <gtest/gtest.h>

namespace ringcast::codec {
namespace {

using Status = RespParser::Status;

TEST(Resp, EachKindWholeAndByteByByte) {
  const std::string bytes =
      "+OK\r\n-ERR no\r\n:-12\r\n$5\r\na\r\nb\r\r\n$0\r\n\r\n$-1\r\n*-1\r\n*3\r\n:1\r\n*2\r\n+x\r\n*0\r\n$1\r\ny\r\n";
  for (const size_t step : {bytes.size(), size_t{1}}) {
    RespParser parser;
    size_t replies = 0;
    for (size_t at = 0; at < bytes.size(); at += step) {
      parser.append(std::string_view(bytes).substr(at, step));
      for (Status status = parser.next(); status != Status::need_more; status = parser.next()) {
        ASSERT_EQ(status, Status::reply) << parser.why();
        const RespValue root = parser.reply().root();
        switch (replies++) {
          case 0: EXPECT_TRUE(root.is(RespType::simple) && root.text() == "OK"); break;
          case 1: EXPECT_TRUE(root.is(RespType::error) && root.text() == "ERR no"); break;
          case 2: EXPECT_EQ(root.integer(), -12); break;
          case 3: EXPECT_TRUE(root.is(RespType::bulk) && root.text() == "a\r\nb\r"); break;
          case 4: EXPECT_TRUE(root.is(RespType::bulk) && root.text().empty()); break;
          case 5:
          case 6: EXPECT_TRUE(root.is(RespType::null)); break;
          default:
            ASSERT_EQ(root.size(), 3u);
            EXPECT_EQ(root[0].integer(), 1);
            ASSERT_EQ(root[1].size(), 2u);
            EXPECT_EQ(root[1][0].text(), "x");
            EXPECT_EQ(root[1][1].size(), 0u);
            EXPECT_EQ(root[2].text(), "y");
            EXPECT_EQ(root.first().next().next().text(), "y");
        }
      }
    }
    EXPECT_EQ(replies, 8u);
    EXPECT_EQ(parser.buffered(), 0u);
  }
}

TEST(Resp, LimitsHold) {
  static constexpr RespLimits kLimits{.reply_bytes_max = 100, .values_max = 4, .depth_max = 2};
  const auto fault = [](std::string_view bytes) {
    RespParser parser(kLimits);
    parser.append(bytes);
    return parser.next() == Status::broken ? std::string(parser.why()) : std::string();
  };
  EXPECT_EQ(fault("$101\r\n"), "a reply is too large");
  EXPECT_EQ(fault("*2\r\n$60\r\n" + std::string(60, 'a') + "\r\n$60\r\n" + std::string(60, 'a')),
            "a reply is too large");
  EXPECT_EQ(fault("*5\r\n"), "a reply has too many values");
  EXPECT_EQ(fault("*4\r\n:1\r\n:1\r\n:1\r\n:1\r\n"), "a reply has too many values");
  EXPECT_EQ(fault("*1\r\n*1\r\n*1\r\n:1\r\n"), "a reply is nested too deeply");
  EXPECT_EQ(fault("*3\r\n:1\r\n:1\r\n:1\r\n"), "");
}

TEST(Resp, WhatIsNoneIsRefusedForGood) {
  for (const char* bad : {"\r\n", "x1\r\n", ":\r\n", ":1x\r\n", "$x\r\n", "$-2\r\n", "*-2\r\n", "$1\r\nab\r\n"}) {
    RespParser parser;
    parser.append(bad);
    EXPECT_EQ(parser.next(), Status::broken) << bad;
    parser.append("+OK\r\n");
    EXPECT_EQ(parser.next(), Status::broken) << bad;
  }
}

TEST(Resp, CommandsAreWhatServersRead) {
  std::string out;
  append_resp_command(out, 3);
  append_resp_word(out, std::string_view("SET"));
  append_resp_word(out, std::string_view("a\r\nb"));
  append_resp_word(out, uint64_t{17});
  EXPECT_EQ(out, "*3\r\n$3\r\nSET\r\n$4\r\na\r\nb\r\n$2\r\n17\r\n");
}

}  // namespace
}  // namespace ringcast::codec
