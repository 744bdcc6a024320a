// SPDX-License-Identifier: Apache-2.0
// Who is in a room: users with their connection counts, first-in and last-out. A leave may be held back for a grace
// time, during which the user is shown with 0 connections. One core's (the room's owner).
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
    // With connections: the moment of `status` (protocol.h); without: when the grace ends in ms, low half.
    uint32_t moment_or_end = 0;
  };
  static_assert(sizeof(Entry) == 16, "paid for every member of a room");

  explicit Presence(const KeyedHash& hash) : hash_(hash) {}
  // True: the user was not shown before.
  bool enter(std::string_view user);
  enum class Left : uint8_t { stays, waits, gone };
  // `leaves_at_us` 0: without a grace. With one the user stays shown until expire(), which the caller calls then;
  // graces last less than 24 days.
  Left leave(std::string_view user, uint64_t leaves_at_us);
  // Null when the user is not shown.
  Entry* find(std::string_view user);
  const Entry* find(std::string_view user) const { return const_cast<Presence*>(this)->find(user); }
  // Whether the grace that a leave() with this `leaves_at_us` began is still running: nobody has come back since.
  bool waits(std::string_view user, uint64_t leaves_at_us) const {
    return index_of_waiting(user, leaves_at_us) != kNoIndex;
  }
  // Ends that grace: the user is not shown any more. False: it is not running.
  bool expire(std::string_view user, uint64_t leaves_at_us);
  // For the presence of other servers, which arrives as absolute values. remove() returns false where the user was not
  // shown.
  void set(std::string_view user, uint32_t connections, Status status);
  bool remove(std::string_view user);
  uint32_t anonymous() const { return anonymous_; }
  size_t users() const { return entries_.size(); }
  bool waiting() const { return waiting_ != 0; }
  bool empty() const { return entries_.empty() && anonymous_ == 0; }
  void clear();
  // By place, which changes with every leave: the last one gets that of the one who left.
  const Entry& at(uint32_t place) const { return entries_[place]; }
  bool events_off = false;  // more members than the policy allows events for

 private:
  // Rooms of a few are looked through.
  static constexpr size_t kUnindexedMax = 8;

  uint32_t index_of(std::string_view user) const;
  uint32_t index_of_waiting(std::string_view user, uint64_t leaves_at_us) const;
  void insert(std::string_view user);
  void erase(uint32_t index);
  auto hash_of() const {
    return [this](uint32_t index) { return hash_(entries_[index].user.view()); };
  }

  const KeyedHash& hash_;
  std::vector<Entry> entries_;
  IndexSet set_;  // of `entries_`, once there are more than a few
  uint32_t anonymous_ = 0;
  uint32_t waiting_ = 0;
};

}  // namespace ringcast::hub
