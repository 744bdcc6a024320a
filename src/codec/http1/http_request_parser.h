// SPDX-License-Identifier: Apache-2.0
// Incremental HTTP/1.x request parser: bytes in, one HttpRequest out; llhttp inside, behind a strict scan of our own.
// Owned by a session only while a request is being read (an idle connection keeps none; reset() keeps the memory for
// the next request, so that a reactor can pool them). The owner's thread only.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codec/http1/chunked_decoder.h"
#include "codec/http1/http_head_scanner.h"
#include "codec/http1/http_message.h"

namespace ringcast::codec {

// Others are answered 501 by the parser itself.
enum class HttpMethod : uint8_t { get, head, post, put, delete_, options, patch, trace };
std::string_view to_string(HttpMethod method);

struct HttpRequest {
  HttpMethod method = HttpMethod::get;
  uint8_t version_minor = 1;      // HTTP/1.0 or HTTP/1.1
  bool keep_alive = false;        // what the client wants; after an error the connection closes regardless
  bool wants_upgrade = false;     // HTTP/1.1 with an Upgrade field that Connection names
  bool expects_continue = false;  // Expect: 100-continue with a body to come
  bool chunked = false;           // the body's length is not known beforehand
  uint64_t content_length = 0;    // 0 when chunked or without a body
  std::string_view target;        // as sent
  std::string_view path;          // still percent-encoded; begins with '/', or is "*" for OPTIONS
  std::string_view query;         // raw, without '?'
  std::string_view host;          // as sent, with the port if there is one; empty in 1.0 without Host
  HttpHeaders headers;
  std::string_view body;  // complete only with HttpParseStatus::complete
};

enum class HttpParseStatus : uint8_t {
  need_more,         // all input was consumed
  headers_complete,  // once, for requests with a body to come: refuse it, lower its limit, send 100 Continue, go on
  complete,          // request() is whole; what follows it was not consumed
  error,             // error() says why
};

struct HttpParseResult {
  size_t consumed = 0;
  HttpParseStatus status = HttpParseStatus::need_more;
};

class HttpRequestParser {
 public:
  explicit HttpRequestParser(const HttpLimits& limits = {});
  HttpRequestParser(const HttpRequestParser&) = delete;
  HttpRequestParser& operator=(const HttpRequestParser&) = delete;

  // Takes bytes up to the end of the request or of its headers. Not to be called again after `complete` before reset().
  HttpParseResult feed(std::span<const uint8_t> input);

  // From headers_complete on; views into this object, valid until reset().
  const HttpRequest& request() const { return request_; }
  const HttpError& error() const { return error_; }
  // Nothing of a request has been read: an owner that has no other use for this object may drop it.
  bool idle() const { return state_ == State::start && head_.empty(); }
  // Something of the request itself has come, not only an empty line before it.
  bool begun() const { return head_.size() > request_start_; }
  size_t body_received() const { return body_.size(); }
  // At headers_complete: a limit for this request alone (a route's). An error follows from the next feed().
  void set_body_max(uint64_t bytes) { body_max_ = bytes; }

  // Ready for the next request. Gives back buffers that an unusually large one has left behind.
  void reset();

 private:
  enum class State : uint8_t { start, request_line, fields, body_sized, body_chunked, complete, failed };

  HttpParseStatus take_head(std::span<const uint8_t> input, size_t& consumed);
  HttpParseStatus take_line();
  HttpParseStatus take_request_line(std::string_view line);
  HttpParseStatus take_field_line(std::string_view line);
  HttpParseStatus finish_head();
  HttpParseStatus take_body(std::span<const uint8_t> input, size_t& consumed);
  HttpParseStatus fail(HttpError error);

  HttpLimits limits_;
  State state_ = State::start;
  uint64_t body_max_;
  size_t request_start_ = 0;  // in head_: after an empty line that may go before
  size_t line_start_ = 0;     // in head_: where the line begins that is being read
  size_t fields_start_ = 0;   // in head_: after the request line
  uint32_t target_at_ = 0;    // in head_
  std::string head_;          // everything up to the empty line
  std::string body_;
  HeadFields fields_;
  std::vector<HttpHeader> header_views_;
  ChunkedDecoder chunks_;
  HttpRequest request_;
  HttpError error_;
};

}  // namespace ringcast::codec
