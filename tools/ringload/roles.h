// SPDX-License-Identifier: Apache-2.0
// Role: what a member connection does in a run, over which transport and in which dialect. One in most scenarios, two
// in `slow`, any number with weights in `mixed`. Values, fixed before the workers start; read by all of them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "templates.h"

namespace ringcast::ringload {

enum class RoleKind : uint8_t {
  idle,     // is there; renewed by churn
  echo,     // sends messages and wants each of them back
  request,  // plain HTTP requests, one at a time
  receive,  // member of a room that is published to
  resume,   // … cut now and then, comes back with its position
  slow,     // … that reads slowly or not at all; nothing is expected of it
};

struct Role {
  std::string name;
  RoleKind kind = RoleKind::idle;
  Transport transport = Transport::websocket;
  uint32_t weight = 1;
  Dialect dialect{};

  bool in_room() const { return kind >= RoleKind::receive; }  // of a room that is published to
  bool counted() const { return kind == RoleKind::receive || kind == RoleKind::resume; }
  bool asks() const { return kind == RoleKind::echo || kind == RoleKind::request; }
  Purpose purpose() const {
    return kind == RoleKind::request ? Purpose::request : kind == RoleKind::echo ? Purpose::echo : Purpose::member;
  }
};

inline constexpr uint32_t kRolesMax = 16;
inline constexpr uint32_t kWeightsMax = 10'000;  // in all

// "connect=50,echo=5,fanout=30,fanout-sse=10,http=5": NAME=WEIGHT with the names connect, echo, http, fanout, resume,
// slow; all but echo and http also with -websocket, -sse or -poll behind them, else they take `transport`.
[[nodiscard]] Result<std::vector<Role>> parse_mix(std::string_view text, Transport transport);

// Which role is whose, in turn: as many of each as its weight says, spread evenly.
std::vector<uint8_t> role_pattern(const std::vector<Role>& roles);

}  // namespace ringcast::ringload
