// SPDX-License-Identifier: Apache-2.0
// R8: a chat over WebSocket. Everything, in and out, has a `type`; what comes out says who: the connection's id, the
// name, the time.

#include "session/dialect/dialect.h"
#include "wire/json_fields.h"
#include "wire/json_writer.h"

namespace ringcast::session {
namespace {

constexpr std::string_view kNobody = "Anonymous";

bool show(const NativeEvent& event, Spelled& out) {
  std::string_view type = event.type;
  const std::string_view payload = event.content.empty() ? event.data : event.content;
  const bool presence = type == "member_joined" || type == "member_left";
  if (presence) type = type == "member_joined" ? "join" : "leave";
  if (payload.empty() && !presence && type != "typing") return false;
  const bool anonymous = event.user.empty() || event.user == "\"anonymous\"";
  wire::JsonWriter writer(out.data);
  writer.begin_object().string("type", type).raw("user_id", event.connection.empty() ? "\"\"" : event.connection);
  writer.key("username");
  anonymous ? writer.string(kNobody) : writer.raw(event.user);
  writer.raw("content", payload.empty() ? "\"\"" : payload);
  if (!event.timestamp.empty()) writer.raw("timestamp", event.timestamp);
  writer.end_object();
  return true;
}

std::optional<Error> read(std::string_view text, const wire::JsonLimits& limits, wire::Action& action) {
  using Kind = wire::JsonField::Kind;
  wire::JsonField fields[] = {{"type"}, {"content", Kind::content}};
  if (auto error = read_json_fields(text, limits, fields)) return error;
  const auto& [type, content] = fields;
  const bool message = type.value == "message";
  if (!message && type.value != "join" && type.value != "leave" && type.value != "typing") {
    return Error{"unknown_action", "type must be message, join, leave or typing"};
  }
  if (message && !content.given()) return Error{"missing_field", "there is no \"content\""};
  action.kind = wire::ActionKind::message;
  action.payload_kind = wire::PayloadKind::content;
  action.payload = content.given() ? content.value : "\"\"";
  if (!message) action.event = type.value;
  action.ephemeral = !message;
  action.signed_by_connection = true;
  return std::nullopt;
}

}  // namespace

const DialectTable kChatHub{
    .name = "chat-hub", .show = show, .read = read, .beat = nullptr, .user_parameter = "username", .nobody = kNobody};

}  // namespace ringcast::session
