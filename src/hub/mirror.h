// SPDX-License-Identifier: Apache-2.0
// Who gets a plain copy of each message of some rooms, for programs that are no clients. The server that gave a message
// its place makes the copy: the owner of a channel, or with a broker the node whose publish the broker has ordered.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hub/policy.h"
#include "hub/types.h"

namespace ringcast::hub {

inline constexpr std::string_view kMirrorTenant = "{tenant}";

// Whether there are copies of what is published there: in rooms, and in those of a named tenant only where the copies'
// channel names it too, so that nothing crosses tenants.
inline bool is_mirrored(const RoomPolicy& policy, std::string_view key) {
  if (policy.mirror.empty() || is_inbox(name_of(key)) || is_broadcast(name_of(key))) return false;
  return tenant_of(key).empty() || policy.mirror.find(kMirrorTenant) != std::string::npos;
}

class Mirror {
 public:
  virtual ~Mirror() = default;
  // `from`: the caller's number in the mesh, whose copies keep their order. `to`: RoomPolicy::mirror of the channel.
  // `json`: as clients get it. Never waits; what there is no room for is counted. Views are valid during the call.
  virtual void copy(uint16_t from, std::string_view to, std::string_view key, std::string_view json) = 0;
  // A publish whose outcome is not known: where it was ordered, there is no copy of it.
  virtual void missed(uint16_t from) = 0;
};

}  // namespace ringcast::hub
