// SPDX-License-Identifier: Apache-2.0
#include "codec/http1/proxy_header.h"

#include <gtest/gtest.h>

#include <string>

#include "pieces.h"

namespace ringcast::codec {
namespace {

// "192.0.2.1", "itself" (no source), "more", or "error: …"; how much was used goes to `used`. Whole and byte by byte
// must be the same.
std::string read(std::string_view text, size_t* used = nullptr) {
  ProxyHeaderParser whole, slow;
  const auto outcome = whole.feed(bytes_of(text));
  size_t taken = 0;
  auto status = ProxyHeaderStatus::need_more;
  while (taken < text.size() && status == ProxyHeaderStatus::need_more) {
    const auto step = slow.feed(bytes_of(text.substr(taken, 1)));
    EXPECT_EQ(step.consumed, 1u);
    ++taken;
    status = step.status;
  }
  EXPECT_EQ(taken, outcome.consumed);
  EXPECT_EQ(status, outcome.status);
  EXPECT_EQ(slow.source(), whole.source());
  EXPECT_EQ(slow.error(), whole.error());
  if (used != nullptr) *used = outcome.consumed;
  switch (outcome.status) {
    case ProxyHeaderStatus::need_more: return "more";
    case ProxyHeaderStatus::error: return "error: " + std::string(whole.error());
    case ProxyHeaderStatus::complete: break;
  }
  return whole.has_source() ? whole.source().to_string() : "itself";
}

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string v2(uint8_t command, uint8_t family, const std::string& body) {
  std::string out = kSignature;
  out += static_cast<char>(command);
  out += static_cast<char>(family);
  out += static_cast<char>(body.size() >> 8);
  out += static_cast<char>(body.size() & 0xff);
  return out + body;
}

const std::string kInet("\xC0\x00\x02\x07\xC6\x33\x64\x01\x12\x34\x00\x50", 12);
const std::string kInet6 = std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\x09" + std::string(20, '\1');

TEST(ProxyHeaderV1, Addresses) {
  size_t used = 0;
  EXPECT_EQ(read("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\nGET / HTTP/1.1\r\n", &used), "192.0.2.7");
  EXPECT_EQ(used, 45u) << "what follows is the client's";
  EXPECT_EQ(read("PROXY TCP6 2001:db8::9 ::1 0 65535\r\n"), "2001:db8::9");
  EXPECT_EQ(read("PROXY UNKNOWN\r\n"), "itself");
  EXPECT_EQ(read("PROXY UNKNOWN anything goes here\r\n"), "itself");
  EXPECT_EQ(read("PROXY TCP4 192.0.2.7 198.51.100.1 56324"), "more");
  EXPECT_EQ(read(""), "more");
}

TEST(ProxyHeaderV1, Malformed) {
  for (const char* bad : {"GET / HTTP/1.1\r\n", "PROXY\r\n", "PROXY \r\n", "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
                          "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
                          "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
                          "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", "PROXY TCP4 ::1 ::1 1 2\r\n",
                          "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
                          "PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
                          "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXYTCP4 "}) {
    EXPECT_TRUE(read(bad).starts_with("error: ")) << bad;
  }
  EXPECT_TRUE(read("PROXY UNKNOWN " + std::string(91, 'x') + "\r\n") == "itself") << "107 bytes are allowed";
  EXPECT_TRUE(read("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n").starts_with("error: "));
  EXPECT_TRUE(read("PROXY " + std::string(200, 'x')).starts_with("error: "));
}

TEST(ProxyHeaderV2, Addresses) {
  size_t used = 0;
  EXPECT_EQ(read(v2(0x21, 0x11, kInet) + "GET /", &used), "192.0.2.7");
  EXPECT_EQ(used, 28u);
  EXPECT_EQ(read(v2(0x21, 0x21, kInet6)), "2001:db8::9");
  EXPECT_EQ(read(v2(0x21, 0x11, kInet + std::string(300, 'T')) + "GET /", &used), "192.0.2.7")
      << "type-length-values are passed over";
  EXPECT_EQ(used, 328u);
  EXPECT_EQ(read(v2(0x21, 0x31, std::string(216, '/'))), "itself");
  EXPECT_EQ(read(v2(0x20, 0x00, {})), "itself") << "a health check of the proxy";
  EXPECT_EQ(read(v2(0x20, 0x11, kInet)), "itself");
  EXPECT_EQ(read(v2(0x21, 0x00, {})), "itself");
  EXPECT_EQ(read(v2(0x21, 0x00, std::string(65535, 'T'))), "itself");
  EXPECT_EQ(read(v2(0x21, 0x41, "xyz")), "itself") << "a family to come";
  const std::string whole = v2(0x21, 0x21, kInet6);
  for (size_t size = 0; size < whole.size(); ++size) EXPECT_EQ(read(std::string_view(whole).substr(0, size)), "more");
}

TEST(ProxyHeaderV2, Malformed) {
  EXPECT_TRUE(read(v2(0x11, 0x11, kInet)).starts_with("error: "));
  EXPECT_TRUE(read(v2(0x22, 0x11, kInet)).starts_with("error: "));
  EXPECT_TRUE(read(v2(0x21, 0x12, kInet)).starts_with("error: ")) << "datagrams";
  EXPECT_TRUE(read(v2(0x21, 0x11, kInet.substr(1))).starts_with("error: "));
  EXPECT_TRUE(read(v2(0x21, 0x21, kInet)).starts_with("error: "));
  EXPECT_TRUE(read(v2(0x21, 0x31, kInet)).starts_with("error: "));
  EXPECT_TRUE(read("\r\n\r\nGET / HTTP/1.1").starts_with("error: "));
}

}  // namespace
}  // namespace ringcast::codec
