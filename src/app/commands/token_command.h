// SPDX-License-Identifier: Apache-2.0
// `ringcast token`: signs a token with a key of the configuration, for scripts and for trying things out; what it
// prints is verified first as the server would. With --check it says what the server makes of a token. Main thread
// only, without a server.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "access/policy.h"
#include "base/error.h"
#include "config/options.h"

namespace ringcast::app {

struct TokenWish {
  std::string user;
  std::string tenant;
  std::chrono::seconds ttl{3600};
  std::string key_id;              // empty: the first key that can sign
  std::string id;                  // jti; empty: a random one
  std::string issuer;              // empty: the first of jwt_issuers, if any
  std::string audience;            // empty: the first of jwt_audiences, if any
  std::vector<std::string> allow;  // "subscribe,publish:chat/*"
};

[[nodiscard]] Result<std::string> make_token(const TokenWish& wish, const config::Options& options, uint64_t now_s);

// Who the token speaks of, until when, and what it may do, as text; an error says why it is refused.
[[nodiscard]] Result<std::string> describe_token(std::string_view token, const config::Options& options,
                                                 const access::Policy& policy, const access::Revocations& revoked,
                                                 uint64_t now_s);

// argv[1] is "token"; flags that are not its own are the server's. Returns the exit status: 0 it is printed or good, 1
// it cannot be made or is refused, 2 the arguments are wrong.
int run_token(int argc, const char* const* argv, const char* const* environment, std::FILE* out, std::FILE* err);

}  // namespace ringcast::app
