// SPDX-License-Identifier: Apache-2.0
// A dialect: how the connections of a route spell things. The core knows native events only; a dialect is told each of
// them in its native spelling and gives what its clients get instead, or nothing: it shows only what its row names.
// Constant tables and pure functions, one file per dialect; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "wire/action.h"

namespace ringcast::session {

struct Request;

enum class Dialect : uint8_t {
  native,
  order_status,   // R1: bare payloads, current state first
  token_hub,      // R2: a WebSocket hub of type/roomId/content
  feed,           // R3: native, but `system` for `lagged`
  broker,         // R5: bare payloads under the publisher's event names
  gateway,        // R6: a push gateway with heartbeat events
  chat_room,      // R7: a chat over SSE
  chat_hub,       // R8: a chat over WebSocket
  notifications,  // R11: polled notifications
};
inline constexpr size_t kDialects = 9;

// A native event taken apart; every member but `type` is raw JSON, empty where the event has none.
struct NativeEvent {
  std::string_view json;
  std::string_view type;
  std::string_view id, room, user, connection, content, data, timestamp;
  bool replayed = false;  // it comes out of history
};

// What a client gets instead of an event.
struct Spelled {
  std::string_view name;  // SSE: empty for an unnamed event; lives as long as the event
  std::string data;       // SSE: the data, may have several lines; WebSocket: the text frame
};

// What a heartbeat that scripts can see may say.
struct Beat {
  enum class Kind : uint8_t { initial, periodic, healthcheck } kind = Kind::periodic;
  uint64_t wall_us = 0;
  std::string_view connection;  // initial and healthcheck
  std::string_view user;
};

struct DialectTable {
  std::string_view name;  // in [[routes]]
  // Null: as it is, under its native name.
  bool (*show)(const NativeEvent& event, Spelled& out);
  // What a client says in a text frame or a posted body; null: native.
  std::optional<Error> (*read)(std::string_view text, const wire::JsonLimits& limits, wire::Action& action);
  // Null: `: heartbeat` (or heartbeat=event).
  bool (*beat)(const Beat& beat, Spelled& out);
  // Who may open a stream here; null: anybody. The user is empty for nobody by name.
  Result<void> (*check_user)(std::string_view user) = nullptr;
  // The query's name of the user, and who somebody is that gives none (empty: nobody by name).
  std::string_view user_parameter;
  std::string_view nobody;
  // What somebody is told whose token is refused; empty: why it is.
  std::string_view denied = {};
};

const DialectTable& table_of(Dialect dialect);
// By its name in configuration; kDialects when there is none of that name.
size_t find_dialect(std::string_view name);

// --- for the dialects' own files ---

// `content` as text, `data` as JSON: what a publisher gave, bare. False for events that carry neither.
bool append_bare_payload(std::string& out, const NativeEvent& event);

extern const DialectTable kNative, kOrderStatus, kTokenHub, kFeed, kBroker, kGateway, kChatRoom, kChatHub,
    kNotifications;

}  // namespace ringcast::session
