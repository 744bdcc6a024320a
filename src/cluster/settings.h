// SPDX-License-Identifier: Apache-2.0
// `broker` as it is written: "redis://USER:PASSWORD@HOST:PORT/DATABASE", where only the host has to be there. Values;
// any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "io/socket_address.h"

namespace ringcast::cluster {

struct BrokerAddress {
  std::string user, password;  // percent-decoded
  std::string host;            // a name or an address; IPv6 without its brackets
  uint16_t port = 6379;
  uint64_t database = 0;
};

[[nodiscard]] Result<BrokerAddress> parse_broker(std::string_view url);
// With `hidden` in place of a password.
std::string without_password(std::string_view url, std::string_view hidden);
// The first address of the host; asks the system's resolver, and waits for it.
[[nodiscard]] Result<io::SocketAddress> resolve(const BrokerAddress& address);

}  // namespace ringcast::cluster
