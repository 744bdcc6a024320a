// SPDX-License-Identifier: Apache-2.0
// A chat over WebSocket. Everything, in and out, has a `type`; what comes out says who: the connection's id, the name,
// the time. Types are free: what the hub does not know itself is passed on to everybody in the room.

#include "codec/json/json_fields.h"
#include "codec/json/json_members.h"
#include "codec/json/json_writer.h"
#include "compat/dialect.h"

namespace ringcast::session {
namespace {

constexpr std::string_view kNobody = "Anonymous";
constexpr std::string_view kLobby = "lobby";

void append_name(codec::JsonWriter& writer, std::string_view key, std::string_view user) {
  writer.key(key);
  user.empty() || codec::literal_is(user, codec::kAnonymousUser) ? writer.string(kNobody) : writer.raw(user);
}

// The server's own answers, to the connection that asked.
bool answer(const NativeEvent& event, Spelled& out) {
  codec::JsonWriter writer(out.data);
  if (event.type == "error") {
    writer.begin_object().string("type", "error").raw("content", event.message).end_object();
    return true;
  }
  if (event.type == "ack") {
    if (event.receivers != "0") return false;
    writer.begin_object().string("type", "error").string("content", "nobody of that name is here").end_object();
    return true;
  }
  const bool joined = event.type == "joined";
  if ((!joined && event.type != "left") || codec::literal_is(event.room, kLobby)) return false;
  writer.begin_object().string("type", joined ? "join_room" : "leave_room").raw("room", event.room).end_object();
  return true;
}

bool show(const NativeEvent& event, Spelled& out) {
  if (!event.published()) return answer(event, out);
  codec::JsonWriter writer(out.data);
  if (event.room.starts_with("\"@")) {
    std::string to;
    codec::append_unquoted(to, event.room);
    writer.begin_object().string("type", "dm");
    append_name(writer, "from", event.user);
    writer.string("to", std::string_view(to).substr(1)).raw("content", event.payload()).end_object();
    return true;
  }
  writer.begin_object().string("type", event.type);
  writer.raw("user_id", event.connection.empty() ? "\"\"" : event.connection);
  append_name(writer, "username", event.user);
  writer.raw("content", event.payload()).raw("timestamp", event.timestamp);
  if (!event.room.empty() && !codec::literal_is(event.room, kLobby)) writer.raw("room", event.room);
  writer.end_object();
  return true;
}

std::optional<Error> read(std::string_view text, const codec::JsonLimits& limits, codec::Action& action) {
  using Kind = codec::JsonField::Kind;
  using codec::ActionKind;
  codec::JsonField fields[] = {{"type"}, {"content", Kind::data}, {"room"}, {"to"}};
  if (auto error = read_json_fields(text, limits, fields)) return error;
  const auto& [type, content, room, to] = fields;
  if (!type.given() || type.value.empty()) return Error{"missing_field", "there is no \"type\""};
  const bool moves = type.value == "join_room" || type.value == "leave_room";
  action.room = room.given() && !room.value.empty() ? room.value : kLobby;
  if (const auto checked = codec::check_room(action.room); !checked) return checked.error();
  if (moves) {
    if (!room.given() || room.value.empty()) return Error{"missing_field", "there is no \"room\""};
    action.kind = type.value == "join_room" ? ActionKind::join : ActionKind::leave;
    return std::nullopt;
  }
  if (type.value == "online" || type.value == "history") {
    action.kind = type.value == "online" ? ActionKind::online : ActionKind::history;
    return std::nullopt;
  }
  action.kind = ActionKind::message;
  take_payload(action, content.given() ? content.value : "\"\"");
  if (type.value == "dm") {
    if (!to.given()) return Error{"missing_field", "there is no \"to\""};
    if (const auto checked = codec::check_user(to.value); !checked) return checked.error();
    action.kind = ActionKind::direct;
    action.to = to.value;
    return std::nullopt;
  }
  action.signed_by_connection = true;
  if (type.value == codec::kDefaultEventType) return std::nullopt;
  if (const auto checked = codec::check_event_name(type.value); !checked) return checked.error();
  action.event = type.value;
  action.ephemeral = true;
  return std::nullopt;
}

}  // namespace

const DialectTable kChatHub{.name = "chat-hub",
                            .show = show,
                            .read = read,
                            .heartbeat = nullptr,
                            .user_parameter = "username",
                            .nobody = kNobody,
                            .shows_names = true,
                            .shows_binary = true,
                            .leaves_at_once = true,
                            .announces = true};

}  // namespace ringcast::session
