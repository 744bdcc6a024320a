// SPDX-License-Identifier: Apache-2.0
#include "cluster/settings.h"

#include <netdb.h>
#include <sys/socket.h>

#include <charconv>
#include <memory>
#include <optional>

namespace ringcast::cluster {

namespace {

constexpr std::string_view kScheme = "redis://";
constexpr uint64_t kDatabaseMax = 9999;

std::optional<int> hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    const auto high = at + 2 < text.size() ? hex(text[at + 1]) : std::nullopt;
    const auto low = at + 2 < text.size() ? hex(text[at + 2]) : std::nullopt;
    if (!high || !low) return std::nullopt;
    out += static_cast<char>(*high * 16 + *low);
    at += 2;
  }
  return out;
}

template <class T>
bool take_number(std::string_view text, uint64_t max, T& out) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number > max) return false;
  out = static_cast<T>(number);
  return true;
}

tl::unexpected<Error> bad(std::string why) {
  return fail("bad_broker", std::move(why));
}

}  // namespace

Result<BrokerAddress> parse_broker(std::string_view url) {
  if (url.starts_with("rediss://")) return bad("TLS to the broker (rediss://) is not supported yet");
  if (url.starts_with("redis+sentinel://"))
    return bad(
        "Sentinel is not supported yet; name the server that Sentinel's clients would find, or a proxy or a "
        "service address that leads to the master");
  if (!url.starts_with(kScheme)) return bad("must begin with redis://");
  url.remove_prefix(kScheme.size());
  BrokerAddress out;
  if (const size_t slash = url.find('/'); slash != std::string_view::npos) {
    const std::string_view database = url.substr(slash + 1);
    if (!database.empty() && !take_number(database, kDatabaseMax, out.database))
      return bad("what follows the host must be /NUMBER, the database");
    url = url.substr(0, slash);
  }
  if (const size_t at = url.rfind('@'); at != std::string_view::npos) {
    const std::string_view login = url.substr(0, at);
    const size_t colon = login.find(':');
    const auto user = decoded(login.substr(0, colon));
    const auto password = decoded(colon == std::string_view::npos ? "" : login.substr(colon + 1));
    if (!user || !password) return bad("user and password may have %XX in them, and no other %");
    if (password->starts_with("(hidden")) return bad("its password was hidden when this was printed");
    if (password->empty()) return bad("a user needs a password: redis://USER:PASSWORD@HOST");
    out.user = *user;
    out.password = *password;
    url = url.substr(at + 1);
  }
  std::string_view port;
  if (url.starts_with('[')) {
    const size_t end = url.find(']');
    if (end == std::string_view::npos) return bad("an IPv6 address needs a ]");
    out.host = url.substr(1, end - 1);
    port = url.substr(end + 1);
    if (!port.empty() && port[0] != ':') return bad("only :PORT may follow the ]");
    if (!port.empty()) port.remove_prefix(1);
    if (!port.empty() && !take_number(port, UINT16_MAX, out.port)) return bad("the port must be a number");
  } else {
    const size_t colon = url.find(':');
    out.host = url.substr(0, colon);
    if (colon != std::string_view::npos && (!take_number(url.substr(colon + 1), UINT16_MAX, out.port) || out.port == 0))
      return bad("the port must be a number from 1 to 65535");
  }
  if (out.host.empty()) return bad("it names no host");
  return out;
}

std::string without_password(std::string_view url, std::string_view hidden) {
  const size_t at = url.rfind('@');
  const size_t begin = url.find("://");
  if (at == std::string_view::npos || begin == std::string_view::npos) return std::string(url);
  const size_t colon = url.find(':', begin + 3);
  if (colon > at) return std::string(url);
  return std::string(url.substr(0, colon + 1)) + std::string(hidden) + std::string(url.substr(at));
}

Result<io::SocketAddress> resolve(const BrokerAddress& address) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (error != 0) return fail("no_address", address.host + ": " + ::gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> keep(found, ::freeaddrinfo);
  return io::SocketAddress::from(found->ai_addr, found->ai_addrlen);
}

}  // namespace ringcast::cluster
