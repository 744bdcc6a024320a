// SPDX-License-Identifier: Apache-2.0
// Connections that go by the name of another one: a client that came back, perhaps to another core, keeps the name that
// others know it by. Each core has all of them, as of the last mail about them. One core's; its thread only.
#pragma once

#include <tsl/robin_map.h>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "base/erase_at.h"
#include "hub/types.h"

namespace ringcast::session {

class NameAliases {
 public:
  // What is still on its way when a client comes back or ends has come after so many tenths of a second.
  static constexpr uint32_t kSettledDeciseconds = 100;

  // Where the connection is now that has the name of this one; itself where there is none.
  hub::Address now_of(const hub::Address& named) const {
    const auto at = now_.find(named);
    return at == now_.end() || !at->second.now.valid() ? named : at->second.now;
  }
  // By whose name this one goes, or went.
  hub::Address named_of(const hub::Address& now) const {
    const auto at = named_.find(now);
    return at == named_.end() ? now : at->second;
  }
  // Where the client is now that had this connection, when that is elsewhere.
  std::optional<hub::Address> moved(const hub::Address& had) const {
    const auto at = now_.find(named_of(had));
    if (at == now_.end() || !at->second.now.valid() || at->second.now == had) return std::nullopt;
    return at->second.now;
  }
  bool is_of_tenant(const hub::Address& had, std::string_view tenant) const {
    const auto at = now_.find(named_of(had));
    return at != now_.end() && at->second.tenant == tenant;
  }
  // An address that is not valid: it has ended. `move` counts how often it has come back, from 2 in steps of 2, and its
  // end after that is one more. False: a later move is known, since cores hear of them in any order.
  bool set(const hub::Address& named, const hub::Address& now, uint64_t move, std::string_view tenant,
           uint32_t decisecond) {
    Place& place = now_[named];
    // Two that come back as one client at a time have the same number: all cores agree on one of them.
    const auto order = [](uint64_t number, const hub::Address& at) {
      return std::tuple(number, at.core, at.connection.slot, at.connection.generation);
    };
    if (order(place.move, place.now) >= order(move, now)) return false;
    if (place.now.valid()) due_.push_back({decisecond, place.now});
    if (!now.valid()) due_.push_back({decisecond, named});
    place = {now, move, std::string(tenant)};
    if (now.valid()) named_[now] = named;
    return true;
  }
  // Forgets former connections and clients that have ended; a bounded share per call.
  void trim(uint32_t decisecond) {
    for (uint32_t n = 0; n < kForgottenPerCall && !due_.empty(); ++n) {
      const Due due = due_.front();
      if (due.decisecond + kSettledDeciseconds > decisecond) return;
      due_.pop_front();
      if (const auto at = now_.find(due.address); at != now_.end() && !at->second.now.valid()) erase_at(now_, at);
      if (const auto at = named_.find(due.address); at != named_.end() && now_of(at->second) != due.address) {
        erase_at(named_, at);
      }
    }
  }
  size_t size() const { return now_.size(); }
  size_t former() const { return due_.size(); }

 private:
  struct Place {
    hub::Address now;
    uint64_t move = 0;
    std::string tenant;
  };
  struct Due {
    uint32_t decisecond;
    hub::Address address;
  };
  struct Hash {
    size_t operator()(const hub::Address& address) const {
      const uint64_t mixed = uint64_t{address.connection.generation} << 32 | address.connection.slot;
      return (mixed ^ uint64_t{address.core} << 24) * 0x9E3779B97F4A7C15u;
    }
  };
  static constexpr uint32_t kForgottenPerCall = 1024;

  tsl::robin_map<hub::Address, Place, Hash> now_;
  tsl::robin_map<hub::Address, hub::Address, Hash> named_;
  std::deque<Due> due_;
};

}  // namespace ringcast::session
