// SPDX-License-Identifier: Apache-2.0
#include "codec/native/event_json.h"

#include "codec/json/json_writer.h"

namespace ringcast::codec {
namespace {

JsonWriter begin(std::string& out, std::string_view event_type) {
  JsonWriter writer(out);
  writer.begin_object().string("event_type", event_type);
  return writer;
}

void end(JsonWriter& writer, std::string_view ref = {}) {
  if (!ref.empty()) writer.raw("ref", ref);
  writer.end_object();
}

PayloadSpan append_payload(std::string& out, JsonWriter& writer, std::string_view key, std::string_view payload) {
  writer.key(key);
  const PayloadSpan span{static_cast<uint32_t>(out.size()), static_cast<uint32_t>(payload.size())};
  writer.raw(payload);
  return span;
}

}  // namespace

PayloadSpan append_message_event(std::string& out, const MessageView& message) {
  JsonWriter writer(out);
  writer.begin_object();
  if (message.id != 0) writer.uint("id", message.id);
  writer.string("event_type", message.event_type);
  if (!message.room.empty()) writer.string("room", message.room);
  if (!message.user.empty()) writer.string("user", message.user);
  if (!message.connection.empty()) writer.string("connection", message.connection);
  const PayloadSpan span =
      append_payload(out, writer, message.payload_kind == PayloadKind::content ? "content" : "data", message.payload);
  writer.timestamp("timestamp", message.timestamp_us);
  if (!message.event.empty()) writer.string("event", message.event);
  writer.end_object();
  return span;
}

void append_binary_event(std::string& out, uint64_t id, std::string_view room, std::string_view user, uint64_t bytes) {
  JsonWriter writer = begin(out, "binary");
  writer.uint("id", id).string("room", room).string("user", user).uint("bytes", bytes).end_object();
}

PayloadSpan append_binary_data_event(std::string& out, uint64_t id, std::string_view room, std::string_view user,
                                     uint64_t bytes, std::string_view base64) {
  JsonWriter writer = begin(out, "binary");
  writer.uint("id", id).string("room", room).string("user", user).uint("bytes", bytes).key("data");
  PayloadSpan span{static_cast<uint32_t>(out.size()), 0};
  writer.string(base64);
  span.size = static_cast<uint32_t>(out.size()) - span.offset;
  writer.end_object();
  return span;
}

void append_connection_id_event(std::string& out, std::string_view connection_id, std::string_view user,
                                std::span<const ChannelPosition> positions, uint64_t heartbeat_interval_ms) {
  JsonWriter writer = begin(out, "connection_id");
  writer.string("connection_id", connection_id).string("user", user).key("positions").begin_object();
  for (const ChannelPosition& position : positions) writer.string_key(position.channel).uint(position.id);
  writer.end_object().uint("heartbeat_interval_ms", heartbeat_interval_ms).end_object();
}

void append_connection_id_event(std::string& out, std::string_view connection_id, std::string_view user,
                                std::string_view cursor, uint64_t heartbeat_interval_ms) {
  JsonWriter writer = begin(out, "connection_id");
  writer.string("connection_id", connection_id).string("user", user).string("cursor", cursor);
  writer.uint("heartbeat_interval_ms", heartbeat_interval_ms).end_object();
}

void append_joined_event(std::string& out, const JoinedView& joined) {
  JsonWriter writer = begin(out, "joined");
  writer.string("room", joined.room).uint("id", joined.id).uint("members", joined.members);
  writer.uint("replayed", joined.replayed).boolean("recovered", joined.recovered);
  end(writer, joined.ref);
}

void append_left_event(std::string& out, std::string_view room, std::string_view reason, std::string_view ref) {
  JsonWriter writer = begin(out, "left");
  writer.string("room", room);
  if (!reason.empty()) writer.string("reason", reason);
  end(writer, ref);
}

void append_ack_event(std::string& out, const AckView& ack) {
  JsonWriter writer = begin(out, "ack");
  if (ack.id) writer.uint("id", *ack.id);
  if (!ack.room.empty()) writer.string("room", ack.room);
  if (ack.receivers) writer.uint("receivers", *ack.receivers);
  if (ack.duplicate) writer.boolean("duplicate", true);
  if (!ack.idempotency_key.empty()) writer.string("idempotency_key", ack.idempotency_key);
  end(writer, ack.ref);
}

void append_member_joined_event(std::string& out, std::string_view room, std::string_view user, std::string_view status,
                                uint64_t members) {
  JsonWriter writer = begin(out, "member_joined");
  writer.string("room", room).string("user", user);
  if (!status.empty()) writer.string("status", status);
  writer.uint("members", members).end_object();
}

void append_member_left_event(std::string& out, std::string_view room, std::string_view user, uint64_t members) {
  JsonWriter writer = begin(out, "member_left");
  writer.string("room", room).string("user", user).uint("members", members).end_object();
}

void append_typing_event(std::string& out, std::string_view room, std::string_view user) {
  JsonWriter writer = begin(out, "typing");
  writer.string("room", room).string("user", user).end_object();
}

void append_status_event(std::string& out, std::string_view room, std::string_view user, std::string_view status) {
  JsonWriter writer = begin(out, "status");
  if (!room.empty()) writer.string("room", room);
  writer.string("user", user).string("status", status).end_object();
}

void append_pong_event(std::string& out, int64_t timestamp_us, std::string_view ref) {
  JsonWriter writer = begin(out, "pong");
  writer.timestamp("timestamp", timestamp_us);
  end(writer, ref);
}

void append_gap_event(std::string& out, std::string_view room, uint64_t oldest, bool reset, std::string_view reason) {
  JsonWriter writer = begin(out, "gap");
  writer.string("room", room).uint("oldest", oldest).boolean("reset", reset);
  if (!reason.empty()) writer.string("reason", reason);
  writer.end_object();
}

void append_lagged_event(std::string& out, std::string_view room, uint64_t missed, uint64_t from, uint64_t to) {
  JsonWriter writer = begin(out, "lagged");
  writer.string("room", room).uint("missed", missed).uint("from", from).uint("to", to).end_object();
}

void append_reconnect_event(std::string& out, uint64_t after_ms) {
  JsonWriter writer = begin(out, "reconnect");
  writer.uint("after_ms", after_ms).end_object();
}

void append_token_expiring_event(std::string& out, uint64_t expires_in_ms) {
  JsonWriter writer = begin(out, "token_expiring");
  writer.uint("expires_in_ms", expires_in_ms).end_object();
}

void append_error_event(std::string& out, ErrorEvent type, std::string_view code, std::string_view message,
                        std::string_view ref) {
  JsonWriter writer = begin(out, type == ErrorEvent::error ? "error" : "problem");
  writer.string("code", code).string("message", message);
  end(writer, ref);
}

void append_room_error_event(std::string& out, ErrorEvent type, std::string_view room, std::string_view code,
                             std::string_view message) {
  JsonWriter writer = begin(out, type == ErrorEvent::error ? "error" : "problem");
  writer.string("room", room).string("code", code).string("message", message);
  end(writer);
}

void append_rate_limited_event(std::string& out, std::string_view message, uint64_t retry_after_ms,
                               std::string_view ref) {
  JsonWriter writer = begin(out, "error");
  writer.string("code", "rate_limited").string("message", message).uint("retry_after_ms", retry_after_ms);
  end(writer, ref);
}

void append_close_event(std::string& out, uint16_t code, std::string_view reason) {
  JsonWriter writer = begin(out, "close");
  writer.uint("code", code).string("reason", reason).end_object();
}

void append_heartbeat(std::string& out, std::string_view type, int64_t timestamp_us) {
  JsonWriter writer(out);
  writer.begin_object().string("type", type).key("timestamp").integer(timestamp_us / 1000).end_object();
}

}  // namespace ringcast::codec
