// SPDX-License-Identifier: Apache-2.0
// Reads a few named fields of a JSON object that a client sent in another spelling than ours. Everything else in it is
// checked to be JSON and ignored. Views point into this thread's parsing scratch, as those of parse_action().
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/error.h"
#include "codec/native/action.h"

namespace ringcast::codec {

struct JsonField {
  enum class Kind : uint8_t {
    text,     // a string, decoded, or the digits of a whole number
    content,  // a string as a JSON literal, at most JsonLimits::payload_bytes_max
    data,     // any JSON on one line, at most the same
  };
  std::string_view name;
  Kind kind = Kind::text;
  std::string_view value = {};
  bool given() const { return value.data() != nullptr; }
};

// Codes as those of parse_action(): bad_json, too_deep, too_large, bad_field. Null counts as absent (but for `data`).
[[nodiscard]] std::optional<Error> read_json_fields(std::string_view text, const JsonLimits& limits,
                                                    std::span<JsonField> fields);

}  // namespace ringcast::codec
