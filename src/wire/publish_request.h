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
#include "wire/action.h"

namespace ringcast::wire {

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
  std::string_view idempotency_key;
};

struct PublishBody {
  bool is_batch = false;                     // the body was an array, so the answer is one
  std::span<const PublishRequest> requests;  // one when it was an object
};

// Rules: exactly one target of `room` (`channel`, `topic`), `rooms` (`channels`, `topics`), `to`, `users`,
// `to_connection`, `broadcast:true`; without any, room `general`. A `room` of "*" is a broadcast and one of "@alice" is
// `to` alice. Exactly one of `content` (string) and `data`. `final` not with broadcasts, inboxes and connections;
// `exclude` not with `to_connection`. Null, unknown and repeated fields are as in parse_action().
//
// Nothing on success, else what was wrong, in a batch beginning with "item 3: ". Codes: those of parse_action() and
// bad_target, empty_batch, batch_too_large. HTTP status: see http_status_of().
std::optional<Error> parse_publish_body(std::string_view text, const JsonLimits& limits, PublishBody& body);

// 413 for too_large and batch_too_large, 403 for forbidden, else 400.
int http_status_of(const Error& error);

}  // namespace ringcast::wire
