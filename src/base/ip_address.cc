// SPDX-License-Identifier: Apache-2.0
#include "base/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace ringcast {

namespace {

constexpr size_t kV4At = 12;
constexpr uint8_t kV4Prefix[kV4At] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

IpAddress IpAddress::v4(std::span<const uint8_t, 4> bytes) {
  IpAddress address;
  std::copy(std::begin(kV4Prefix), std::end(kV4Prefix), address.bytes_.begin());
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin() + kV4At);
  return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  char copy[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof copy || text.find('\0') != std::string_view::npos) return std::nullopt;
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  uint8_t four[4];
  if (inet_pton(AF_INET, copy, four) == 1) return v4(four);
  Bytes sixteen;
  if (inet_pton(AF_INET6, copy, sixteen.data()) == 1) return IpAddress(sixteen);
  return std::nullopt;
}

bool IpAddress::is_v4() const {
  return std::equal(std::begin(kV4Prefix), std::end(kV4Prefix), bytes_.begin());
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[kV4At] == 127;
  Bytes one{};
  one.back() = 1;
  return bytes_ == one;
}

IpAddress IpAddress::prefix(unsigned bits) const {
  IpAddress cut;
  for (size_t i = 0; i < bytes_.size(); ++i) {
    const unsigned kept = bits > 8 * i ? std::min<unsigned>(bits - static_cast<unsigned>(8 * i), 8) : 0;
    cut.bytes_[i] = static_cast<uint8_t>(bytes_[i] & (0xff00u >> kept));
  }
  return cut;
}

std::string IpAddress::to_string() const {
  if (!is_set()) return "unix";
  char text[INET6_ADDRSTRLEN] = "";
  if (is_v4()) return inet_ntop(AF_INET, bytes_.data() + kV4At, text, sizeof text);
  return inet_ntop(AF_INET6, bytes_.data(), text, sizeof text);
}

}  // namespace ringcast
