// SPDX-License-Identifier: Apache-2.0
#include "codec/websocket/deflate.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "codec/websocket/deflate_negotiation.h"
#include "pieces.h"

namespace ringcast::codec {
namespace {

std::string inflated(std::string_view payload, size_t inflated_max = 1 << 20) {
  std::span<uint8_t> out;
  const InflateStatus status = inflate_message(bytes_of(payload), inflated_max, out);
  if (status == InflateStatus::too_big) return "(too big)";
  if (status == InflateStatus::corrupt) return "(corrupt)";
  return std::string(text_of(out));
}

TEST(Deflate, ExamplesOfTheRfc) {
  // RFC 7692 section 7.2.3.
  EXPECT_EQ(inflated("\xf2\x48\xcd\xc9\xc9\x07" + std::string(1, '\0')), "Hello");
  EXPECT_EQ(inflated(std::string("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11)), "Hello");  // no compression
  EXPECT_EQ(inflated(std::string("\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8)), "Hello");               // BFINAL
  EXPECT_EQ(inflated(std::string("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13)), "Hello");  // two blocks
  EXPECT_EQ(inflated(std::string(1, '\0')), "");
  EXPECT_EQ(inflated(""), "");
}

TEST(Deflate, RoundTripAtEveryLevelAndSize) {
  std::mt19937 random(5);
  for (const int level : {1, 6, 9, 1}) {
    for (const size_t size : {0, 1, 2, 100, 1023, 1024, 16384, 16385, 70000, 300000}) {
      std::string message(size, '\0');
      for (char& c : message) c = static_cast<char>(random() % (size % 2 != 0 ? 256 : 20) + 'a');
      std::string packed = "kept";
      append_deflated(packed, message, level);
      ASSERT_TRUE(packed.starts_with("kept"));
      EXPECT_EQ(inflated(std::string_view(packed).substr(4)), message) << "level " << level << " size " << size;
    }
  }
}

TEST(Deflate, MessagesDoNotDependOnEachOther) {
  std::string first;
  std::string second;
  append_deflated(first, "the same text, the same text");
  append_deflated(second, "the same text, the same text");
  EXPECT_EQ(first, second);
}

TEST(Deflate, ZlibReadsIt) {
  std::string packed;
  append_deflated(packed, std::string(2000, 'z'));
  packed += std::string("\x00\x00\xff\xff", 4);
  z_stream stream{};
  ASSERT_EQ(inflateInit2(&stream, -15), Z_OK);
  std::string out(4000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_SYNC_FLUSH), Z_OK);
  EXPECT_EQ(std::string_view(out).substr(0, stream.total_out), std::string(2000, 'z'));
  inflateEnd(&stream);
}

TEST(Deflate, OutputIsCapped) {
  for (const size_t size : {1, 10, 16383, 16384, 16385, 65536, 1000000}) {
    std::string packed;
    append_deflated(packed, std::string(size, 'b'));
    EXPECT_EQ(inflated(packed, size), std::string(size, 'b'));
    EXPECT_EQ(inflated(packed, size - 1), "(too big)");
  }
}

TEST(Deflate, CutMessagesAreCorrupt) {
  std::string packed;
  append_deflated(packed, "a message of some words, so that its blocks have codes to be cut within");
  for (size_t size = 1; size + 1 < packed.size(); ++size) {
    EXPECT_EQ(inflated(std::string_view(packed).substr(0, size)), "(corrupt)") << size << " of " << packed.size();
  }
}

TEST(DeflateNegotiation, Offers) {
  const std::string_view accepted = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
  const std::string with_window = std::string(accepted) + "; server_max_window_bits=15";
  const std::pair<const char*, std::string> cases[] = {
      {"permessage-deflate", std::string(accepted)},
      {"permessage-deflate; client_max_window_bits", std::string(accepted)},  // browsers
      {"permessage-deflate; client_max_window_bits=8", std::string(accepted)},
      {"permessage-deflate;client_max_window_bits=\"15\"", std::string(accepted)},
      {"permessage-deflate; server_no_context_takeover; client_no_context_takeover", std::string(accepted)},
      {"permessage-deflate; server_max_window_bits=15", with_window},
      {"permessage-deflate; server_max_window_bits=\"15\"; client_max_window_bits", with_window},
      {"permessage-deflate; server_max_window_bits=10", ""},
      {"permessage-deflate; server_max_window_bits=10, permessage-deflate", std::string(accepted)},
      {"x-webkit-deflate-frame, permessage-deflate", std::string(accepted)},
      {"bbf; a=\"x, permessage-deflate\"", ""},
      {"permessage-deflate; server_max_window_bits", ""},
      {"permessage-deflate; server_max_window_bits=16", ""},
      {"permessage-deflate; server_max_window_bits=7", ""},
      {"permessage-deflate; server_max_window_bits=015", ""},
      {"permessage-deflate; server_max_window_bits=15; server_max_window_bits=15", ""},
      {"permessage-deflate; client_max_window_bits=16", ""},
      {"permessage-deflate; client_max_window_bits=", ""},
      {"permessage-deflate; client_max_window_bits; client_max_window_bits", ""},
      {"permessage-deflate; server_no_context_takeover=1", ""},
      {"permessage-deflate; client_no_context_takeover; client_no_context_takeover", ""},
      {"permessage-deflate; unknown", ""},
      {"permessage-deflate;", ""},
      {"permessage-bzip2", ""},
      {"", ""},
  };
  for (const auto& [offer, answer] : cases) {
    const HttpHeader fields[] = {{"sec-websocket-extensions", offer}};
    EXPECT_EQ(negotiate_deflate(HttpHeaders(fields)), answer) << offer;
  }
  const HttpHeader two[] = {{"Sec-WebSocket-Extensions", "foo"}, {"Sec-WebSocket-Extensions", "permessage-deflate"}};
  EXPECT_EQ(negotiate_deflate(HttpHeaders(two)), accepted);
  EXPECT_EQ(negotiate_deflate(HttpHeaders()), "");
}

TEST(DeflateNegotiation, Answers) {
  const std::pair<const char*, DeflateAnswer> cases[] = {
      {"permessage-deflate; server_no_context_takeover; client_no_context_takeover", DeflateAnswer::accepted},
      {"permessage-deflate; server_no_context_takeover; server_max_window_bits=12", DeflateAnswer::accepted},
      {"permessage-deflate", DeflateAnswer::invalid},  // it would keep its window
      {"permessage-deflate; server_no_context_takeover; client_max_window_bits=10", DeflateAnswer::invalid},
      {"permessage-deflate; server_no_context_takeover, permessage-deflate; server_no_context_takeover",
       DeflateAnswer::invalid},
      {"permessage-bzip2", DeflateAnswer::invalid},
      {"", DeflateAnswer::none},
  };
  for (const auto& [answer, expected] : cases) {
    const HttpHeader fields[] = {{"Sec-WebSocket-Extensions", answer}};
    EXPECT_EQ(check_deflate_answer(HttpHeaders(fields)), expected) << answer;
  }
  EXPECT_EQ(check_deflate_answer(HttpHeaders()), DeflateAnswer::none);
}

}  // namespace
}  // namespace ringcast::codec
