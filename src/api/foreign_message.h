// SPDX-License-Identifier: Apache-2.0
// A message that no client has sent, but the host program or an inlet: held to the rules of POST /messages, and made a
// task for a core. No state beyond the thread's parsing scratch; any thread.
#pragma once

#include <memory>
#include <string_view>

#include "api/foreign_requests.h"
#include "base/error.h"
#include "codec/native/action.h"

namespace ringcast::session {

// As the fields of POST /messages; empty: not given. Views are valid during the call.
struct ForeignMessage {
  std::string_view tenant, room, to;
  bool broadcast = false;
  std::string_view user, event;
  std::string_view content;  // a text in UTF-8
  std::string_view data;     // or JSON
  bool compact = false;      // `data` is what append_compact_json() has made
  std::string_view idempotency_key;
  bool final = false;
};

// The error says which rule the message breaks. Codes bad_message, bad_room, bad_user, bad_tenant, bad_event,
// bad_idempotency_key, bad_target, bad_json, too_deep, too_large.
[[nodiscard]] Result<std::unique_ptr<ForeignTask>> publish_task(const ForeignMessage& message,
                                                                const codec::JsonLimits& limits);
// The payload alone: exactly one of `content` and `data`.
[[nodiscard]] Result<void> set_payload(ForeignTask& task, std::string_view content, std::string_view data,
                                       const codec::JsonLimits& limits);
// JSON as it is, any other text as a JSON string. `data` is valid UTF-8.
std::string json_of(std::string_view data, const codec::JsonLimits& limits);
[[nodiscard]] Result<void> check_optional(std::string_view value, Result<void> (*check)(std::string_view));

}  // namespace ringcast::session
