// SPDX-License-Identifier: Apache-2.0
// The JSON of every event that the server sends, in PROTOCOL.md's key order, on one line.
// Pure functions appending to a string that the caller reuses; any thread. Names and payloads are validated already.
// `ref` is raw JSON as Action holds it; empty strings leave optional members out.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "codec/native/action.h"

namespace ringcast::codec {

// A published message of a room, an inbox ("@alice") or the broadcast channel ("*").
struct MessageView {
  uint64_t id = 0;  // 0: no id (`to_connection`), left out
  std::string_view event_type;
  std::string_view room;
  std::string_view user;  // left out when empty
  PayloadKind payload_kind = PayloadKind::content;
  std::string_view payload;     // one-line JSON value
  int64_t timestamp_us = 0;     // since 1970
  std::string_view connection;  // of the author; left out when empty
  std::string_view event;       // the publisher's name for it, where `event_type` cannot be that; left out when empty
};

// Where the payload's JSON value lies in the output, counted from the beginning of the string.
struct PayloadSpan {
  uint32_t offset = 0;
  uint32_t size = 0;
};

// {"id":17,"event_type":"message","room":"general","user":"Alice","content":"Hello","timestamp":"2026-…Z"}: the
// canonical form that other encodings are made from.
PayloadSpan append_message_event(std::string& out, const MessageView& message);

// {"event_type":"binary","id":17,"room":"general","user":"Alice","bytes":5}, before its frame.
void append_binary_event(std::string& out, uint64_t id, std::string_view room, std::string_view user, uint64_t bytes);
// The same for SSE and poll members: `base64` is the text already encoded.
PayloadSpan append_binary_data_event(std::string& out, uint64_t id, std::string_view room, std::string_view user,
                                     uint64_t bytes, std::string_view base64);

// The first event of a WebSocket: "positions":{"general":17,"@alice":3}.
struct ChannelPosition {
  std::string_view channel;
  uint64_t id = 0;
};
void append_connection_id_event(std::string& out, std::string_view connection_id, std::string_view user,
                                std::span<const ChannelPosition> positions, uint64_t heartbeat_interval_ms);
// The first event of an SSE stream: "cursor":"17".
void append_connection_id_event(std::string& out, std::string_view connection_id, std::string_view user,
                                std::string_view cursor, uint64_t heartbeat_interval_ms);

struct JoinedView {
  std::string_view room;
  uint64_t id = 0;  // the position from which what follows goes on
  uint64_t members = 0;
  uint64_t replayed = 0;
  bool recovered = true;
  std::string_view ref;
};
void append_joined_event(std::string& out, const JoinedView& joined);
// `reason`: "left", "final", "kicked", "closed"; left out when empty.
void append_left_event(std::string& out, std::string_view room, std::string_view reason, std::string_view ref);

struct AckView {
  std::optional<uint64_t> id;
  std::string_view room;
  std::optional<uint64_t> receivers;
  bool duplicate = false;
  std::string_view idempotency_key;
  std::string_view ref;
};
void append_ack_event(std::string& out, const AckView& ack);

void append_member_joined_event(std::string& out, std::string_view room, std::string_view user, std::string_view status,
                                uint64_t members);
void append_member_left_event(std::string& out, std::string_view room, std::string_view user, uint64_t members);
void append_typing_event(std::string& out, std::string_view room, std::string_view user);
void append_status_event(std::string& out, std::string_view room, std::string_view user, std::string_view status);
void append_pong_event(std::string& out, int64_t timestamp_us, std::string_view ref);

// `oldest`: with which id the channel goes on; `reason`: left out when empty.
void append_gap_event(std::string& out, std::string_view room, uint64_t oldest, bool reset,
                      std::string_view reason = {});
void append_lagged_event(std::string& out, std::string_view room, uint64_t missed, uint64_t from, uint64_t to);
void append_reconnect_event(std::string& out, uint64_t after_ms);
void append_token_expiring_event(std::string& out, uint64_t expires_in_ms);

// WebSocket says `error`; SSE says `problem`, because EventSource has an `error` event of its own.
enum class ErrorEvent : uint8_t { error, problem };
void append_error_event(std::string& out, ErrorEvent type, std::string_view code, std::string_view message,
                        std::string_view ref);
// The error of one room of several: the others are joined.
void append_room_error_event(std::string& out, ErrorEvent type, std::string_view room, std::string_view code,
                             std::string_view message);
// The error of a message that came too soon: when the same may be sent again.
void append_rate_limited_event(std::string& out, std::string_view message, uint64_t retry_after_ms,
                               std::string_view ref);
// The last event of an SSE stream: the WebSocket close code that would have been sent, and why.
void append_close_event(std::string& out, uint16_t code, std::string_view reason);

// {"type":"periodic","timestamp":1790…}: milliseconds since 1970.
void append_heartbeat(std::string& out, std::string_view type, int64_t timestamp_us);

}  // namespace ringcast::codec
