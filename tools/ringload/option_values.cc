// SPDX-License-Identifier: Apache-2.0
// What flags have of values that CLI11 does not know: addresses, durations, stages.
#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>
#include <cstring>

#include "options.h"

namespace ringcast::ringload {
namespace {

constexpr uint32_t kAddressesMax = 4096;

bool read_uint(std::string_view text, uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

Result<void> append_range(std::vector<io::SocketAddress>& out, std::string_view item, bool with_port) {
  const size_t dash = item.find('-');
  const std::string_view first_text = item.substr(0, dash);
  auto first = io::SocketAddress::parse(with_port ? std::string(first_text) : std::string(first_text) + ":0");
  if (!first) return tl::unexpected<Error>(first.error());
  if (dash == std::string_view::npos) {
    out.push_back(*first);
    return {};
  }
  const std::string_view last_text = item.substr(dash + 1);
  if (with_port) {
    uint64_t last = 0;
    if (!read_uint(last_text, last) || last > 65535 || last < first->port())
      return fail("bad_address", "a range of ports ends in a port not below its first: " + std::string(item));
    for (uint32_t port = first->port(); port <= last; ++port) {
      first->set_port(static_cast<uint16_t>(port));
      out.push_back(*first);
    }
    return {};
  }
  const auto last = io::SocketAddress::parse(std::string(last_text) + ":0");
  if (!last) return tl::unexpected<Error>(last.error());
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
    if (auto added = append_range(out, text.substr(0, comma), with_port); !added)
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
    if (error == std::errc() && end == rate.data() + rate.size() && stage.rate_to >= 0 && stage.duration_ns > 0)
      return stage;
  }
  return fail("bad_stage", "a stage is DURATION:RATE, the rate at its end: 30s:500, not " + std::string(text));
}

}  // namespace ringcast::ringload
