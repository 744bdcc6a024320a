// SPDX-License-Identifier: Apache-2.0
#include "codec/text/utf8.h"

#include <simdjson.h>

#include <algorithm>

namespace ringcast::codec {
namespace {

constexpr size_t kBulkMin = 32;  // below this the state machine is faster than the vector code's set-up

// How many bytes at the end belong to a character that may be cut: at most 3, counted from its lead byte.
size_t cut_character_bytes(std::span<const uint8_t> bytes) {
  const size_t look_back = std::min<size_t>(3, bytes.size());
  for (size_t back = 1; back <= look_back; ++back) {
    const uint8_t byte = bytes[bytes.size() - back];
    if (byte < 0x80) return 0;
    if (byte >= 0xC0) return back;
  }
  return 0;
}

}  // namespace

bool is_utf8(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

bool is_utf8(std::span<const uint8_t> text) {
  return simdjson::validate_utf8(reinterpret_cast<const char*>(text.data()), text.size());
}

bool Utf8Validator::feed_byte(uint8_t byte) {
  if (missing_ > 0) {
    if (byte < next_min_ || byte > next_max_) return valid_ = false;
    next_min_ = 0x80;
    next_max_ = 0xBF;
    --missing_;
    return true;
  }
  if (byte < 0x80) return true;
  // Unicode, table 3-7: well-formed byte sequences.
  if (byte < 0xC2 || byte > 0xF4) return valid_ = false;
  if (byte < 0xE0) {
    missing_ = 1;
  } else if (byte < 0xF0) {
    missing_ = 2;
    if (byte == 0xE0) next_min_ = 0xA0;
    if (byte == 0xED) next_max_ = 0x9F;
  } else {
    missing_ = 3;
    if (byte == 0xF0) next_min_ = 0x90;
    if (byte == 0xF4) next_max_ = 0x8F;
  }
  return true;
}

bool Utf8Validator::feed(std::span<const uint8_t> bytes) {
  if (!valid_) return false;
  size_t at = 0;
  while (at < bytes.size() && missing_ > 0) {
    if (!feed_byte(bytes[at++])) return false;
  }
  std::span<const uint8_t> rest = bytes.subspan(at);
  if (rest.size() >= kBulkMin) {
    const size_t tail = cut_character_bytes(rest);
    if (!is_utf8(rest.first(rest.size() - tail))) return valid_ = false;
    rest = rest.last(tail);
  }
  for (const uint8_t byte : rest) {
    if (!feed_byte(byte)) return false;
  }
  return true;
}

}  // namespace ringcast::codec
