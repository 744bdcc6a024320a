// SPDX-License-Identifier: Apache-2.0
#include "access/origin.h"

#include <algorithm>
#include <charconv>

#include "base/ip_address.h"
#include "codec/http1/http_syntax.h"

namespace ringcast::access {

namespace {

using codec::equal_ignoring_case;

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
  if (codec::equal_ignoring_case(scheme, "http") || codec::equal_ignoring_case(scheme, "ws")) return "80";
  if (codec::equal_ignoring_case(scheme, "https") || codec::equal_ignoring_case(scheme, "wss")) return "443";
  return {};
}

std::string_view port_of(const Parts& parts) {
  return parts.port.empty() ? default_port(parts.scheme) : parts.port;
}

bool port_matches(std::string_view listed, std::string_view asked) {
  if (listed.empty() || listed == asked) return true;
  return asked.empty() && (listed == "80" || listed == "443");
}

std::string_view authority_of(std::string_view text) {
  return text.substr(0, text.find_first_of("/?#"));
}

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// RFC 3986 section 3.1.
bool is_scheme(std::string_view text) {
  return !text.empty() && is_alphanumeric(text.front()) && (text.front() < '0' || text.front() > '9') &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alphanumeric(c) || c == '+' || c == '-' || c == '.'; });
}

// Ports are compared as text, as everybody serialises them: without leading zeros.
bool is_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return !text.empty() && error == std::errc{} && end == text.data() + text.size() && port != 0 && text.front() != '0';
}

std::string ip_literal_mistake(std::string_view host) {
  const auto address = IpAddress::parse(host.substr(1, host.size() - 2));
  if (!address || host.find(':') == std::string_view::npos) return "there is no IPv6 address between the brackets";
  if (!address->is_set() || address->is_v4()) return {};  // ::, and what has two spellings
  const std::string canonical = "[" + address->to_string() + "]";
  return codec::equal_ignoring_case(canonical, host) ? "" : "clients write this address as \"" + canonical + "\"";
}

std::string name_mistake(std::string_view host) {
  const bool wildcard = host.starts_with("*.");
  const std::string_view name = wildcard ? host.substr(2) : host;
  if (name.empty()) return "a host is missing";
  if (name.find('*') != std::string_view::npos) return "a star stands for a subdomain, as in \"*.example.org\"";
  for (const char c : name) {
    if (static_cast<unsigned char>(c) >= 0x80)
      return "clients send such a name in its ASCII form, which begins with xn--";
    if (!is_alphanumeric(c) && c != '-' && c != '.' && c != '_')
      return "\"" + std::string(1, c) + "\" is in no host name";
  }
  if (name.front() == '.' || name.find("..") != std::string_view::npos) return "a label between the dots is missing";
  const std::string_view last = name.substr(name.find_last_of('.') + 1);
  const bool numeric =
      !last.empty() && std::all_of(last.begin(), last.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (numeric && !IpAddress::parse(name)) return "it is no IPv4 address";
  if (numeric && wildcard) return "an address has no subdomains";
  return {};
}

// Of "host[:port]" as somebody configures it; empty: none.
std::string authority_mistake(std::string_view authority) {
  if (authority.find('@') != std::string_view::npos) return "it has no user or password";
  const bool bracketed = authority.starts_with('[');
  if (bracketed && authority.find(']') == std::string_view::npos) return "the closing bracket is missing";
  if (!bracketed && std::count(authority.begin(), authority.end(), ':') > 1) {
    return "an IPv6 address goes into brackets";
  }
  Parts parts;
  split_authority(authority, parts);
  if (parts.host.size() != authority.size() && !is_port(parts.port)) return "a port is a number from 1 to 65535";
  if (!bracketed) return name_mistake(parts.host);
  return parts.host.ends_with(']') ? ip_literal_mistake(parts.host) : "only a port may follow the bracket";
}

bool host_matches(std::string_view pattern, std::string_view host) {
  if (!pattern.starts_with("*.")) return codec::equal_ignoring_case(pattern, host);
  const std::string_view suffix = pattern.substr(1);
  return host.size() > suffix.size() && codec::equal_ignoring_case(host.substr(host.size() - suffix.size()), suffix);
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
    if (codec::equal_ignoring_case(from.host, asked.host) && port_of(from) == port_of(asked))
      return OriginVerdict::same_host;
  }
  for (const std::string& entry : allowed) {
    if (entry == "*") return OriginVerdict::listed;
    if (!is_origin) {
      if (entry == origin) return OriginVerdict::listed;
      continue;
    }
    Parts pattern;
    if (!split_origin(entry, pattern)) continue;
    if (codec::equal_ignoring_case(pattern.scheme, from.scheme) && host_matches(pattern.host, from.host) &&
        port_of(pattern) == port_of(from)) {
      return OriginVerdict::listed;
    }
  }
  return OriginVerdict::forbidden;
}

bool is_host_of_page(std::string_view origin, std::string_view host) {
  Parts from, asked;
  if (host.empty() || !split_origin(origin, from)) return false;
  split_authority(host, asked);
  return asked.port.empty() && equal_ignoring_case(from.host, asked.host);
}

bool is_listed_host(std::string_view host, std::span<const std::string> hosts) {
  Parts asked;
  split_authority(host, asked);
  for (const std::string& entry : hosts) {
    Parts listed;
    split_authority(entry, listed);
    if (host_matches(listed.host, asked.host) && port_matches(listed.port, asked.port)) return true;
  }
  return false;
}

Result<void> check_origin_entry(std::string_view entry) {
  if (entry == "*" || entry == "null") return {};
  const auto bad = [&](const std::string& why) {
    return fail("bad_origin", "\"" + std::string(entry) + "\" can match no Origin header: " + why);
  };
  const size_t end = entry.find("://");
  if (end == std::string_view::npos) {
    if (codec::equal_ignoring_case(entry, "null")) return bad("write \"null\"");
    return bad("it begins with a scheme, such as \"https://" + std::string(authority_of(entry)) + "\"");
  }
  const std::string_view scheme = entry.substr(0, end);
  const std::string_view authority = authority_of(entry.substr(end + 3));
  const auto instead = [&](std::string_view with) {
    return "write \"" + std::string(with) + "://" + std::string(authority) + "\"";
  };
  if (!is_scheme(scheme)) return bad("\"" + std::string(scheme) + "\" is no scheme");
  if (codec::equal_ignoring_case(scheme, "ws")) return bad("it is that of the page; " + instead("http"));
  if (codec::equal_ignoring_case(scheme, "wss")) return bad("it is that of the page; " + instead("https"));
  if (codec::equal_ignoring_case(scheme, "file")) return bad("pages from files send \"null\"");
  if (authority == "*") return bad("a star stands for a subdomain; write \"*\" for all origins");
  if (authority.size() != entry.size() - end - 3) {
    return bad("an origin ends with the host or its port; " + instead(scheme));
  }
  if (const std::string why = authority_mistake(authority); !why.empty()) return bad(why);
  return {};
}

Result<void> check_host_entry(std::string_view entry) {
  const auto bad = [&](const std::string& why) {
    return fail("bad_host", "\"" + std::string(entry) + "\" can match no Host header: " + why);
  };
  const size_t end = entry.find("://");
  const std::string_view rest = end == std::string_view::npos ? entry : entry.substr(end + 3);
  const std::string_view authority = authority_of(rest);
  if (end != std::string_view::npos || authority.size() != rest.size()) {
    return bad("it has neither scheme nor path; write \"" + std::string(authority) + "\"");
  }
  if (entry == "*") return bad("a star stands for a subdomain; leave the list empty to answer any host");
  if (const std::string why = authority_mistake(authority); !why.empty()) return bad(why);
  return {};
}

}  // namespace ringcast::access
