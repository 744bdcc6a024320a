// SPDX-License-Identifier: Apache-2.0
// An IPv4, IPv6 or unix socket address as a value: parsed, printed, compared, hashed. Any thread.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ringcast::io {

class SocketAddress {
 public:
  SocketAddress() = default;  // AF_UNSPEC
  static SocketAddress from(const sockaddr* address, socklen_t length);
  // "127.0.0.1:3000", "[::1]:3000", "*:3000" ([::], both families), ":3000" (same), "unix:/run/ringcast.sock".
  [[nodiscard]] static Result<SocketAddress> parse(std::string_view text);

  const sockaddr* data() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }
  int family() const { return storage_.ss_family; }
  uint16_t port() const;
  void set_port(uint16_t port);
  bool is_loopback() const;         // 127.0.0.0/8, ::1, ::ffff:127.0.0.0/104, unix
  std::string to_string() const;    // with the port
  std::string host_string() const;  // without it; IPv4-mapped addresses as IPv4
  // The address without the port, IPv4-mapped as IPv4: the key of per-address limits. 16 bytes, network order.
  void host_bytes(uint8_t (&out)[16]) const;

  friend bool operator==(const SocketAddress& a, const SocketAddress& b);

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

}  // namespace ringcast::io
