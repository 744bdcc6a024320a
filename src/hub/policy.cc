// SPDX-License-Identifier: Apache-2.0
#include "hub/policy.h"

#include "base/assert.h"
#include "hub/types.h"

namespace ringcast::hub {

RoomPolicies::RoomPolicies() {
  RoomPolicy inbox;
  inbox.history_messages = 100;
  inbox.presence = false;
  policies_.push_back({"", RoomPolicy{}});
  policies_.push_back({"", std::move(inbox)});
}

void RoomPolicies::add(std::string pattern, RoomPolicy policy) {
  RINGCAST_ASSERT(policies_.size() < 255);
  policies_.push_back({std::move(pattern), std::move(policy)});
}

uint8_t RoomPolicies::match(std::string_view name) const {
  for (size_t i = 2; i < policies_.size(); ++i) {
    if (glob_match(policies_[i].pattern, name)) return static_cast<uint8_t>(i);
  }
  return is_inbox(name) ? 1 : 0;
}

}  // namespace ringcast::hub
