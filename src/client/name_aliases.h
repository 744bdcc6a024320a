// SPDX-License-Identifier: Apache-2.0
// Connections that go by the name of another one: a client that came back, perhaps to another core, keeps the name that
// others know it by. Each core has all of them, as of the last mail about them. One core's; its thread only.
#pragma once

#include <tsl/robin_map.h>

#include <cstdint>

#include "base/erase_at.h"
#include "hub/types.h"

namespace ringcast::session {

class NameAliases {
 public:
  // Where the connection is now that has the name of this one; itself where there is none.
  hub::Address now_of(const hub::Address& named) const { return found(now_, named); }
  // By whose name this one goes.
  hub::Address named_of(const hub::Address& now) const { return found(named_, now); }
  void set(const hub::Address& named, const hub::Address& now) {
    erase(named);
    now_[named] = now;
    named_[now] = named;
  }
  void erase(const hub::Address& named) {
    const auto at = now_.find(named);
    if (at == now_.end()) return;
    erase_key(named_, at->second);
    erase_at(now_, at);
  }
  size_t size() const { return now_.size(); }

 private:
  struct Hash {
    size_t operator()(const hub::Address& address) const {
      const uint64_t mixed = uint64_t{address.connection.generation} << 32 | address.connection.slot;
      return (mixed ^ uint64_t{address.core} << 24) * 0x9E3779B97F4A7C15u;
    }
  };
  using Map = tsl::robin_map<hub::Address, hub::Address, Hash>;
  static hub::Address found(const Map& map, const hub::Address& address) {
    if (map.empty()) return address;
    const auto at = map.find(address);
    return at == map.end() ? address : at->second;
  }

  Map now_, named_;
};

}  // namespace ringcast::session
