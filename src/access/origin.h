// SPDX-License-Identifier: Apache-2.0
// Which pages may talk to this server from a browser (RFC 6454): by default those that it serves itself, and clients
// that send no Origin at all. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ringcast::access {

enum class OriginVerdict : uint8_t {
  absent,     // no Origin: not a browser, or a browser's own navigation
  same_host,  // the page came from the host that it asks
  listed,     // allowed by configuration
  forbidden,
};

// `origin` and `host` are the fields' values, empty when absent. `allowed` are origins ("https://chat.example.org",
// a leading "*." of the host standing for any subdomain), or "*" for all; "null" only where it is listed.
OriginVerdict check_origin(std::string_view origin, std::string_view host, std::span<const std::string> allowed);
// Whether a Host field without a port, as a proxy's `Host $host` makes it, names the host of the page, whatever the
// page's port is.
bool is_host_of_page(std::string_view origin, std::string_view host);

// Whether a Host field ("example.org", "example.org:8080", "[::1]:3000") asks for one of `hosts`: with a port only that
// one, without any; a leading "*." stands for any subdomain. A field without a port means 80 or 443, whichever of them
// is listed: a proxy that ends TLS does not say which of both its client used.
bool is_listed_host(std::string_view host, std::span<const std::string> hosts);

// Refuse an entry of `allowed` or `hosts` that no request can ever match, and name what to write instead.
[[nodiscard]] Result<void> check_origin_entry(std::string_view entry);  // code bad_origin
[[nodiscard]] Result<void> check_host_entry(std::string_view entry);    // code bad_host

}  // namespace ringcast::access
