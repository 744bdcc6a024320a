// SPDX-License-Identifier: Apache-2.0
#include "codec/json/json_members.h"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace ringcast::codec {
namespace {

// The length of the string literal that `text` begins with.
size_t literal_length(std::string_view text) {
  for (size_t at = 1; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      return at + 1;
    }
  }
  return text.size();
}

size_t value_length(std::string_view text) {
  uint32_t depth = 0;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"') {
      at += literal_length(text.substr(at));
      if (depth == 0) return at;
      continue;
    }
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') {
      if (depth == 0) return at;  // the end of the object around a number or a name
      if (--depth == 0) return at + 1;
    }
    if (c == ',' && depth == 0) return at;
    ++at;
  }
  return text.size();
}

bool append_escape(std::string& out, std::string_view& rest) {
  const char c = rest[0];
  rest.remove_prefix(1);
  switch (c) {
    case 'b': out += '\b'; return true;
    case 'f': out += '\f'; return true;
    case 'n': out += '\n'; return true;
    case 'r': out += '\r'; return true;
    case 't': out += '\t'; return true;
    case 'u': {  // only for control characters: everything else stands for itself
      unsigned code = 0;
      if (rest.size() < 4 || std::from_chars(rest.data(), rest.data() + 4, code, 16).ptr != rest.data() + 4)
        return false;
      if (code >= 0x80) return false;
      out += static_cast<char>(code);
      rest.remove_prefix(4);
      return true;
    }
    default: out += c; return true;
  }
}

}  // namespace

JsonMembers::JsonMembers(std::string_view object) {
  if (object.size() >= 2 && object.front() == '{' && object.back() == '}') rest_ = object.substr(1, object.size() - 2);
}

bool JsonMembers::next(std::string_view& name, std::string_view& value) {
  if (rest_.empty() || rest_[0] != '"') return false;
  const size_t key = literal_length(rest_);
  if (key + 1 >= rest_.size() || rest_[key] != ':') return false;
  name = rest_.substr(1, key - 2);
  rest_.remove_prefix(key + 1);
  const size_t length = value_length(rest_);
  value = rest_.substr(0, length);
  rest_.remove_prefix(length);
  if (!rest_.empty()) rest_.remove_prefix(1);  // the comma
  return true;
}

JsonElements::JsonElements(std::string_view array) {
  if (array.size() >= 2 && array.front() == '[' && array.back() == ']') rest_ = array.substr(1, array.size() - 2);
}

bool JsonElements::next(std::string_view& value) {
  if (rest_.empty()) return false;
  value = rest_.substr(0, value_length(rest_));
  rest_.remove_prefix(std::min(rest_.size(), value.size() + 1));  // with the comma
  return true;
}

std::string_view json_member(std::string_view object, std::string_view name) {
  JsonMembers members(object);
  std::string_view at, value;
  while (members.next(at, value)) {
    if (at == name) return value;
  }
  return {};
}

std::string_view json_element(std::string_view array, size_t index) {
  JsonElements elements(array);
  for (std::string_view value; elements.next(value); --index) {
    if (index == 0) return value;
  }
  return {};
}

bool append_unquoted(std::string& out, std::string_view literal) {
  if (literal.size() < 2 || literal.front() != '"' || literal.back() != '"') return false;
  std::string_view rest = literal.substr(1, literal.size() - 2);
  while (!rest.empty()) {
    const size_t plain = rest.find('\\');
    out += rest.substr(0, plain);
    if (plain == std::string_view::npos) return true;
    rest.remove_prefix(plain + 1);
    if (rest.empty() || !append_escape(out, rest)) return false;
  }
  return true;
}

bool literal_is(std::string_view literal, std::string_view text) {
  return literal.size() == text.size() + 2 && literal.front() == '"' && literal.substr(1, text.size()) == text;
}

uint64_t timestamp_ms(std::string_view literal) {
  constexpr std::string_view kShape = "\"0000-00-00T00:00:00.000Z\"";
  if (literal.size() != kShape.size()) return 0;
  const auto number = [&](size_t at, size_t digits) {
    unsigned value = 0;
    std::from_chars(literal.data() + at, literal.data() + at + digits, value);
    return value;
  };
  using namespace std::chrono;
  const sys_days day = year(static_cast<int>(number(1, 4))) / month(number(6, 2)) / std::chrono::day(number(9, 2));
  const milliseconds since = day.time_since_epoch() + hours(number(12, 2)) + minutes(number(15, 2)) +
                             seconds(number(18, 2)) + milliseconds(number(21, 3));
  return static_cast<uint64_t>(since.count());
}

}  // namespace ringcast::codec
