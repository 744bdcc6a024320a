// SPDX-License-Identifier: Apache-2.0
#include "base/command_line.h"

#include <algorithm>

#include "base/edit_distance.h"

namespace ringcast {

std::string_view nearest_name(std::string_view given, std::span<const std::string_view> known) {
  std::string_view best;
  size_t best_distance = std::max<size_t>(2, given.size() / 3) + 1;
  for (const std::string_view name : known) {
    const size_t distance = edit_distance(given, name);
    if (distance >= best_distance) continue;
    best = name;
    best_distance = distance;
  }
  return best;
}

std::string unknown_argument(std::string_view given, std::span<const std::string_view> known_flags) {
  if (!given.starts_with('-')) return "unexpected argument \"" + std::string(given) + "\"";
  const std::string_view flag = given.substr(0, given.find('='));
  std::string message = "unknown flag \"" + std::string(flag) + "\"";
  const std::string_view nearest = nearest_name(flag, known_flags);
  if (!nearest.empty()) message += "; did you mean \"" + std::string(nearest) + "\"?";
  return message;
}

std::string plain_mistake(std::string_view message) {
  const size_t colon = message.find(": 1 required ");
  if (colon == std::string_view::npos || !message.ends_with(" missing")) return std::string(message);
  return std::string(message.substr(0, colon)) + " needs a value";
}

}  // namespace ringcast
