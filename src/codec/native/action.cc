// SPDX-License-Identifier: Apache-2.0
#include "codec/native/action.h"

#include <iterator>
#include <vector>

#include "codec/json/json_reader.h"

namespace ringcast::codec {
namespace {

constexpr std::string_view kActionNames[] = {
    "unknown", "join",    "leave", "message", "direct",  "typing", "status",
    "members", "history", "ping",  "binary",  "refresh", "online",
};
constexpr std::string_view kStatusNames[] = {"online", "away", "busy"};

ActionKind action_kind_from(std::string_view name) {
  for (size_t i = 1; i < static_cast<size_t>(ActionKind::online); ++i) {
    if (kActionNames[i] == name) return static_cast<ActionKind>(i);
  }
  return ActionKind::unknown;
}

// The fields of an action, as a set of bits.
enum Field : uint32_t {
  kAction = 1u << 0,
  kRef = 1u << 1,
  kRoom = 1u << 2,
  kContent = 1u << 3,
  kData = 1u << 4,
  kTo = 1u << 5,
  kEvent = 1u << 6,
  kEcho = 1u << 7,
  kIdempotencyKey = 1u << 8,
  kLastId = 1u << 9,
  kAfter = 1u << 10,
  kLimit = 1u << 11,
  kStatus = 1u << 12,
  kToken = 1u << 13,
};
struct FieldName {
  std::string_view name;
  Field field;
};
constexpr FieldName kFieldNames[] = {
    {"action", kAction},  {"room", kRoom},
    {"channel", kRoom},   {"topic", kRoom},
    {"to", kTo},          {"content", kContent},
    {"data", kData},      {"event", kEvent},
    {"echo", kEcho},      {"idempotency_key", kIdempotencyKey},
    {"last_id", kLastId}, {"after", kAfter},
    {"limit", kLimit},    {"status", kStatus},
    {"token", kToken},    {"ref", kRef},
};

uint32_t fields_of(ActionKind kind) {
  constexpr uint32_t kAll = kAction | kRef;
  constexpr uint32_t kMessage = kAll | kContent | kData | kEvent | kEcho | kIdempotencyKey;
  switch (kind) {
    case ActionKind::join: return kAll | kRoom | kLastId;
    case ActionKind::message: return kMessage | kRoom;
    case ActionKind::direct: return kMessage | kTo;
    case ActionKind::leave:
    case ActionKind::typing:
    case ActionKind::binary: return kAll | kRoom;
    case ActionKind::members:
    case ActionKind::history: return kAll | kRoom | kAfter | kLimit;
    case ActionKind::status: return kAll | kStatus;
    case ActionKind::refresh: return kAll | kToken;
    case ActionKind::ping:
    case ActionKind::online:
    case ActionKind::unknown: break;
  }
  return kAll;
}

uint32_t field_of(std::string_view name) {
  for (const FieldName& known : kFieldNames) {
    if (known.name == name) return known.field;
  }
  return 0;
}

struct Seen {
  std::string_view action;
  std::string_view status;
  std::string_view event;
  std::string_view room_spelling;
  // Which of them the action does not take is known only when all has been read.
  uint32_t fields = 0;       // those that were given
  std::string_view unknown;  // the first name that none of them has; null: there was none
};

void read_field(FieldReader& reader, std::string_view key, simdjson::ondemand::value value, Action& action,
                Seen& seen) {
  const uint32_t field = field_of(key);
  seen.fields |= field;
  switch (field) {
    case kAction: return reader.text(key, value, seen.action);
    case kRef: return reader.ref(value, action.ref);
    case kRoom: return reader.spelled_text(key, value, action.room, seen.room_spelling);
    case kContent: return reader.payload(PayloadKind::content, value, action.payload_kind, action.payload);
    case kData: return reader.payload(PayloadKind::data, value, action.payload_kind, action.payload);
    case kTo: return reader.text(key, value, action.to);
    case kEvent: return reader.text(key, value, seen.event);
    case kEcho: return reader.flag(key, value, action.echo);
    case kIdempotencyKey: return reader.text(key, value, action.idempotency_key);
    case kLastId: return reader.cursor(key, value, action.last_id, action.unknown_last_id);
    case kAfter: return reader.id(key, value, action.after);
    case kLimit: return reader.count(key, value, action.limit);
    case kStatus: return reader.text(key, value, seen.status);
    case kToken: return reader.text(key, value, action.token);
    default: break;
  }
  if (seen.unknown.data() == nullptr) seen.unknown = key;
  reader.ignored(value);
}

// A field that the action does not take, by its name.
void check_fields(FieldReader& reader, const Action& action, const Seen& seen) {
  const uint32_t taken = fields_of(action.kind);
  std::string_view wrong = seen.unknown;
  for (const FieldName& given : kFieldNames) {
    if (wrong.data() == nullptr && (seen.fields & given.field & ~taken) != 0) wrong = given.name;
  }
  if (wrong.data() == nullptr) return;
  std::vector<std::string_view> known;
  for (const FieldName& field : kFieldNames) {
    if ((field.field & taken) != 0) known.push_back(field.name);
  }
  reader.complain(unknown_field(wrong, to_string(action.kind), known));
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
  check_fields(reader, action, seen);
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
    if (code == simdjson::INCORRECT_TYPE) return wrong_root("an action is a JSON object");
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

}  // namespace ringcast::codec
