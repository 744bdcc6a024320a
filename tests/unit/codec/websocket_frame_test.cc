// SPDX-License-Identifier: Apache-2.0
#include "codec/websocket/websocket_frame.h"

#include <gtest/gtest.h>

#include "codec/text/utf8.h"
#include "pieces.h"

namespace ringcast::codec {
namespace {

TEST(WebSocketFrame, ExamplesOfTheRfc) {
  // RFC 6455 section 5.7.
  std::string out;
  append_frame(out, {}, "Hello");
  EXPECT_EQ(out, "\x81\x05Hello");
  out.clear();
  append_masked_frame(out, {}, "Hello", {0x37, 0xfa, 0x21, 0x3d});
  EXPECT_EQ(out, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
  out.clear();
  append_frame(out, {.fin = false}, "Hel");
  append_frame(out, {.opcode = WebSocketOpcode::continuation}, "lo");
  EXPECT_EQ(out, "\x01\x03Hel\x80\x02lo");
}

TEST(WebSocketFrame, LengthFormsAtTheirEdges) {
  const std::pair<uint64_t, std::string> cases[] = {
      {0, std::string("\x82\x00", 2)},
      {125, "\x82\x7d"},
      {126, std::string("\x82\x7e\x00\x7e", 4)},
      {65535, "\x82\x7e\xff\xff"},
      {65536, std::string("\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10)},
      {uint64_t{1} << 40, std::string("\x82\x7f\x00\x00\x01\x00\x00\x00\x00\x00", 10)},
  };
  const MaskKey key = {1, 2, 3, 4};
  for (const auto& [size, expected] : cases) {
    uint8_t header[kFrameHeaderMax];
    ASSERT_EQ(write_frame_header(header, {.opcode = WebSocketOpcode::binary}, size), expected.size());
    EXPECT_EQ(text_of({header, expected.size()}), expected);
    EXPECT_EQ(frame_header_size(size), expected.size());
    ASSERT_EQ(write_frame_header(header, {.opcode = WebSocketOpcode::binary}, size, &key), expected.size() + 4);
    EXPECT_EQ(frame_header_size(size, true), expected.size() + 4);
    EXPECT_EQ(header[1], static_cast<uint8_t>(expected[1]) | 0x80);
    EXPECT_EQ(text_of({header + expected.size(), 4}), "\x01\x02\x03\x04");
  }
}

TEST(WebSocketFrame, CompressedSetsRsv1) {
  uint8_t header[kFrameHeaderMax];
  write_frame_header(header, {.compressed = true}, 3);
  EXPECT_EQ(header[0], 0xC1);
}

TEST(WebSocketFrame, Close) {
  std::string out;
  append_close_frame(out, 1001, "bye");
  EXPECT_EQ(out,
            "\x88\x05\x03\xe9"
            "bye");
  out.clear();
  append_close_frame(out, kCloseNoStatus);
  EXPECT_EQ(out, std::string("\x88\x00", 2));
}

TEST(WebSocketFrame, LongCloseReasonsEndWithAWholeCharacter) {
  for (size_t ascii = 115; ascii < 130; ++ascii) {
    std::string out;
    append_close_frame(out, 4008, std::string(ascii, 'a') + "€€€€");
    const std::string reason = out.substr(4);
    EXPECT_LE(reason.size(), kCloseReasonMax);
    EXPECT_GT(reason.size(), kCloseReasonMax - 3);
    EXPECT_TRUE(is_utf8(reason)) << ascii;
    EXPECT_EQ(static_cast<uint8_t>(out[1]), reason.size() + 2);
  }
}

TEST(WebSocketFrame, CloseCodes) {
  for (const uint16_t code :
       {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4001, 4999}) {
    EXPECT_TRUE(is_valid_close_code(code)) << code;
  }
  for (const uint16_t code : {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}) {
    EXPECT_FALSE(is_valid_close_code(code)) << code;
  }
}

}  // namespace
}  // namespace ringcast::codec
