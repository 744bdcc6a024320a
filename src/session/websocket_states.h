// SPDX-License-Identifier: Apache-2.0
// What hangs off a WebSocket's Client while it is needed: the handshake that waits for its first joins, a message that
// waits for credit, a question that waits for its answer, a close frame that waits for the peer's.
// Part of the WebSocketSession of a core.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "runtime/connection.h"
#include "session/client.h"
#include "wire/action.h"

namespace ringcast::session {

struct WebSocketOpening final : Extra {
  std::string response;  // 101, sent before everything that the joins bring
  std::vector<std::pair<std::string, uint64_t>> positions;
  std::vector<std::string> mismatched;  // keys: their cursor was made for other channels
  uint32_t outstanding = 0;             // joins
  bool drained = false;                 // told to go meanwhile: is let in and then told
};

struct WebSocketRefused final : Extra {
  WebSocketRefused(bool is_text, std::string_view message) : text(is_text), payload(message) {}
  bool text;
  std::string payload;
};

struct WebSocketAsking final : Extra {
  wire::ActionKind kind = wire::ActionKind::unknown;
  std::string key;
  std::string ref;
  bool without_history = false;  // a join's position was dropped: its room's history is not for this client
};

struct WebSocketClosing final : Extra {
  explicit WebSocketClosing(runtime::CloseCause why) : cause(why) {}
  runtime::CloseCause cause;
};

}  // namespace ringcast::session
