// SPDX-License-Identifier: Apache-2.0
// How a call proves where it comes from: HMAC-SHA256 (RFC 2104) over the time and the body, so that neither can be
// changed and an old call is known as one. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ringcast::hooks {

// "t=1700000000,v1=<64 hexadecimal digits>": the HMAC of "1700000000." and the body.
std::string signature(std::string_view secret, uint64_t unix_seconds, std::string_view body);

}  // namespace ringcast::hooks
