// SPDX-License-Identifier: Apache-2.0
// The rooms with the most members, by tenant, and how many have any: kept as members come and go, so that asking costs
// nothing that grows with the rooms. Each list has between `max` and twice as many entries; when it is full, the larger
// half stays, and the least of it is the floor that further rooms must exceed. A floor sinks with the rooms of its
// list; those that it kept out are found when they change or are swept. One core's (the rooms' owner).
#pragma once

#include <tsl/robin_map.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/erase_at.h"
#include "base/keyed_hash.h"
#include "base/slab.h"

namespace ringcast::hub {

class BusiestRooms {
 public:
  // `hash` outlives it.
  BusiestRooms(const KeyedHash& hash, uint32_t max) : max_(std::max<uint32_t>(max, 1)), tenants_(0, Hash{&hash}) {
    tenants_.min_load_factor(0.15f);  // gives memory back when many tenants have gone
  }

  // In what follows `rooms` is the table: members(SlabHandle), 0 when the room is gone; is_listed(SlabHandle), a bit
  // that is false at first, and set_listed(SlabHandle, bool), which does nothing when the room is gone.

  // The members of a room were `before`, and have changed.
  template <class Rooms>
  void changed(std::string_view tenant, SlabHandle room, uint32_t before, const Rooms& rooms) {
    const uint32_t members = rooms.members(room);
    if (members == before) return;
    const bool listed = rooms.is_listed(room);
    if (before != 0 && members != 0 && listed == (members > before)) return;  // nothing that the list would notice
    if (before == 0) ++tenants_[std::string(tenant)].occupied;
    const auto found = tenants_.find(tenant);
    RINGCAST_ASSERT(found != tenants_.end());
    Tenant& list = found.value();
    if (listed) {
      list.floor = std::min(list.floor, members);
    } else if (members > list.floor) {
      add(list, room, rooms);
    }
    if (members != 0 || --list.occupied != 0) return;
    for (const SlabHandle other : list.rooms) rooms.set_listed(other, false);
    erase_at(tenants_, found);
  }

  // A room that has members, now and then: there may be a place for it since the list's own have lost some.
  template <class Rooms>
  void offer(std::string_view tenant, SlabHandle room, const Rooms& rooms) {
    if (rooms.is_listed(room)) return;
    const auto found = tenants_.find(tenant);
    RINGCAST_ASSERT(found != tenants_.end());
    if (rooms.members(room) > found->second.floor) add(found.value(), room, rooms);
  }

  // At most `max`, in no order; where that is more than before, the others are found as those that a floor kept out.
  // Valid until the next call.
  template <class Rooms>
  const std::vector<SlabHandle>& list(std::string_view tenant, uint32_t max, const Rooms& rooms) {
    static const std::vector<SlabHandle> kNone;
    max_ = std::max<uint32_t>(max, 1);
    const auto found = tenants_.find(tenant);
    if (found == tenants_.end()) return kNone;
    compact(found.value(), rooms);
    return found->second.rooms;
  }
  uint32_t occupied(std::string_view tenant) const {
    const auto found = tenants_.find(tenant);
    return found == tenants_.end() ? 0 : found->second.occupied;
  }
  size_t tenants() const { return tenants_.size(); }

 private:
  struct Tenant {
    std::vector<SlabHandle> rooms;
    uint32_t floor = 0;     // a room with more members is in the list, or will be once it changes or is swept
    uint32_t occupied = 0;  // rooms with members
  };
  struct Hash {  // keyed: tenants may be their clients' to choose
    const KeyedHash* hash;
    size_t operator()(std::string_view tenant) const { return static_cast<size_t>((*hash)(tenant)); }
  };

  template <class Rooms>
  void add(Tenant& list, SlabHandle room, const Rooms& rooms) {
    if (list.rooms.size() >= size_t{max_} * 2) {
      compact(list, rooms);
      if (rooms.members(room) <= list.floor) return;
    }
    list.rooms.push_back(room);
    rooms.set_listed(room, true);
  }
  // Amortised: as many have been added since the last time as are looked at.
  template <class Rooms>
  void compact(Tenant& list, const Rooms& rooms) {
    std::erase_if(list.rooms, [&](SlabHandle room) {
      if (rooms.members(room) != 0) return false;
      rooms.set_listed(room, false);
      return true;
    });
    list.floor = 0;
    if (list.rooms.size() <= max_) return;
    const auto end = list.rooms.begin() + max_;
    std::nth_element(list.rooms.begin(), end - 1, list.rooms.end(),
                     [&](SlabHandle a, SlabHandle b) { return rooms.members(a) > rooms.members(b); });
    list.floor = rooms.members(*(end - 1));
    for (auto at = end; at != list.rooms.end(); ++at) rooms.set_listed(*at, false);
    list.rooms.erase(end, list.rooms.end());
  }

  uint32_t max_;
  tsl::robin_map<std::string, Tenant, Hash, std::equal_to<>> tenants_;
};

}  // namespace ringcast::hub
