// SPDX-License-Identifier: Apache-2.0
#include "wire/action.h"

#include <iterator>

#include "wire/json_reader.h"

namespace ringcast::wire {
namespace {

constexpr std::string_view kActionNames[] = {
    "unknown", "join",    "leave",   "message", "direct", "typing",
    "status",  "members", "history", "ping",    "binary", "refresh",
};
constexpr std::string_view kStatusNames[] = {"online", "away", "busy"};

ActionKind action_kind_from(std::string_view name) {
  for (size_t i = 1; i < std::size(kActionNames); ++i) {
    if (kActionNames[i] == name) return static_cast<ActionKind>(i);
  }
  return ActionKind::unknown;
}

struct Seen {
  std::string_view action;
  std::string_view status;
  std::string_view event;
  std::string_view room_spelling;
};

void read_field(FieldReader& reader, std::string_view key, simdjson::ondemand::value value, Action& action,
                Seen& seen) {
  if (key == "action") {
    reader.text(key, value, seen.action);
  } else if (key == "room" || key == "channel" || key == "topic") {
    reader.spelled_text(key, value, action.room, seen.room_spelling);
  } else if (key == "content") {
    reader.payload(PayloadKind::content, value, action.payload_kind, action.payload);
  } else if (key == "data") {
    reader.payload(PayloadKind::data, value, action.payload_kind, action.payload);
  } else if (key == "ref") {
    reader.ref(value, action.ref);
  } else if (key == "to") {
    reader.text(key, value, action.to);
  } else if (key == "event") {
    reader.text(key, value, seen.event);
  } else if (key == "echo") {
    reader.flag(key, value, action.echo);
  } else if (key == "idempotency_key") {
    reader.text(key, value, action.idempotency_key);
  } else if (key == "last_id") {
    reader.id(key, value, action.last_id);
  } else if (key == "after") {
    reader.id(key, value, action.after);
  } else if (key == "limit") {
    reader.count(key, value, action.limit);
  } else if (key == "token") {
    reader.text(key, value, action.token);
  } else if (key == "status") {
    reader.text(key, value, seen.status);
  } else {
    reader.ignored(value);
  }
}

void require(FieldReader& reader, const Action& action, bool present, std::string_view field) {
  if (present) return;
  reader.complain("missing_field", std::string(to_string(action.kind)) + " needs " + std::string(field));
}

void check_presence(FieldReader& reader, const Action& action, const Seen& seen) {
  const bool has_room = !seen.room_spelling.empty();
  switch (action.kind) {
    case ActionKind::join:
    case ActionKind::leave:
    case ActionKind::binary: return require(reader, action, has_room, "\"room\"");
    case ActionKind::direct:
      require(reader, action, action.to.data() != nullptr, "\"to\", a user");
      return require(reader, action, action.payload_kind != PayloadKind::none, "\"content\" or \"data\"");
    case ActionKind::message:
      return require(reader, action, action.payload_kind != PayloadKind::none, "\"content\" or \"data\"");
    case ActionKind::refresh: return require(reader, action, !action.token.empty(), "\"token\"");
    case ActionKind::status:
      return require(reader, action, seen.status.data() != nullptr, "\"status\": online, away or busy");
    default: return;
  }
}

void check_values(FieldReader& reader, Action& action, const Seen& seen) {
  if (!seen.room_spelling.empty()) {
    if (const auto kind = check_channel(action.room)) {
      action.room_kind = *kind;
    } else {
      reader.complain(kind.error());
    }
  }
  if (action.to.data() != nullptr) {
    reader.complain(check_user(action.to));
    if (is_anonymous(action.to)) reader.complain("bad_user", "\"anonymous\" has no inbox");
  }
  if (seen.event.data() != nullptr) {
    reader.complain(check_event_type(seen.event));
    action.event = seen.event;
  } else if (action.kind == ActionKind::direct) {
    action.event = "direct";
  }
  if (action.idempotency_key.data() != nullptr) reader.complain(check_idempotency_key(action.idempotency_key));
  if (seen.status.data() != nullptr) {
    if (const auto status = user_status_from(seen.status)) {
      action.status = *status;
    } else {
      reader.complain("bad_field", "status " + quoted(seen.status) + " is none of online, away, busy");
    }
  }
}

void check(FieldReader& reader, Action& action, const Seen& seen) {
  if (reader.broken()) return;
  if (seen.action.data() == nullptr) return reader.complain("missing_field", "there is no \"action\"");
  action.kind = action_kind_from(seen.action);
  if (action.kind == ActionKind::unknown) {
    return reader.complain(
        "unknown_action",
        "unknown action " + quoted(seen.action) +
            "; known are join, leave, message, direct, typing, status, members, history, ping, binary, refresh");
  }
  // A complaint about a field that was given says more than one about a field that is therefore missing.
  if (reader.error()) return;
  check_presence(reader, action, seen);
  check_values(reader, action, seen);
}

}  // namespace

std::string_view to_string(ActionKind kind) {
  return kActionNames[static_cast<size_t>(kind)];
}
std::string_view to_string(UserStatus status) {
  return kStatusNames[static_cast<size_t>(status)];
}

std::optional<UserStatus> user_status_from(std::string_view text) {
  for (size_t i = 0; i < std::size(kStatusNames); ++i) {
    if (kStatusNames[i] == text) return static_cast<UserStatus>(i);
  }
  return std::nullopt;
}

std::optional<Error> parse_action(std::string_view text, const JsonLimits& limits, Action& action) {
  action = Action{};
  JsonScratch& scratch = JsonScratch::of_this_thread();
  simdjson::ondemand::document document;
  if (const auto code = scratch.open(text, document)) return json_error(code, limits.depth_max);
  simdjson::ondemand::object object;
  if (const auto code = document.get_object().get(object)) {
    if (code == simdjson::INCORRECT_TYPE) return Error{"bad_json", "an action is a JSON object"};
    return json_error(code, limits.depth_max);
  }

  FieldReader reader(scratch, limits);
  Seen seen;
  reader.members(object, [&](std::string_view key, simdjson::ondemand::value value) {
    read_field(reader, key, value, action, seen);
  });
  reader.end(document);
  check(reader, action, seen);
  scratch.assert_output_in_place();
  return reader.take_error();
}

}  // namespace ringcast::wire
