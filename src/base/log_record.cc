// SPDX-License-Identifier: Apache-2.0
#include "base/log_record.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <ctime>

namespace ringcast {
namespace {

struct Unit {
  size_t taken;  // bytes of input
  size_t length;
  char bytes[8];
};

// Length of the well-formed UTF-8 sequence (Unicode 15, table 3-7) that `text` begins with, and its value; 0: broken.
size_t decode(std::string_view text, uint32_t& value) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  const size_t length = first < 0x80                     ? 1
                        : first >= 0xc2 && first < 0xe0  ? 2
                        : (first & 0xf0) == 0xe0         ? 3
                        : first >= 0xf0 && first <= 0xf4 ? 4
                                                         : 0;
  if (length == 0 || length > text.size()) return 0;
  value = length == 1 ? first : first & (0x7f >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    value = value << 6 | (byte(i) & 0x3f);
  }
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kSmallest[length] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return 0;
  return length;
}

// C0 and C1 controls; line and paragraph separators; marks that reorder or hide text in a terminal.
bool steers(uint32_t value) {
  return value < 0x20 || (value >= 0x7f && value < 0xa0) || value == 0xad || value == 0x61c ||
         (value >= 0x200b && value <= 0x200f) || (value >= 0x2028 && value <= 0x202e) ||
         (value >= 0x2060 && value <= 0x206f) || value == 0xfeff || (value >= 0xe0000 && value < 0xe0080);
}

Unit next_unit(std::string_view text, bool json) {
  Unit unit{1, 0, {}};
  const auto put = [&](char c) { unit.bytes[unit.length++] = c; };
  const auto put_hex = [&](uint32_t value, int digits) {
    for (int i = digits - 1; i >= 0; --i) put("0123456789abcdef"[value >> (4 * i) & 15]);
  };
  uint32_t value = 0;
  const size_t length = decode(text, value);
  if (length == 0) {
    put('\\');
    if (json) {
      put('u');  // U+FFFD: JSON cannot carry a byte that is not text
      put_hex(0xfffd, 4);
    } else {
      put('x');
      put_hex(static_cast<uint8_t>(text[0]), 2);
    }
  } else if (value == '"' || value == '\\') {
    put('\\');
    put(static_cast<char>(value));
  } else if (steers(value)) {
    unit.taken = length;
    put('\\');
    put('u');
    put_hex(value > 0xffff ? 0xfffd : value, 4);
  } else {
    unit.taken = length;
    for (size_t i = 0; i < length; ++i) put(text[i]);
  }
  return unit;
}

// Bare in text form: what neither quotes nor separates.
bool plain(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-.:/@+,%").find(c) != std::string_view::npos;
  });
}

// Fills a record; keeps room for the mark that says something was cut.
class RecordWriter {
 public:
  RecordWriter(LogRecord& record, bool json) : record_(record), json_(json) {}

  void event(std::string_view name) {
    put(json_ ? "\"event\":\"" : "");
    put(name.substr(0, 64));
    put(json_ ? "\"" : "");
  }

  void field(const LogField& field) {
    if (cut_) return;
    const size_t before = size_;
    put(json_ ? ",\"" : " ");
    put(field.key);
    put(json_ ? "\":" : "=");
    if (overrun_ || room() < kNumberMax) {
      size_ = before;
      cut_ = true;
      overrun_ = false;
      return;
    }
    value(field);
  }

  void finish() {
    if (cut_) {
      capacity_ = sizeof record_.text;
      put(json_ ? ",\"cut\":true" : " cut=true");
    }
    record_.length = static_cast<uint16_t>(size_);
  }

 private:
  static constexpr size_t kNumberMax = 32;
  static constexpr size_t kCutMark = 16;

  size_t room() const { return capacity_ - size_; }
  void put(std::string_view text) {
    if (text.size() > room()) {
      overrun_ = true;
      return;
    }
    if (!text.empty()) std::memcpy(record_.text + size_, text.data(), text.size());
    size_ += text.size();
  }

  template <class Number>
  void number(Number value) {
    const std::to_chars_result result = std::to_chars(record_.text + size_, record_.text + capacity_, value);
    if (result.ec == std::errc()) size_ = static_cast<size_t>(result.ptr - record_.text);
  }

  void value(const LogField& field) {
    switch (field.kind) {
      case LogField::Kind::text: return text(field.text);
      case LogField::Kind::integer: return number(field.integer);
      case LogField::Kind::natural: return number(field.natural);
      case LogField::Kind::boolean: return put(field.natural != 0 ? "true" : "false");
      case LogField::Kind::real:
        if (json_ && !std::isfinite(field.real)) return put("null");
        return number(field.real);
    }
  }

  void text(std::string_view text) {
    if (!json_ && plain(text) && text.size() <= room()) return put(text);
    put("\"");
    while (!text.empty()) {
      const Unit unit = next_unit(text, json_);
      if (unit.length + 1 > room()) {
        cut_ = true;
        break;
      }
      put({unit.bytes, unit.length});
      text.remove_prefix(unit.taken);
    }
    put("\"");
  }

  LogRecord& record_;
  const bool json_;
  size_t size_ = 0;
  size_t capacity_ = sizeof record_.text - kCutMark;
  bool cut_ = false;
  bool overrun_ = false;
};

}  // namespace

void append_log_escaped(std::string& out, std::string_view text, bool json) {
  while (!text.empty()) {
    const Unit unit = next_unit(text, json);
    out.append(unit.bytes, unit.length);
    text.remove_prefix(unit.taken);
  }
}

void format_log_record(LogRecord& record, LogLevel level, uint32_t core, std::string_view event,
                       std::initializer_list<LogField> fields, bool json) noexcept {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  record.time_us = int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
  record.level = level;
  RecordWriter writer(record, json);
  writer.event(event);
  if (core != kNoLogCore) writer.field({"core", core});
  for (const LogField& field : fields) writer.field(field);
  writer.finish();
}

}  // namespace ringcast
