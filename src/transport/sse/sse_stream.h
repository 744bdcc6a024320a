// SPDX-License-Identifier: Apache-2.0
// Where an SSE stream is: its channels with their positions, and while it opens what may not be sent yet.
// Hangs off the Client; a stream over one channel drops it as soon as it is open, because its ids say everything.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/block.h"
#include "client/client.h"
#include "reactor/outbox.h"
#include "transport/subscription.h"

namespace ringcast::session {

struct SseStream final : Extra {
  struct Channel {
    CompactString key;
    uint32_t local = reactor::kNoChannel;  // the hub's number for it, once a run has shown it
    CursorFault fault = CursorFault::none;
  };
  // A message that came before all positions were known.
  struct Early {
    Slice canonical;  // counted
    uint64_t id = 0;
    uint32_t channel = 0;
    bool replayed = false;
  };

  ~SseStream() override {
    for (const Early& message : early) message.canonical.hold->release();
  }
  static constexpr uint32_t kUnknown = UINT32_MAX;
  uint32_t find(std::string_view key) const {
    for (uint32_t i = 0; i < channels.size(); ++i) {
      if (channels[i].key.view() == key) return i;
    }
    return kUnknown;
  }
  uint32_t find(uint32_t local, std::string_view key) {
    for (uint32_t i = 0; i < channels.size(); ++i) {
      if (channels[i].local == local) return i;
    }
    const uint32_t at = find(key);
    if (at != kUnknown) channels[at].local = local;
    return at;
  }

  std::vector<Channel> channels;                 // in order of their names
  std::vector<uint64_t> positions;               // beside channels
  uint32_t hash = 0;                             // of the names
  uint32_t rooms_left = 0;                       // channels that it has not been taken out of
  uint32_t outstanding = 0;                      // joins
  uint32_t ended = 0;                            // channels whose newest message was final and has been seen
  bool by_name = false;                          // opened by POST: has no cursor, `connection_id` has the positions
  hub::JoinError failed = hub::JoinError::none;  // why a join was refused
  std::string head;                              // of the response
  std::string refused;  // `problem` events: channels that are not joined, of a stream that is opened by POST
  std::vector<Early> early;
  std::string early_left;  // `left` events of the same time, which come after those messages
  uint64_t early_bytes = 0;
};

}  // namespace ringcast::session
