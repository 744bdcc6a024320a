// SPDX-License-Identifier: Apache-2.0
#include "codec/text/base64.h"

#include <algorithm>
#include <array>

namespace ringcast::codec {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t kNotInAlphabet = 0xFF;

constexpr std::array<uint8_t, 256> make_values() {
  std::array<uint8_t, 256> values{};
  values.fill(kNotInAlphabet);
  for (size_t i = 0; i < kAlphabet.size(); ++i)
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<uint8_t>(i);
  return values;
}
constexpr std::array<uint8_t, 256> kValues = make_values();

char letter(uint32_t bits) {
  return kAlphabet[bits & 63];
}

}  // namespace

void base64_encode_to(char* out, std::span<const uint8_t> bytes) {
  size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const uint32_t group = uint32_t{bytes[i]} << 16 | uint32_t{bytes[i + 1]} << 8 | bytes[i + 2];
    *out++ = letter(group >> 18);
    *out++ = letter(group >> 12);
    *out++ = letter(group >> 6);
    *out++ = letter(group);
  }
  const size_t left = bytes.size() - i;
  if (left == 0) return;
  const uint32_t group = uint32_t{bytes[i]} << 16 | (left == 2 ? uint32_t{bytes[i + 1]} << 8 : 0);
  *out++ = letter(group >> 18);
  *out++ = letter(group >> 12);
  *out++ = left == 2 ? letter(group >> 6) : '=';
  *out = '=';
}

void append_base64(std::string& out, std::span<const uint8_t> bytes) {
  const size_t start = out.size();
  out.resize(start + base64_size(bytes.size()));
  base64_encode_to(out.data() + start, bytes);
}

bool base64_decode(std::string_view text, std::string& out) {
  if (text.size() % 4 != 0) return false;
  const size_t start = out.size();
  size_t padding = 0;
  if (text.ends_with("==")) {
    padding = 2;
  } else if (text.ends_with('=')) {
    padding = 1;
  }
  out.reserve(start + text.size() / 4 * 3);
  for (size_t i = 0; i < text.size(); i += 4) {
    const size_t letters = i + 4 == text.size() ? 4 - padding : 4;
    uint32_t group = 0;
    for (size_t j = 0; j < 4; ++j) {
      const uint8_t value = j < letters ? kValues[static_cast<unsigned char>(text[i + j])] : 0;
      if (value == kNotInAlphabet) {
        out.resize(start);
        return false;
      }
      group = group << 6 | value;
    }
    out.push_back(static_cast<char>(group >> 16));
    if (letters > 2) out.push_back(static_cast<char>(group >> 8));
    if (letters > 3) out.push_back(static_cast<char>(group));
    if ((letters == 2 && (group & 0xFFFF) != 0) || (letters == 3 && (group & 0xFF) != 0)) {
      out.resize(start);
      return false;
    }
  }
  return true;
}

void append_base64url(std::string& out, std::span<const uint8_t> bytes) {
  const size_t start = out.size();
  append_base64(out, bytes);
  while (out.size() > start && out.back() == '=') out.pop_back();
  std::replace(out.begin() + static_cast<std::ptrdiff_t>(start), out.end(), '+', '-');
  std::replace(out.begin() + static_cast<std::ptrdiff_t>(start), out.end(), '/', '_');
}

bool base64url_decode(std::string_view text, std::string& out) {
  const size_t start = out.size();
  out.reserve(start + text.size() / 4 * 3 + 2);
  uint32_t group = 0;
  uint32_t letters = 0;
  for (const char c : text) {
    const char standard = c == '-' ? '+' : c == '_' ? '/' : c == '+' || c == '/' ? '\0' : c;
    const uint8_t value = kValues[static_cast<unsigned char>(standard)];
    if (value == kNotInAlphabet) {
      out.resize(start);
      return false;
    }
    group = group << 6 | value;
    if (++letters % 4 != 0) continue;
    for (const int shift : {16, 8, 0}) out.push_back(static_cast<char>(group >> shift));
    group = 0;
  }
  switch (letters % 4) {
    case 0: return true;
    case 2:
      if ((group & 0xF) != 0) break;
      out.push_back(static_cast<char>(group >> 4));
      return true;
    case 3:
      if ((group & 0x3) != 0) break;
      out.push_back(static_cast<char>(group >> 10));
      out.push_back(static_cast<char>(group >> 2));
      return true;
  }
  out.resize(start);
  return false;
}

}  // namespace ringcast::codec
