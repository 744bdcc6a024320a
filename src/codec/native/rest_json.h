// SPDX-License-Identifier: Apache-2.0
// The JSON of REST answers, and of the `members` and `history` events, which have the same shapes.
// Pure functions appending to a string that the caller reuses; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace ringcast::codec {

struct PublishResult {
  std::optional<uint64_t> event_id;  // none for `to_connection`
  uint64_t receivers = 0;
  bool asked = false;                        // for an acknowledgement
  bool duplicate = false;                    // an idempotency key was seen before; event_id is the first one's
  std::string_view acknowledgement;          // a JSON array; empty: none came
  std::span<const std::string> attachments;  // its binary arguments
  const Error* error = nullptr;              // this item failed; nothing of it was published
  // Which of `rooms` ("room") or `users` ("user") this is; left out when empty.
  std::string_view target_key;
  std::string_view target;
};
// {"status":"sent","event_id":17,"receivers":3}, with "ack":[…] and "attachments":["base64"], or "ack":null, where an
// acknowledgement was asked for; or {"status":"failed","error":{"code","message"}}.
void append_publish_result(std::string& out, const PublishResult& result);
// {"status":"sent","results":[…]}; the status is "partial" when some failed and "failed" when all did.
void append_publish_results(std::string& out, std::span<const PublishResult> results);

// For a batch some items of which have several targets: the items' answers in order, between append_batch_begin() and
// append_batch_end(), each made by one of the above and separated by append_batch_next().
void append_batch_begin(std::string& out);
void append_batch_next(std::string& out);
void append_batch_end(std::string& out);

struct RoomRow {
  std::string_view room;
  uint64_t members = 0;
  uint64_t id = 0;        // the newest id given
  uint64_t messages = 0;  // kept in history
};
// `next` is what `after=` continues with; null when empty.
// `silent`: nodes that did not answer; left out when 0.
void append_rooms(std::string& out, std::span<const RoomRow> rooms, std::string_view next, uint32_t silent = 0);

struct MemberRow {
  std::string_view user;
  std::string_view status;  // online, away, busy
  uint64_t connections = 0;
};
// As an event it begins with "event_type":"members" and ends with the ref.
enum class Shape : uint8_t { answer, event };
void append_members(std::string& out, Shape shape, std::string_view room, uint64_t count,
                    std::span<const MemberRow> members, std::string_view ref = {});

// `messages` are canonical message events. `oldest` and `newest` are null when history is empty.
void append_history(std::string& out, Shape shape, std::string_view room, std::span<const std::string_view> messages,
                    std::optional<uint64_t> oldest, std::optional<uint64_t> newest, std::string_view ref = {});

struct UserRow {
  std::string_view user;
  bool online = false;
  std::string_view status;  // "offline" when not online
  uint64_t connections = 0;
};
void append_user(std::string& out, const UserRow& user);
void append_users(std::string& out, std::span<const UserRow> users, std::string_view next, uint32_t silent = 0);

// {"error":{"code":"rate_limited","message":"…"}}
void append_error_body(std::string& out, std::string_view code, std::string_view message);

}  // namespace ringcast::codec
