// SPDX-License-Identifier: Apache-2.0
#include "codec/json/json_writer.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace ringcast::codec {
namespace {

constexpr uint64_t kEveryByte = 0x0101010101010101;
constexpr uint64_t kHighBits = 0x8080808080808080;

// A high bit in the result says that one of the eight bytes needs an escape. Carries can only mark bytes above one that
// is marked rightly, so "none" is exact.
uint64_t needs_escape(uint64_t bytes) {
  const uint64_t below_space = (bytes - kEveryByte * 0x20) & ~bytes;
  const uint64_t quote = bytes ^ kEveryByte * '"';
  const uint64_t backslash = bytes ^ kEveryByte * '\\';
  return (below_space | ((quote - kEveryByte) & ~quote) | ((backslash - kEveryByte) & ~backslash)) & kHighBits;
}

bool needs_escape(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

// The length of the run from `from` on that can be copied as it is.
size_t plain_run(std::string_view text, size_t from) {
  size_t i = from;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t bytes;
    std::memcpy(&bytes, text.data() + i, 8);
    if (needs_escape(bytes) != 0) break;
  }
  while (i < text.size() && !needs_escape(text[i])) ++i;
  return i - from;
}

void append_escape(std::string& out, char c) {
  constexpr char kDigits[] = "0123456789abcdef";
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\b': out += "\\b"; return;
    case '\f': out += "\\f"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default:
      out += "\\u00";
      out += kDigits[static_cast<unsigned char>(c) >> 4];
      out += kDigits[static_cast<unsigned char>(c) & 15];
  }
}

void put_digits(char* to, unsigned count, uint64_t value) {
  for (unsigned i = count; i-- > 0; value /= 10) to[i] = static_cast<char>('0' + value % 10);
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (size_t i = 0; i < text.size();) {
    const size_t run = plain_run(text, i);
    out.append(text, i, run);
    i += run;
    if (i < text.size()) append_escape(out, text[i++]);
  }
  out += '"';
}

void append_uint(std::string& out, uint64_t value) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void append_int(std::string& out, int64_t value) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void append_iso_timestamp(std::string& out, int64_t timestamp_us) {
  constexpr int64_t kLast = 253402300799999999;  // 9999-12-31T23:59:59.999999Z
  const auto us = static_cast<uint64_t>(std::clamp<int64_t>(timestamp_us, 0, kLast));
  const uint64_t ms = us / 1000;
  const uint64_t seconds = ms / 1000;
  const uint64_t second_of_day = seconds % 86400;

  // Days are counted from 1 March of year 0, so that the leap day is a year's last and months follow one formula:
  // month m (0 = March) begins at day (153 m + 2) / 5 of its year.
  const uint64_t days = seconds / 86400 + 719468;
  const uint64_t era = days / 146097;  // of 400 years
  const uint64_t day_of_era = days % 146097;
  const uint64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint64_t month_from_march = (5 * day_of_year + 2) / 153;
  const uint64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const uint64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  const uint64_t year = era * 400 + year_of_era + (month <= 2 ? 1 : 0);

  char text[] = "0000-00-00T00:00:00.000Z";
  put_digits(text, 4, year);
  put_digits(text + 5, 2, month);
  put_digits(text + 8, 2, day);
  put_digits(text + 11, 2, second_of_day / 3600);
  put_digits(text + 14, 2, second_of_day / 60 % 60);
  put_digits(text + 17, 2, second_of_day % 60);
  put_digits(text + 20, 3, ms % 1000);
  out.append(text, sizeof text - 1);
}

}  // namespace ringcast::codec
