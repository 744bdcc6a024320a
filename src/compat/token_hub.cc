// SPDX-License-Identifier: Apache-2.0
// A WebSocket hub. `{"type":"join-room","roomId"}` and `{"type":"send-message","roomId","content"}` come in; the
// others in the room get `{"type":"new-message","from","content","timestamp"}`. What a server pushes as `data` arrives
// as it is; what is refused is answered by `{"type":"error","message"}`.

#include "codec/json/json_fields.h"
#include "codec/json/json_members.h"
#include "codec/json/json_writer.h"
#include "compat/dialect.h"

namespace ringcast::session {
namespace {

// Content that is no string goes as data, and this name distinguishes it from what a server pushes.
constexpr std::string_view kNewMessage = "new-message";

bool show(const NativeEvent& event, Spelled& out) {
  codec::JsonWriter writer(out.data);
  if (!event.published()) {
    // To join twice, or to leave what was not joined, is no mistake there.
    const bool refused = event.type == "error" && event.code != "\"already_joined\"" && event.code != "\"not_joined\"";
    if (refused) writer.begin_object().string("type", "error").raw("message", event.message).end_object();
    return refused;
  }
  if (event.content.empty() && event.type != kNewMessage) {
    out.data = event.data;
    return true;
  }
  writer.begin_object().string("type", kNewMessage);
  writer.raw("from", event.user.empty() ? "\"\"" : event.user).raw("content", event.payload());
  writer.uint("timestamp", codec::timestamp_ms(event.timestamp)).end_object();
  return true;
}

std::optional<Error> read(std::string_view text, const codec::JsonLimits& limits, codec::Action& action) {
  using Kind = codec::JsonField::Kind;
  codec::JsonField fields[] = {{"type"}, {"roomId"}, {"content", Kind::data}};
  if (auto error = read_json_fields(text, limits, fields)) return error;
  const auto& [type, room, content] = fields;
  if (type.value == "join-room") {
    action.kind = codec::ActionKind::join;
  } else if (type.value == "leave-room") {
    action.kind = codec::ActionKind::leave;
  } else if (type.value == "send-message") {
    action.kind = codec::ActionKind::message;
  } else {
    return Error{"unknown_action", "type must be join-room, leave-room or send-message"};
  }
  if (!room.given()) return Error{"missing_field", "there is no \"roomId\""};
  if (const auto checked = codec::check_room(room.value); !checked) return checked.error();
  action.room = room.value;
  if (action.kind != codec::ActionKind::message) return std::nullopt;
  if (!content.given()) return Error{"missing_field", "there is no \"content\""};
  take_payload(action, content.value);
  if (action.payload_kind == codec::PayloadKind::data) action.event = kNewMessage;
  action.echo = false;
  return std::nullopt;
}

}  // namespace

const DialectTable kTokenHub{.name = "token-hub",
                             .show = show,
                             .read = read,
                             .heartbeat = nullptr,
                             .user_parameter = "user",
                             .nobody = {},
                             .needs_token = true,
                             .shows_names = true};

}  // namespace ringcast::session
