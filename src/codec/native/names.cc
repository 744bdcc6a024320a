// SPDX-License-Identifier: Apache-2.0
#include "codec/native/names.h"

#include <simdjson.h>

#include <algorithm>
#include <iterator>

namespace ringcast::codec {
namespace {

constexpr std::string_view kReservedEventTypes[] = {
    "ack",         "binary",  "close",   "connection_id", "direct", "error",          "gap",
    "heartbeat",   "history", "joined",  "lagged",        "left",   "members",        "member_joined",
    "member_left", "pong",    "problem", "reconnect",     "status", "token_expiring", "typing",
};

bool is_token_byte(unsigned char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte == '_' ||
         byte == '.' || byte == '-';
}

// What is wrong with a room or user name's bytes, or nothing.
std::string_view fault_of(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name.size() > kNameBytesMax) return "is longer than 128 bytes";
  bool ascii = true;
  for (size_t i = 0; i < name.size(); ++i) {
    const auto byte = static_cast<unsigned char>(name[i]);
    if (byte == ',') return "has a ',' in it";
    if (byte < 0x20 || byte == 0x7f) return "has a control character in it";
    // U+0080..U+009F, the C1 controls, in UTF-8
    if (byte == 0xc2 && i + 1 < name.size() && static_cast<unsigned char>(name[i + 1]) < 0xa0) {
      return "has a control character in it";
    }
    ascii = ascii && byte < 0x80;
  }
  if (!ascii && !is_valid_utf8(name)) return "is not valid UTF-8";
  return {};
}

std::string describe(std::string_view what, std::string_view name, std::string_view fault, std::string_view allowed) {
  std::string text(what);
  text += ' ' + quoted(name) + ' ';
  text += fault;
  text += "; ";
  text += allowed;
  return text;
}

constexpr std::string_view kRoomRule =
    "a room is 1 to 128 bytes of UTF-8 without control characters and ',', not \"*\" and not beginning with '@'";
constexpr std::string_view kUserRule =
    "a user is 1 to 128 bytes of UTF-8 without control characters and ',', and not \"me\"";

Result<void> fail_token(std::string_view text, std::string_view code, std::string_view what, size_t bytes_max,
                        bool colon) {
  const std::string allowed = std::string(what) + " is 1 to " + std::to_string(bytes_max) +
                              (colon ? " of A-Z a-z 0-9 _ . : -" : " of A-Z a-z 0-9 _ . -");
  if (text.empty()) return fail(std::string(code), describe(what, text, "is empty", allowed));
  if (text.size() > bytes_max) return fail(std::string(code), describe(what, text, "is too long", allowed));
  return fail(std::string(code), describe(what, text, "has another character in it", allowed));
}

bool is_token(std::string_view text, size_t bytes_max, bool colon) {
  return !text.empty() && text.size() <= bytes_max && std::all_of(text.begin(), text.end(), [colon](char c) {
    return is_token_byte(static_cast<unsigned char>(c)) || (colon && c == ':');
  });
}

}  // namespace

bool is_valid_utf8(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

Result<void> check_room(std::string_view name) {
  std::string_view fault = fault_of(name);
  if (fault.empty() && name == kBroadcastChannel) fault = "is the broadcast channel";
  if (fault.empty() && name.front() == '@') fault = "names an inbox";
  if (fault.empty()) return {};
  return fail("bad_room", describe("room", name, fault, kRoomRule));
}

Result<void> check_user(std::string_view name) {
  std::string_view fault = fault_of(name);
  if (fault.empty() && name == "me") fault = "is reserved";
  if (fault.empty()) return {};
  return fail("bad_user", describe("user", name, fault, kUserRule));
}

Result<void> check_tenant(std::string_view name) {
  if (is_token(name, kTenantBytesMax, false)) return {};
  return fail_token(name, "bad_tenant", "a tenant", kTenantBytesMax, false);
}

Result<void> check_connection_id(std::string_view id) {
  if (is_token(id, kConnectionIdBytesMax, true)) return {};
  return fail_token(id, "bad_connection_id", "a connection id", kConnectionIdBytesMax, true);
}

Result<void> check_idempotency_key(std::string_view key) {
  if (!key.empty() && key.size() <= kIdempotencyKeyBytesMax && is_valid_utf8(key)) return {};
  return fail("bad_idempotency_key", "an idempotency key is 1 to 128 bytes of UTF-8");
}

bool is_reserved_event_type(std::string_view type) {
  return std::find(std::begin(kReservedEventTypes), std::end(kReservedEventTypes), type) !=
         std::end(kReservedEventTypes);
}

Result<void> check_event_type(std::string_view type) {
  if (type == kDefaultEventType) return {};
  if (!is_token(type, kEventTypeBytesMax, true)) {
    return fail_token(type, "bad_event", "an event type", kEventTypeBytesMax, true);
  }
  if (!is_reserved_event_type(type)) return {};
  return fail("bad_event", "event type " + quoted(type) + " is one of the server's own; choose another");
}

Result<void> check_event_name(std::string_view name) {
  const auto control = [](unsigned char byte) { return byte < 0x20 || byte == 0x7f; };
  if (!name.empty() && name.size() <= kEventTypeBytesMax && std::none_of(name.begin(), name.end(), control) &&
      is_valid_utf8(name)) {
    return {};
  }
  return fail("bad_event", "an event's name is 1 to 64 bytes of UTF-8 without control characters");
}

Result<ChannelKind> check_channel(std::string_view name) {
  if (name == kBroadcastChannel) return ChannelKind::broadcast;
  if (name.empty() || name.front() != '@') {
    if (auto room = check_room(name); !room) return tl::unexpected(room.error());
    return ChannelKind::room;
  }
  const std::string_view user = name.substr(1);
  if (user == "me") return ChannelKind::inbox;
  if (auto checked = check_user(user); !checked) return fail("bad_room", "inbox of " + checked.error().message);
  if (is_anonymous(user)) return fail("bad_room", "\"anonymous\" has no inbox");
  return ChannelKind::inbox;
}

Result<ResolvedChannel> resolve_channel(std::string_view name, std::string_view self, std::string& scratch) {
  auto kind = check_channel(name);
  if (!kind) return tl::unexpected(kind.error());
  if (*kind != ChannelKind::inbox) return ResolvedChannel{*kind, name};
  if (is_anonymous(self)) return fail("forbidden", "a connection without a user has no inbox");
  if (name.substr(1) == self) return ResolvedChannel{*kind, name};
  if (name != kOwnInbox)
    return fail("forbidden", "inbox " + quoted(name) + " belongs to another user; \"@me\" is yours");
  scratch.assign(1, '@').append(self);
  return ResolvedChannel{*kind, scratch};
}

std::string quoted(std::string_view text, size_t bytes_max) {
  if (!is_valid_utf8(text)) return "(bytes that are not UTF-8)";
  const bool cut = text.size() > bytes_max;
  if (cut) {
    // 10xxxxxx bytes continue a character
    while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xc0) == 0x80) --bytes_max;
    text = text.substr(0, bytes_max);
  }
  std::string result = "\"";
  result += text;
  result += cut ? "…\"" : "\"";
  return result;
}

}  // namespace ringcast::codec
