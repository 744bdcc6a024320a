// SPDX-License-Identifier: Apache-2.0
#include "session/origin.h"

#include "wire/http_syntax.h"

namespace ringcast::session {

namespace {

using wire::equal_ignoring_case;

struct Parts {
  std::string_view scheme;
  std::string_view host;  // with brackets for IPv6
  std::string_view port;  // empty: none given
};

// "host:port", "[::1]:80", "host".
void split_authority(std::string_view authority, Parts& parts) {
  const size_t bracket = authority.rfind(']');
  const size_t colon = authority.rfind(':');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) {
    parts.host = authority;
    return;
  }
  parts.host = authority.substr(0, colon);
  parts.port = authority.substr(colon + 1);
}

// False for what is no serialised origin: scheme "://" host [":" port], nothing after it.
bool split_origin(std::string_view origin, Parts& parts) {
  const size_t end = origin.find("://");
  if (end == std::string_view::npos || end == 0) return false;
  parts.scheme = origin.substr(0, end);
  const std::string_view authority = origin.substr(end + 3);
  if (authority.find_first_of("/?#@ ") != std::string_view::npos) return false;
  split_authority(authority, parts);
  return !parts.host.empty();
}

std::string_view default_port(std::string_view scheme) {
  if (equal_ignoring_case(scheme, "http") || equal_ignoring_case(scheme, "ws")) return "80";
  if (equal_ignoring_case(scheme, "https") || equal_ignoring_case(scheme, "wss")) return "443";
  return {};
}

std::string_view port_of(const Parts& parts) {
  return parts.port.empty() ? default_port(parts.scheme) : parts.port;
}

bool host_matches(std::string_view pattern, std::string_view host) {
  if (!pattern.starts_with("*.")) return equal_ignoring_case(pattern, host);
  const std::string_view suffix = pattern.substr(1);
  return host.size() > suffix.size() && equal_ignoring_case(host.substr(host.size() - suffix.size()), suffix);
}

}  // namespace

OriginVerdict check_origin(std::string_view origin, std::string_view host, std::span<const std::string> allowed) {
  if (origin.empty()) return OriginVerdict::absent;
  Parts from;
  const bool is_origin = split_origin(origin, from);
  if (is_origin && !host.empty()) {
    // A Host without a port means the default one of the scheme that the page was loaded with, also behind a proxy
    // that ends TLS: the page's own scheme decides.
    Parts asked{from.scheme, {}, {}};
    split_authority(host, asked);
    if (equal_ignoring_case(from.host, asked.host) && port_of(from) == port_of(asked)) return OriginVerdict::same_host;
  }
  for (const std::string& entry : allowed) {
    if (entry == "*") return OriginVerdict::listed;
    if (!is_origin) {
      if (entry == origin) return OriginVerdict::listed;
      continue;
    }
    Parts pattern;
    if (!split_origin(entry, pattern)) continue;
    if (equal_ignoring_case(pattern.scheme, from.scheme) && host_matches(pattern.host, from.host) &&
        port_of(pattern) == port_of(from)) {
      return OriginVerdict::listed;
    }
  }
  return OriginVerdict::forbidden;
}

bool is_listed_host(std::string_view host, std::span<const std::string> hosts) {
  Parts asked;
  split_authority(host, asked);
  for (const std::string& entry : hosts) {
    Parts listed;
    split_authority(entry, listed);
    if (host_matches(listed.host, asked.host) && (listed.port.empty() || listed.port == asked.port)) return true;
  }
  return false;
}

}  // namespace ringcast::session
