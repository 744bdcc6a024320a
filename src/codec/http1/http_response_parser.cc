// SPDX-License-Identifier: Apache-2.0
#include "codec/http1/http_response_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "codec/http1/http_request_checks.h"
#include "codec/http1/http_syntax.h"
#include "codec/http1/llhttp_opinion.h"

namespace ringcast::codec {
namespace {

constexpr uint16_t kUpgraded = 101;
constexpr uint16_t kBadGateway = 502;  // HttpError wants a status; a client has nobody to answer

bool has_no_body(uint16_t status) {
  return status < 200 || status == 204 || status == 304;
}

// "HTTP/1.1 200 OK"; the reason may be empty, and many leave out the blank before it then.
bool read_status_line(std::string_view line, HttpResponse& response) {
  if (line.size() < 12 || line.substr(0, 7) != "HTTP/1." || (line[7] != '0' && line[7] != '1') || line[8] != ' ') {
    return false;
  }
  if (!is_digit(line[9]) || !is_digit(line[10]) || !is_digit(line[11]) || line[9] == '0') return false;
  if (line.size() > 12 && line[12] != ' ') return false;
  response.version_minor = static_cast<uint8_t>(line[7] - '0');
  response.status = static_cast<uint16_t>((line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0'));
  response.reason = line.size() > 13 ? line.substr(13) : std::string_view();
  return is_field_value(response.reason);
}

}  // namespace

HttpResponseParser::HttpResponseParser(const HttpLimits& limits) : limits_(limits), chunks_(limits) {}

HttpResponseEvent HttpResponseParser::next(std::span<const uint8_t>& input, std::span<const uint8_t>& data) {
  data = {};
  switch (state_) {
    case State::status_line:
    case State::fields: return take_head(input);
    case State::complete: return HttpResponseEvent::complete;
    case State::failed: return HttpResponseEvent::error;
    case State::body_none: state_ = State::complete; return HttpResponseEvent::complete;
    case State::body_sized:
      if (remaining_ == 0) {
        state_ = State::complete;
        return HttpResponseEvent::complete;
      }
      [[fallthrough]];
    case State::body_until_close:
      if (input.empty()) return HttpResponseEvent::need_more;
      data = input;
      if (state_ == State::body_sized) {
        data = input.first(static_cast<size_t>(std::min<uint64_t>(remaining_, input.size())));
        remaining_ -= data.size();
      }
      input = input.subspan(data.size());
      return HttpResponseEvent::body;
    case State::body_chunked: break;
  }
  switch (chunks_.next(input, data)) {
    case ChunkedDecoder::Status::need_more: return HttpResponseEvent::need_more;
    case ChunkedDecoder::Status::data: return HttpResponseEvent::body;
    case ChunkedDecoder::Status::complete: state_ = State::complete; return HttpResponseEvent::complete;
    case ChunkedDecoder::Status::error: break;
  }
  return fail(chunks_.error().code, chunks_.error().message);
}

HttpResponseEvent HttpResponseParser::take_head(std::span<const uint8_t>& input) {
  while (!input.empty()) {
    const void* found = std::memchr(input.data(), '\n', input.size());
    const size_t taken =
        found != nullptr ? static_cast<size_t>(static_cast<const uint8_t*>(found) - input.data()) + 1 : input.size();
    const bool in_fields = state_ == State::fields;
    const size_t start = in_fields ? fields_start_ : line_start_;
    const size_t limit = in_fields ? limits_.headers_max : limits_.request_line_max;
    if (head_.size() + taken - start > limit) {
      return fail("headers_too_large", fmt::format("the {} longer than {} bytes",
                                                   in_fields ? "header fields are" : "status line is", limit));
    }
    head_.append(reinterpret_cast<const char*>(input.data()), taken);
    input = input.subspan(taken);
    if (found == nullptr) return HttpResponseEvent::need_more;
    const HttpResponseEvent event = take_line();
    line_start_ = head_.size();
    if (event != HttpResponseEvent::need_more) return event;
  }
  return HttpResponseEvent::need_more;
}

HttpResponseEvent HttpResponseParser::take_line() {
  std::string_view line = std::string_view(head_).substr(line_start_);
  if (const LineFault fault = strip_line_end(line); fault != LineFault::none) {
    HttpError error = to_error(fault);
    return fail(error.code, std::move(error.message));
  }
  if (state_ == State::status_line) {
    if (!read_status_line(line, response_)) return fail("bad_status_line", "not an HTTP/1.x status line");
    fields_start_ = head_.size();
    state_ = State::fields;
    return HttpResponseEvent::need_more;
  }
  if (line.empty()) return finish_head();
  if (fields_.size() == limits_.header_count_max) {
    return fail("too_many_headers", fmt::format("more than {} header fields", limits_.header_count_max));
  }
  HeadField field;
  if (const LineFault fault = scan_field_line(line, static_cast<uint32_t>(line_start_), field);
      fault != LineFault::none) {
    HttpError error = to_error(fault);
    return fail(error.code, std::move(error.message));
  }
  fields_.push_back(field);
  return HttpResponseEvent::need_more;
}

HttpResponseEvent HttpResponseParser::finish_head() {
  const std::string_view head = head_;
  std::string_view status_line = head.substr(0, fields_start_ - 2);
  read_status_line(status_line, response_);  // again: head_ may have moved since
  for (const HeadField& field : fields_) {
    header_views_.push_back(
        {head.substr(field.name_at, field.name_size), head.substr(field.value_at, field.value_size)});
  }
  response_.headers = HttpHeaders(header_views_);
  const HttpHeaders& headers = response_.headers;
  const size_t lengths = headers.count("Content-Length");
  const size_t codings = headers.count("Transfer-Encoding");
  if (lengths + codings > 1) return fail("length_conflict", "more than one field that gives the body's length");
  if (lengths == 1 && !parse_content_length(headers.find_or("Content-Length", ""), response_.content_length)) {
    return fail("bad_content_length", "Content-Length is not a decimal number");
  }
  if (codings == 1 && read_transfer_coding(headers) != TransferCoding::chunked) {
    return fail("transfer_coding_not_implemented", "the only transfer coding taken is chunked");
  }
  response_.chunked = codings == 1;
  const HeadReading reading{.status = response_.status,
                            .version_minor = response_.version_minor,
                            .chunked = response_.chunked,
                            .content_length = response_.content_length,
                            .fields = header_views_};
  if (!llhttp_agrees(head, reading)) return fail("ambiguous_response", "the head can be read in more than one way");
  if (response_.status < 200 && response_.status != kUpgraded) {
    reset(to_head_);  // informational: the response proper follows
    return HttpResponseEvent::need_more;
  }
  response_.upgraded = response_.status == kUpgraded;
  const bool bodiless = to_head_ || has_no_body(response_.status);
  response_.until_close = !bodiless && !response_.chunked && lengths == 0;
  const bool close = headers.has_token("Connection", "close");
  response_.keep_alive = !response_.until_close && !close &&
                         (response_.version_minor == 1 || headers.has_token("Connection", "keep-alive"));
  remaining_ = response_.content_length;
  state_ = bodiless                ? State::body_none
           : response_.chunked     ? State::body_chunked
           : response_.until_close ? State::body_until_close
                                   : State::body_sized;
  return HttpResponseEvent::headers_complete;
}

HttpResponseEvent HttpResponseParser::finish() {
  switch (state_) {
    case State::complete:
    case State::body_until_close:
    case State::body_none: state_ = State::complete; return HttpResponseEvent::complete;
    case State::body_sized:
      if (remaining_ == 0) {
        state_ = State::complete;
        return HttpResponseEvent::complete;
      }
      break;
    case State::failed: return HttpResponseEvent::error;
    case State::status_line:
    case State::fields:
    case State::body_chunked: break;
  }
  return fail("truncated", "the connection ended within the response");
}

void HttpResponseParser::reset(bool to_head) {
  state_ = State::status_line;
  to_head_ = to_head;
  remaining_ = 0;
  line_start_ = fields_start_ = 0;
  head_.clear();
  fields_.clear();
  header_views_.clear();
  chunks_.reset();
  response_ = {};
  error_ = {};
}

HttpResponseEvent HttpResponseParser::fail(std::string_view code, std::string message) {
  state_ = State::failed;
  error_ = {kBadGateway, code, std::move(message)};
  return HttpResponseEvent::error;
}

}  // namespace ringcast::codec
