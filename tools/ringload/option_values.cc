// SPDX-License-Identifier: Apache-2.0
// What flags have of values that CLI11 does not know: addresses, durations, stages.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "io/unique_fd.h"
#include "options.h"

namespace ringcast::ringload {
namespace {

constexpr uint32_t kAddressesMax = 4096;
constexpr int kProbeMs = 500;
constexpr double kDurationMaxNs = 168.0 * 3600e9;
constexpr double kStageRateMax = 1e8;

bool read_uint(std::string_view text, uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool takes_connections(const io::SocketAddress& address) {
  const io::UniqueFd probe(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return false;
  if (::connect(probe.get(), address.data(), address.size()) == 0) return true;
  pollfd wait{.fd = probe.get(), .events = POLLOUT, .revents = 0};
  int error = 0;
  socklen_t size = sizeof error;
  return errno == EINPROGRESS && ::poll(&wait, 1, kProbeMs) == 1 &&
         ::getsockopt(probe.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

Result<io::SocketAddress> resolve(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0)
    return fail("bad_address", fmt::format("\"{}\" cannot be resolved: {}", host, ::gai_strerror(error)));
  std::vector<io::SocketAddress> addresses;
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next)
    addresses.push_back(io::SocketAddress::from(at->ai_addr, at->ai_addrlen));
  ::freeaddrinfo(found);
  if (addresses.size() > 1) {
    const auto good = std::find_if(addresses.begin(), addresses.end(), takes_connections);
    if (good != addresses.end()) return *good;
  }
  return addresses.front();
}

// "HOST:PORT" or "HOST:PORT-PORT".
Result<void> append_target(std::vector<io::SocketAddress>& out, std::string_view item) {
  if (item.find("://") != std::string_view::npos)
    return fail("bad_address", fmt::format("\"{}\": a target is HOST:PORT, without a scheme or path", item));
  const size_t colon = item.rfind(':');
  const size_t dash = colon == std::string_view::npos ? colon : item.find('-', colon);
  const std::string_view first_text = item.substr(0, dash);
  auto first = io::SocketAddress::parse(first_text);
  const std::string_view host = item.substr(0, std::min(colon, item.size()));
  const bool is_name = host.find_first_not_of("0123456789.") != std::string_view::npos &&
                       host.find_first_of(":[]*/ ") == std::string_view::npos;
  if (!first && is_name) {
    if (colon == std::string_view::npos)
      return fail("bad_address", fmt::format("\"{}\": a port is missing, as in {}:3000", item, item));
    uint64_t port = 0;
    const std::string_view port_text = first_text.substr(colon + 1);
    if (!read_uint(port_text, port) || port == 0 || port > 65535)
      return fail("bad_address", fmt::format("\"{}\": a port is a number from 1 to 65535", item));
    first = resolve(std::string(host), std::string(port_text));
  }
  if (!first) return tl::unexpected<Error>(first.error());
  uint64_t last = first->port();
  if (dash != std::string_view::npos &&
      (!read_uint(item.substr(dash + 1), last) || last > 65535 || last < first->port()))
    return fail("bad_address", "a range of ports ends in a port not below its first: " + std::string(item));
  if (out.size() + (last - first->port()) >= kAddressesMax) return fail("bad_address", "more addresses than 4096");
  out.push_back(*first);
  for (uint32_t port = first->port() + 1u; port <= last; ++port) {
    first->set_port(static_cast<uint16_t>(port));
    out.push_back(*first);
  }
  return {};
}

Result<void> append_sources(std::vector<io::SocketAddress>& out, std::string_view item) {
  const size_t dash = item.find('-');
  const auto bad = [&] {
    return fail(
        "bad_address",
        fmt::format("--source: \"{}\" is no IP address (allowed: 127.0.0.1, 127.0.0.1-127.0.0.40, [::1])", item));
  };
  auto first = io::SocketAddress::parse(std::string(item.substr(0, dash)) + ":0");
  if (!first) return bad();
  if (dash == std::string_view::npos) {
    out.push_back(*first);
    return {};
  }
  const std::string_view last_text = item.substr(dash + 1);
  const auto last = io::SocketAddress::parse(std::string(last_text) + ":0");
  if (!last) return bad();
  if (first->family() != AF_INET || last->family() != AF_INET)
    return fail("bad_address", "ranges are of IPv4 addresses: " + std::string(item));
  sockaddr_in address{};
  std::memcpy(&address, last->data(), sizeof address);
  const uint32_t end = ntohl(address.sin_addr.s_addr);
  std::memcpy(&address, first->data(), sizeof address);
  for (uint32_t host = ntohl(address.sin_addr.s_addr); host <= end; ++host) {
    if (out.size() == kAddressesMax) return fail("bad_address", "more addresses than 4096");
    address.sin_addr.s_addr = htonl(host);
    out.push_back(io::SocketAddress::from(reinterpret_cast<const sockaddr*>(&address), sizeof address));
  }
  return {};
}

}  // namespace

Result<std::vector<io::SocketAddress>> parse_addresses(std::string_view text, bool with_port) {
  std::vector<io::SocketAddress> out;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view item = text.substr(0, comma);
    if (auto added = with_port ? append_target(out, item) : append_sources(out, item); !added)
      return tl::unexpected<Error>(added.error());
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  if (out.empty()) return fail("bad_address", "no address given");
  return out;
}

Result<int64_t> parse_duration_ns(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  const double factor = unit == "ns"    ? 1
                        : unit == "us"  ? 1e3
                        : unit == "ms"  ? 1e6
                        : unit == "s"   ? 1e9
                        : unit == "min" ? 60e9
                        : unit == "h"   ? 3600e9
                                        : 0;
  if (error != std::errc() || value < 0 || (factor == 0 && !(unit.empty() && value == 0)))
    return fail("bad_duration", "a duration is a number and one of ns, us, ms, s, min, h: " + std::string(text));
  if (!(value * factor <= kDurationMaxNs)) return fail("bad_duration", "at most 168h, not " + std::string(text));
  return static_cast<int64_t>(value * factor);
}

Result<Stage> parse_stage(std::string_view text) {
  const size_t colon = text.find(':');
  Stage stage;
  if (colon != std::string_view::npos) {
    const auto duration = parse_duration_ns(text.substr(0, colon));
    if (!duration) return tl::unexpected<Error>(duration.error());
    stage.duration_ns = *duration;
    const std::string_view rate = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(rate.data(), rate.data() + rate.size(), stage.rate_to);
    if (error == std::errc() && end == rate.data() + rate.size() && stage.rate_to >= 0 &&
        stage.rate_to <= kStageRateMax && stage.duration_ns > 0)
      return stage;
  }
  return fail("bad_stage", "a stage is DURATION:RATE, the rate at its end: 30s:500, not " + std::string(text));
}

}  // namespace ringcast::ringload
