// SPDX-License-Identifier: Apache-2.0
#include "codec/websocket/websocket_decoder.h"

#include <gtest/gtest.h>

#include "codec/websocket/deflate.h"
#include "pieces.h"

namespace ringcast::codec {
namespace {

using Opcode = WebSocketOpcode;
constexpr MaskKey kKey = {0xA1, 0x00, 0x5C, 0xFF};

std::string masked(FrameHead head, std::string_view payload) {
  std::string out;
  append_masked_frame(out, head, payload, kKey);
  return out;
}

std::string describe(const WebSocketEvent& event) {
  const std::string payload(text_of(event.payload));
  switch (event.kind) {
    case WebSocketEventKind::need_more: return "";
    case WebSocketEventKind::text: return "text " + payload + (event.compressed ? " (deflate)" : "") + "\n";
    case WebSocketEventKind::binary: return "binary " + payload + (event.compressed ? " (deflate)" : "") + "\n";
    case WebSocketEventKind::ping: return "ping " + payload + "\n";
    case WebSocketEventKind::pong: return "pong " + payload + "\n";
    case WebSocketEventKind::close: return "close " + std::to_string(event.code) + " " + payload + "\n";
    case WebSocketEventKind::error:
      EXPECT_FALSE(event.text.empty());
      return "error " + std::to_string(event.code) + "\n";
  }
  return "?";
}

std::string trace_frame(const Pieces& pieces, const WebSocketDecoder::Options& options) {
  WebSocketDecoder decoder(options);
  std::string text;
  for (const std::string& piece : pieces) {
    std::vector<uint8_t> buffer(piece.begin(), piece.end());  // exact size: a read past it is seen by sanitizers
    std::span<uint8_t> input = buffer;
    while (true) {
      const WebSocketEvent event = decoder.next(input);
      if (event.kind == WebSocketEventKind::need_more) break;
      text += describe(event);
    }
    EXPECT_TRUE(input.empty());
  }
  if (decoder.memory() > 0) text += "incomplete\n";
  return text;
}

std::string trace_frames(std::string_view input, const WebSocketDecoder::Options& options = {}) {
  return trace_however_cut(input, [&options](const Pieces& pieces) { return trace_frame(pieces, options); });
}

TEST(WebSocketDecoder, MessagesOfEveryLengthForm) {
  for (const size_t size : {0u, 1u, 2u, 125u, 126u, 127u, 300u, 65535u, 65536u}) {
    const std::string payload(size, 'x');
    const Pieces whole = {masked({}, payload) + masked({.opcode = Opcode::binary}, payload)};
    EXPECT_EQ(trace_frame(whole, {}), "text " + payload + "\nbinary " + payload + "\n") << size;
  }
  EXPECT_EQ(trace_frames(masked({}, std::string(300, 'y')) + masked({}, "")),
            "text " + std::string(300, 'y') + "\ntext \n");
}

TEST(WebSocketDecoder, WholeFramesAreNotCopied) {
  WebSocketDecoder decoder({});
  std::string buffer = masked({}, "in place");
  std::span<uint8_t> input(reinterpret_cast<uint8_t*>(buffer.data()), buffer.size());
  const WebSocketEvent event = decoder.next(input);
  EXPECT_EQ(event.payload.data(), reinterpret_cast<uint8_t*>(buffer.data()) + 6);
  EXPECT_EQ(decoder.memory(), 0u);
}

TEST(WebSocketDecoder, FragmentsWithControlFramesBetween) {
  EXPECT_EQ(
      trace_frames(masked({.fin = false}, "one ") + masked({.opcode = Opcode::ping}, "are you there") +
                   masked({.opcode = Opcode::continuation, .fin = false}, "two ") +
                   masked({.opcode = Opcode::pong}, "") + masked({.opcode = Opcode::continuation, .fin = false}, "") +
                   masked({.opcode = Opcode::continuation}, "three") + masked({.opcode = Opcode::binary}, "next")),
      "ping are you there\npong \ntext one two three\nbinary next\n");
}

TEST(WebSocketDecoder, FragmentsMayCutCharacters) {
  EXPECT_EQ(
      trace_frames(masked({.fin = false}, "\xE2") + masked({.opcode = Opcode::continuation, .fin = false}, "\x82") +
                   masked({.opcode = Opcode::continuation}, "\xAC")),
      "text €\n");
}

TEST(WebSocketDecoder, AnythingInABinaryMessage) {
  std::string payload;
  for (int i = 0; i < 256; ++i) payload += static_cast<char>(i);
  EXPECT_EQ(trace_frames(masked({.opcode = Opcode::binary}, payload)), "binary " + payload + "\n");
}

TEST(WebSocketDecoder, LargestControlPayload) {
  const std::string payload(125, 'p');
  EXPECT_EQ(trace_frames(masked({.opcode = Opcode::ping}, payload)), "ping " + payload + "\n");
}

TEST(WebSocketDecoder, CloseEndsIt) {
  std::string close;
  append_close_frame(close, 1000, "done", &kKey);
  EXPECT_EQ(trace_frames(close + masked({}, "late") + "garbage"), "close 1000 done\n");
  close.clear();
  append_close_frame(close, kCloseNoStatus, {}, &kKey);
  EXPECT_EQ(trace_frames(close), "close 1005 \n");
  EXPECT_EQ(trace_frames(masked({.fin = false}, "begun") + close), "close 1005 \nincomplete\n");
}

TEST(WebSocketDecoder, CloseCodesAndReasonsAreChecked) {
  for (int code = 0; code <= 65535; code += code < 5100 ? 1 : 997) {
    const char payload[] = {static_cast<char>(code >> 8), static_cast<char>(code & 0xFF), '!'};
    const Pieces whole = {masked({.opcode = Opcode::close}, {payload, 3})};
    EXPECT_EQ(trace_frame(whole, {}), is_valid_close_code(static_cast<uint16_t>(code))
                                          ? "close " + std::to_string(code) + " !\n"
                                          : std::string("error 1002\n"));
  }
  EXPECT_EQ(trace_frames(masked({.opcode = Opcode::close}, "\x03")), "error 1002\n");
  EXPECT_EQ(trace_frames(masked({.opcode = Opcode::close}, "\x03\xe8\xff")), "error 1007\n");
  EXPECT_EQ(trace_frames(masked({.opcode = Opcode::close}, "\x03\xe8" + std::string(123, 'r'))),
            "close 1000 " + std::string(123, 'r') + "\n");
}

struct Fault {
  const char* what;
  std::string bytes;
  int code;
};

TEST(WebSocketDecoder, Faults) {
  const std::string begun = masked({.fin = false}, "begun");
  const Fault faults[] = {
      {"RSV1 without an extension",
       "\xC1\x80"
       "abcd",
       1002},
      {"RSV2",
       "\xA1\x80"
       "abcd",
       1002},
      {"RSV3",
       "\x91\x80"
       "abcd",
       1002},
      {"RSV1 on a control frame",
       "\xC9\x80"
       "abcd",
       1002},
      {"reserved data opcode",
       "\x83\x80"
       "abcd",
       1002},
      {"reserved data opcode, highest",
       "\x87\x80"
       "abcd",
       1002},
      {"reserved control opcode",
       "\x8B\x80"
       "abcd",
       1002},
      {"reserved control opcode, highest",
       "\x8F\x80"
       "abcd",
       1002},
      {"fragmented ping",
       std::string("\x09\x80"
                   "abcd"),
       1002},
      {"fragmented close",
       std::string("\x08\x80"
                   "abcd"),
       1002},
      {"control frame of 126 bytes",
       std::string("\x89\xFE\x00\x7E"
                   "abcd",
                   8),
       1002},
      {"control frame with a 64-bit length", "\x89\xFF", 1002},
      {"unmasked", "\x81\x05Hello", 1002},
      {"unmasked ping", std::string("\x89\x00", 2), 1002},
      {"16-bit length below 126",
       std::string("\x81\xFE\x00\x7D"
                   "abcd",
                   8),
       1002},
      {"64-bit length below 65536", std::string("\x81\xFF\x00\x00\x00\x00\x00\x00\xFF\xFF", 10), 1002},
      {"highest bit of a 64-bit length", std::string("\x81\xFF\x80\x00\x00\x00\x00\x01\x00\x00", 10), 1002},
      {"continuation of nothing", masked({.opcode = Opcode::continuation}, "x"), 1002},
      {"continuation after a whole message", masked({}, "") + masked({.opcode = Opcode::continuation}, "x"), 1002},
      {"text within a message", begun + masked({}, "x"), 1002},
      {"binary within a message", begun + masked({.opcode = Opcode::binary}, "x"), 1002},
      {"invalid UTF-8", masked({}, "\xC0\xAF"), 1007},
      {"UTF-8 cut by the end", masked({}, "abc\xE2\x82"), 1007},
      {"UTF-8 cut by the end of fragments", begun + masked({.opcode = Opcode::continuation}, "\xE2\x82"), 1007},
      {"a surrogate over two fragments",
       masked({.fin = false}, "\xED") + masked({.opcode = Opcode::continuation}, "\xA0\x80"), 1007},
      {"one byte too big", std::string("\x81\xFF\x00\x00\x00\x00\x00\x01\x00\x01", 10), 1009},
      {"far too big", std::string("\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 10), 1009},
  };
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.what);
    const std::string expected = "error " + std::to_string(fault.code) + "\n";
    const std::string seen = trace_frames(fault.bytes);
    EXPECT_TRUE(seen == expected || seen == "text \n" + expected) << seen;
    EXPECT_EQ(trace_frames(fault.bytes + masked({}, "after")), seen) << "nothing may follow an error";
  }
}

TEST(WebSocketDecoder, BadTextIsRefusedAtItsFirstBadByte) {
  WebSocketDecoder decoder({});
  std::string frame = masked({}, "ab\xFFrest that never comes");
  std::span<uint8_t> input(reinterpret_cast<uint8_t*>(frame.data()), 6 + 3);
  EXPECT_EQ(describe(decoder.next(input)), "error 1007\n");
  EXPECT_TRUE(decoder.failed());
}

TEST(WebSocketDecoder, MessageLimitHoldsAtItsEdge) {
  const WebSocketDecoder::Options options{.message_max = 200};
  const std::string fits(200, 'f');
  EXPECT_EQ(trace_frames(masked({}, fits), options), "text " + fits + "\n");
  EXPECT_EQ(trace_frames(masked({}, fits + "f"), options), "error 1009\n");
  const std::string half(100, 'h');
  const std::string begun = masked({.fin = false}, half);
  EXPECT_EQ(trace_frames(begun + masked({.opcode = Opcode::continuation}, half), options),
            "text " + half + half + "\n");
  EXPECT_EQ(trace_frames(begun + masked({.opcode = Opcode::continuation}, half + "h"), options), "error 1009\n");
}

TEST(WebSocketDecoder, DefaultLimitIsTheDocumentedOne) {
  EXPECT_EQ(WebSocketDecoder::Options{}.message_max, 65536u);
}

TEST(WebSocketDecoder, SixteenMebibytesWhenAllowed) {
  const std::string payload(16 << 20, 'm');
  std::string frame = masked({.opcode = Opcode::binary}, payload);
  Pieces pieces;
  for (size_t at = 0; at < frame.size(); at += 2048) pieces.push_back(frame.substr(at, 2048));
  EXPECT_EQ(trace_frame(pieces, {.message_max = 16 << 20}), "binary " + payload + "\n");
}

TEST(WebSocketDecoder, MemoryGrowsWithWhatArrivedAndIsGivenBack) {
  WebSocketDecoder decoder({.message_max = 16 << 20});
  std::string frame = masked({.opcode = Opcode::binary}, std::string(8 << 20, 'g'));
  const auto feed = [&](size_t at, size_t size) {
    std::span<uint8_t> input(reinterpret_cast<uint8_t*>(frame.data()) + at, size);
    return decoder.next(input).kind;
  };
  EXPECT_EQ(feed(0, 1000), WebSocketEventKind::need_more);
  EXPECT_LT(decoder.memory(), 3000u);
  EXPECT_EQ(feed(1000, frame.size() - 1000), WebSocketEventKind::binary);
  std::span<uint8_t> nothing;
  EXPECT_EQ(decoder.next(nothing).kind, WebSocketEventKind::need_more);
  EXPECT_EQ(decoder.memory(), 0u);
}

TEST(WebSocketDecoder, IsBetweenMessagesWhereOneBegins) {
  const std::string whole = masked({}, "whole"), first = masked({.fin = false}, "one "),
                    ping = masked({.opcode = Opcode::ping}, "?"),
                    last = masked({.opcode = Opcode::continuation}, "two");
  std::string frames = whole + ping + first + ping + last + whole;
  const size_t fragments = whole.size() + ping.size(), behind = frames.size() - whole.size();
  WebSocketDecoder decoder({});
  EXPECT_TRUE(decoder.between_messages());
  for (size_t at = 0; at < frames.size(); ++at) {
    std::span<uint8_t> input(reinterpret_cast<uint8_t*>(frames.data()) + at, 1);
    while (decoder.next(input).kind != WebSocketEventKind::need_more) {
      EXPECT_TRUE(decoder.between_messages() || at < behind) << at;
    }
    const size_t end = at + 1;
    EXPECT_EQ(decoder.between_messages(),
              end == whole.size() || end == fragments || end == behind || end == frames.size())
        << end;
  }
  std::string close;
  append_close_frame(close, 1000, "", &kKey);
  std::span<uint8_t> input(reinterpret_cast<uint8_t*>(close.data()), close.size());
  EXPECT_EQ(decoder.next(input).kind, WebSocketEventKind::close);
  EXPECT_FALSE(decoder.between_messages());
}

TEST(WebSocketDecoder, ClientTakesUnmaskedFramesOnly) {
  const WebSocketDecoder::Options client{.role = WebSocketRole::client};
  std::string frames;
  append_frame(frames, {.fin = false}, "Hel");
  append_frame(frames, {.opcode = Opcode::ping}, "?");
  append_frame(frames, {.opcode = Opcode::continuation}, "lo");
  append_frame(frames, {}, std::string(70000, 'z').substr(0, 60000));
  append_close_frame(frames, 1001, "gone");
  EXPECT_EQ(trace_frames(frames, client),
            "ping ?\ntext Hello\ntext " + std::string(60000, 'z') + "\nclose 1001 gone\n");
  EXPECT_EQ(trace_frames(masked({}, "x"), client), "error 1002\n");
}

std::string deflated(std::string_view message) {
  std::string out;
  append_deflated(out, message);
  return out;
}

TEST(WebSocketDecoder, CompressedMessages) {
  const WebSocketDecoder::Options options{.deflate = true};
  const std::string long_text(5000, 'L');
  const std::string packed = deflated(long_text);
  ASSERT_LT(packed.size(), 100u);
  EXPECT_EQ(trace_frames(masked({.compressed = true}, deflated("Hello")) + masked({}, "plain") +
                             masked({.opcode = Opcode::binary, .compressed = true}, packed) +
                             masked({.compressed = true}, deflated("")),
                         options),
            "text Hello (deflate)\ntext plain\nbinary " + long_text + " (deflate)\ntext  (deflate)\n");
  EXPECT_EQ(trace_frames(masked({.fin = false, .compressed = true}, packed.substr(0, 7)) +
                             masked({.opcode = Opcode::ping}, "p") +
                             masked({.opcode = Opcode::continuation, .fin = false}, packed.substr(7, 3)) +
                             masked({.opcode = Opcode::continuation}, packed.substr(10)),
                         options),
            "ping p\ntext " + long_text + " (deflate)\n");
}

TEST(WebSocketDecoder, CompressedFaults) {
  const WebSocketDecoder::Options options{.deflate = true, .message_max = 5000};
  const Fault faults[] = {
      {"not deflate", masked({.compressed = true}, "\xFF\xFF\xFF\xFF"), 1007},
      {"cut short", masked({.compressed = true}, deflated(std::string(3000, 'a') + "bcdefgh").substr(0, 9)), 1007},
      {"not UTF-8 inside", masked({.compressed = true}, deflated("\xC0\xAF")), 1007},
      {"RSV1 on a continuation",
       masked({.fin = false, .compressed = true}, "") +
           masked({.opcode = Opcode::continuation, .compressed = true}, ""),
       1002},
      {"bomb", masked({.compressed = true}, deflated(std::string(5001, 'b'))), 1009},
      {"big bomb", masked({.compressed = true}, deflated(std::string(4 << 20, 'b'))), 1009},
      {"more compressed bytes than any message of the size needs", masked({.compressed = true}, std::string(6000, 'x')),
       1009},
  };
  for (const Fault& fault : faults) {
    SCOPED_TRACE(fault.what);
    EXPECT_EQ(trace_frames(fault.bytes, options), "error " + std::to_string(fault.code) + "\n");
  }
  const std::string fits(5000, 'f');
  EXPECT_EQ(trace_frames(masked({.compressed = true}, deflated(fits)), options), "text " + fits + " (deflate)\n");
}

TEST(WebSocketDecoder, IncompressibleMessagesOfTheLargestSizePass) {
  std::mt19937 random(11);
  std::string noise(5000, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  ASSERT_GT(deflated(noise).size(), noise.size());
  EXPECT_EQ(trace_frames(masked({.opcode = Opcode::binary, .compressed = true}, deflated(noise)),
                         {.deflate = true, .message_max = 5000}),
            "binary " + noise + " (deflate)\n");
}

TEST(WebSocketDecoder, InflatedLimitOfItsOwn) {
  const WebSocketDecoder::Options options{.deflate = true, .message_max = 1000, .inflated_max = 10};
  EXPECT_EQ(trace_frames(masked({.compressed = true}, deflated("0123456789")), options), "text 0123456789 (deflate)\n");
  EXPECT_EQ(trace_frames(masked({.compressed = true}, deflated("0123456789a")), options), "error 1009\n");
}

TEST(WebSocketDecoder, IsSmall) {
  EXPECT_LE(sizeof(WebSocketDecoder), 32u);
}

}  // namespace
}  // namespace ringcast::codec
