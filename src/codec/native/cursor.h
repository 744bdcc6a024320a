// SPDX-License-Identifier: Apache-2.0
// Cursors: where in its channels a stream is. Three forms, see PROTOCOL.md: the decimal id of one channel; for several
// an opaque token (hash of the channels, then a position in base 36 for each); and "general=17,dev=18".
// Pure functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ringcast::codec {

inline constexpr size_t kCursorChannelsMax = 32;
inline constexpr size_t kCursorTokenBytesMax = 1024;
inline constexpr uint64_t kNoPosition = UINT64_MAX;  // nothing said about this channel

// FNV-1a, 32 bits, over the resolved names in sorted (byte) order with a ',' after each.
uint32_t cursor_hash(std::span<const std::string_view> sorted_names);

// The stream's cursor: decimal when there is one channel, else the token. Positions are in the order of the sorted
// names and each at most kMessageIdMax. Appends; no allocation beyond `out`.
void append_cursor(std::string& out, uint32_t hash, std::span<const uint64_t> positions);

// One item of the list form, after a ',' unless `out` ends at an item's start: "caf%C3%A9=17".
void append_cursor_item(std::string& out, bool first, std::string_view name, uint64_t position);

struct Cursor {
  enum class Match : uint8_t {
    absent,    // no cursor: begin at the newest
    matched,   // positions hold
    mismatch,  // it was made for other channels: every channel gets a `gap`
  };
  Match match = Match::absent;
  std::vector<uint64_t>
      positions;  // in the order of the sorted names; kNoPosition where the list form has no such name
};

// `sorted_names` are the stream's resolved channels in byte order. Names of the list form are taken literally or
// percent-encoded (literal first), "@me" is the inbox of `self`, and names outside the stream are ignored.
// Code bad_cursor: neither form, an id of 2^53 or more, a name twice, more than 32 names, a token above 1 KB.
[[nodiscard]] Result<Cursor> parse_cursor(std::string_view text, std::span<const std::string_view> sorted_names,
                                          std::string_view self);

}  // namespace ringcast::codec
