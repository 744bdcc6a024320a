// SPDX-License-Identifier: Apache-2.0
// The small grammar of HTTP fields (RFC 9110 section 5): tokens, case-insensitive names, comma-separated lists.
// Pure functions over borrowed text; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace ringcast::codec {

constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (ascii_lower(a[i]) != ascii_lower(b[i])) return false;
  }
  return true;
}

bool is_token_char(char c);                  // tchar, RFC 9110 section 5.6.2
bool is_token(std::string_view text);        // 1*tchar
bool is_field_value(std::string_view text);  // no control characters but the tab

constexpr std::string_view trim_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// Takes the next element of a comma-separated list off `list`, trimmed; empty elements are skipped (RFC 9110
// section 5.6.1.2). False at the end. Commas inside quoted strings do not separate.
bool next_list_element(std::string_view& list, std::string_view& element);

// Takes the part before `separator` (outside quoted strings) off `text`, trimmed. False when `text` is used up.
bool next_part(std::string_view& text, char separator, std::string_view& part);

bool list_has_token(std::string_view list, std::string_view token);

}  // namespace ringcast::codec
