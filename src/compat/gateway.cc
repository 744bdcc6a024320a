// SPDX-License-Identifier: Apache-2.0
// A push gateway over SSE. `connection_id` first, then heartbeats that scripts can see; `chat` events of the page;
// what back-ends push as `data` under their own event names.

#include "codec/json/json_fields.h"
#include "codec/json/json_members.h"
#include "codec/json/json_writer.h"
#include "compat/dialect.h"

namespace ringcast::session {
namespace {

bool show(const NativeEvent& event, Spelled& out) {
  codec::JsonWriter writer(out.data);
  out.name = event.type;
  if (event.type == "connection_id" && !event.published()) {
    writer.begin_object().raw("connection_id", event.connection).end_object();
    return true;
  }
  if (!event.published()) {
    out.data = event.json;
    return event.type == "reconnect" || event.type == "close";
  }
  if (event.content.empty()) {
    if (!event.named()) out.name = codec::kDefaultEventType;
    return append_bare_payload(out.data, event);
  }
  out.name = "chat";
  writer.begin_object().raw("from", event.user.empty() ? "\"\"" : event.user);
  // "@alice" is written to alice, "*" to everybody.
  std::string to;
  codec::append_unquoted(to, event.room);
  writer.string("to", to.starts_with('@') ? std::string_view(to).substr(1) : to == "*" ? "all" : std::string_view(to));
  writer.raw("text", event.content).end_object();
  return true;
}

std::optional<Error> read(std::string_view text, const codec::JsonLimits& limits, codec::Action& action) {
  using Kind = codec::JsonField::Kind;
  codec::JsonField fields[] = {{"text", Kind::content}, {"to"}};
  if (auto error = read_json_fields(text, limits, fields)) return error;
  const auto& [content, to] = fields;
  if (!content.given()) return Error{"missing_field", "there is no \"text\""};
  action.kind = codec::ActionKind::message;
  action.payload_kind = codec::PayloadKind::content;
  action.payload = content.value;
  action.event = "chat";
  action.room = codec::kBroadcastChannel;
  if (to.given() && !to.value.empty() && to.value != "all") {
    if (const auto checked = codec::check_user(to.value); !checked) return checked.error();
    action.to = to.value;
  }
  return std::nullopt;
}

bool heartbeat(const HeartbeatEvent& heartbeat, Spelled& out) {
  static constexpr std::string_view kKinds[] = {"initial", "periodic", "healthcheck"};
  codec::JsonWriter writer(out.data);
  writer.begin_object().string("type", kKinds[static_cast<size_t>(heartbeat.kind)]);
  if (heartbeat.kind != HeartbeatEvent::Kind::periodic)
    writer.string("client_id", heartbeat.connection).string("user_id", heartbeat.user);
  writer.uint("timestamp", heartbeat.wall_us / 1000)
      .timestamp("data", static_cast<int64_t>(heartbeat.wall_us))
      .end_object();
  return true;
}

}  // namespace

const DialectTable kGateway{
    .name = "gateway", .show = show, .read = read, .heartbeat = heartbeat, .user_parameter = "user", .nobody = {}};

}  // namespace ringcast::session
