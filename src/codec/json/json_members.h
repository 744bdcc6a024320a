// SPDX-License-Identifier: Apache-2.0
// Reads the JSON that this server itself has written: objects on one line, valid, with canonical escapes. A scan over
// borrowed bytes without a parser, for those who need a few members of an event; what clients sent goes through
// json_reader.h first. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ringcast::codec {

class JsonMembers {
 public:
  // Not an object: there are none.
  explicit JsonMembers(std::string_view object);
  // The next member: its name as written, its value as raw JSON. False at the end.
  bool next(std::string_view& name, std::string_view& value);

 private:
  std::string_view rest_;
};

// The elements of an array, as raw JSON.
class JsonElements {
 public:
  // Not an array: there are none.
  explicit JsonElements(std::string_view array);
  bool next(std::string_view& value);

 private:
  std::string_view rest_;
};

// The raw value of a member, or empty.
std::string_view json_member(std::string_view object, std::string_view name);

// The raw value at a place of an array, or empty.
std::string_view json_element(std::string_view array, size_t index);

// The text of a string literal; false when `literal` is none.
bool append_unquoted(std::string& out, std::string_view literal);
// Whether the literal spells this text; no literal of ours has an escape for what needs none.
bool literal_is(std::string_view literal, std::string_view text);

// Milliseconds since 1970 of "2026-11-21T02:36:00.123Z" with its quotes; 0 for anything else.
uint64_t timestamp_ms(std::string_view literal);

}  // namespace ringcast::codec
