// SPDX-License-Identifier: Apache-2.0
// A chat room over SSE. `connection_id`, `chat`, `system`, `history`; the list of who is there is made by OnlineLists.
// Messages come in by POST: {"from","to"?,"content"}.

#include "codec/json/json_fields.h"
#include "codec/json/json_members.h"
#include "codec/json/json_writer.h"
#include "compat/dialect.h"

namespace ringcast::session {
namespace {

constexpr std::string_view kNobody = "匿名用户";

bool is_nobody(std::string_view user) {
  return user.empty() || user == "\"\"" || codec::literal_is(user, codec::kAnonymousUser);
}

void append_from(codec::JsonWriter& writer, std::string_view key, std::string_view user) {
  writer.key(key);
  is_nobody(user) ? writer.string(kNobody) : writer.raw(user);
}

void welcome(Spelled& out, std::string_view user) {
  std::string content;
  if (is_nobody(user)) {
    content = kNobody;
  } else {
    codec::append_unquoted(content, user);
  }
  content += " is here, welcome";
  out.name = "system";
  codec::JsonWriter(out.data)
      .begin_object()
      .string("from", "system")
      .string("content", content)
      .string("type", "system")
      .end_object();
}

bool show(const NativeEvent& event, Spelled& out) {
  codec::JsonWriter writer(out.data);
  if (!event.published()) {
    if (event.type == "member_joined") return welcome(out, event.user), true;
    if (event.type != "connection_id") return false;
    out.name = event.type;
    writer.begin_object().raw("id", event.connection).end_object();
    return true;
  }
  const bool is_private = event.room.starts_with("\"@");
  writer.begin_object();
  if (event.replayed && !is_private) {
    out.name = "history";
    append_from(writer, "From", event.user);
    writer.raw("Content", event.payload()).raw("Time", event.timestamp).end_object();
    return true;
  }
  out.name = "chat";
  append_from(writer, "from", event.user);
  if (is_private) {
    std::string to;
    codec::append_unquoted(to, event.room);
    writer.string("to", std::string_view(to).substr(1));
  }
  writer.raw("content", event.payload()).string("type", "chat").end_object();
  return true;
}

std::optional<Error> read(std::string_view text, const codec::JsonLimits& limits, codec::Action& action) {
  using Kind = codec::JsonField::Kind;
  codec::JsonField fields[] = {{"from"}, {"to"}, {"content", Kind::data}};
  if (auto error = read_json_fields(text, limits, fields)) return error;
  const auto& [from, to, content] = fields;
  if (!content.given()) return Error{"missing_field", "there is no \"content\""};
  action.kind = codec::ActionKind::message;
  action.room = "lobby";
  take_payload(action, content.value);
  if (from.given() && !from.value.empty() && from.value != kNobody) {
    if (const auto checked = codec::check_user(from.value); !checked) return checked.error();
    action.user = from.value;
  }
  if (!to.given() || to.value.empty()) return std::nullopt;
  if (const auto checked = codec::check_user(to.value); !checked) return checked.error();
  action.to = to.value;
  return std::nullopt;
}

bool heartbeat(const HeartbeatEvent& heartbeat, Spelled& out) {
  codec::JsonWriter(out.data)
      .begin_object()
      .string("type", "heartbeat")
      .uint("time", heartbeat.wall_us / 1'000'000)
      .end_object();
  return true;
}

}  // namespace

const DialectTable kChatRoom{.name = "chat-room",
                             .show = show,
                             .read = read,
                             .heartbeat = heartbeat,
                             .user_parameter = "username",
                             .nobody = kNobody,
                             .leaves_at_once = true,
                             .any_origin = true};

}  // namespace ringcast::session
