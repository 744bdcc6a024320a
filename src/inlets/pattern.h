// SPDX-License-Identifier: Apache-2.0
// What the wildcards of a pattern stand for in a name. Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ringcast::inlets {

// Redis: `*` is any run of characters, at most nine of them; other patterns ([ ? \) are refused. Code bad_pattern.
[[nodiscard]] Result<void> check_redis_pattern(std::string_view pattern);
inline bool is_redis_pattern(std::string_view name) {
  return name.find('*') != std::string_view::npos;
}
uint32_t wildcards_of(std::string_view redis_pattern);
// Of a name that matches: each `*` as short as can be, from the left.
bool capture_redis(std::string_view pattern, std::string_view name, std::vector<std::string_view>& captured);
// Whether there is a name that both match.
bool redis_patterns_meet(std::string_view one, std::string_view other);

// NATS: `*` is a word between dots, `>` at the end all words that follow, at most nine of both. Code bad_pattern.
[[nodiscard]] Result<void> check_nats_subject(std::string_view subject);
uint32_t nats_wildcards_of(std::string_view subject);
// Of a subject that matches.
bool capture_nats(std::string_view pattern, std::string_view subject, std::vector<std::string_view>& captured);

}  // namespace ringcast::inlets
