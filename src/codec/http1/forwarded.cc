// SPDX-License-Identifier: Apache-2.0
#include "codec/http1/forwarded.h"

#include <algorithm>

#include "codec/http1/http_syntax.h"

namespace ringcast::codec {

namespace {

constexpr std::string_view kUnknown = "unknown";

// RFC 7239 section 6: obfnode and obfport.
bool is_obfuscated(std::string_view text) {
  if (text.size() < 2 || text.front() != '_') return false;
  return std::all_of(text.begin() + 1, text.end(), [](char c) {
    const char lower = ascii_lower(c);
    return is_digit(c) || (lower >= 'a' && lower <= 'z') || c == '.' || c == '_' || c == '-';
  });
}

bool is_node_port(std::string_view text) {
  if (is_obfuscated(text)) return true;
  return !text.empty() && text.size() <= 5 && std::all_of(text.begin(), text.end(), is_digit);
}

// Takes one `token "=" value` off `text`; `value` is without its quotes. Only what can be a node's text may have been
// quoted, so that escapes need no room: a value with a backslash is not taken.
bool take_pair(std::string_view& text, std::string_view& name, std::string_view& value) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) return false;
  name = text.substr(0, equals);
  if (!is_token(name)) return false;
  text.remove_prefix(equals + 1);
  if (!text.empty() && text.front() == '"') {
    const size_t end = text.find_first_of("\"\\", 1);
    if (end == std::string_view::npos || text[end] == '\\') return false;
    value = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    return true;
  }
  size_t end = 0;
  while (end < text.size() && is_token_char(text[end])) ++end;
  value = text.substr(0, end);
  text.remove_prefix(end);
  return end != 0;
}

void skip_blanks(std::string_view& text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
}

}  // namespace

std::string_view to_string(ForwardedField field) {
  return field == ForwardedField::forwarded ? "Forwarded" : "X-Forwarded-For";
}

ForwardedNode read_forwarded_node(std::string_view text) {
  using Kind = ForwardedNode::Kind;
  std::string_view host = text;
  if (!text.empty() && text.front() == '[') {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return {};
    host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (!rest.empty() && (rest.front() != ':' || !is_node_port(rest.substr(1)))) return {};
    if (host.find(':') == std::string_view::npos) return {};
  } else if (const size_t colon = text.find(':');
             colon != std::string_view::npos && text.find(':', colon + 1) == std::string_view::npos) {
    host = text.substr(0, colon);
    if (!is_node_port(text.substr(colon + 1))) return {};
  }
  if (equal_ignoring_case(host, kUnknown) || is_obfuscated(host)) return {Kind::hidden, {}};
  const auto address = IpAddress::parse(host);
  // The unspecified address is nobody's.
  if (!address || !address->is_set()) return {};
  return {Kind::address, *address};
}

ForwardedChain::ForwardedChain(const HttpHeaders& headers, ForwardedField field) {
  const std::string_view name = to_string(field);
  for (const HttpHeader& header : headers.all()) {
    if (!equal_ignoring_case(header.name, name)) continue;
    if (field == ForwardedField::forwarded) {
      read_forwarded(header.value);
      continue;
    }
    // No quoted strings here, so a comma always separates.
    std::string_view rest = header.value;
    for (bool more = true; more;) {
      const size_t comma = rest.find(',');
      more = comma != std::string_view::npos;
      const std::string_view element = trim_blanks(rest.substr(0, comma));
      if (!element.empty()) add(element);
      if (more) rest.remove_prefix(comma + 1);
    }
  }
}

void ForwardedChain::add(std::string_view element) {
  nodes_[count_++ % kNodesMax] = element;
}

void ForwardedChain::read_forwarded(std::string_view value) {
  std::string_view rest = value;
  for (;;) {
    skip_blanks(rest);
    if (rest.empty()) return;
    if (rest.front() == ',') {
      rest.remove_prefix(1);
      continue;
    }
    std::string_view node = kUnknown;  // an element need not say for whom
    bool named = false;
    for (;;) {
      std::string_view name, text;
      if (!take_pair(rest, name, text)) return add({});
      if (equal_ignoring_case(name, "for")) {
        if (named || text.empty()) return add({});
        named = true;
        node = text;
      }
      skip_blanks(rest);
      if (rest.empty() || rest.front() == ',') break;
      if (rest.front() != ';') return add({});
      rest.remove_prefix(1);
      skip_blanks(rest);
    }
    add(node);
  }
}

bool ForwardedChain::next(ForwardedNode& node) {
  if (given_ == count_ || given_ == kNodesMax) return false;
  ++given_;
  node = read_forwarded_node(nodes_[(count_ - given_) % kNodesMax]);
  return true;
}

}  // namespace ringcast::codec
