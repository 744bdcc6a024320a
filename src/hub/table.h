// SPDX-License-Identifier: Apache-2.0
// Finds slab entries by key: a set of 4-byte indices beside the slab, so that a name is stored once and its hash not at
// all. Entries need `Name key`. One core's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/keyed_hash.h"
#include "base/slab.h"
#include "hub/index_set.h"
#include "hub/name.h"

namespace ringcast::hub {

template <class Entry>
class Table {
 public:
  // `hash` outlives the table.
  Table(const KeyedHash& hash, uint32_t max, uint32_t chunk = 1024)
      : hash_(hash), slab_(std::min(max, IndexSet::kIndexEnd), chunk) {}

  // `hash` is the key's, from here on.
  uint32_t find(uint64_t hash, std::string_view key) const {
    return set_.find(hash, [&](uint32_t index) { return slab_[index].key.view() == key; });
  }
  // kNoIndex when the slab is full.
  uint32_t insert(uint64_t hash, Name key) {
    const uint32_t index = slab_.acquire();
    if (index == kNoIndex) return kNoIndex;
    slab_[index].key = std::move(key);
    set_.insert(hash, index, hash_of());
    return index;
  }
  void erase(uint32_t index) {
    const auto of = hash_of();
    set_.erase(of(index), index, of);
    slab_.release(index);
  }
  Entry& operator[](uint32_t index) { return slab_[index]; }
  const Entry& operator[](uint32_t index) const { return slab_[index]; }
  Entry* get(uint32_t index, uint32_t generation) { return slab_.get(index, generation); }
  bool live(uint32_t index) const { return slab_.live(index); }
  uint32_t generation(uint32_t index) const { return slab_.generation(index); }
  uint32_t size() const { return slab_.size(); }
  uint32_t index_end() const { return slab_.index_end(); }
  template <class F>
  void for_each(F&& f) {
    slab_.for_each(f);
  }

 private:
  auto hash_of() const {
    return [this](uint32_t index) { return hash_(slab_[index].key.view()); };
  }

  const KeyedHash& hash_;
  Slab<Entry> slab_;
  IndexSet set_;
};

}  // namespace ringcast::hub
