// SPDX-License-Identifier: Apache-2.0
// Takes an entry out of a tsl::robin_map in constant time. The map's own erase(iterator) returns the entry that
// follows, and goes past every empty bucket to find it: all of a table that was large once and holds little now.
#pragma once

namespace ringcast {

template <class Map>
void erase_at(Map& map, typename Map::const_iterator at) {
  map.erase(at.key());
}

}  // namespace ringcast
