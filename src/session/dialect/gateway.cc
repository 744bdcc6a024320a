// SPDX-License-Identifier: Apache-2.0
// R6: a push gateway over SSE. `connection_id` first, then heartbeats that scripts can see; `chat` events of the page;
// what back-ends push as `data` under their own event names.

#include "session/dialect/dialect.h"
#include "wire/json_fields.h"
#include "wire/json_members.h"
#include "wire/json_writer.h"

namespace ringcast::session {
namespace {

bool show(const NativeEvent& event, Spelled& out) {
  wire::JsonWriter writer(out.data);
  out.name = event.type;
  if (event.type == "connection_id") {
    writer.begin_object().raw("connection_id", event.connection).end_object();
    return true;
  }
  if (event.type == "reconnect") {
    out.data = event.json;
    return true;
  }
  if (!event.data.empty()) {
    out.data = event.data;
    return true;
  }
  if (event.content.empty()) return false;
  out.name = "chat";
  writer.begin_object().raw("from", event.user.empty() ? "\"\"" : event.user);
  // "@alice" is written to alice, "*" to everybody.
  std::string to;
  wire::append_unquoted(to, event.room);
  writer.string("to", to.starts_with('@') ? std::string_view(to).substr(1) : to == "*" ? "all" : std::string_view(to));
  writer.raw("text", event.content).end_object();
  return true;
}

std::optional<Error> read(std::string_view text, const wire::JsonLimits& limits, wire::Action& action) {
  using Kind = wire::JsonField::Kind;
  wire::JsonField fields[] = {{"text", Kind::content}, {"to"}};
  if (auto error = read_json_fields(text, limits, fields)) return error;
  const auto& [content, to] = fields;
  if (!content.given()) return Error{"missing_field", "there is no \"text\""};
  action.kind = wire::ActionKind::message;
  action.payload_kind = wire::PayloadKind::content;
  action.payload = content.value;
  action.event = "chat";
  action.room = wire::kBroadcastChannel;
  if (to.given() && !to.value.empty() && to.value != "all") {
    if (const auto checked = wire::check_user(to.value); !checked) return checked.error();
    action.to = to.value;
  }
  return std::nullopt;
}

bool beat(const Beat& beat, Spelled& out) {
  static constexpr std::string_view kKinds[] = {"initial", "periodic", "healthcheck"};
  wire::JsonWriter writer(out.data);
  writer.begin_object().string("type", kKinds[static_cast<size_t>(beat.kind)]);
  if (beat.kind != Beat::Kind::periodic) writer.string("client_id", beat.connection).string("user_id", beat.user);
  writer.uint("timestamp", beat.wall_us / 1000).timestamp("data", static_cast<int64_t>(beat.wall_us)).end_object();
  return true;
}

}  // namespace

const DialectTable kGateway{
    .name = "gateway", .show = show, .read = read, .beat = beat, .user_parameter = "user", .nobody = {}};

}  // namespace ringcast::session
