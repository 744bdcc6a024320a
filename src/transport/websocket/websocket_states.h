// SPDX-License-Identifier: Apache-2.0
// What hangs off a WebSocket's Client while it is needed: the handshake that waits for its first joins, a message that
// waits for credit, a question that waits for its answer, a close frame that waits for the peer's.
// Part of the WebSocketSession of a core.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "client/client.h"
#include "codec/native/action.h"
#include "reactor/connection.h"
#include "transport/subscription.h"

namespace ringcast::session {

struct WebSocketOpening final : Extra {
  std::string response;  // 101, sent before everything that the joins bring
  std::vector<std::pair<std::string, uint64_t>> positions;
  std::vector<std::pair<std::string, CursorFault>> faults;  // by key; most have none
  uint32_t outstanding = 0;                                 // joins
  uint32_t members = 0;                                     // of the largest of its rooms
};

struct WebSocketRefused final : Extra {
  WebSocketRefused(bool is_text, std::string_view message) : text(is_text), payload(message) {}
  bool text;
  std::string payload;
};

struct WebSocketAsking final : Extra {
  codec::ActionKind kind = codec::ActionKind::unknown;
  std::string key;
  std::string ref;
  CursorFault fault = CursorFault::none;  // of a join
};

// Its close frame has come, and acks are still owed.
struct WebSocketLeaving final : Extra {
  explicit WebSocketLeaving(uint16_t sent) : code(sent) {}
  uint16_t code;
};

struct WebSocketClosing final : Extra {
  explicit WebSocketClosing(reactor::CloseCause why) : cause(why) {}
  reactor::CloseCause cause;
};

}  // namespace ringcast::session
