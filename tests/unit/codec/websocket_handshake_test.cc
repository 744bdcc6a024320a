// SPDX-License-Identifier: Apache-2.0
#include "codec/websocket/websocket_handshake.h"

#include <gtest/gtest.h>

#include "pieces.h"

namespace ringcast::codec {
namespace {

constexpr std::string_view kSampleKey = "dGhlIHNhbXBsZSBub25jZQ==";  // RFC 6455 section 1.3

struct Parsed {
  HttpRequestParser parser;
  explicit Parsed(const std::string& input) {
    EXPECT_EQ(parser.feed(bytes_of(input)).status, HttpParseStatus::complete) << parser.error().message;
  }
};

HttpError check_answer(const std::string& input, WebSocketAnswer& answer, bool deflate_offered = true) {
  HttpResponseParser parser;
  std::span<const uint8_t> rest = bytes_of(input);
  std::span<const uint8_t> data;
  EXPECT_EQ(parser.next(rest, data), HttpResponseEvent::headers_complete) << parser.error().message;
  HttpError error;
  const bool accepted = check_websocket_response(parser.response(), kSampleKey, deflate_offered, answer, error);
  EXPECT_EQ(accepted, error.code.empty());
  return error;
}

TEST(WebSocketHandshake, AcceptOfTheRfc) {
  EXPECT_EQ(as_view(websocket_accept(kSampleKey)), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  EXPECT_EQ(as_view(websocket_accept("x3JJHMbDL1EzLkh9GBhXDw==")), "HSmrc0sMlYUkAGmm5OPpG2HaGWk=");
}

TEST(WebSocketHandshake, RequestOfABrowser) {
  const Parsed parsed(
      "GET /ws?user=Alice HTTP/1.1\r\nHost: localhost:3000\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat, "
      "ringcast.v1\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n");
  WebSocketUpgrade upgrade;
  HttpError error;
  ASSERT_TRUE(check_websocket_request(parsed.parser.request(), upgrade, error)) << error.message;
  EXPECT_EQ(upgrade.key, kSampleKey);
  EXPECT_TRUE(upgrade.offers_protocol("ringcast.v1"));
  EXPECT_FALSE(upgrade.offers_protocol("ringcast"));
  EXPECT_FALSE(upgrade.offers_protocol("Chat"));
  EXPECT_NE(negotiate_deflate(upgrade.headers), "");
}

// RFC 6455 section 9.1: what is well-formed and not understood is declined, what is not well-formed fails.
TEST(WebSocketHandshake, OffersMustBeWellFormed) {
  const auto code = [](std::string_view field) {
    const Parsed parsed(
        "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-" +
        std::string(field) + "\r\n\r\n");
    WebSocketUpgrade upgrade;
    HttpError error;
    const bool accepted = check_websocket_request(parsed.parser.request(), upgrade, error);
    EXPECT_EQ(accepted, error.code.empty());
    return std::string(error.code);
  };
  for (const char* field :
       {"Protocol:", "Protocol: ,", "Protocol: ringcast.v1,bearer.a-b_c.d", "Protocol: a\r\nSec-WebSocket-Protocol: b",
        "Extensions:", "Extensions: ,a,", "Extensions: a;b ; c = d;e=\"f\"", "Extensions: a; b=\"\\1\\5\"",
        "Extensions: permessage-deflate; client_max_window_bits; nonsense=1, x-webkit-deflate-frame"}) {
    EXPECT_EQ(code(field), "") << field;
  }
  for (const char* field : {"Protocol: a b", "Protocol: a/b", "Protocol: \"a\"",
                            "Protocol: a\r\nSec-WebSocket-Protocol: (", "Protocol: a, b=c"}) {
    EXPECT_EQ(code(field), "bad_websocket_protocol") << field;
  }
  for (const char* field : {"Extensions: a;", "Extensions: ;a", "Extensions: a;;b", "Extensions: a b",
                            "Extensions: a; b=", "Extensions: a; =b", "Extensions: a; b=\"c", "Extensions: a; b=\"\"",
                            "Extensions: a; b=\"c\\\"", "Extensions: a; b=\"c d\"", "Extensions: a; b=c=d",
                            "Extensions: a, \"b\"", "Extensions: a\r\nSec-WebSocket-Extensions: b;"}) {
    EXPECT_EQ(code(field), "bad_websocket_extension") << field;
  }
}

TEST(WebSocketHandshake, RefusalsSayWhatWouldBeTaken) {
  EXPECT_EQ(upgrade_error_headers({.status = 405, .code = "", .message = ""})[0].name, "Allow");
  const auto fields = upgrade_error_headers({.status = 426, .code = "", .message = ""});
  ASSERT_EQ(fields.size(), 3u);
  EXPECT_EQ(fields[1].name, "Sec-WebSocket-Version");
  EXPECT_EQ(fields[1].value, "13");
  EXPECT_EQ(fields[2].name, "Connection");
  EXPECT_EQ(fields[2].value, "Upgrade");
  EXPECT_TRUE(upgrade_error_headers({.status = 400, .code = "", .message = ""}).empty());
}

TEST(WebSocketHandshake, BothEndsAgree) {
  const WebSocketNonce nonce = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255};
  const auto key_chars = websocket_key(nonce);
  const std::string_view key(key_chars.data(), key_chars.size());
  const HttpHeader extra[] = {{"Origin", "http://example.org"}};
  std::string request;
  append_websocket_request(request,
                           {.host = "example.org",
                            .target = "/ws?rooms=a",
                            .protocols = "ringcast.v1",
                            .extensions = kDeflateOffer,
                            .headers = extra},
                           key);
  const Parsed parsed(request);
  WebSocketUpgrade upgrade;
  HttpError error;
  ASSERT_TRUE(check_websocket_request(parsed.parser.request(), upgrade, error)) << error.message;
  EXPECT_EQ(parsed.parser.request().headers.find("Origin"), "http://example.org");

  std::string response;
  append_websocket_response(response, upgrade.key, "ringcast.v1", negotiate_deflate(upgrade.headers));
  HttpResponseParser parser;
  std::span<const uint8_t> rest = bytes_of(response);
  std::span<const uint8_t> data;
  ASSERT_EQ(parser.next(rest, data), HttpResponseEvent::headers_complete);
  WebSocketAnswer answer;
  ASSERT_TRUE(check_websocket_response(parser.response(), key, true, answer, error)) << error.message;
  EXPECT_TRUE(answer.deflate);
  EXPECT_EQ(answer.protocol, "ringcast.v1");
}

TEST(WebSocketHandshake, PlainResponse) {
  std::string out;
  append_websocket_response(out, kSampleKey, {}, {});
  EXPECT_EQ(out,
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
}

TEST(WebSocketHandshake, ClientRefusesBadAnswers) {
  const std::string good =
      "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
      "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
  WebSocketAnswer answer;
  EXPECT_EQ(check_answer(good + "\r\n", answer).code, "");
  EXPECT_FALSE(answer.deflate);
  const std::string deflate = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n\r\n";
  EXPECT_EQ(check_answer(good + deflate, answer).code, "");
  EXPECT_TRUE(answer.deflate);
  EXPECT_EQ(check_answer(good + deflate, answer, false).code, "bad_websocket_extension");
  EXPECT_EQ(check_answer("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", answer).code, "upgrade_refused");
  EXPECT_EQ(check_answer("HTTP/1.1 101 X\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", answer).code, "bad_upgrade");
  EXPECT_EQ(check_answer("HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
                         answer)
                .code,
            "bad_websocket_accept");
}

}  // namespace
}  // namespace ringcast::codec
