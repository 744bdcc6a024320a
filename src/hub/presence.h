// SPDX-License-Identifier: Apache-2.0
// Who is in a room: users with their connection counts, first-in and last-out. A leave may be held back for a grace
// time, during which the user is shown with 0 connections. One core's (the room's home).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/keyed_hash.h"
#include "hub/index_set.h"
#include "hub/name.h"
#include "hub/types.h"

namespace ringcast::hub {

class Presence {
 public:
  struct Entry {
    Name user;
    uint32_t connections : 30 = 0;
    Status status : 2 = Status::online;
    uint32_t leaves_at_ms = 0;  // with 0 connections: when the grace ends, low half
  };
  static_assert(sizeof(Entry) == 16, "paid for every member of a room");

  explicit Presence(const KeyedHash& hash) : hash_(hash) {}
  // True: the user was not shown before.
  bool enter(std::string_view user);
  // True: the user is not shown any more. With a grace it stays shown until expire(); graces last less than 24 days.
  bool leave(std::string_view user, uint64_t leaves_at_us);
  // Null when the user is not shown.
  Entry* find(std::string_view user);
  const Entry* find(std::string_view user) const { return const_cast<Presence*>(this)->find(user); }
  // Takes out those whose grace has ended: gone(user).
  template <class F>
  void expire(uint64_t now_us, F&& gone) {
    if (waiting_ == 0 || now_us < next_us_) return;
    const auto now_ms = static_cast<uint32_t>(now_us / 1000);
    next_us_ = UINT64_MAX;
    for (uint32_t i = 0; i < entries_.size();) {
      const Entry& entry = entries_[i];
      const auto left_ms = static_cast<int32_t>(entry.leaves_at_ms - now_ms);
      if (entry.connections == 0 && left_ms <= 0) {
        const Name user = entry.user;
        erase(i);  // the last one takes its place
        --waiting_;
        gone(user.view());
        continue;
      }
      if (entry.connections == 0) note_end((now_us / 1000 + static_cast<uint64_t>(left_ms)) * 1000);
      ++i;
    }
  }
  uint32_t anonymous() const { return anonymous_; }
  size_t users() const { return entries_.size(); }
  bool waiting() const { return waiting_ != 0; }
  bool empty() const { return entries_.empty() && anonymous_ == 0; }
  void clear();
  template <class F>
  void for_each(F&& f) const {
    for (const Entry& entry : entries_) f(entry.user.view(), entry);
  }
  bool events_off = false;  // more members than the policy allows events for

 private:
  // Rooms of a few are looked through.
  static constexpr size_t kUnindexedMax = 8;

  uint32_t index_of(std::string_view user) const;
  void insert(std::string_view user);
  void erase(uint32_t index);
  void note_end(uint64_t time_us) {
    if (time_us < next_us_) next_us_ = time_us;
  }
  auto hash_of() const {
    return [this](uint32_t index) { return hash_(entries_[index].user.view()); };
  }

  const KeyedHash& hash_;
  std::vector<Entry> entries_;
  IndexSet set_;  // of `entries_`, once there are more than a few
  uint32_t anonymous_ = 0;
  uint32_t waiting_ = 0;
  uint64_t next_us_ = UINT64_MAX;
};

}  // namespace ringcast::hub
