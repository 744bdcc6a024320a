// SPDX-License-Identifier: Apache-2.0
// What is done about a reader that is too slow, as far as all transports share it: the room's policy decides whether
// its oldest or newest unsent frames go, and each room gets a notice of how much it lost.
// Pure functions over a connection; its reactor's thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "codec/sse/sse.h"
#include "reactor/connection.h"

namespace ringcast::session {

class Clients;

struct Lagged {
  std::string_view room;
  uint64_t missed = 0;
  uint64_t from = 0;  // ids; 0: what was dropped had none
  uint64_t to = 0;
};

// Drops frames of rooms with the policy drop_oldest or drop_newest and puts into their place what `write(lagged, out)`
// appends for each of those rooms. How many were dropped; 0: not enough could be, the connection has to go.
uint64_t drop_messages(Clients& clients, reactor::Connection& connection, codec::SseFraming framing,
                       const std::function<void(const Lagged& lagged, std::string& out)>& write);

// Of an event stream over several channels: appends the cursor that is to be sent after the frame that has begun, if it
// is one. Mostly it ends the event of that frame; one whose own event was dropped has been reported by then.
void append_event_end(std::string& out, const reactor::Connection& connection, reactor::FrameLength frame_length,
                      codec::SseFraming framing);

}  // namespace ringcast::session
