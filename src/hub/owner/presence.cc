// SPDX-License-Identifier: Apache-2.0
#include "hub/owner/presence.h"

#include <utility>

#include "base/shrink.h"

namespace ringcast::hub {

uint32_t Presence::index_of(std::string_view user) const {
  if (set_.size() != 0) {
    return set_.find(hash_(user), [&](uint32_t index) { return entries_[index].user.view() == user; });
  }
  for (uint32_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].user.view() == user) return i;
  }
  return kNoIndex;
}

void Presence::insert(std::string_view user) {
  // By an eighth: doubling would leave a large room's list half empty.
  if (entries_.size() == entries_.capacity()) entries_.reserve(entries_.size() + entries_.size() / 8 + 1);
  Entry& entry = entries_.emplace_back();
  entry.user = Name(user);
  entry.connections = 1;
  const auto last = static_cast<uint32_t>(entries_.size() - 1);
  if (set_.size() != 0) {
    set_.insert(hash_(user), last, hash_of());
  } else if (entries_.size() > kUnindexedMax) {
    for (uint32_t i = 0; i <= last; ++i) set_.insert(hash_of()(i), i, hash_of());
  }
}

void Presence::erase(uint32_t index) {
  const auto last = static_cast<uint32_t>(entries_.size() - 1);
  if (set_.size() != 0) {
    set_.erase(hash_of()(index), index, hash_of());
    if (index != last) set_.renumber(hash_of()(last), last, index);
  }
  if (index != last) entries_[index] = std::move(entries_[last]);
  entries_.pop_back();
  if (entries_.empty()) {
    std::vector<Entry>().swap(entries_);
    set_.clear();
  } else {
    shrink_if_sparse(entries_);
  }
}

bool Presence::enter(std::string_view user) {
  if (user.empty()) {
    ++anonymous_;
    return true;
  }
  const uint32_t index = index_of(user);
  if (index == kNoIndex) {
    insert(user);
    return true;
  }
  Entry& entry = entries_[index];
  if (entry.connections == 0) {
    --waiting_;
    entry.moment_or_end = 0;
  }
  ++entry.connections;
  return false;
}

Presence::Left Presence::leave(std::string_view user, uint64_t leaves_at_us) {
  if (user.empty()) {
    RINGCAST_ASSERT(anonymous_ != 0);
    --anonymous_;
    return Left::gone;
  }
  const uint32_t index = index_of(user);
  RINGCAST_ASSERT(index != kNoIndex && entries_[index].connections != 0);
  Entry& entry = entries_[index];
  --entry.connections;
  if (entry.connections != 0) return Left::stays;
  if (leaves_at_us == 0) {
    erase(index);
    return Left::gone;
  }
  entry.moment_or_end = static_cast<uint32_t>(leaves_at_us / 1000);
  ++waiting_;
  return Left::waits;
}

uint32_t Presence::index_of_waiting(std::string_view user, uint64_t leaves_at_us) const {
  const uint32_t index = index_of(user);
  if (index == kNoIndex) return kNoIndex;
  const Entry& entry = entries_[index];
  return entry.connections == 0 && entry.moment_or_end == static_cast<uint32_t>(leaves_at_us / 1000) ? index : kNoIndex;
}

bool Presence::expire(std::string_view user, uint64_t leaves_at_us) {
  const uint32_t index = index_of_waiting(user, leaves_at_us);
  if (index == kNoIndex) return false;
  erase(index);
  --waiting_;
  return true;
}

void Presence::set(std::string_view user, uint32_t connections, Status status) {
  uint32_t index = index_of(user);
  if (index == kNoIndex) {
    insert(user);
    index = static_cast<uint32_t>(entries_.size() - 1);
  }
  entries_[index].connections = connections;
  entries_[index].status = status;
}

bool Presence::remove(std::string_view user) {
  const uint32_t index = index_of(user);
  if (index != kNoIndex) erase(index);
  return index != kNoIndex;
}

Presence::Entry* Presence::find(std::string_view user) {
  const uint32_t index = index_of(user);
  return index == kNoIndex ? nullptr : &entries_[index];
}

void Presence::clear() {
  std::vector<Entry>().swap(entries_);
  set_.clear();
  anonymous_ = 0;
  waiting_ = 0;
}

}  // namespace ringcast::hub
