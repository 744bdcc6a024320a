// SPDX-License-Identifier: Apache-2.0
#include "codec/http1/http_request_parser.h"

#include <gtest/gtest.h>

#include "pieces.h"

namespace ringcast::codec {
namespace {

std::string describe(const HttpRequest& request) {
  std::string text(to_string(request.method));
  text += " " + std::string(request.path) + " q=" + std::string(request.query) + " host=" + std::string(request.host);
  text += " 1." + std::to_string(request.version_minor);
  if (request.keep_alive) text += " keep-alive";
  if (request.wants_upgrade) text += " upgrade";
  if (request.expects_continue) text += " continue";
  for (const HttpHeader& field : request.headers.all()) {
    text += " [" + std::string(field.name) + "=" + std::string(field.value) + "]";
  }
  return text + " body=" + std::string(request.body) + "\n";
}

// Reads requests, one after another, as a connection would.
std::string trace_request(const Pieces& pieces, const HttpLimits& limits = {}) {
  HttpRequestParser parser(limits);
  std::string text;
  std::string waiting;
  for (const std::string& piece : pieces) {
    waiting += piece;
    while (!waiting.empty()) {
      const HttpParseResult result = parser.feed(bytes_of(waiting));
      waiting.erase(0, result.consumed);
      if (result.status == HttpParseStatus::error) {
        return text + std::to_string(parser.error().status) + " " + std::string(parser.error().code) + "\n";
      }
      if (result.status == HttpParseStatus::headers_complete) text += "head ";
      if (result.status == HttpParseStatus::complete) {
        text += describe(parser.request());
        parser.reset();
      }
      if (result.status == HttpParseStatus::need_more) {
        EXPECT_TRUE(waiting.empty());
        break;
      }
    }
  }
  if (!parser.idle()) text += "unfinished\n";
  return text;
}

std::string trace_requests(std::string_view input, const HttpLimits& limits = {}) {
  return trace_however_cut(input, [&limits](const Pieces& pieces) { return trace_request(pieces, limits); });
}

TEST(HttpRequestParser, PlainRequest) {
  EXPECT_EQ(
      trace_requests("GET /events?rooms=a,b&x= HTTP/1.1\r\nHost: example.org:3000\r\nAccept:  text/event-stream \r\n"
                     "X-Empty:\r\n\r\n"),
      "GET /events q=rooms=a,b&x= host=example.org:3000 1.1 keep-alive [Host=example.org:3000] "
      "[Accept=text/event-stream] [X-Empty=] body=\n");
}

TEST(HttpRequestParser, ConnectionAndVersion) {
  EXPECT_EQ(trace_requests("GET / HTTP/1.1\r\nHost: a\r\nConnection: foo, Close\r\n\r\n"),
            "GET / q= host=a 1.1 [Host=a] [Connection=foo, Close] body=\n");
  EXPECT_EQ(trace_requests("GET / HTTP/1.0\r\n\r\n"), "GET / q= host= 1.0 body=\n");
  EXPECT_EQ(trace_requests("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"),
            "GET / q= host= 1.0 keep-alive [Connection=Keep-Alive] body=\n");
  EXPECT_EQ(trace_requests("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"),
            "GET / q= host= 1.0 [Connection=keep-alive, close] body=\n");
}

TEST(HttpRequestParser, UpgradeNeedsBothFieldsAndVersion) {
  EXPECT_EQ(
      trace_requests("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"),
      "GET /ws q= host=a 1.1 keep-alive upgrade [Host=a] [Connection=keep-alive, Upgrade] [Upgrade=websocket] "
      "body=\n");
  EXPECT_EQ(trace_requests("GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"),
            "GET /ws q= host=a 1.1 keep-alive [Host=a] [Upgrade=websocket] body=\n");
  EXPECT_EQ(trace_requests("GET /ws HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
            "GET /ws q= host= 1.0 [Connection=Upgrade] [Upgrade=websocket] body=\n");
}

TEST(HttpRequestParser, BytesAfterAnUpgradeStay) {
  HttpRequestParser parser;
  const std::string head = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  const HttpParseResult result = parser.feed(bytes_of(head + "\x81\x80mask"));
  EXPECT_EQ(result.status, HttpParseStatus::complete);
  EXPECT_EQ(result.consumed, head.size());
}

TEST(HttpRequestParser, SizedBody) {
  EXPECT_EQ(
      trace_requests("POST /messages HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\nhello"),
      "head POST /messages q= host=a 1.1 keep-alive continue [Host=a] [Content-Length=5] [Expect=100-Continue] "
      "body=hello\n");
  EXPECT_EQ(trace_requests("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n"),
            "POST / q= host=a 1.1 keep-alive [Host=a] [Content-Length=0] [Expect=100-continue] body=\n");
  EXPECT_EQ(trace_requests("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 003\r\n\r\nabc"),
            "head GET / q= host=a 1.1 keep-alive [Host=a] [Content-Length=003] body=abc\n");
}

// RFC 9110 section 5.6.1.2: empty elements of a list do not count.
TEST(HttpRequestParser, AnExpectationIsAnElementOfAList) {
  const auto trace = [](std::string_view value, std::string_view version = "1.1") {
    return trace_requests("POST / HTTP/" + std::string(version) +
                          "\r\nHost: a\r\nContent-Length: 2\r\nExpect: " + std::string(value) + "\r\n\r\nok");
  };
  for (const char* value : {"100-continue", ", 100-continue", "100-Continue,,", "100-continue, 100-continue"}) {
    EXPECT_TRUE(trace(value).starts_with("head POST / q= host=a 1.1 keep-alive continue ")) << value;
    EXPECT_TRUE(trace(value, "1.0").starts_with("head POST / q= host=a 1.0 [")) << value;
  }
  EXPECT_TRUE(trace(",").starts_with("head POST / q= host=a 1.1 keep-alive [")) << "nothing is expected";
  for (const char* value : {"payment", "100-continue, payment", "100-continue;a"}) {
    EXPECT_EQ(trace(value), "417 expectation_failed\n") << value;
  }
}

TEST(HttpRequestParser, ChunkedBodyWithExtensionsAndTrailers) {
  EXPECT_EQ(trace_requests("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
                           "5;name=value\r\nhello\r\n00A\r\n, chunked!\r\n0;last\r\nX-Trailer: yes\r\n\r\n"),
            "head POST / q= host=a 1.1 keep-alive [Host=a] [Transfer-Encoding=Chunked] body=hello, chunked!\n");
}

TEST(HttpRequestParser, Pipelined) {
  EXPECT_EQ(
      trace_requests("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok"
                     "\r\nDELETE /3 HTTP/1.1\r\nHost: a\r\n\r\n"),
      "GET /1 q= host=a 1.1 keep-alive [Host=a] body=\n"
      "head POST /2 q= host=a 1.1 keep-alive [Host=a] [Content-Length=2] body=ok\n"
      "DELETE /3 q= host=a 1.1 keep-alive [Host=a] body=\n");
}

TEST(HttpRequestParser, TargetForms) {
  EXPECT_EQ(trace_requests("GET http://Example.org:80/a/b?c HTTP/1.1\r\nHost: example.org:80\r\n\r\n"),
            "GET /a/b q=c host=Example.org:80 1.1 keep-alive [Host=example.org:80] body=\n");
  EXPECT_EQ(trace_requests("GET WS://[::1]:3000?x HTTP/1.1\r\nHost: [::1]:3000\r\n\r\n"),
            "GET / q=x host=[::1]:3000 1.1 keep-alive [Host=[::1]:3000] body=\n");
  EXPECT_EQ(trace_requests("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
            "OPTIONS * q= host=a 1.1 keep-alive [Host=a] body=\n");
  EXPECT_EQ(trace_requests("GET //a?b?c HTTP/1.1\r\nHost: a\r\n\r\n"),
            "GET //a q=b?c host=a 1.1 keep-alive [Host=a] body=\n");
}

// RFC 9110 section 4.2.3: a scheme's default port means the same as none, and so does an empty one.
TEST(HttpRequestParser, TheTargetMayGiveTheDefaultPortAndHostNone) {
  struct {
    const char* target;
    const char* host;
    bool same;
  } const cases[] = {
      {"http://a:80/", "a", true},
      {"http://a/", "a:80", true},
      {"http://a:/", "a", true},
      {"http://a/", "a:", true},
      {"ws://a:80/", "a", true},
      {"https://a:443/", "A", true},
      {"wss://A/", "a:443", true},
      {"https://[::1]:443/", "[::1]", true},
      {"http://[::80]/", "[::80]:80", true},
      {"http://a:443/", "a", false},
      {"https://a:80/", "a", false},
      {"https://a/", "a:80", false},
      {"http://a:8080/", "a", false},
      {"http://a:80/", "a:8080", false},
      {"http://a:80/", "b", false},
      {"http://[::80]/", "[:]", false},
  };
  for (const auto& one : cases) {
    const std::string text = std::string("GET ") + one.target + " HTTP/1.1\r\nHost: " + one.host + "\r\n\r\n";
    const std::string trace = trace_requests(text);
    EXPECT_EQ(trace == "400 host_mismatch\n", !one.same) << text << trace;
    EXPECT_EQ(trace.starts_with("GET / "), one.same) << text << trace;
  }
}

// RFC 9110 section 5.6.3: optional whitespace is blanks and tabs, before a value and behind it.
TEST(HttpRequestParser, BlanksAndTabsAroundAValueAreNoPartOfIt) {
  for (const std::string before : {"", " ", "\t", " \t ", "\t\t"}) {
    for (const std::string behind : {"", " ", "\t", " \t", "\t ", "\t\t\t"}) {
      const auto field = [&](std::string_view name, std::string_view value) {
        return std::string(name) + ":" + before + std::string(value) + behind + "\r\n";
      };
      EXPECT_EQ(trace_requests("POST / HTTP/1.1\r\n" + field("Host", "a") + field("Content-Length", "2") +
                               field("Connection", "close") + "\r\nok"),
                "head POST / q= host=a 1.1 [Host=a] [Content-Length=2] [Connection=close] body=ok\n");
      EXPECT_EQ(trace_requests("POST / HTTP/1.1\r\n" + field("Host", "a") + field("Transfer-Encoding", "chunked") +
                               field("X", "") + "\r\n2\r\nok\r\n0\r\n\r\n"),
                "head POST / q= host=a 1.1 keep-alive [Host=a] [Transfer-Encoding=chunked] [X=] body=ok\n");
      EXPECT_EQ(trace_requests("GET / HTTP/1.1\r\n" + field("Host", "a") + field("Connection", "x ,\tUpgrade") +
                               field("Upgrade", "websocket") + "\r\n"),
                "GET / q= host=a 1.1 keep-alive upgrade [Host=a] [Connection=x ,\tUpgrade] [Upgrade=websocket] "
                "body=\n");
    }
  }
}

TEST(HttpRequestParser, EveryMethodByName) {
  for (const char* name : {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"}) {
    EXPECT_EQ(trace_requests(std::string(name) + " / HTTP/1.1\r\nHost: a\r\n\r\n"),
              std::string(name) + " / q= host=a 1.1 keep-alive [Host=a] body=\n");
  }
}

TEST(HttpRequestParser, RepeatedFieldsAndLookup) {
  HttpRequestParser parser;
  const std::string input = "GET / HTTP/1.1\r\nHost: a\r\nX-List: one, \"two, three\"\r\nx-list: Four\r\n\r\n";
  ASSERT_EQ(parser.feed(bytes_of(input)).status, HttpParseStatus::complete);
  const HttpHeaders& headers = parser.request().headers;
  EXPECT_EQ(headers.count("X-LIST"), 2u);
  EXPECT_EQ(headers.find("x-List"), "one, \"two, three\"");
  EXPECT_EQ(headers.find("missing"), std::nullopt);
  EXPECT_TRUE(headers.has_token("X-List", "four"));
  EXPECT_TRUE(headers.has_token("X-List", "ONE"));
  EXPECT_FALSE(headers.has_token("X-List", "three\""));
}

TEST(HttpRequestParser, LimitsHoldAtTheirEdges) {
  const HttpLimits limits{.request_line_max = 40, .headers_max = 60, .header_count_max = 3, .body_max = 10};
  const auto with_target = [](size_t line_size) {
    return "GET /" + std::string(line_size - 14, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  EXPECT_TRUE(trace_requests(with_target(40), limits).starts_with("GET /a"));
  EXPECT_EQ(trace_requests(with_target(41), limits), "414 request_line_too_long\n");

  const auto with_fields = [](size_t block_size) {
    return "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(block_size - 16, 'b') + "\r\n\r\n";
  };
  EXPECT_TRUE(trace_requests(with_fields(60), limits).starts_with("GET /"));
  EXPECT_EQ(trace_requests(with_fields(61), limits), "431 headers_too_large\n");

  EXPECT_TRUE(trace_requests("GET / HTTP/1.1\r\nHost: a\r\nA:1\r\nB:2\r\n\r\n", limits).starts_with("GET /"));
  EXPECT_EQ(trace_requests("GET / HTTP/1.1\r\nHost: a\r\nA:1\r\nB:2\r\nC:3\r\n\r\n", limits), "431 too_many_headers\n");

  const auto sized = [](size_t size) {
    return "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" + std::string(size, 'c');
  };
  EXPECT_TRUE(trace_requests(sized(10), limits).ends_with("body=cccccccccc\n"));
  EXPECT_EQ(trace_requests(sized(11), limits), "413 body_too_large\n");

  const std::string chunked = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_TRUE(trace_requests(chunked + "6\r\nabcdef\r\n4\r\nghij\r\n0\r\n\r\n", limits).ends_with("body=abcdefghij\n"));
  EXPECT_EQ(trace_requests(chunked + "6\r\nabcdef\r\n5\r\nghijk\r\n0\r\n\r\n", limits), "head 413 body_too_large\n");
  EXPECT_EQ(trace_requests(chunked + "ffffffffffffffff\r\n", limits), "head 413 body_too_large\n");
}

TEST(HttpRequestParser, DefaultLimitsAreTheDocumentedOnes) {
  const HttpLimits limits;
  EXPECT_EQ(limits.request_line_max, 8192u);
  EXPECT_EQ(limits.headers_max, 16384u);
  EXPECT_EQ(limits.header_count_max, 64u);
  EXPECT_EQ(limits.body_max, 1048576u);
}

TEST(HttpRequestParser, LowerLimitForOneRequest) {
  HttpRequestParser parser;
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
  ASSERT_EQ(parser.feed(bytes_of(head)).status, HttpParseStatus::headers_complete);
  parser.set_body_max(4);
  EXPECT_EQ(parser.feed(bytes_of("hello")).status, HttpParseStatus::error);
  EXPECT_EQ(parser.error().status, 413);
  parser.reset();
  ASSERT_EQ(parser.feed(bytes_of(head)).status, HttpParseStatus::headers_complete);
  EXPECT_EQ(parser.feed(bytes_of("hello")).status, HttpParseStatus::complete);
  EXPECT_EQ(parser.request().body, "hello");
}

TEST(HttpRequestParser, AnErrorStaysUntilReset) {
  HttpRequestParser parser;
  EXPECT_TRUE(parser.idle());
  EXPECT_EQ(parser.feed(bytes_of("\x16\x03\x01")).status, HttpParseStatus::error);
  EXPECT_EQ(parser.feed(bytes_of("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).status, HttpParseStatus::error);
  parser.reset();
  EXPECT_TRUE(parser.idle());
  EXPECT_EQ(parser.feed(bytes_of("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).status, HttpParseStatus::complete);
}

TEST(HttpRequestParser, ViewsSurviveTheBodyThatFollows) {
  HttpRequestParser parser;
  const std::string input = "POST /path?query HTTP/1.1\r\nHost: a\r\nX-Name: value\r\nContent-Length: 4000\r\n\r\n";
  for (const char c : input) parser.feed(bytes_of({&c, 1}));
  for (int i = 0; i < 4000; ++i) parser.feed(bytes_of("b"));
  EXPECT_EQ(parser.request().path, "/path");
  EXPECT_EQ(parser.request().query, "query");
  EXPECT_EQ(parser.request().headers.find("x-name"), "value");
  EXPECT_EQ(parser.request().body, std::string(4000, 'b'));
}

}  // namespace
}  // namespace ringcast::codec
