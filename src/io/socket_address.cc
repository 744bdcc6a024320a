// SPDX-License-Identifier: Apache-2.0
#include "io/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstring>

namespace ringcast::io {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";

const sockaddr_in& as_v4(const sockaddr* address) {
  return *reinterpret_cast<const sockaddr_in*>(address);
}
const sockaddr_in6& as_v6(const sockaddr* address) {
  return *reinterpret_cast<const sockaddr_in6*>(address);
}
const sockaddr_un& as_unix(const sockaddr* address) {
  return *reinterpret_cast<const sockaddr_un*>(address);
}

tl::unexpected<Error> bad_address(std::string_view text, std::string_view why) {
  return fail("bad_address", "address \"" + std::string(text) + "\": " + std::string(why) +
                                 " (allowed: 127.0.0.1:3000, [::1]:3000, *:3000, :3000, unix:/path)");
}

Result<uint16_t> parse_port(std::string_view text, std::string_view whole) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
    return bad_address(whole, "the port must be a number from 0 to 65535");
  }
  return port;
}

std::string_view unix_path(const sockaddr* address, socklen_t size) {
  const size_t room = size > offsetof(sockaddr_un, sun_path) ? size - offsetof(sockaddr_un, sun_path) : 0;
  const char* path = as_unix(address).sun_path;
  // An abstract name begins with NUL and has no end but its length.
  return {path, room > 0 && path[0] == '\0' ? room : strnlen(path, room)};
}

}  // namespace

SocketAddress SocketAddress::from(const sockaddr* address, socklen_t length) {
  SocketAddress result;
  result.size_ = std::min<socklen_t>(length, sizeof result.storage_);
  std::memcpy(&result.storage_, address, result.size_);
  return result;
}

Result<SocketAddress> SocketAddress::parse(std::string_view text) {
  if (text.starts_with(kUnixPrefix)) {
    const std::string_view path = text.substr(kUnixPrefix.size());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty()) return bad_address(text, "a path must follow unix:");
    if (path.size() >= sizeof address.sun_path || path.find('\0') != path.npos) {
      return bad_address(text, "the path must be shorter than " + std::to_string(sizeof address.sun_path) + " bytes");
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    return from(reinterpret_cast<const sockaddr*>(&address),
                static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1));
  }

  const size_t colon = text.rfind(':');
  if (colon == text.npos) return bad_address(text, "a port is missing");
  std::string host(text.substr(0, colon));
  const auto port = parse_port(text.substr(colon + 1), text);
  if (!port) return tl::unexpected<Error>(port.error());

  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host.empty() && !bracketed) host = "*";

  if (host == "*" || bracketed) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(*port);
    if (host != "*" && inet_pton(AF_INET6, host.c_str(), &address.sin6_addr) != 1) {
      return bad_address(text, "not an IPv6 address between the brackets");
    }
    return from(reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  if (host.find(':') != host.npos) return bad_address(text, "an IPv6 address goes into brackets");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(*port);
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
    return bad_address(text, "not an IPv4 address; names are not looked up");
  }
  return from(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

uint16_t SocketAddress::port() const {
  switch (family()) {
    case AF_INET: return ntohs(as_v4(data()).sin_port);
    case AF_INET6: return ntohs(as_v6(data()).sin6_port);
    default: return 0;
  }
}

void SocketAddress::set_port(uint16_t port) {
  if (family() == AF_INET) reinterpret_cast<sockaddr_in&>(storage_).sin_port = htons(port);
  if (family() == AF_INET6) reinterpret_cast<sockaddr_in6&>(storage_).sin6_port = htons(port);
}

void SocketAddress::host_bytes(uint8_t (&out)[16]) const {
  std::memset(out, 0, sizeof out);
  if (family() == AF_INET6) {
    std::memcpy(out, &as_v6(data()).sin6_addr, sizeof out);
  } else if (family() == AF_INET) {
    // RFC 4291 section 2.5.5.2: one key for a host, whichever family the listener has.
    out[10] = out[11] = 0xff;
    std::memcpy(out + 12, &as_v4(data()).sin_addr, 4);
  }
}

bool SocketAddress::is_loopback() const {
  if (family() == AF_UNIX) return true;
  if (family() != AF_INET && family() != AF_INET6) return false;
  uint8_t bytes[16];
  host_bytes(bytes);
  const in6_addr address = std::bit_cast<in6_addr>(bytes);
  return IN6_IS_ADDR_LOOPBACK(&address) || (IN6_IS_ADDR_V4MAPPED(&address) && bytes[12] == 127);
}

std::string SocketAddress::host_string() const {
  char buffer[INET6_ADDRSTRLEN] = "";
  if (family() == AF_UNIX) {
    const std::string_view path = unix_path(data(), size_);
    if (!path.empty() && path[0] == '\0') return "unix:@" + std::string(path.substr(1));
    return "unix:" + std::string(path);
  }
  if (family() == AF_INET) return inet_ntop(AF_INET, &as_v4(data()).sin_addr, buffer, sizeof buffer);
  if (family() == AF_INET6) {
    const in6_addr& address = as_v6(data()).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&address)) return inet_ntop(AF_INET, address.s6_addr + 12, buffer, sizeof buffer);
    return inet_ntop(AF_INET6, &address, buffer, sizeof buffer);
  }
  return "unknown";
}

std::string SocketAddress::to_string() const {
  std::string host = host_string();
  if (family() != AF_INET && family() != AF_INET6) return host;
  if (host.find(':') != host.npos) host = "[" + host + "]";
  return host + ":" + std::to_string(port());
}

bool operator==(const SocketAddress& a, const SocketAddress& b) {
  if (a.family() != b.family()) return false;
  switch (a.family()) {
    case AF_INET:
      return as_v4(a.data()).sin_port == as_v4(b.data()).sin_port &&
             as_v4(a.data()).sin_addr.s_addr == as_v4(b.data()).sin_addr.s_addr;
    case AF_INET6:
      return as_v6(a.data()).sin6_port == as_v6(b.data()).sin6_port &&
             as_v6(a.data()).sin6_scope_id == as_v6(b.data()).sin6_scope_id &&
             IN6_ARE_ADDR_EQUAL(&as_v6(a.data()).sin6_addr, &as_v6(b.data()).sin6_addr);
    case AF_UNIX: return unix_path(a.data(), a.size()) == unix_path(b.data(), b.size());
    default: return true;
  }
}

}  // namespace ringcast::io
