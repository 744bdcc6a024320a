// SPDX-License-Identifier: Apache-2.0
// ringcast::Message: something to publish, and what came of it. Plain values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ringcast {

// Exactly one of `room`, `to` and `broadcast`, and exactly one of `content` and `data`, must be set.
struct Message {
  std::string room;             // 1-128 bytes of UTF-8, as in docs/protocol.md
  std::string to;               // a user: every connection of this user; kept in the inbox for who is offline
  bool broadcast = false;       // everybody
  std::string tenant;           // [A-Za-z0-9_.-]{1,64}; empty: the unnamed tenant
  std::string user;             // who is shown as the author; empty: nobody
  std::string event;            // [A-Za-z0-9_.:-]{1,64}, none of the server's own; empty: "message" ("direct" for `to`)
  std::string content;          // a text in UTF-8
  std::string data;             // or any JSON value, at most `message_size_max` bytes
  std::string idempotency_key;  // 1-128 bytes; the same key again within the window publishes nothing
  bool final = false;           // rooms only: takes the subscribers out after the message
};

enum class PublishStatus : uint8_t {
  sent,         // on its way; its order among this thread's messages to the channel is fixed
  would_block,  // too much under way to that core: try again, or use the call that waits
  timed_out,
  invalid,  // the message breaks a rule; PublishResult::error says which
  stopped,  // the server drains or has stopped: nothing is published any more
};

struct PublishResult {
  PublishStatus status = PublishStatus::sent;
  std::string error;  // with `invalid`: what was wrong and what is allowed
  explicit operator bool() const { return status == PublishStatus::sent; }
};

struct Receipt {
  uint64_t id = 0;         // of the message in its channel
  uint32_t receivers = 0;  // members when the id was given
  bool duplicate = false;  // the idempotency key was known: `id` is the first message's
};

// A text in UTF-8 as a JSON string, with its quotes (RFC 8259, section 7): for putting `data` together.
std::string json_string(std::string_view text);

}  // namespace ringcast
