// SPDX-License-Identifier: Apache-2.0
#include "codec/http1/url.h"

#include <algorithm>
#include <charconv>

#include "codec/native/names.h"

namespace ringcast::codec {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

bool is_one_room(std::string_view key) {
  return key == "room" || key == "channel" || key == "topic";
}

bool is_room_list(std::string_view key) {
  return key == "rooms" || key == "channels" || key == "topics";
}

Result<void> add_room(std::vector<std::string_view>& rooms, std::string_view name, size_t rooms_max) {
  if (auto kind = check_channel(name); !kind) return tl::unexpected<Error>(kind.error());
  if (std::find(rooms.begin(), rooms.end(), name) != rooms.end()) return {};
  if (rooms.size() == rooms_max) {
    return fail("too_many_rooms", "more than " + std::to_string(rooms_max) + " rooms were asked for");
  }
  rooms.push_back(name);
  return {};
}

Result<void> add_rooms(std::vector<std::string_view>& rooms, std::string_view list, size_t rooms_max) {
  for (bool more = true; more;) {
    const size_t comma = list.find(',');
    if (auto added = add_room(rooms, list.substr(0, comma), rooms_max); !added) return added;
    more = comma != std::string_view::npos;
    if (more) list.remove_prefix(comma + 1);
  }
  return {};
}

// A request line is bounded long before this; it keeps the offsets of a Query within 32 bits.
constexpr size_t kQueryBytesMax = size_t{1} << 20;

}  // namespace

bool append_percent_decoded(std::string& out, std::string_view text, PlusSign plus) {
  const size_t begin = out.size();
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        out.resize(begin);
        return false;
      }
      c = static_cast<char>(high << 4 | low);
      i += 2;
    } else if (c == '+' && plus == PlusSign::is_space) {
      c = ' ';
    }
    out += c;
  }
  if (is_valid_utf8(std::string_view(out).substr(begin))) return true;
  out.resize(begin);
  return false;
}

void append_normalized_escapes(std::string& out, std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = high < 0 ? -1 : hex_value(text[i + 2]);
    if (low < 0) {
      out += text[i];
      continue;
    }
    const std::string byte(1, static_cast<char>(high << 4 | low));
    append_percent_encoded(out, byte);
    i += 2;
  }
}

void append_percent_encoded(std::string& out, std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
}

Result<Query> Query::parse(std::string_view raw, size_t parameters_max) {
  if (raw.size() > kQueryBytesMax) return fail("bad_query", "the query is longer than 1 MiB");
  Query query;
  query.text_.reserve(raw.size());
  while (!raw.empty()) {
    const std::string_view pair = raw.substr(0, raw.find('&'));
    raw.remove_prefix(std::min(pair.size() + 1, raw.size()));
    if (pair.empty()) continue;
    if (query.parameters_.size() == parameters_max) {
      return fail("bad_query", "the query has more than " + std::to_string(parameters_max) + " parameters");
    }
    const size_t equals = pair.find('=');
    const std::string_view key = pair.substr(0, equals);
    const std::string_view value = equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
    Parameter parameter{};
    parameter.key = static_cast<uint32_t>(query.text_.size());
    if (!append_percent_decoded(query.text_, key, PlusSign::is_space)) {
      return fail("bad_query", "the name of a query parameter is not percent-encoded UTF-8");
    }
    parameter.key_size = static_cast<uint32_t>(query.text_.size()) - parameter.key;
    parameter.value = static_cast<uint32_t>(query.text_.size());
    if (!append_percent_decoded(query.text_, value, PlusSign::is_space)) {
      return fail("bad_query", "query parameter " + quoted(query.view(parameter.key, parameter.key_size)) +
                                   " is not percent-encoded UTF-8");
    }
    parameter.value_size = static_cast<uint32_t>(query.text_.size()) - parameter.value;
    query.parameters_.push_back(parameter);
  }
  return query;
}

std::optional<std::string_view> Query::get(std::string_view key) const {
  for (const Parameter& parameter : parameters_) {
    if (view(parameter.key, parameter.key_size) == key) return view(parameter.value, parameter.value_size);
  }
  return std::nullopt;
}

std::optional<std::string_view> Query::get_any(std::initializer_list<std::string_view> keys) const {
  for (const std::string_view key : keys) {
    if (auto value = get(key)) return value;
  }
  return std::nullopt;
}

Result<uint64_t> Query::get_uint(std::string_view key, uint64_t fallback, uint64_t least, uint64_t most) const {
  const auto text = get(key);
  if (!text) return fallback;
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size() || value < least || value > most) {
    return fail("bad_query", std::string(key) + "=" + quoted(*text) + " is not a whole number from " +
                                 std::to_string(least) + " to " + std::to_string(most));
  }
  return value;
}

std::optional<std::string_view> Query::contradiction() const {
  for (size_t i = 1; i < parameters_.size(); ++i) {
    const std::string_view key = view(parameters_[i].key, parameters_[i].key_size);
    if (is_one_room(key) || is_room_list(key)) continue;
    const auto first = get(key);
    if (*first != view(parameters_[i].value, parameters_[i].value_size)) return key;
  }
  return std::nullopt;
}

Result<std::optional<std::string_view>> room_parameter(const Query& query) {
  std::optional<std::string_view> room;
  for (size_t i = 0; i < query.size(); ++i) {
    const auto [key, value] = query.at(i);
    if (!is_one_room(key)) continue;
    if (room && *room != value) {
      return fail("bad_query", "the query names the rooms " + quoted(*room) + " and " + quoted(value) + "; name one");
    }
    room = value;
  }
  return room;
}

bool is_room_parameter(std::string_view key) {
  return is_one_room(key) || is_room_list(key);
}

bool names_rooms(const Query& query) {
  for (size_t i = 0; i < query.size(); ++i) {
    const auto [key, value] = query.at(i);
    if ((is_one_room(key) || is_room_list(key)) && !value.empty()) return true;
  }
  return false;
}

Result<std::vector<std::string_view>> room_list(const Query& query, size_t rooms_max) {
  std::vector<std::string_view> rooms;
  for (size_t i = 0; i < query.size(); ++i) {
    const auto [key, value] = query.at(i);
    Result<void> added;
    if (is_one_room(key)) added = add_room(rooms, value, rooms_max);
    if (is_room_list(key)) added = add_rooms(rooms, value, rooms_max);
    if (!added) return tl::unexpected<Error>(added.error());
  }
  return rooms;
}

}  // namespace ringcast::codec
