// SPDX-License-Identifier: Apache-2.0
// The body of POST /messages: one publish as an object, or a batch of them as an array.
// Views point into this thread's parsing scratch and are valid until the next parse_publish_body() or parse_action() on
// the same thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/error.h"
#include "codec/native/action.h"

namespace ringcast::codec {

enum class TargetKind : uint8_t {
  room,        // one name
  rooms,       // names in order; the answer has `results`
  user,        // one user's inbox (`to`)
  users,       // inboxes in order; the answer has `results`
  connection,  // one connection id; no id, no history
  broadcast,   // `*`; no names
};

struct PublishRequest {
  TargetKind target = TargetKind::room;
  std::span<const std::string_view> names;  // valid rooms, users or a connection id
  std::string_view user;                    // as whom; empty when not given
  PayloadKind payload_kind = PayloadKind::none;
  std::string_view payload;  // as in Action
  std::string_view event = kDefaultEventType;
  std::string_view exclude;  // a connection id
  bool final_message = false;
  bool by_topic = false;  // its rooms were called topics
  std::string_view idempotency_key;
  uint32_t ack_timeout_ms = 0;  // of a connection: how long its acknowledgement is waited for; 0: not at all
};

inline constexpr uint32_t kAckTimeoutMaxMs = 60'000;

// What other systems' clients send besides is ignored where such a system is stood in for, and events have names as
// check_event_name() takes them.
enum class UnknownMembers : uint8_t { refused, ignored };

struct PublishBody {
  bool is_batch = false;                     // the body was an array, so the answer is one
  std::span<const PublishRequest> requests;  // one when it was an object
};

// Rules: exactly one target of `room` (`channel`, `topic`), `rooms` (`channels`, `topics`), `to`, `users`,
// `to_connection`, `broadcast:true`; without any, room `general`. A `room` of "*" is a broadcast and one of "@alice" is
// `to` alice. Exactly one of `content` (string) and `data`. `final` not with broadcasts, inboxes and connections;
// `exclude` not with `to_connection`; `ack_timeout_ms` with nothing else, and in no batch. Null, unknown and repeated
// fields are as in parse_action().
//
// Nothing on success, else what was wrong, in a batch beginning with "item 3: ". Codes: those of parse_action() and
// bad_target, empty_batch, batch_too_large. HTTP status: see http_status_of().
[[nodiscard]] std::optional<Error> parse_publish_body(std::string_view text, const JsonLimits& limits,
                                                      PublishBody& body,
                                                      UnknownMembers unknown = UnknownMembers::refused);

// 413 for too_large and batch_too_large, 403 for forbidden, else 400.
int http_status_of(const Error& error);

}  // namespace ringcast::codec
