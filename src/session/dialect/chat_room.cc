// SPDX-License-Identifier: Apache-2.0
// R7: a chat room over SSE. `connection_id`, `chat`, `system`, `history`; the list of who is there is made by
// OnlineLists. Messages come in by POST: {"from","to"?,"content"}.

#include "session/dialect/dialect.h"
#include "wire/json_fields.h"
#include "wire/json_members.h"
#include "wire/json_writer.h"

namespace ringcast::session {
namespace {

void say(Spelled& out, std::string_view user, std::string_view what) {
  std::string content;
  wire::append_unquoted(content, user);
  content += what;
  out.name = "system";
  wire::JsonWriter(out.data)
      .begin_object()
      .string("from", "system")
      .string("content", content)
      .string("type", "system")
      .end_object();
}

bool show(const NativeEvent& event, Spelled& out) {
  wire::JsonWriter writer(out.data);
  if (event.type == "connection_id") {
    out.name = event.type;
    writer.begin_object().raw("id", event.connection).end_object();
    return true;
  }
  if (event.type == "member_joined") return say(out, event.user, " is here, welcome"), true;
  if (event.type == "member_left") return say(out, event.user, " has left"), true;
  const std::string_view payload = event.content.empty() ? event.data : event.content;
  if (payload.empty()) return false;
  const std::string_view from = event.user.empty() ? "\"\"" : event.user;
  if (event.replayed) {
    out.name = "history";
    writer.begin_object().raw("From", from).raw("Content", payload).raw("Time", event.timestamp).end_object();
    return true;
  }
  const bool is_private = event.room.starts_with("\"@");
  out.name = "chat";
  writer.begin_object().raw("from", from).raw("content", payload);
  writer.string("type", is_private ? "private" : "public").end_object();
  return true;
}

Result<void> check_user(std::string_view user) {
  if (user.empty()) return fail("missing_user", "a chat room needs a name: username=");
  return {};
}

std::optional<Error> read(std::string_view text, const wire::JsonLimits& limits, wire::Action& action) {
  using Kind = wire::JsonField::Kind;
  wire::JsonField fields[] = {{"from"}, {"to"}, {"content", Kind::content}};
  if (auto error = read_json_fields(text, limits, fields)) return error;
  const auto& [from, to, content] = fields;
  if (!content.given()) return Error{"missing_field", "there is no \"content\""};
  if (!from.given()) return Error{"missing_field", "there is no \"from\""};
  if (const auto checked = wire::check_user(from.value); !checked) return checked.error();
  action.kind = wire::ActionKind::message;
  action.room = "lobby";
  action.user = from.value;
  action.payload_kind = wire::PayloadKind::content;
  action.payload = content.value;
  if (!to.given() || to.value.empty()) return std::nullopt;
  if (const auto checked = wire::check_user(to.value); !checked) return checked.error();
  action.to = to.value;
  return std::nullopt;
}

bool beat(const Beat& beat, Spelled& out) {
  wire::JsonWriter(out.data)
      .begin_object()
      .string("type", "heartbeat")
      .uint("time", beat.wall_us / 1'000'000)
      .end_object();
  return true;
}

}  // namespace

const DialectTable kChatRoom{.name = "chat-room",
                             .show = show,
                             .read = read,
                             .beat = beat,
                             .check_user = check_user,
                             .user_parameter = "username",
                             .nobody = {}};

}  // namespace ringcast::session
