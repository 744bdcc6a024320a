// SPDX-License-Identifier: Apache-2.0
// When heartbeats leave: every connection has its own phase within the interval, so that they are spread over it
// however many connections came at once; timers fire in batches, so those of a moment share their bytes.
// HeartbeatBytes belongs to a session of one core.
#pragma once

#include <cstdint>
#include <string>

#include "base/block.h"
#include "reactor/reactor.h"

namespace ringcast::session {

// Time until the connection's next heartbeat: in (0, interval], on the grid `phase + n * interval`. Slots are spread
// over the phases by a golden-ratio sequence, evener than a random one.
io::Nanoseconds until_beat(io::Nanoseconds now, io::Nanoseconds interval, uint32_t slot);

// The same bytes for all whose heartbeat is due in a tick: copied into the scratch block once.
class HeartbeatBytes {
 public:
  // `write(std::string&)` appends the bytes; it is asked once per tick.
  template <class Write>
  void send(reactor::Reactor& reactor, reactor::Connection& connection, Write write) {
    if (copied_at_ != reactor.now()) {
      bytes_.clear();
      write(bytes_);
      renew(reactor);
    }
    reactor.send(connection, {.hold = copy_->hold, .offset = copy_->offset, .length = copy_->length});
  }

 private:
  void renew(reactor::Reactor& reactor);

  std::string bytes_;
  io::Nanoseconds copied_at_{-1};
  OwnedSlice copy_;
};

}  // namespace ringcast::session
