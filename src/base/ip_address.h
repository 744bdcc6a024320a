// SPDX-License-Identifier: Apache-2.0
// The host part of an internet address as a value of 16 bytes, IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2), so
// that a host is one key whichever family its socket has. Unset: no such address, as at the other end of a unix socket.
// Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ringcast {

class IpAddress {
 public:
  using Bytes = std::array<uint8_t, 16>;

  IpAddress() = default;
  explicit IpAddress(const Bytes& bytes) : bytes_(bytes) {}
  static IpAddress v4(std::span<const uint8_t, 4> bytes);
  // "192.0.2.1" or "2001:db8::1" alone: no port, brackets or zone.
  static std::optional<IpAddress> parse(std::string_view text);

  const Bytes& bytes() const { return bytes_; }
  bool is_set() const { return bytes_ != Bytes{}; }
  bool is_v4() const;
  bool is_loopback() const;  // 127.0.0.0/8, ::1
  // The first `bits` of 128, the rest 0; of an IPv4 address 96 come before its own.
  IpAddress prefix(unsigned bits) const;
  std::string to_string() const;  // "unix" when unset

  friend bool operator==(const IpAddress&, const IpAddress&) = default;

 private:
  Bytes bytes_{};
};

}  // namespace ringcast
