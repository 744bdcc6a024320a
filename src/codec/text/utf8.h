// SPDX-License-Identifier: Apache-2.0
// Incremental UTF-8 validation (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF) across fragments.
// Owned by whoever reads the text, 4 bytes of state; one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace ringcast::codec {

// Whether the whole of `text` is valid UTF-8.
bool is_utf8(std::string_view text);
bool is_utf8(std::span<const uint8_t> text);

class Utf8Validator {
 public:
  // Takes the next bytes. False as soon as no continuation could make the text valid; stays false until reset().
  bool feed(std::span<const uint8_t> bytes);
  // Whether the text may end here: valid so far and not inside a character.
  bool complete() const { return valid_ && missing_ == 0; }
  bool valid() const { return valid_; }
  void reset() { *this = Utf8Validator(); }

 private:
  bool feed_byte(uint8_t byte);

  uint8_t missing_ = 0;      // continuation bytes still to come
  uint8_t next_min_ = 0x80;  // bounds of the next one: narrower after E0, ED, F0, F4
  uint8_t next_max_ = 0xBF;
  bool valid_ = true;
};

}  // namespace ringcast::codec
