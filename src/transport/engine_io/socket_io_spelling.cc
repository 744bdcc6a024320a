// SPDX-License-Identifier: Apache-2.0
#include "transport/engine_io/socket_io_spelling.h"

#include "codec/engine_io/socket_io_packet.h"
#include "codec/json/json_members.h"
#include "codec/json/json_writer.h"

namespace ringcast::session {

namespace {

using codec::JsonWriter;

struct Parts {
  std::string_view user, connection, content, data, timestamp;
};

Parts take_apart(std::string_view json) {
  Parts parts;
  codec::JsonMembers members(json);
  std::string_view name, value;
  while (members.next(name, value)) {
    if (name == "user") {
      parts.user = value;
    } else if (name == "connection") {
      parts.connection = value;
    } else if (name == "content") {
      parts.content = value;
    } else if (name == "data") {
      parts.data = value;
    } else if (name == "timestamp") {
      parts.timestamp = value;
    }
  }
  return parts;
}

bool is_direct(std::string_view event) {
  return event == "direct" || event == "direct-message";
}

bool is_chat(std::string_view event) {
  return event == "message" || event == "binary" || is_direct(event);
}

}  // namespace

bool spell_socket_io(const Canonical& message, bool everyone, SocketIoSpelled& out) {
  const std::string_view event = message.event;
  const Parts parts = take_apart(message.json);
  const std::string_view payload = parts.content.empty() ? parts.data : parts.content;
  out.json.clear();
  out.attachment = message.binary;
  out.binary = message.is_binary;
  if (payload.empty() && !message.is_binary) return false;  // presence and the like
  const bool signed_by_socket = !parts.connection.empty();
  const bool notice =
      signed_by_socket && (event == "user-joined" || event == "user-left" || event == "user-joined-room");
  const bool chat = is_chat(event) && (signed_by_socket || !parts.content.empty() || message.is_binary);
  out.json += '[';
  JsonWriter writer(out.json);
  if (!notice && !chat) {
    writer.string(event).raw(payload);
    out.json += ']';
    return true;
  }
  const std::string_view name = notice             ? event
                                : is_direct(event) ? std::string_view("direct-message")
                                : everyone         ? std::string_view("message")
                                                   : std::string_view("room-message");
  writer.string(name).begin_object();
  if (signed_by_socket) writer.raw(is_direct(event) ? "from" : "userId", parts.connection);
  if (!parts.user.empty() && parts.user != "\"anonymous\"") writer.raw("username", parts.user);
  if (event == "user-joined-room") writer.raw("room", payload);
  if (message.is_binary) {
    writer.key("content");
    codec::append_socket_io_placeholder(out.json, 0);
  } else if (chat) {
    writer.raw("content", payload);
  }
  if (!parts.timestamp.empty() && event != "user-joined-room") writer.raw("timestamp", parts.timestamp);
  writer.end_object();
  out.json += ']';
  return true;
}

}  // namespace ringcast::session
