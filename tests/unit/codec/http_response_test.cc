// SPDX-License-Identifier: Apache-2.0
#include "codec/http1/http_response.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include "codec/http1/http_response_parser.h"
#include "pieces.h"

namespace ringcast::codec {
namespace {

TEST(HttpResponse, SizedBody) {
  std::string out;
  append_response(out, {.content_type = "text/plain", .date = "Sat, 21 Nov 2026 02:36:00 GMT"}, "OK");
  EXPECT_EQ(
      out,
      "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 02:36:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n"
      "\r\nOK");
}

TEST(HttpResponse, ConnectionIsSentOnlyWhereItIsNotTheDefault) {
  std::string out;
  append_response(out, {.keep_alive = false}, "");
  EXPECT_EQ(out, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  out.clear();
  append_response(out, {.keep_alive = true, .version_minor = 0}, "");
  EXPECT_EQ(out, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n");
}

TEST(HttpResponse, HeadOnlyKeepsTheLength) {
  std::string out;
  append_response(out, {}, "four", true);
  EXPECT_EQ(out, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
}

TEST(HttpResponse, NoLengthWhereThereIsNoBody) {
  for (const uint16_t status : {204, 304}) {
    std::string out;
    append_response(out, {.status = status}, "ignored");
    EXPECT_EQ(out.find("Content-Length"), std::string::npos) << status;
    EXPECT_TRUE(out.ends_with("\r\n\r\n"));
  }
}

TEST(HttpResponse, Streams) {
  std::string out;
  const HttpHeader headers[] = {{"Cache-Control", "no-cache"}};
  append_response_head(out, {.framing = BodyFraming::chunked, .content_type = "text/event-stream", .headers = headers});
  EXPECT_EQ(out,
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
            "Cache-Control: no-cache\r\n\r\n");
  out.clear();
  append_response_head(out, {.framing = BodyFraming::until_close, .version_minor = 0});
  EXPECT_EQ(out, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
}

TEST(HttpResponse, NothingFromOutsideBeginsAFieldOfItsOwn) {
  std::string out;
  const HttpHeader headers[] = {{"X-Echo", std::string_view("a\r\nSet-Cookie: b\0c", 18)}};
  append_response_head(out, {.headers = headers});
  EXPECT_NE(out.find("X-Echo: a  Set-Cookie: b c\r\n"), std::string::npos) << out;
}

TEST(HttpResponse, ErrorBodyIsJson) {
  for (const std::string message : {"plain", "quote \" back \\ line\nend", "bad \xff byte", "ünïcode"}) {
    std::string out;
    append_error_response(out, {.keep_alive = false}, 429, "rate_limited", message);
    EXPECT_TRUE(out.starts_with("HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\n"));
    simdjson::dom::parser parser;
    const std::string body = out.substr(out.find("\r\n\r\n") + 4);
    simdjson::dom::element document;
    ASSERT_EQ(parser.parse(body).get(document), simdjson::SUCCESS) << body;
    EXPECT_EQ(std::string_view(document["error"]["code"]), "rate_limited");
    const std::string_view text = document["error"]["message"];
    EXPECT_EQ(text, message == "bad \xff byte" ? "bad ? byte" : message);
  }
}

TEST(HttpResponse, EveryStatusOfTheContractHasAPhrase) {
  for (const uint16_t status :
       {101, 200, 204, 400, 401, 403, 404, 405, 408, 413, 414, 415, 417, 421, 426, 429, 431, 501, 503, 505}) {
    EXPECT_NE(reason_phrase(status), "Unknown") << status;
  }
  EXPECT_EQ(reason_phrase(799), "Unknown");
}

TEST(HttpResponse, ChunkHeaders) {
  for (const uint64_t size : {uint64_t{1}, uint64_t{15}, uint64_t{16}, uint64_t{255}, uint64_t{65536}, UINT64_MAX}) {
    char header[kChunkHeaderMax];
    const size_t length = write_chunk_header(header, size);
    EXPECT_EQ(length, chunk_header_size(size));
    const std::string text(header, length);
    EXPECT_TRUE(text.ends_with("\r\n"));
    EXPECT_EQ(std::stoull(text, nullptr, 16), size);
  }
  std::string out;
  append_chunk(out, "hello");
  EXPECT_EQ(out, "5\r\nhello\r\n");
}

std::string trace_response(const Pieces& pieces, bool to_head, bool closed) {
  HttpResponseParser parser;
  parser.reset(to_head);
  std::string text;
  const auto step = [&](HttpResponseEvent event, std::span<const uint8_t> data) {
    switch (event) {
      case HttpResponseEvent::need_more: return false;
      case HttpResponseEvent::headers_complete: {
        const HttpResponse& response = parser.response();
        text += std::to_string(response.status) + " " + std::string(response.reason);
        for (const HttpHeader& field : response.headers.all()) {
          text += " [" + std::string(field.name) + "=" + std::string(field.value) + "]";
        }
        text += response.keep_alive ? " keep-alive body=" : " body=";
        return true;
      }
      case HttpResponseEvent::body: text += text_of(data); return true;
      case HttpResponseEvent::complete:
        text += " end\n";
        if (parser.response().upgraded) {
          text += "upgraded\n";
          return false;
        }
        parser.reset();
        return true;
      case HttpResponseEvent::error: text += "error " + std::string(parser.error().code) + "\n"; return false;
    }
    return false;
  };
  bool failed = false;
  for (const std::string& piece : pieces) {
    std::span<const uint8_t> input = bytes_of(piece);
    std::span<const uint8_t> data;
    if (failed || parser.response().upgraded) break;
    while (!input.empty() || parser.response().status != 0) {
      const HttpResponseEvent event = parser.next(input, data);
      if (!step(event, data)) {
        failed = event == HttpResponseEvent::error;
        break;
      }
    }
  }
  if (closed && !failed) step(parser.finish(), {});
  return text;
}

std::string trace_responses(std::string_view input, bool to_head = false, bool closed = false) {
  return trace_however_cut(input, [=](const Pieces& pieces) { return trace_response(pieces, to_head, closed); });
}

TEST(HttpResponseParser, SizedChunkedAndPipelined) {
  EXPECT_EQ(trace_responses(
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
                "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: 1\r\n\r\n"
                "HTTP/1.1 204\r\n\r\nHTTP/1.0 200 \r\nContent-Length: 0\r\n\r\n"),
            "200 OK [Content-Length=5] keep-alive body=hello end\n"
            "404 Not Found [Transfer-Encoding=chunked] keep-alive body=abcde end\n"
            "204  keep-alive body= end\n200  [Content-Length=0] body= end\n");
}

TEST(HttpResponseParser, UntilClose) {
  const std::string input = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n: hello\n\n";
  EXPECT_EQ(trace_responses(input, false, true), "200 OK [Content-Type=text/event-stream] body=: hello\n\n end\n");
  EXPECT_EQ(trace_responses(input, false, false), "200 OK [Content-Type=text/event-stream] body=: hello\n\n");
}

TEST(HttpResponseParser, AnswerToHeadHasNoBody) {
  EXPECT_EQ(trace_responses("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true),
            "200 OK [Content-Length=5] keep-alive body= end\n");
}

TEST(HttpResponseParser, InformationalOnesAreSkippedAndUpgradesEndHttp) {
  EXPECT_EQ(
      trace_responses("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x01x"),
      "101 Switching Protocols [Upgrade=websocket] [Connection=Upgrade] keep-alive body= end\nupgraded\n");
}

TEST(HttpResponseParser, Errors) {
  const std::pair<const char*, const char*> cases[] = {
      {"HTTP/2 200\r\n", "bad_status_line"},
      {"HTTP/1.1 20 OK\r\n", "bad_status_line"},
      {"HTTP/1.1 099 X\r\n", "bad_status_line"},
      {"SSH-2.0-OpenSSH\r\n", "bad_status_line"},
      {"HTTP/1.1 200 OK\n\n", "bare_line_feed"},
      {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "bad_content_length"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", "length_conflict"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "length_conflict"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "transfer_coding_not_implemented"},
      {"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", "folded_header"},
  };
  for (const auto& [input, code] : cases)
    EXPECT_EQ(trace_responses(input), "error " + std::string(code) + "\n") << input;
  EXPECT_TRUE(
      trace_responses("HTTP/1.1 200 OK\r\nX: " + std::string(20000, 'x')).starts_with("error headers_too_large"));
}

TEST(HttpResponseParser, TruncationIsAnError) {
  for (const char* input :
       {"HTTP/1.1 20", "HTTP/1.1 200 OK\r\nA: b\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"}) {
    EXPECT_TRUE(trace_responses(input, false, true).ends_with("error truncated\n")) << input;
  }
}

}  // namespace
}  // namespace ringcast::codec
