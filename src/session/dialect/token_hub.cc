// SPDX-License-Identifier: Apache-2.0
// R2: a WebSocket hub. `{"type":"join-room","roomId"}` and `{"type":"send-message","roomId","content"}` come in; the
// others in the room get `{"type":"new-message","from","content","timestamp"}`. What a server pushes as `data` arrives
// as it is.

#include "session/dialect/dialect.h"
#include "wire/json_fields.h"
#include "wire/json_members.h"
#include "wire/json_writer.h"

namespace ringcast::session {
namespace {

bool show(const NativeEvent& event, Spelled& out) {
  if (!event.data.empty()) {
    out.data = event.data;
    return true;
  }
  if (event.content.empty()) return false;
  wire::JsonWriter writer(out.data);
  writer.begin_object().string("type", "new-message");
  writer.raw("from", event.user.empty() ? "\"\"" : event.user).raw("content", event.content);
  writer.uint("timestamp", wire::timestamp_ms(event.timestamp)).end_object();
  return true;
}

std::optional<Error> read(std::string_view text, const wire::JsonLimits& limits, wire::Action& action) {
  using Kind = wire::JsonField::Kind;
  wire::JsonField fields[] = {{"type"}, {"roomId"}, {"content", Kind::content}};
  if (auto error = read_json_fields(text, limits, fields)) return error;
  const auto& [type, room, content] = fields;
  if (type.value == "join-room") {
    action.kind = wire::ActionKind::join;
  } else if (type.value == "leave-room") {
    action.kind = wire::ActionKind::leave;
  } else if (type.value == "send-message") {
    action.kind = wire::ActionKind::message;
  } else {
    return Error{"unknown_action", "type must be join-room, leave-room or send-message"};
  }
  if (!room.given()) return Error{"missing_field", "there is no \"roomId\""};
  if (const auto checked = wire::check_room(room.value); !checked) return checked.error();
  action.room = room.value;
  if (action.kind != wire::ActionKind::message) return std::nullopt;
  if (!content.given()) return Error{"missing_field", "there is no \"content\""};
  action.payload_kind = wire::PayloadKind::content;
  action.payload = content.value;
  action.echo = false;
  return std::nullopt;
}

}  // namespace

const DialectTable kTokenHub{
    .name = "token-hub", .show = show, .read = read, .beat = nullptr, .user_parameter = "user", .nobody = {}};

}  // namespace ringcast::session
