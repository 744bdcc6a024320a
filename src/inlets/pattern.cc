// SPDX-License-Identifier: Apache-2.0
#include "inlets/pattern.h"

#include <algorithm>
#include <cstdint>

namespace ringcast::inlets {

Result<void> check_redis_pattern(std::string_view pattern) {
  if (pattern.find_first_of("?[\\") != std::string_view::npos)
    return fail("bad_pattern", "of Redis's patterns only * may be used, not ?, [ and \\");
  if (wildcards_of(pattern) > 9) return fail("bad_pattern", "at most nine *");
  if (pattern.find("**") != std::string_view::npos) return fail("bad_pattern", "** is the same as *");
  return {};
}

uint32_t wildcards_of(std::string_view redis_pattern) {
  return static_cast<uint32_t>(std::count(redis_pattern.begin(), redis_pattern.end(), '*'));
}

bool capture_redis(std::string_view pattern, std::string_view name, std::vector<std::string_view>& captured) {
  captured.clear();
  const size_t first = std::min(pattern.find('*'), pattern.size());
  if (name.substr(0, first) != pattern.substr(0, first)) return false;
  pattern.remove_prefix(first);
  name.remove_prefix(first);
  while (!pattern.empty()) {
    pattern.remove_prefix(1);  // the *
    const std::string_view literal = pattern.substr(0, pattern.find('*'));
    pattern.remove_prefix(literal.size());
    // The last piece has to end the name.
    if (pattern.empty() && !name.ends_with(literal)) return false;
    const size_t at = pattern.empty() ? name.size() - literal.size() : name.find(literal);
    if (at == std::string_view::npos) return false;
    captured.push_back(name.substr(0, at));
    name.remove_prefix(at + literal.size());
  }
  return name.empty();
}

}  // namespace ringcast::inlets
