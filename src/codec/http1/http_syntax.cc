// SPDX-License-Identifier: Apache-2.0
#include "codec/http1/http_syntax.h"

namespace ringcast::codec {
namespace {

constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[static_cast<size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[static_cast<size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[static_cast<size_t>(c)] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> kTokenChars = make_token_table();

}  // namespace

bool is_token_char(char c) {
  return kTokenChars[static_cast<unsigned char>(c)];
}

bool is_token(std::string_view text) {
  for (const char c : text) {
    if (!is_token_char(c)) return false;
  }
  return !text.empty();
}

bool is_field_value(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && byte != '\t') || byte == 0x7F) return false;
  }
  return true;
}

bool next_part(std::string_view& text, char separator, std::string_view& part) {
  if (text.data() == nullptr) return false;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == separator && !quoted) {
      part = trim_blanks(text.substr(0, i));
      text.remove_prefix(i + 1);
      return true;
    }
  }
  part = trim_blanks(text);
  text = {};
  return true;
}

bool next_list_element(std::string_view& list, std::string_view& element) {
  while (next_part(list, ',', element)) {
    if (!element.empty()) return true;
  }
  return false;
}

bool list_has_token(std::string_view list, std::string_view token) {
  std::string_view element;
  while (next_list_element(list, element)) {
    if (equal_ignoring_case(element, token)) return true;
  }
  return false;
}

}  // namespace ringcast::codec
