// SPDX-License-Identifier: Apache-2.0
#include "client/connection_name.h"

#include <cstring>

namespace ringcast::session {

namespace {

constexpr size_t kIdentityBytes = 10;  // core, slot, generation: big endian
constexpr size_t kTagBytes = 6;
static_assert(2 * (kIdentityBytes + kTagBytes) == kConnectionNameSize);

void put(uint8_t* to, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) to[i] = static_cast<uint8_t>(value >> (8 * (bytes - 1 - i)));
}

uint64_t take(const uint8_t* from, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i) value = value << 8 | from[i];
  return value;
}

// Only the spelling that is given out: a name has one text, so that texts can be compared.
int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

uint64_t ConnectionNames::tag(const uint8_t (&identity)[kIdentityBytes]) const {
  return siphash_2_4(key_, {reinterpret_cast<const char*>(identity), sizeof identity}) >> 16;
}

void ConnectionNames::append(std::string& out, const hub::Address& address) const {
  uint8_t bytes[kIdentityBytes + kTagBytes];
  uint8_t identity[kIdentityBytes];
  put(identity, address.core, 2);
  put(identity + 2, address.connection.slot, 4);
  put(identity + 6, address.connection.generation, 4);
  const uint64_t seal = tag(identity);
  put(bytes, seal, kTagBytes);
  // The tag hides the rest as well: neighbours in the table do not show as neighbours in their names.
  for (size_t i = 0; i < kIdentityBytes; ++i) {
    bytes[kTagBytes + i] = identity[i] ^ static_cast<uint8_t>(seal >> (8 * (i % kTagBytes)));
  }
  static constexpr char kDigits[] = "0123456789abcdef";
  for (const uint8_t byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
}

std::optional<hub::Address> ConnectionNames::parse(std::string_view text) const {
  if (text.size() != kConnectionNameSize) return std::nullopt;
  uint8_t bytes[kIdentityBytes + kTagBytes];
  for (size_t i = 0; i < sizeof bytes; ++i) {
    const int high = digit_of(text[2 * i]);
    const int low = digit_of(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  const uint64_t seal = take(bytes, kTagBytes);
  uint8_t identity[kIdentityBytes];
  for (size_t i = 0; i < kIdentityBytes; ++i) {
    identity[i] = bytes[kTagBytes + i] ^ static_cast<uint8_t>(seal >> (8 * (i % kTagBytes)));
  }
  if (tag(identity) != seal) return std::nullopt;
  hub::Address address;
  address.core = static_cast<uint16_t>(take(identity, 2));
  address.connection.slot = static_cast<uint32_t>(take(identity + 2, 4));
  address.connection.generation = static_cast<uint32_t>(take(identity + 6, 4));
  return address;
}

}  // namespace ringcast::session
