// SPDX-License-Identifier: Apache-2.0
// Percent-encoding (RFC 3986 section 2.1) and query strings as browsers' URLSearchParams writes them.
// A Query belongs to the request it was parsed from; it keeps decoded copies and no views of the input. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace ringcast::codec {

inline constexpr size_t kQueryParametersMax = 64;

// Appends the decoded text. False for an incomplete or non-hexadecimal escape or invalid UTF-8; `out` is then as
// before.
enum class PlusSign : uint8_t { literal, is_space };
bool append_percent_decoded(std::string& out, std::string_view text, PlusSign plus = PlusSign::literal);
// Appends the text with its escapes in their normal form (RFC 3986 section 6.2.2): those of unreserved characters are
// decoded, all others stay (%2F does not become a slash), with capital digits.
void append_normalized_escapes(std::string& out, std::string_view text);
// Everything but RFC 3986's unreserved characters becomes %XX.
void append_percent_encoded(std::string& out, std::string_view text);

class Query {
 public:
  Query() = default;
  // `raw` is what follows the '?'. Code bad_query. `+` is a space; a key without '=' has the value "".
  [[nodiscard]] static Result<Query> parse(std::string_view raw, size_t parameters_max = kQueryParametersMax);

  // Of a repeated key the first; see contradiction().
  std::optional<std::string_view> get(std::string_view key) const;
  // The value of the first of these spellings that is there.
  std::optional<std::string_view> get_any(std::initializer_list<std::string_view> keys) const;
  bool has(std::string_view key) const { return get(key).has_value(); }
  // Decimal, within the bounds, or `fallback` when absent. Code bad_query.
  [[nodiscard]] Result<uint64_t> get_uint(std::string_view key, uint64_t fallback, uint64_t least, uint64_t most) const;
  size_t size() const { return parameters_.size(); }
  // Key and value, in the order of the query.
  std::pair<std::string_view, std::string_view> at(size_t i) const {
    const Parameter& at = parameters_[i];
    return {view(at.key, at.key_size), view(at.value, at.value_size)};
  }
  // The first key that is given again with another value; none of those that name rooms, which all count.
  std::optional<std::string_view> contradiction() const;

 private:
  struct Parameter {  // offsets into text_
    uint32_t key, key_size, value, value_size;
  };
  std::string_view view(uint32_t offset, uint32_t size) const { return std::string_view(text_).substr(offset, size); }

  std::string text_;
  std::vector<Parameter> parameters_;
};

// The single room of a request: `room`, `channel` or `topic`. Not validated. Code bad_query: several are named.
[[nodiscard]] Result<std::optional<std::string_view>> room_parameter(const Query& query);

// The channels of a stream as the client named them, in the order of the query: every `rooms`, `channels` and `topics`
// is a list, every `room`, `channel` and `topic` one name, which has no ',' in it, as everywhere. A list is decoded
// before it is split, because URLSearchParams writes the separator as %2C; no valid name has a ',' in it, so nothing is
// ambiguous. Every name is a valid channel name; repeated ones are dropped. Codes bad_room, too_many_rooms. The views
// live as long as the query.
[[nodiscard]] Result<std::vector<std::string_view>> room_list(const Query& query, size_t rooms_max);
// Whether a parameter of that name names rooms.
bool is_room_parameter(std::string_view key);
// Whether one of them is there and not empty.
bool names_rooms(const Query& query);

}  // namespace ringcast::codec
