// SPDX-License-Identifier: Apache-2.0
// An SSE broker. The data is the bare payload, the event its publisher's; besides, heartbeat, error and close.

#include "codec/json/json_fields.h"
#include "codec/json/json_members.h"
#include "codec/json/json_writer.h"
#include "compat/dialect.h"

namespace ringcast::session {
namespace {

bool show(const NativeEvent& event, Spelled& out) {
  if (append_bare_payload(out.data, event)) {
    out.name = event.named() ? event.type : codec::kDefaultEventType;
    return true;
  }
  if (event.type != "problem" && event.type != "close") return false;
  out.name = event.type == "problem" ? "error" : event.type;
  out.data = event.json;
  return true;
}

bool heartbeat(const HeartbeatEvent& heartbeat, Spelled& out) {
  codec::JsonWriter(out.data)
      .begin_object()
      .string("type", "periodic")
      .uint("timestamp", heartbeat.wall_us / 1000)
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

std::optional<Error> read(std::string_view text, const codec::JsonLimits& limits, codec::Action& action) {
  codec::JsonField fields[] = {{"user_id"}, {"event"}, {"data", codec::JsonField::Kind::data}};
  if (auto error = read_json_fields(text, limits, fields)) return error;
  const auto& [user, event, data] = fields;
  if (const auto checked = check_user(user.value); !checked) return checked.error();
  if (!data.given()) return Error{"missing_field", "there is no \"data\""};
  action.kind = codec::ActionKind::message;
  action.to = user.value;
  action.payload_kind = codec::PayloadKind::data;
  action.payload = data.value;  // a string leaves as its text
  if (!event.given() || event.value.empty()) return std::nullopt;
  if (const auto checked = codec::check_event_name(event.value); !checked) return checked.error();
  action.event = event.value;
  return std::nullopt;
}

}  // namespace

const DialectTable kBroker{.name = "broker",
                           .show = show,
                           .read = read,
                           .heartbeat = heartbeat,
                           .check_user = check_user,
                           .user_parameter = "user_id",
                           .nobody = {},
                           .denied = "authentication failed",
                           .leaves_at_once = true};

}  // namespace ringcast::session
