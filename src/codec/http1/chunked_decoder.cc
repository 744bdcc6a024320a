// SPDX-License-Identifier: Apache-2.0
#include "codec/http1/chunked_decoder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "codec/http1/http_head_scanner.h"
#include "codec/http1/http_syntax.h"

namespace ringcast::codec {
namespace {

constexpr size_t kSizeDigitsMax = 16;
constexpr size_t kSizeLineMax = 1024;  // digits, one chunk's extensions and the line end

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  c = ascii_lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

ChunkedDecoder::Status ChunkedDecoder::next(std::span<const uint8_t>& input, std::span<const uint8_t>& data) {
  while (true) {
    switch (state_) {
      case State::complete: return Status::complete;
      case State::failed: return Status::error;
      case State::data: {
        if (input.empty()) return Status::need_more;
        data = input.first(static_cast<size_t>(std::min<uint64_t>(remaining_, input.size())));
        input = input.subspan(data.size());
        remaining_ -= data.size();
        if (remaining_ == 0) state_ = State::data_end;
        return Status::data;
      }
      case State::data_end:
        if (input.empty()) return Status::need_more;
        // Judged byte by byte: what stands here instead of CR LF may be body, without any line end in reach.
        if (input.front() != (line_.empty() ? '\r' : '\n')) {
          return fail(400, "bad_chunk_end",
                      "a chunk's data is not followed by CR LF; its size must be that of its data");
        }
        line_.push_back(static_cast<char>(input.front()));
        input = input.subspan(1);
        if (line_.size() == 2) {
          line_.clear();
          state_ = State::size;
        }
        break;
      case State::size:
      case State::trailers: {
        if (input.empty()) return Status::need_more;
        const Status status = take_line(input);
        if (status != Status::need_more) return status;
        break;
      }
    }
  }
}

ChunkedDecoder::Status ChunkedDecoder::take_line(std::span<const uint8_t>& input) {
  const void* found = std::memchr(input.data(), '\n', input.size());
  const size_t taken =
      found != nullptr ? static_cast<size_t>(static_cast<const uint8_t*>(found) - input.data()) + 1 : input.size();
  const size_t line_size = line_.size() + taken;
  if (state_ == State::size) {
    if (line_size > kSizeLineMax) {
      return fail(400, "chunk_extensions_too_long",
                  fmt::format("a chunk size with its extensions is longer than {} bytes", kSizeLineMax));
    }
  } else if (trailer_bytes_ + line_size > limits_.headers_max) {
    return fail(431, "trailers_too_large", fmt::format("the trailers are longer than {} bytes", limits_.headers_max));
  }
  const std::string_view piece(reinterpret_cast<const char*>(input.data()), taken);
  input = input.subspan(taken);
  std::string_view line = piece;
  if (found == nullptr || !line_.empty()) {
    line_.append(piece);
    if (found == nullptr) return Status::need_more;
    line = line_;
  }
  const size_t size = line.size();
  if (const LineFault fault = strip_line_end(line); fault != LineFault::none) {
    HttpError error = to_error(fault);
    return fail(error.status, error.code, std::move(error.message));
  }
  Status status;
  if (state_ == State::size) {
    status = take_size_line(line);
  } else {
    trailer_bytes_ += static_cast<uint32_t>(size);
    status = take_trailer_line(line);
  }
  line_.clear();
  return status;
}

ChunkedDecoder::Status ChunkedDecoder::take_size_line(std::string_view line) {
  uint64_t size = 0;
  size_t digits = 0;
  while (digits < line.size() && hex_value(line[digits]) >= 0) {
    if (digits == kSizeDigitsMax)
      return fail(400, "bad_chunk_size", "a chunk size has more than 16 hexadecimal digits");
    size = size << 4 | static_cast<uint64_t>(hex_value(line[digits++]));
  }
  const std::string_view extensions = line.substr(digits);
  if (digits == 0 || (!extensions.empty() && extensions.front() != ';') || !is_field_value(extensions)) {
    return fail(400, "bad_chunk_size", "a chunk size is not a bare hexadecimal number");
  }
  extension_bytes_ += static_cast<uint32_t>(extensions.size());
  if (extension_bytes_ > limits_.headers_max) {
    return fail(400, "chunk_extensions_too_long",
                fmt::format("the chunk extensions of a body are longer than {} bytes", limits_.headers_max));
  }
  remaining_ = size;
  state_ = size > 0 ? State::data : State::trailers;
  return Status::need_more;
}

ChunkedDecoder::Status ChunkedDecoder::take_trailer_line(std::string_view line) {
  if (line.empty()) {
    state_ = State::complete;
    return Status::complete;
  }
  if (++trailer_count_ > limits_.header_count_max) {
    return fail(431, "too_many_trailers", fmt::format("more than {} trailer fields", limits_.header_count_max));
  }
  HeadField field;
  if (const LineFault fault = scan_field_line(line, 0, field); fault != LineFault::none) {
    HttpError error = to_error(fault);
    return fail(error.status, error.code, std::move(error.message));
  }
  return Status::need_more;
}

void ChunkedDecoder::reset() {
  state_ = State::size;
  remaining_ = 0;
  extension_bytes_ = trailer_bytes_ = trailer_count_ = 0;
  line_.clear();
  error_ = {};
}

ChunkedDecoder::Status ChunkedDecoder::fail(uint16_t status, std::string_view code, std::string message) {
  state_ = State::failed;
  error_ = {status, code, std::move(message)};
  return Status::error;
}

}  // namespace ringcast::codec
