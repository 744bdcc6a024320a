#include "hub/presence.h"

namespace ringcast::hub {

bool Presence::enter(std::string_view user) {
  if (user.empty()) {
    ++anonymous_;
    return true;
  }
  auto found = users_.find(user);
  if (found == users_.end()) {
    users_.emplace(Name(user), Entry{1, Status::online, 0});
    return true;
  }
  Entry& entry = found.value();
  if (entry.connections++ == 0) --waiting_;
  return false;
}

bool Presence::leave(std::string_view user, uint64_t leaves_at_us) {
  if (user.empty()) {
    RINGCAST_ASSERT(anonymous_ != 0);
    --anonymous_;
    return true;
  }
  auto found = users_.find(user);
  RINGCAST_ASSERT(found != users_.end() && found->second.connections != 0);
  Entry& entry = found.value();
  if (--entry.connections != 0) return false;
  if (leaves_at_us == 0) {
    users_.erase(found);
    return true;
  }
  entry.leaves_at_us = leaves_at_us;
  ++waiting_;
  if (leaves_at_us < next_us_) next_us_ = leaves_at_us;
  return false;
}

Presence::Entry* Presence::find(std::string_view user) {
  auto found = users_.find(user);
  return found == users_.end() ? nullptr : &found.value();
}

void Presence::clear() {
  users_.clear();
  anonymous_ = 0;
  waiting_ = 0;
  next_us_ = UINT64_MAX;
}

}  // namespace ringcast::hub
