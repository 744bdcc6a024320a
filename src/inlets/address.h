// SPDX-License-Identifier: Apache-2.0
// `url` of an inlet that is not Redis: "SCHEME://USER:PASSWORD@HOST:PORT,HOST:PORT". Values; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "inlets/options.h"

namespace ringcast::inlets {

struct Address {
  bool tls = false;
  std::string user, password;        // percent-decoded
  std::string token;                 // of NATS, in the user's place
  std::vector<std::string> servers;  // HOST:PORT
};

// Of nats://, tls:// for types of NATS, kafka://, kafka+tls:// for Kafka. Code bad_url.
[[nodiscard]] Result<Address> parse_address(Type type, std::string_view url);
// With `hidden` in place of a password or a token.
std::string shown_address(Type type, std::string_view url, std::string_view hidden);

}  // namespace ringcast::inlets
