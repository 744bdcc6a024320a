// SPDX-License-Identifier: Apache-2.0
#include "codec/native/cursor.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/assert.h"
#include "codec/http1/url.h"
#include "codec/json/json_writer.h"
#include "codec/native/names.h"

namespace ringcast::codec {
namespace {

constexpr size_t kHashDigits = 8;
constexpr size_t kPositionDigitsMax = 16;  // of an id below 2^53, in decimal

tl::unexpected<Error> bad(std::string message) {
  return fail("bad_cursor", std::move(message));
}

// Digits of `base` only, and the value of an id.
std::optional<uint64_t> parse_position(std::string_view text, int base) {
  uint64_t value = 0;
  if (text.empty() || text.size() > kPositionDigitsMax) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size() || value > kMessageIdMax) return std::nullopt;
  return value;
}

Cursor mismatch(size_t channels) {
  Cursor cursor;
  cursor.match = Cursor::Match::mismatch;
  cursor.positions.assign(channels, kNoPosition);
  return cursor;
}

// "1a2b3c4d.k2.10": eight hexadecimal digits, then each position behind a '.'.
Result<Cursor> parse_token(std::string_view text, std::span<const std::string_view> sorted_names) {
  if (text.size() > kCursorTokenBytesMax) return bad("the cursor is longer than 1 KB");
  uint32_t hash = 0;
  const char* hash_end = text.data() + std::min(kHashDigits, text.size());
  const auto [end, error] = std::from_chars(text.data(), hash_end, hash, 16);
  if (text.size() <= kHashDigits || error != std::errc{} || end != hash_end || text[kHashDigits] != '.') {
    return bad("cursor " + quoted(text) + " is neither an id nor one that this server gives");
  }
  Cursor cursor;
  for (text.remove_prefix(kHashDigits); !text.empty();) {
    text.remove_prefix(1);
    const std::string_view item = text.substr(0, text.find('.'));
    text.remove_prefix(item.size());
    const auto position = parse_position(item, 36);
    if (!position) return bad("the cursor has a position in it that is not an id");
    cursor.positions.push_back(*position);
  }
  if (cursor.positions.size() != sorted_names.size() || hash != cursor_hash(sorted_names)) {
    return mismatch(sorted_names.size());
  }
  cursor.match = Cursor::Match::matched;
  return cursor;
}

// Where `name`, or failing that its percent-decoded form, is among the channels; the number of channels when nowhere.
size_t find_channel(std::string_view name, std::span<const std::string_view> sorted_names, std::string_view self,
                    std::string& scratch) {
  const auto find = [&](std::string_view wanted) {
    if (wanted == kOwnInbox && !is_anonymous(self)) {
      for (size_t i = 0; i < sorted_names.size(); ++i) {
        if (sorted_names[i].starts_with('@') && sorted_names[i].substr(1) == self) return i;
      }
    }
    const auto at = std::lower_bound(sorted_names.begin(), sorted_names.end(), wanted);
    return at != sorted_names.end() && *at == wanted ? static_cast<size_t>(at - sorted_names.begin())
                                                     : sorted_names.size();
  };
  const size_t literal = find(name);
  if (literal != sorted_names.size() || name.find('%') == std::string_view::npos) return literal;
  scratch.clear();
  return append_percent_decoded(scratch, name) ? find(scratch) : literal;
}

Result<Cursor> parse_list(std::string_view text, std::span<const std::string_view> sorted_names,
                          std::string_view self) {
  Cursor cursor;
  cursor.match = Cursor::Match::matched;
  cursor.positions.assign(sorted_names.size(), kNoPosition);
  std::string scratch;
  size_t items = 0;
  for (bool more = true; more;) {
    const size_t comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
    if (++items > kCursorChannelsMax) return bad("the cursor has more than 32 channels");
    // The last '=' is the separator, since a name may have one in it and a position cannot.
    const size_t equals = item.rfind('=');
    if (equals == std::string_view::npos || equals == 0) {
      return bad("cursor item " + quoted(item) + " is not of the form room=id");
    }
    const auto position = parse_position(item.substr(equals + 1), 10);
    if (!position) return bad("cursor item " + quoted(item) + " has no id after its '='");
    const size_t channel = find_channel(item.substr(0, equals), sorted_names, self, scratch);
    if (channel == sorted_names.size()) continue;
    if (cursor.positions[channel] != kNoPosition) return bad("cursor item " + quoted(item) + " repeats a channel");
    cursor.positions[channel] = *position;
  }
  return cursor;
}

}  // namespace

uint32_t cursor_hash(std::span<const std::string_view> sorted_names) {
  uint32_t hash = 2166136261u;
  const auto mix = [&hash](char c) { hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u; };
  for (const std::string_view name : sorted_names) {
    for (const char c : name) mix(c);
    mix(',');
  }
  return hash;
}

void append_cursor(std::string& out, uint32_t hash, std::span<const uint64_t> positions) {
  if (positions.size() == 1) {
    RINGCAST_ASSERT(positions[0] <= kMessageIdMax);
    append_uint(out, positions[0]);
    return;
  }
  char text[kPositionDigitsMax];
  constexpr char kDigits[] = "0123456789abcdef";
  for (int shift = 28; shift >= 0; shift -= 4) out += kDigits[hash >> shift & 15];
  for (const uint64_t position : positions) {
    RINGCAST_ASSERT(position <= kMessageIdMax);
    out += '.';
    out.append(text, std::to_chars(text, text + sizeof text, position, 36).ptr);
  }
}

void append_cursor_item(std::string& out, bool first, std::string_view name, uint64_t position) {
  if (!first) out += ',';
  append_percent_encoded(out, name);
  out += '=';
  append_uint(out, position);
}

Result<Cursor> parse_cursor(std::string_view text, std::span<const std::string_view> sorted_names,
                            std::string_view self) {
  RINGCAST_ASSERT(std::is_sorted(sorted_names.begin(), sorted_names.end()));
  if (text.empty()) {
    Cursor cursor;
    cursor.positions.assign(sorted_names.size(), kNoPosition);
    return cursor;
  }
  if (!is_valid_utf8(text)) return bad("the cursor is not UTF-8");
  if (text.find('=') != std::string_view::npos) return parse_list(text, sorted_names, self);
  if (text.find('.') != std::string_view::npos) return parse_token(text, sorted_names);
  const auto id = parse_position(text, 10);
  if (!id) return bad("cursor " + quoted(text) + " is neither an id below 2^53 nor one that this server gives");
  if (sorted_names.size() != 1) return mismatch(sorted_names.size());
  Cursor cursor;
  cursor.match = Cursor::Match::matched;
  cursor.positions.push_back(*id);
  return cursor;
}

}  // namespace ringcast::codec
