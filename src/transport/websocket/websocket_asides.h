// SPDX-License-Identifier: Apache-2.0
// What a few WebSocket connections need for a while beside their Client: publishes whose acknowledgement is outstanding
// and the room that was named for binary frames. Bounded by credit and by one room a connection.
// Part of the WebSocketSession of a core.
#pragma once

#include <tsl/robin_map.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringcast::session {

// A publish that is to be acknowledged once its owner core has answered.
struct AckNote {
  uint64_t correlation = 0;
  bool receivers = false;  // the ack says how many there are
  std::string room;
  std::string ref;
  std::string idempotency_key;
};

struct Aside {
  std::vector<AckNote> acks;  // in the order of the publishes; answers of one owner core come in that order
  std::string binary_key;

  bool idle() const { return acks.empty() && binary_key.empty(); }
};

using AsideTable = tsl::robin_map<uint32_t, Aside>;  // by slot

}  // namespace ringcast::session
