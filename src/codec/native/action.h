// SPDX-License-Identifier: Apache-2.0
// What a WebSocket client asks for in a text frame: {"action":"join","room":"general"}.
// An Action belongs to its caller, but its views point into this thread's parsing scratch: they are valid until the
// next parse_action() or parse_publish_body() on the same thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "codec/native/names.h"

namespace ringcast::codec {

// Nesting is read by recursion: whatever is set, it ends here.
inline constexpr uint32_t kJsonDepthMax = 1024;

struct JsonLimits {
  uint32_t depth_max = 32;                // how deep `data`, or a field that is not known, may nest
  uint32_t payload_bytes_max = 64 << 10;  // `content` or `data` as re-serialised
  uint32_t batch_items_max = 1000;        // publishes of one request, each target of `rooms` and `users` counted
};

inline constexpr size_t kRefBytesMax = 128;

enum class ActionKind : uint8_t {
  unknown,
  join,
  leave,
  message,
  direct,
  typing,
  status,
  members,
  history,
  ping,
  binary,
  refresh,
  online,  // who is in the room, connection by connection; of other systems only
};
std::string_view to_string(ActionKind kind);

enum class UserStatus : uint8_t { online, away, busy };
std::string_view to_string(UserStatus status);
std::optional<UserStatus> user_status_from(std::string_view text);

enum class PayloadKind : uint8_t { none, content, data };

struct Action {
  ActionKind kind = ActionKind::unknown;
  std::string_view ref;   // raw JSON of a string or a number; empty when there was none
  std::string_view room;  // a valid channel name (`@me` not resolved); empty: the room joined last
  ChannelKind room_kind = ChannelKind::room;
  std::string_view to;  // a valid user name
  PayloadKind payload_kind = PayloadKind::none;
  std::string_view payload;  // JSON on one line: of `content` the string with its quotes, of `data` any value
  std::string_view event = kDefaultEventType;
  bool echo = true;
  std::string_view idempotency_key;
  std::optional<uint64_t> last_id;
  bool unknown_last_id = false;  // there was one, which cannot be read
  std::optional<uint64_t> after;
  std::optional<uint32_t> limit;
  UserStatus status = UserStatus::online;
  std::string_view token;  // of `refresh`
  // Never out of native text, but of what other spellings mean.
  std::string_view user;              // as whom; empty: the connection's own
  bool ephemeral = false;             // no id, no history
  bool signed_by_connection = false;  // the message says from which connection it came
};

// Rules beyond PROTOCOL.md's table: `channel` and `topic` are spellings of `room`, one of the three at a time; a field
// that is null counts as absent (`data` apart: null is a value); a field that the action does not take is refused,
// since what was meant by it would be lost without a word; of a repeated field the last counts, as in JSON.parse; ids
// are numbers or strings of decimal digits below 2^53, and a `last_id` that is another number or string is a cursor
// that cannot be read: not an error.
//
// Nothing on success, else what was wrong; `action.ref` is set also then, whenever the text was JSON, and `action.kind`
// when it was known. Codes: bad_json (not an object, malformed, invalid UTF-8, a lone surrogate), too_deep, too_large,
// unknown_action, unknown_field, bad_field (type or range), missing_field, and those of names.h.
[[nodiscard]] std::optional<Error> parse_action(std::string_view text, const JsonLimits& limits, Action& action);

}  // namespace ringcast::codec
