// SPDX-License-Identifier: Apache-2.0
// `broker` as it is written: "redis://USER:PASSWORD@HOST:PORT/DATABASE", where only the host has to be there;
// "rediss://…" over TLS; "redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/DATABASE?master=NAME", where the hosts are
// Sentinels and the rest is of the master. Values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "io/socket_address.h"

namespace ringcast::cluster {

struct HostAndPort {
  std::string host;  // a name or an address; IPv6 without its brackets
  uint16_t port = 0;
};

struct BrokerAddress {
  std::string user, password;  // percent-decoded
  std::string host;            // a name or an address; IPv6 without its brackets. Empty: Sentinels know it
  uint16_t port = 6379;
  uint64_t database = 0;
  bool tls = false;
  std::string master;                  // what Sentinels call it
  std::vector<HostAndPort> sentinels;  // asked in this order
};

[[nodiscard]] Result<BrokerAddress> parse_broker(std::string_view url);
// With `hidden` in place of a password.
std::string without_password(std::string_view url, std::string_view hidden);
[[nodiscard]] Result<io::SocketAddress> resolve(const HostAndPort& host);
// The first address of the host. Asks the system's resolver, and Sentinels (sentinel.h), and waits for them.
[[nodiscard]] Result<io::SocketAddress> resolve(const BrokerAddress& address);

}  // namespace ringcast::cluster
