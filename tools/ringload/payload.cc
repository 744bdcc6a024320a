// SPDX-License-Identifier: Apache-2.0
#include "payload.h"

#include <array>
#include <cstring>

#include "base/assert.h"

namespace ringcast::ringload {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr uint8_t kBad = 0xFF;
constexpr std::array<uint8_t, 256> make_values() {
  std::array<uint8_t, 256> values{};
  values.fill(kBad);
  for (size_t i = 0; i < kAlphabet.size(); ++i) values[static_cast<uint8_t>(kAlphabet[i])] = static_cast<uint8_t>(i);
  return values;
}
constexpr std::array<uint8_t, 256> kValues = make_values();

constexpr size_t kStreamDigits = 4;
constexpr size_t kSequenceDigits = 6;
constexpr size_t kTimeDigits = 8;
constexpr size_t kDelayDigits = 6;
constexpr size_t kCheckDigits = 2;
constexpr size_t kRunDigits = 2;
constexpr size_t kBehindHead = kStreamDigits + kSequenceDigits + kTimeDigits + kDelayDigits + kCheckDigits;
static_assert(payload_min("") == kRunDigits + kBehindHead);

void put(char* out, uint64_t value, size_t digits) {
  for (size_t i = digits; i-- > 0; value >>= 6) out[i] = kAlphabet[value & 63];
}

uint64_t take(const char*& in, size_t digits, uint8_t& all) {
  uint64_t value = 0;
  for (size_t i = 0; i < digits; ++i) {
    const uint8_t digit = kValues[static_cast<uint8_t>(*in++)];
    all |= digit;
    value = value << 6 | (digit & 63);
  }
  return value;
}

constexpr uint64_t clamp_to(int64_t value, size_t digits) {
  const uint64_t highest = (uint64_t{1} << (6 * digits)) - 1;
  return value < 0 ? 0 : static_cast<uint64_t>(value) > highest ? highest : static_cast<uint64_t>(value);
}

// A payload cut short or glued to another one must not pass.
uint64_t checksum(uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
  const uint64_t mixed = (a * 31 + b) * 0x9E3779B97F4A7C15u + (c * 31 + d) * 0xC2B2AE3D27D4EB4Fu;
  return mixed >> 52;
}

}  // namespace

bool is_marker(std::string_view marker) {
  if (marker.empty() || marker.size() > kMarkerMax) return false;
  for (const char c : marker) {
    if (kValues[static_cast<uint8_t>(c)] == kBad && std::string_view("~.:@#").find(c) == std::string_view::npos)
      return false;
  }
  return true;
}

PayloadCodec::PayloadCodec(uint32_t run, std::string_view marker)
    : head_size_(marker.size() + kRunDigits), length_(head_size_ + kBehindHead) {
  RINGCAST_ASSERT(is_marker(marker));
  std::memcpy(head_, marker.data(), marker.size());
  put(head_ + marker.size(), run, kRunDigits);
}

void PayloadCodec::append(std::string& out, const Payload& payload, size_t size) const {
  RINGCAST_ASSERT(size >= length_);
  const size_t at = out.size();
  out.resize(at + size, 'x');
  char* to = out.data() + at;
  std::memcpy(to, head_, head_size_);
  to += head_size_;
  const uint64_t intended = clamp_to(payload.intended_ns, kTimeDigits);
  const uint64_t delay = clamp_to(payload.sent_ns - payload.intended_ns, kDelayDigits);
  put(to, payload.stream, kStreamDigits);
  put(to += kStreamDigits, payload.sequence, kSequenceDigits);
  put(to += kSequenceDigits, intended, kTimeDigits);
  put(to += kTimeDigits, delay, kDelayDigits);
  put(to += kDelayDigits, checksum(payload.stream, payload.sequence, intended, delay), kCheckDigits);
}

bool PayloadCodec::read(std::string_view text, Payload& payload) const {
  if (text.size() < length_ || std::memcmp(text.data(), head_, head_size_) != 0) return false;
  const char* in = text.data() + head_size_;
  uint8_t all = 0;
  const uint64_t stream = take(in, kStreamDigits, all);
  const uint64_t sequence = take(in, kSequenceDigits, all);
  const uint64_t intended = take(in, kTimeDigits, all);
  const uint64_t delay = take(in, kDelayDigits, all);
  const uint64_t check = take(in, kCheckDigits, all);
  if (all == kBad || check != checksum(stream, sequence, intended, delay)) return false;
  payload.stream = static_cast<uint32_t>(stream);
  payload.sequence = sequence;
  payload.intended_ns = static_cast<int64_t>(intended);
  payload.sent_ns = static_cast<int64_t>(intended + delay);
  return true;
}

bool PayloadCodec::find(std::string_view text, size_t& from, Payload& payload) const {
  while (from < text.size()) {
    const void* found = ::memmem(text.data() + from, text.size() - from, head_, head_size_);
    if (found == nullptr) break;
    const size_t at = static_cast<size_t>(static_cast<const char*>(found) - text.data());
    if (read(text.substr(at), payload)) {
      from = at + length_;
      return true;
    }
    from = at + 1;
  }
  from = text.size();
  return false;
}

}  // namespace ringcast::ringload
