// SPDX-License-Identifier: Apache-2.0
#include "roles.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <utility>

namespace ringcast::ringload {
namespace {

constexpr std::array<std::pair<std::string_view, RoleKind>, 6> kNames{{{"connect", RoleKind::idle},
                                                                       {"echo", RoleKind::echo},
                                                                       {"http", RoleKind::request},
                                                                       {"fanout", RoleKind::receive},
                                                                       {"resume", RoleKind::resume},
                                                                       {"slow", RoleKind::slow}}};
constexpr std::array<std::pair<std::string_view, Transport>, 3> kEndings{
    {{"-websocket", Transport::websocket}, {"-sse", Transport::sse}, {"-poll", Transport::poll}}};

Result<Role> parse_role(std::string_view item, Transport transport) {
  const auto bad = [&](std::string_view why) {
    return fail("bad_mix", "role '" + std::string(item) + "': " + std::string(why));
  };
  const size_t equals = item.find('=');
  if (equals == std::string_view::npos) return bad("wants NAME=WEIGHT");
  std::string_view name = item.substr(0, equals);
  Role role{.name = std::string(name), .transport = transport};
  bool ended = false;
  for (const auto& [ending, of_it] : kEndings) {
    if (!name.ends_with(ending)) continue;
    name.remove_suffix(ending.size());
    role.transport = of_it;
    ended = true;
    break;
  }
  const auto known = std::find_if(kNames.begin(), kNames.end(), [&](const auto& pair) { return pair.first == name; });
  if (known == kNames.end())
    return bad("there are connect, echo, http, fanout, resume and slow, with -websocket, -sse or -poll behind them");
  role.kind = known->second;
  if (role.asks()) {
    if (ended) return bad("echo is WebSocket, http plain requests");
    role.transport = role.kind == RoleKind::echo ? Transport::websocket : Transport::http;
  } else if (role.transport >= Transport::http) {
    return bad("members receive over websocket, sse or poll, not http or grpc");
  }
  const std::string_view weight = item.substr(equals + 1);
  const auto [end, error] = std::from_chars(weight.data(), weight.data() + weight.size(), role.weight);
  if (error != std::errc() || end != weight.data() + weight.size() || role.weight == 0 || role.weight > kWeightsMax)
    return bad("a weight is a number from 1 to 10000");
  return role;
}

}  // namespace

Result<std::vector<Role>> parse_mix(std::string_view text, Transport transport) {
  std::vector<Role> roles;
  uint32_t weights = 0;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    auto role = parse_role(text.substr(0, comma), transport);
    if (!role) return tl::unexpected<Error>(role.error());
    for (const Role& other : roles) {
      if (other.name == role->name) return fail("bad_mix", "role '" + role->name + "' is there twice");
    }
    weights += role->weight;
    roles.push_back(std::move(*role));
    if (roles.size() > kRolesMax || weights > kWeightsMax)
      return fail("bad_mix", "at most 16 roles, and weights of 10000 in all");
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  if (roles.empty()) return fail("bad_mix", "no role given: --mix connect=50,echo=10,fanout=40");
  return roles;
}

// Each turn everybody gains its weight and the one that has most pays for all: nobody comes twice in a row while
// another is due.
std::vector<uint8_t> role_pattern(const std::vector<Role>& roles) {
  uint32_t divisor = 0;
  for (const Role& role : roles) divisor = std::gcd(divisor, role.weight);
  int64_t sum = 0;
  for (const Role& role : roles) sum += role.weight / divisor;
  std::vector<int64_t> due(roles.size());
  std::vector<uint8_t> pattern;
  for (int64_t i = 0; i < sum; ++i) {
    for (size_t k = 0; k < roles.size(); ++k) due[k] += roles[k].weight / divisor;
    const auto most = std::max_element(due.begin(), due.end());
    *most -= sum;
    pattern.push_back(static_cast<uint8_t>(most - due.begin()));
  }
  return pattern;
}

}  // namespace ringcast::ringload
