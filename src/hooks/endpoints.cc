// SPDX-License-Identifier: Apache-2.0
#include "hooks/endpoints.h"

#include <algorithm>

#include "base/assert.h"
#include "base/glob.h"

namespace ringcast::hooks {

namespace {

// What follows "http://" or "https://"; empty for anything else.
std::string_view after_scheme(std::string_view url) {
  for (const std::string_view scheme : {std::string_view("http://"), std::string_view("https://")}) {
    if (url.starts_with(scheme)) return url.substr(scheme.size());
  }
  return {};
}

bool fits(const EndpointOptions& endpoint, Event event, std::string_view room) {
  if ((endpoint.events & static_cast<Events>(event)) == 0) return false;
  if (!is_about_room(event) || endpoint.rooms.empty()) return true;
  return std::any_of(endpoint.rooms.begin(), endpoint.rooms.end(),
                     [&](const std::string& pattern) { return glob_match(pattern, room); });
}

}  // namespace

Result<void> check_url(std::string_view url) {
  std::string_view rest = after_scheme(url);
  rest = rest.substr(0, rest.find_first_of("/?#"));
  if (const size_t at = rest.rfind('@'); at != std::string_view::npos) rest.remove_prefix(at + 1);
  const bool plain = std::all_of(url.begin(), url.end(), [](unsigned char c) { return c > 0x20 && c != 0x7f; });
  if (rest.empty() || rest.front() == ':' || !plain) return fail("bad_url", "must be a URL of http or https");
  return {};
}

std::string shown_url(std::string_view url) {
  const std::string_view rest = after_scheme(url);
  const std::string_view scheme = url.substr(0, url.size() - rest.size());
  std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
  std::string_view path = rest.substr(authority.size());
  path = path.substr(0, path.find_first_of("?#"));
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
  return std::string(scheme).append(authority).append(path);
}

Endpoints::Endpoints(std::vector<EndpointOptions> options) : options_(std::move(options)) {
  RINGCAST_ASSERT(options_.size() <= kEndpointsMax);
  for (const EndpointOptions& endpoint : options_) events_ |= endpoint.events;
}

uint32_t Endpoints::wanted(Event event, std::string_view room) const {
  uint32_t bits = 0;
  for (size_t i = 0; i < options_.size(); ++i) {
    if (!fits(options_[i], event, room)) continue;
    bits |= uint32_t{1} << i;
    if (is_decision(event)) break;
  }
  return bits;
}

}  // namespace ringcast::hooks
