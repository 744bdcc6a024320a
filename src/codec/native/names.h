// SPDX-License-Identifier: Apache-2.0
// The names that go over the wire: rooms, users, tenants, event types, and the channels that they stand for.
// Pure functions without state; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ringcast::codec {

inline constexpr size_t kNameBytesMax = 128;  // room and user names
inline constexpr size_t kTenantBytesMax = 64;
inline constexpr size_t kEventTypeBytesMax = 64;
inline constexpr size_t kConnectionIdBytesMax = 64;
inline constexpr size_t kIdempotencyKeyBytesMax = 128;
inline constexpr uint64_t kMessageIdMax = (uint64_t{1} << 53) - 1;  // what a JavaScript number holds exactly

inline constexpr std::string_view kAnonymousUser = "anonymous";  // who comes without a user; has no inbox
inline constexpr std::string_view kBroadcastChannel = "*";
inline constexpr std::string_view kOwnInbox = "@me";
inline constexpr std::string_view kDefaultRoom = "general";
inline constexpr std::string_view kDefaultEventType = "message";

enum class ChannelKind : uint8_t {
  room,       // "general"
  inbox,      // "@alice"
  broadcast,  // "*"
};

// 1..128 bytes of UTF-8 without control characters (C0, DEL, C1) and ','; not "*", not beginning with '@'.
[[nodiscard]] Result<void> check_room(std::string_view name);  // code bad_room
// The same without the last two conditions, but not "me". "anonymous" passes: see is_anonymous().
[[nodiscard]] Result<void> check_user(std::string_view name);         // code bad_user
[[nodiscard]] Result<void> check_tenant(std::string_view name);       // code bad_tenant; [A-Za-z0-9_.-]{1,64}
[[nodiscard]] Result<void> check_connection_id(std::string_view id);  // code bad_connection_id; [A-Za-z0-9_.:-]{1,64}
[[nodiscard]] Result<void> check_idempotency_key(
    std::string_view key);  // code bad_idempotency_key; 1..128 bytes of UTF-8
// [A-Za-z0-9_.:-]{1,64} and none of the server's own types. Code bad_event.
[[nodiscard]] Result<void> check_event_type(std::string_view type);

// What other systems call events: 1..64 bytes of UTF-8 on one line. Code bad_event.
[[nodiscard]] Result<void> check_event_name(std::string_view name);

bool is_reserved_event_type(std::string_view type);  // the server's own types; "message" is not among them
inline bool is_anonymous(std::string_view user) {
  return user.empty() || user == kAnonymousUser;
}

// Which kind a channel's wire name is of, when it is a valid one ("@me" is an inbox). Code bad_room.
[[nodiscard]] Result<ChannelKind> check_channel(std::string_view name);

// A channel name as a subscriber gives it, with "@me" resolved to the inbox of `self` (view of `name` or `scratch`).
// Codes: bad_room; forbidden for somebody else's inbox, and for any inbox when `self` is anonymous.
struct ResolvedChannel {
  ChannelKind kind = ChannelKind::room;
  std::string_view name;
};
[[nodiscard]] Result<ResolvedChannel> resolve_channel(std::string_view name, std::string_view self,
                                                      std::string& scratch);

// For texts that quote what a client sent: at most `bytes_max` of it, cut between UTF-8 characters, in double quotes.
// Of invalid UTF-8 nothing is quoted, since the text ends in JSON.
std::string quoted(std::string_view text, size_t bytes_max = 40);

bool is_valid_utf8(std::string_view text);

}  // namespace ringcast::codec
