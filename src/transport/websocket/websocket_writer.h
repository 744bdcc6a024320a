// SPDX-License-Identifier: Apache-2.0
// The events of ours that a WebSocket is sent, each in the dialect of its connection. Part of the WebSocketSession of a
// core.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "compat/spelling.h"
#include "reactor/connection.h"
#include "transport/subscription.h"

namespace ringcast::session {

class Gate;

class WebSocketWriter {
 public:
  using Connection = reactor::Connection;

  explicit WebSocketWriter(Gate& gate) : gate_(gate) {}

  // Where the JSON of an event is appended, for one of the next two calls.
  std::string& begin() {
    json_.clear();
    return json_;
  }
  // As a frame, if the connection's dialect shows it.
  void send(Connection& connection);
  bool append(const Connection& connection, std::string& out);

  // As it is.
  void send_text(Connection& connection, std::string_view text);
  void send_error(Connection& connection, std::string_view code, std::string_view message, std::string_view ref);
  void send_gap(Connection& connection, std::string_view key, uint64_t oldest, bool reset,
                CursorFault fault = CursorFault::none);
  Spelling& spelling() { return spelling_; }

 private:
  Gate& gate_;
  Spelling spelling_;
  std::string json_;
  std::string frame_;
};

}  // namespace ringcast::session
