// Finds slab entries by (hash, key): a robin-hood set of 4-byte indices beside the slab, so that a name is stored once.
// Entries need `uint64_t hash` and `Name key`. One core's.
#pragma once

#include <tsl/robin_set.h>

#include <cstdint>
#include <string_view>

#include "base/slab.h"
#include "hub/name.h"

namespace ringcast::hub {

template <class Entry>
class Table {
 public:
  explicit Table(uint32_t max, uint32_t chunk = 1024) : slab_(max, chunk), set_(0, Hash{&slab_}, Equal{&slab_}) {
    set_.max_load_factor(0.8f);
  }

  uint32_t find(uint64_t hash, std::string_view key) const {
    const auto found = set_.find(Probe{hash, key}, static_cast<size_t>(hash));
    return found == set_.end() ? kNoIndex : *found;
  }
  // kNoIndex when the slab is full.
  uint32_t insert(uint64_t hash, std::string_view key) {
    const uint32_t index = slab_.acquire();
    if (index == kNoIndex) return kNoIndex;
    slab_[index].hash = hash;
    slab_[index].key = Name(key);
    set_.insert(index);
    return index;
  }
  void erase(uint32_t index) {
    set_.erase(index);
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
  struct Probe {
    uint64_t hash;
    std::string_view key;
  };
  struct Hash {
    const Slab<Entry>* slab;
    size_t operator()(uint32_t index) const { return static_cast<size_t>((*slab)[index].hash); }
    size_t operator()(const Probe& probe) const { return static_cast<size_t>(probe.hash); }
  };
  struct Equal {
    using is_transparent = void;
    const Slab<Entry>* slab;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(const Probe& probe, uint32_t index) const { return same(probe, index); }
    bool operator()(uint32_t index, const Probe& probe) const { return same(probe, index); }
    bool same(const Probe& probe, uint32_t index) const {
      return (*slab)[index].hash == probe.hash && (*slab)[index].key.view() == probe.key;
    }
  };
  Slab<Entry> slab_;
  tsl::robin_set<uint32_t, Hash, Equal, std::allocator<uint32_t>, true> set_;
};

}  // namespace ringcast::hub
