// SPDX-License-Identifier: Apache-2.0
// Asks a server what it is, for reports. Plain blocking sockets; main thread, while nothing is measured.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/socket_address.h"

namespace ringcast::ringload {

// "ringcast 0.2.0" from the description of its API at /openapi.json, else the Server field of the same answer
// ("nginx/1.22.1"); "unknown" when it says neither within a second.
std::string ask_server_version(const io::SocketAddress& address, std::string_view host,
                               const std::vector<std::pair<std::string, std::string>>& headers);

}  // namespace ringcast::ringload
