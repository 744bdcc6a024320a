// Who is in a room: users with their connection counts, first-in and last-out. A leave may be held back for a grace
// time, during which the user is shown with 0 connections. One core's (the room's home).
#pragma once

#include <tsl/robin_map.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "hub/name.h"
#include "hub/types.h"

namespace ringcast::hub {

class Presence {
 public:
  struct Entry {
    uint32_t connections = 0;
    Status status = Status::online;
    uint64_t leaves_at_us = 0;  // with 0 connections: when the grace ends
  };
  // True: the user was not shown before.
  bool enter(std::string_view user);
  // True: the user is not shown any more. With a grace it stays shown until expire().
  bool leave(std::string_view user, uint64_t leaves_at_us);
  // Null when the user is not shown.
  Entry* find(std::string_view user);
  // Takes out those whose grace has ended: gone(user).
  template <class F>
  void expire(uint64_t now_us, F&& gone) {
    if (waiting_ == 0 || now_us < next_us_) return;
    next_us_ = UINT64_MAX;
    for (auto at = users_.begin(); at != users_.end();) {
      const Entry& entry = at->second;
      if (entry.connections != 0) {
        ++at;
      } else if (entry.leaves_at_us > now_us) {
        if (entry.leaves_at_us < next_us_) next_us_ = entry.leaves_at_us;
        ++at;
      } else {
        const Name user = at->first;
        at = users_.erase(at);
        --waiting_;
        gone(user.view());
      }
    }
  }
  uint32_t anonymous() const { return anonymous_; }
  size_t users() const { return users_.size(); }
  bool waiting() const { return waiting_ != 0; }
  bool empty() const { return users_.empty() && anonymous_ == 0; }
  void clear();
  template <class F>
  void for_each(F&& f) const {
    for (const auto& [user, entry] : users_) f(user.view(), entry);
  }
  bool events_off = false;  // more members than the policy allows events for

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(const Name& name) const { return std::hash<std::string_view>{}(name.view()); }
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const Name& a, const Name& b) const { return a.view() == b.view(); }
    bool operator()(const Name& a, std::string_view b) const { return a.view() == b; }
    bool operator()(std::string_view a, const Name& b) const { return a == b.view(); }
  };
  tsl::robin_map<Name, Entry, Hash, Equal> users_;
  uint32_t anonymous_ = 0;
  uint32_t waiting_ = 0;
  uint64_t next_us_ = UINT64_MAX;
};

}  // namespace ringcast::hub
