// SPDX-License-Identifier: Apache-2.0
#include "transport/websocket/websocket_writer.h"

#include "client/connection_log.h"
#include "codec/native/event_json.h"
#include "codec/websocket/websocket_frame.h"
#include "compat/canonical.h"
#include "transport/gate.h"

namespace ringcast::session {

void WebSocketWriter::send(Connection& connection) {
  frame_.clear();
  if (append(connection, frame_)) gate_.reactor().send_copy(connection, frame_);
}

void WebSocketWriter::send_text(Connection& connection, std::string_view text) {
  frame_.clear();
  codec::append_frame(frame_, {.opcode = codec::WebSocketOpcode::text}, text);
  gate_.reactor().send_copy(connection, frame_);
}

bool WebSocketWriter::append(const Connection& connection, std::string& out) {
  std::string_view json = json_;
  const Dialect dialect = form_of(gate_.at(connection.slot).form).dialect;
  if (dialect != Dialect::native) {
    const Spelled* spelled = spelling_.spell(dialect, event_type_of(json), json);
    if (spelled == nullptr) return false;
    json = spelled->data;
  }
  codec::append_frame(out, {.opcode = codec::WebSocketOpcode::text}, json);
  return true;
}

void WebSocketWriter::send_error(Connection& connection, std::string_view code, std::string_view message,
                                 std::string_view ref) {
  gate_.stats().error(ErrorCount::bad_action).add();
  gate_.log().refused(gate_.at(connection.slot), 0, code, message);
  codec::append_error_event(begin(), codec::ErrorEvent::error, code, message, ref);
  send(connection);
}

void WebSocketWriter::send_gap(Connection& connection, std::string_view key, uint64_t oldest, bool reset,
                               CursorFault fault) {
  gate_.stats().gaps.add();
  codec::append_gap_event(begin(), hub::name_of(key), oldest, reset, gap_reason(fault));
  send(connection);
}

}  // namespace ringcast::session
