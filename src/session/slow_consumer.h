// SPDX-License-Identifier: Apache-2.0
// What is done about a reader that is too slow, as far as all transports share it: the room's policy decides whether
// its oldest unsent frames go, and each room is told how much it lost.
// Pure functions over a connection; its reactor's thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "runtime/connection.h"
#include "wire/sse.h"

namespace ringcast::session {

class Clients;

struct Lagged {
  std::string_view room;
  uint64_t missed = 0;
  uint64_t from = 0;  // ids; 0: what was dropped had none
  uint64_t to = 0;
};

// Drops frames of rooms with the policy drop_oldest and puts into their place what `write(lagged, out)` appends for
// each of those rooms. False: there was not enough to drop, the connection has to go.
bool drop_oldest(Clients& clients, runtime::Connection& connection,
                 const std::function<void(const Lagged& lagged, std::string& out)>& write);

// Of an event stream over several channels: appends the cursor that is to be sent after the frame that has begun, if it
// is one. Mostly it ends the event of that frame; one whose own event was dropped has been told of by then.
void append_event_end(std::string& out, const runtime::Connection& connection, runtime::FrameLength frame_length,
                      wire::SseFraming framing);

}  // namespace ringcast::session
