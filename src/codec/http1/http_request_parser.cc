// SPDX-License-Identifier: Apache-2.0
#include "codec/http1/http_request_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "codec/http1/http_request_checks.h"
#include "codec/http1/http_syntax.h"
#include "codec/http1/llhttp_opinion.h"

namespace ringcast::codec {
namespace {

constexpr size_t kKeptBufferMax = 32 * 1024;  // what a pooled parser may keep of a large request's memory

}  // namespace

HttpRequestParser::HttpRequestParser(const HttpLimits& limits)
    : limits_(limits), body_max_(limits.body_max), chunks_(limits) {}

HttpParseResult HttpRequestParser::feed(std::span<const uint8_t> input) {
  RINGCAST_ASSERT(state_ != State::complete);
  size_t consumed = 0;
  if (state_ < State::body_sized) {
    const HttpParseStatus status = take_head(input, consumed);
    return {consumed, status};
  }
  if (state_ == State::failed) return {0, HttpParseStatus::error};
  const HttpParseStatus status = take_body(input, consumed);
  return {consumed, status};
}

HttpParseStatus HttpRequestParser::take_head(std::span<const uint8_t> input, size_t& consumed) {
  while (consumed < input.size()) {
    const std::span<const uint8_t> rest = input.subspan(consumed);
    const bool in_fields = state_ == State::fields;
    // A client that speaks TLS (or anything else) is answered at its first byte, not when a limit is reached.
    const char first = static_cast<char>(rest.front());
    if (!in_fields && head_.size() == line_start_ && !is_token_char(first) && first != '\r' && first != '\n') {
      return fail({400, "bad_method", "the request does not begin with a method"});
    }
    const void* found = std::memchr(rest.data(), '\n', rest.size());
    const bool whole = found != nullptr;
    const size_t taken =
        whole ? static_cast<size_t>(static_cast<const uint8_t*>(found) - rest.data()) + 1 : rest.size();
    // Limits are judged before the contents, so that it does not matter in which pieces a line arrives.
    if (in_fields) {
      if (head_.size() + taken - fields_start_ > limits_.headers_max) {
        return fail(
            {431, "headers_too_large", fmt::format("the header fields are longer than {} bytes", limits_.headers_max)});
      }
    } else if (head_.size() + taken - line_start_ - whole > limits_.request_line_max + size_t{1}) {
      return fail({414, "request_line_too_long",
                   fmt::format("the request line is longer than {} bytes", limits_.request_line_max)});
    }
    head_.append(reinterpret_cast<const char*>(rest.data()), taken);
    consumed += taken;
    if (!whole) return HttpParseStatus::need_more;
    const HttpParseStatus status = take_line();
    if (status != HttpParseStatus::need_more) return status;
    line_start_ = head_.size();
  }
  return HttpParseStatus::need_more;
}

HttpParseStatus HttpRequestParser::take_line() {
  std::string_view line = std::string_view(head_).substr(line_start_);
  if (const LineFault fault = strip_line_end(line); fault != LineFault::none) return fail(to_error(fault));
  if (state_ == State::fields) return line.empty() ? finish_head() : take_field_line(line);
  if (line.empty()) {
    // RFC 9112 section 2.2: one empty line before a request is ignored.
    if (state_ == State::request_line) return fail({400, "bad_request_line", "empty lines before the request line"});
    state_ = State::request_line;
    request_start_ = head_.size();
    return HttpParseStatus::need_more;
  }
  return take_request_line(line);
}

HttpParseStatus HttpRequestParser::take_request_line(std::string_view line) {
  std::string_view method_name;
  HttpError error;
  if (!read_request_line(line, request_, method_name, error)) return fail(std::move(error));
  target_at_ = static_cast<uint32_t>(request_.target.data() - head_.data());
  fields_start_ = head_.size();
  state_ = State::fields;
  return HttpParseStatus::need_more;
}

HttpParseStatus HttpRequestParser::take_field_line(std::string_view line) {
  if (fields_.size() == limits_.header_count_max) {
    return fail({431, "too_many_headers", fmt::format("more than {} header fields", limits_.header_count_max)});
  }
  HeadField field;
  const LineFault fault = scan_field_line(line, static_cast<uint32_t>(line_start_), field);
  if (fault != LineFault::none) return fail(to_error(fault));
  fields_.push_back(field);
  return HttpParseStatus::need_more;
}

HttpParseStatus HttpRequestParser::finish_head() {
  // head_ does not move any more: views into it are good from here on.
  const std::string_view head = head_;
  request_.target = head.substr(target_at_, request_.target.size());
  header_views_.reserve(fields_.size());
  for (const HeadField& field : fields_) {
    header_views_.push_back(
        {head.substr(field.name_at, field.name_size), head.substr(field.value_at, field.value_size)});
  }
  request_.headers = HttpHeaders(header_views_);
  HttpError error;
  if (!read_target_and_host(request_, error) || !read_body_framing(request_, error) ||
      !read_connection(request_, error)) {
    return fail(std::move(error));
  }
  const HeadReading reading{.method = to_string(request_.method),
                            .target = request_.target,
                            .version_minor = request_.version_minor,
                            .chunked = request_.chunked,
                            .content_length = request_.content_length,
                            .fields = header_views_};
  if (request_.content_length > body_max_) {
    return fail({413, "body_too_large", fmt::format("the body is larger than {} bytes", body_max_)});
  }
  if (!llhttp_agrees(head.substr(request_start_), reading)) {
    return fail({400, "ambiguous_request", "the request can be read in more than one way"});
  }
  if (!request_.chunked && request_.content_length == 0) {
    state_ = State::complete;
    return HttpParseStatus::complete;
  }
  state_ = request_.chunked ? State::body_chunked : State::body_sized;
  return HttpParseStatus::headers_complete;
}

HttpParseStatus HttpRequestParser::take_body(std::span<const uint8_t> input, size_t& consumed) {
  const auto too_large = [this] {
    return fail({413, "body_too_large", fmt::format("the body is larger than {} bytes", body_max_)});
  };
  if (state_ == State::body_sized) {
    if (request_.content_length > body_max_) return too_large();
    consumed = std::min(input.size(), static_cast<size_t>(request_.content_length) - body_.size());
    body_.append(reinterpret_cast<const char*>(input.data()), consumed);
    if (body_.size() < request_.content_length) return HttpParseStatus::need_more;
  } else {
    std::span<const uint8_t> rest = input;
    std::span<const uint8_t> data;
    ChunkedDecoder::Status status;
    do {
      status = chunks_.next(rest, data);
      consumed = input.size() - rest.size();
      if (status == ChunkedDecoder::Status::error) return fail(chunks_.error());
      const size_t arrived = status == ChunkedDecoder::Status::data ? data.size() : 0;
      // A chunk is refused by what its size line announces. body_.size() <= body_max_ unless that was lowered.
      if (body_.size() > body_max_ || arrived > body_max_ - body_.size() ||
          chunks_.chunk_remaining() > body_max_ - body_.size() - arrived) {
        return too_large();
      }
      if (arrived > 0) body_.append(reinterpret_cast<const char*>(data.data()), arrived);
    } while (status == ChunkedDecoder::Status::data);
    if (status == ChunkedDecoder::Status::need_more) return HttpParseStatus::need_more;
  }
  request_.body = body_;
  state_ = State::complete;
  return HttpParseStatus::complete;
}

void HttpRequestParser::reset() {
  state_ = State::start;
  body_max_ = limits_.body_max;
  request_start_ = line_start_ = fields_start_ = 0;
  target_at_ = 0;
  if (head_.capacity() > kKeptBufferMax) std::string().swap(head_);
  if (body_.capacity() > kKeptBufferMax) std::string().swap(body_);
  head_.clear();
  body_.clear();
  fields_.clear();
  header_views_.clear();
  chunks_.reset();
  request_ = {};
  error_ = {};
}

HttpParseStatus HttpRequestParser::fail(HttpError error) {
  state_ = State::failed;
  error_ = std::move(error);
  return HttpParseStatus::error;
}

}  // namespace ringcast::codec
