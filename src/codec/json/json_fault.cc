// SPDX-License-Identifier: Apache-2.0
#include "codec/json/json_fault.h"

#include <fmt/format.h>

#include "codec/text/utf8.h"

namespace ringcast::codec {
namespace {

constexpr std::string_view kValue = "a value";
constexpr std::string_view kDigit = "a digit";

class JsonScanner {
 public:
  explicit JsonScanner(std::string_view text) : text_(text) {}

  std::optional<JsonFault> scan() {
    while (!fault_) {
      skip_blanks();
      switch (next_) {
        case Next::value: take_value(); break;
        case Next::first_element:
          if (take(']')) {
            close();
          } else {
            take_value();
          }
          break;
        case Next::first_key:
          if (take('}')) {
            close();
          } else {
            take_key("a name in quotes or \"}\"");
          }
          break;
        case Next::key: take_key("a name in quotes"); break;
        case Next::colon:
          if (!take(':')) return expected("\":\"");
          next_ = Next::value;
          break;
        case Next::separator: take_separator(); break;
        case Next::end:
          if (at_ == text_.size()) return std::nullopt;
          return expected("nothing more");
      }
    }
    return fault_;
  }

 private:
  enum class Next { value, first_element, first_key, key, colon, separator, end };

  std::optional<JsonFault> expected(std::string_view what) {
    fault_ = JsonFault{at_, what};
    return fault_;
  }
  // The byte `ahead` of the next one; 0 beyond the end, where no JSON has one.
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void skip_blanks() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++at_;
  }

  void open(char bracket) {
    ++at_;
    containers_ += bracket;
    next_ = bracket == '{' ? Next::first_key : Next::first_element;
  }
  void close() {
    containers_.pop_back();
    value_over();
  }
  void value_over() { next_ = containers_.empty() ? Next::end : Next::separator; }

  void take_separator() {
    const bool object = containers_.back() == '{';
    if (take(',')) {
      next_ = object ? Next::key : Next::value;
    } else if (take(object ? '}' : ']')) {
      close();
    } else {
      expected(object ? "\",\" or \"}\"" : "\",\" or \"]\"");
    }
  }

  void take_key(std::string_view wanted) {
    if (peek() != '"') {
      expected(wanted);
      return;
    }
    take_string();
    next_ = Next::colon;
  }

  void take_value() {
    const char c = peek();
    if (c == '{' || c == '[') return open(c);
    if (c == '"') {
      take_string();
    } else if (c == '-' || is_digit(c)) {
      take_number();
    } else {
      for (const std::string_view word : {"true", "false", "null"}) {
        if (!text_.substr(at_).starts_with(word)) continue;
        at_ += word.size();
        return value_over();
      }
      expected(kValue);
    }
    value_over();
  }

  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  void take_digits() {
    if (!is_digit(peek())) expected(kDigit);
    while (is_digit(peek())) ++at_;
  }
  void take_number() {
    take('-');
    if (!take('0')) take_digits();
    if (!fault_ && take('.')) take_digits();
    if (!fault_ && (take('e') || take('E'))) {
      if (!take('+')) take('-');
      take_digits();
    }
  }

  void take_string() {
    ++at_;
    Utf8Validator utf8;
    while (!take('"')) {
      const auto byte = static_cast<uint8_t>(peek());
      if (at_ == text_.size()) {
        expected("the closing quote of a string");
        return;
      }
      if (byte < 0x20) {
        expected("no bare control character in a string (a line end is \\n)");
        return;
      }
      if (!utf8.feed({&byte, 1}) || (byte < 0x80 && !utf8.complete())) {
        expected("UTF-8");
        return;
      }
      if (byte == '\\') {
        if (!take_escape()) return;
      } else {
        ++at_;
      }
    }
    if (!utf8.complete()) {
      --at_;
      expected("UTF-8");
    }
  }

  bool take_escape() {
    if (peek(1) != 'u') {
      if (std::string_view("\"\\/bfnrt").find(peek(1)) == std::string_view::npos || at_ + 1 == text_.size()) {
        ++at_;
        expected("one of \" \\ / b f n r t u behind a backslash");
        return false;
      }
      at_ += 2;
      return true;
    }
    const size_t begin = at_;
    const int unit = take_unit();
    if (unit < 0) return false;
    const bool high = unit >= 0xD800 && unit <= 0xDBFF;
    const bool low = unit >= 0xDC00 && unit <= 0xDFFF;
    if (high && peek() == '\\' && peek(1) == 'u') {
      const int second = take_unit();
      if (second < 0) return false;
      if (second >= 0xDC00 && second <= 0xDFFF) return true;
    } else if (!high && !low) {
      return true;
    }
    at_ = begin;
    expected("both halves of a surrogate pair");
    return false;
  }
  // \uXXXX; negative: a fault.
  int take_unit() {
    at_ += 2;
    int unit = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = peek();
      const char letter = static_cast<char>(c | 0x20);
      if (!is_digit(c) && (letter < 'a' || letter > 'f')) {
        expected("four hexadecimal digits behind \\u");
        return -1;
      }
      unit = unit << 4 | (is_digit(c) ? c - '0' : letter - 'a' + 10);
    }
    return unit;
  }

  std::string_view text_;
  size_t at_ = 0;
  Next next_ = Next::value;
  std::string containers_;  // those that are open: '{' and '['
  std::optional<JsonFault> fault_;
};

std::string found_at(size_t at, std::string_view text) {
  if (at >= text.size()) return "the end";
  const auto byte = static_cast<uint8_t>(text[at]);
  if (byte == '"') return "a quote";
  if (byte > 0x20 && byte < 0x7F) return fmt::format("\"{}\"", text[at]);
  return fmt::format("byte 0x{:02X}", byte);
}

}  // namespace

std::optional<JsonFault> find_json_fault(std::string_view text) {
  return JsonScanner(text).scan();
}

std::string describe(const JsonFault& fault, std::string_view text) {
  size_t line = 1;
  size_t column = 1;
  for (const char c : text.substr(0, fault.at)) {
    const bool inside_character = (static_cast<uint8_t>(c) & 0xC0) == 0x80;
    column += inside_character ? 0 : 1;
    if (c != '\n') continue;
    ++line;
    column = 1;
  }
  return fmt::format("byte offset {} (line {}, column {}): expected {}, found {}", fault.at, line, column,
                     fault.expected, found_at(fault.at, text));
}

}  // namespace ringcast::codec
