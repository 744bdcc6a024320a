// SPDX-License-Identifier: Apache-2.0
// Takes an entry out of a tsl::robin_map in constant time, on average. The map's own erase(iterator) returns the entry
// that follows, and goes past every empty bucket to find it: all of a table that was large once and holds little now.
// Such a table is made anew for what is left; iterators end with that.
#pragma once

#include <cstddef>

namespace ringcast {

template <class Map>
void erase_key(Map& map, const typename Map::key_type& key) {
  constexpr size_t kBucketsKept = 256;
  constexpr size_t kMovedMax = 4096;
  map.erase(key);
  const size_t size = map.size();
  if (map.bucket_count() <= kBucketsKept || size > kMovedMax || size * 16 >= map.bucket_count()) return;
  map.rehash(size * 4);
}

template <class Map>
void erase_at(Map& map, typename Map::const_iterator at) {
  erase_key(map, at.key());
}

}  // namespace ringcast
