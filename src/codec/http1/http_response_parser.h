// SPDX-License-Identifier: Apache-2.0
// Incremental HTTP/1.x response parser for clients (the load generator, tests): head, then the body as spans of the
// input, be it sized, chunked or until the connection closes. llhttp inside, behind the same strict scan as requests.
// Owned by a client connection; its thread only.
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

struct HttpResponse {
  uint16_t status = 0;
  uint8_t version_minor = 1;
  bool keep_alive = false;
  bool upgraded = false;  // 101: what follows is another protocol
  bool chunked = false;
  bool until_close = false;
  uint64_t content_length = 0;
  std::string_view reason;
  HttpHeaders headers;
};

enum class HttpResponseEvent : uint8_t {
  need_more,         // the input is used up
  headers_complete,  // response() is valid; informational responses but 101 are skipped
  body,              // the next bytes of the body
  complete,          // the rest of the input, if any, belongs to the next response or protocol
  error,
};

class HttpResponseParser {
 public:
  explicit HttpResponseParser(const HttpLimits& limits = {});
  HttpResponseParser(const HttpResponseParser&) = delete;
  HttpResponseParser& operator=(const HttpResponseParser&) = delete;

  // Takes bytes off the front of `input`. After `body`, `data` is a view into it. Call until need_more or complete.
  HttpResponseEvent next(std::span<const uint8_t>& input, std::span<const uint8_t>& data);
  // The connection was closed by the server: `complete` where that ends the body, else `error`.
  HttpResponseEvent finish();

  const HttpResponse& response() const { return response_; }
  const HttpError& error() const { return error_; }
  // For the next response; `to_head`: the request was a HEAD, whose answer has no body whatever its fields say.
  void reset(bool to_head = false);

 private:
  enum class State : uint8_t {
    status_line,
    fields,
    body_sized,
    body_chunked,
    body_until_close,
    body_none,
    complete,
    failed
  };

  HttpResponseEvent take_head(std::span<const uint8_t>& input);
  HttpResponseEvent take_line();
  HttpResponseEvent finish_head();
  HttpResponseEvent fail(std::string_view code, std::string message);

  HttpLimits limits_;
  State state_ = State::status_line;
  bool to_head_ = false;
  uint64_t remaining_ = 0;
  size_t line_start_ = 0;
  size_t fields_start_ = 0;
  std::string head_;
  HeadFields fields_;
  std::vector<HttpHeader> header_views_;
  ChunkedDecoder chunks_;
  HttpResponse response_;
  HttpError error_;
};

}  // namespace ringcast::codec
