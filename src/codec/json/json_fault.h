// SPDX-License-Identifier: Apache-2.0
// Where a text stops being JSON, and what should stand there: for messages to its author. Reads the text once
// more from its beginning, so it is for texts that are known to be refused. Pure function; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace ringcast::codec {

struct JsonFault {
  size_t at = 0;  // byte offset; the text's size where something is missing at its end
  std::string_view expected;
};

// The first violation of RFC 8259; none when the text is one JSON value.
std::optional<JsonFault> find_json_fault(std::string_view text);

// "byte offset 12 (line 1, column 13): expected "," or "}", found "x"".
std::string describe(const JsonFault& fault, std::string_view text);

}  // namespace ringcast::codec
