// SPDX-License-Identifier: Apache-2.0
// Incremental decoder of the chunked transfer coding (RFC 9112 section 7.1), strict: sizes are bare hex digits, every
// line ends in CR LF, extensions and trailers are bounded, checked and ignored.
// Part of a parser; the owner's thread only.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "codec/http1/http_message.h"

namespace ringcast::codec {

class ChunkedDecoder {
 public:
  enum class Status : uint8_t { need_more, data, complete, error };

  explicit ChunkedDecoder(const HttpLimits& limits = {}) : limits_(limits) {}

  // Takes bytes off the front of `input`. `data`: the next bytes of the body, a view into the input (call again).
  // `complete`: the trailers are read as well; what follows them is left in `input`.
  Status next(std::span<const uint8_t>& input, std::span<const uint8_t>& data);
  // Of the chunk begun: how much of it is still to come. For refusing a body by its announced size.
  uint64_t chunk_remaining() const { return remaining_; }
  const HttpError& error() const { return error_; }
  void reset();

 private:
  enum class State : uint8_t { size, data, data_end, trailers, complete, failed };

  Status take_line(std::span<const uint8_t>& input);
  Status take_size_line(std::string_view line);
  Status take_trailer_line(std::string_view line);
  Status fail(uint16_t status, std::string_view code, std::string message);

  HttpLimits limits_;
  State state_ = State::size;
  uint64_t remaining_ = 0;
  uint32_t extension_bytes_ = 0;  // of all chunks: one-byte chunks with long extensions would be an amplifier
  uint32_t trailer_bytes_ = 0;
  uint32_t trailer_count_ = 0;
  std::string line_;  // a line cut by the end of the input
  HttpError error_;
};

}  // namespace ringcast::codec
