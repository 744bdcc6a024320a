// SPDX-License-Identifier: Apache-2.0
#include "cluster/settings.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>

#include "cluster/sentinel.h"

namespace ringcast::cluster {

namespace {

constexpr std::string_view kPlain = "redis://", kTls = "rediss://", kSentinel = "redis+sentinel://";
constexpr std::string_view kMaster = "master=";
constexpr uint64_t kDatabaseMax = 9999;
constexpr uint16_t kSentinelPort = 26379;
constexpr size_t kSentinelsMax = 16;

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

// HOST, HOST:PORT, [IPv6], [IPv6]:PORT.
Result<HostAndPort> parse_host(std::string_view text, uint16_t default_port) {
  HostAndPort out{.host = {}, .port = default_port};
  std::string_view port;
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return bad("an IPv6 address needs a ]");
    out.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    if (!port.empty() && port[0] != ':') return bad("only :PORT may follow the ]");
  } else {
    const size_t colon = std::min(text.find(':'), text.size());
    out.host = text.substr(0, colon);
    port = text.substr(colon);
  }
  if (!port.empty() && (!take_number(port.substr(1), UINT16_MAX, out.port) || out.port == 0))
    return bad("the port must be a number from 1 to 65535");
  if (out.host.empty()) return bad("it names no host");
  return out;
}

Result<void> take_login(std::string_view login, BrokerAddress& out) {
  const size_t colon = login.find(':');
  const auto user = decoded(login.substr(0, colon));
  const auto password = decoded(colon == std::string_view::npos ? "" : login.substr(colon + 1));
  if (!user || !password) return bad("user and password may have %XX in them, and no other %");
  if (password->starts_with("(hidden")) return bad("its password was hidden when this was printed");
  if (password->empty()) return bad("a user needs a password: redis://USER:PASSWORD@HOST");
  out.user = *user;
  out.password = *password;
  return {};
}

}  // namespace

Result<BrokerAddress> parse_broker(std::string_view url) {
  BrokerAddress out;
  const bool sentinel = url.starts_with(kSentinel);
  out.tls = url.starts_with(kTls);
  if (!sentinel && !out.tls && !url.starts_with(kPlain))
    return bad("must begin with redis://, rediss:// or redis+sentinel://");
  url.remove_prefix((sentinel ? kSentinel : out.tls ? kTls : kPlain).size());
  if (const size_t query = url.find('?'); query != std::string_view::npos) {
    const auto master = decoded(url.substr(query + 1));
    if (!sentinel || !master || !master->starts_with(kMaster))
      return bad("only ?master=NAME may follow, with redis+sentinel://");
    out.master = master->substr(kMaster.size());
    url = url.substr(0, query);
  }
  if (sentinel && out.master.empty())
    return bad("Sentinels need the name of the master: redis+sentinel://HOST?master=NAME");
  if (const size_t slash = url.find('/'); slash != std::string_view::npos) {
    const std::string_view database = url.substr(slash + 1);
    if (!database.empty() && !take_number(database, kDatabaseMax, out.database))
      return bad("what follows the host must be /NUMBER, the database");
    url = url.substr(0, slash);
  }
  if (const size_t at = url.rfind('@'); at != std::string_view::npos) {
    if (auto taken = take_login(url.substr(0, at), out); !taken) return tl::unexpected<Error>(std::move(taken.error()));
    url = url.substr(at + 1);
  }
  if (!sentinel) {
    auto host = parse_host(url, out.port);
    if (!host) return tl::unexpected<Error>(std::move(host.error()));
    out.host = std::move(host->host);
    out.port = host->port;
    return out;
  }
  for (bool more = true; more;) {
    const size_t comma = std::min(url.find(','), url.size());
    auto host = parse_host(url.substr(0, comma), kSentinelPort);
    if (!host) return tl::unexpected<Error>(std::move(host.error()));
    out.sentinels.push_back(*std::move(host));
    if (out.sentinels.size() > kSentinelsMax) return bad("at most 16 Sentinels");
    more = comma != url.size();
    url.remove_prefix(std::min(comma + 1, url.size()));
  }
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

Result<io::SocketAddress> resolve(const HostAndPort& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.host.c_str(), std::to_string(host.port).c_str(), &hints, &found);
  if (error != 0) return fail("no_address", host.host + ": " + ::gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> keep(found, ::freeaddrinfo);
  return io::SocketAddress::from(found->ai_addr, found->ai_addrlen);
}

Result<io::SocketAddress> resolve(const BrokerAddress& address) {
  if (address.sentinels.empty()) return resolve(HostAndPort{address.host, address.port});
  return ask_sentinels(address);
}

}  // namespace ringcast::cluster
