// SPDX-License-Identifier: Apache-2.0
// R5: an SSE broker. The data is the bare payload, the event its publisher's; besides, heartbeat, error and close.

#include "session/dialect/dialect.h"
#include "wire/json_fields.h"
#include "wire/json_members.h"
#include "wire/json_writer.h"

namespace ringcast::session {
namespace {

bool show(const NativeEvent& event, Spelled& out) {
  if (event.type == "problem" || event.type == "close") {
    out.name = event.type == "problem" ? "error" : event.type;
    out.data = event.json;
    return true;
  }
  // Of the server's own events none else has a payload.
  if (!append_bare_payload(out.data, event)) return false;
  out.name = event.type == "direct" ? wire::kDefaultEventType : event.type;
  return true;
}

bool beat(const Beat& beat, Spelled& out) {
  wire::JsonWriter(out.data)
      .begin_object()
      .string("type", "periodic")
      .uint("timestamp", beat.wall_us / 1000)
      .end_object();
  return true;
}

// RFC 9562 section 4: 8-4-4-4-12 hexadecimal digits.
bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hexadecimal = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !hexadecimal) return false;
  }
  return true;
}

Result<void> check_user(std::string_view user) {
  if (!is_uuid(user)) return fail("invalid_user_id", "invalid user ID");
  return {};
}

std::optional<Error> read(std::string_view text, const wire::JsonLimits& limits, wire::Action& action) {
  wire::JsonField fields[] = {{"user_id"}, {"event"}, {"data", wire::JsonField::Kind::data}};
  if (auto error = read_json_fields(text, limits, fields)) return error;
  const auto& [user, event, data] = fields;
  if (const auto checked = check_user(user.value); !checked) return checked.error();
  if (!data.given()) return Error{"missing_field", "there is no \"data\""};
  action.kind = wire::ActionKind::message;
  action.to = user.value;
  action.payload_kind = wire::PayloadKind::data;
  action.payload = data.value;
  if (!event.given() || event.value.empty()) return std::nullopt;
  if (const auto checked = wire::check_event_type(event.value); !checked) return checked.error();
  action.event = event.value;
  return std::nullopt;
}

}  // namespace

const DialectTable kBroker{.name = "broker",
                           .show = show,
                           .read = read,
                           .beat = beat,
                           .check_user = check_user,
                           .user_parameter = "user_id",
                           .nobody = {},
                           .denied = "authentication failed"};

}  // namespace ringcast::session
