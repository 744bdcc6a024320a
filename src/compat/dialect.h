// SPDX-License-Identifier: Apache-2.0
// A dialect: how the connections of a route serialize. The core knows native events only; a dialect is given each of
// them in its native spelling and gives what its clients get instead, or nothing: it shows only what its row names.
// Constant tables and pure functions, one file per dialect; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "codec/native/action.h"

namespace ringcast::session {

struct Request;

enum class Dialect : uint8_t {
  native,
  order_status,   // bare payloads, current state first
  token_hub,      // a WebSocket hub of type/roomId/content
  feed,           // a resumable stream: native, but `system` for `lagged`
  broker,         // bare payloads under the publisher's event names
  gateway,        // a push gateway with heartbeat events
  chat_room,      // a chat over SSE
  chat_hub,       // a chat over WebSocket
  notifications,  // polled notifications
  room_chat,      // native, but for what is posted
  socket_io,      // events of Socket.IO, see transport/engine_io
};
inline constexpr size_t kDialects = 11;

// A native event taken apart; every member but `type` is raw JSON, empty where the event has none. Events of the
// server's own have no payload.
struct NativeEvent {
  std::string_view json;
  std::string_view type;  // as its publisher named it
  std::string_view id, room, user, connection, content, data, timestamp;
  std::string_view code, message, receivers;  // of errors and acks
  bool replayed = false;                      // it comes out of history

  std::string_view payload() const { return content.empty() ? data : content; }
  bool published() const { return !payload().empty(); }
  // Whether its publisher gave it a name of its own.
  bool named() const { return type != codec::kDefaultEventType && type != "direct"; }
};

// What a client gets instead of an event.
struct Spelled {
  std::string_view name;  // SSE: empty for an unnamed event; lives as long as the event
  std::string data;       // SSE: the data, may have several lines; WebSocket: the text frame
};

// What a heartbeat that scripts can see may say.
struct HeartbeatEvent {
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
  std::optional<Error> (*read)(std::string_view text, const codec::JsonLimits& limits, codec::Action& action);
  // Null: `: heartbeat` (or heartbeat=event).
  bool (*heartbeat)(const HeartbeatEvent& heartbeat, Spelled& out);
  // Who may open a stream here; null: anybody. The user is empty for nobody by name.
  Result<void> (*check_user)(std::string_view user) = nullptr;
  // The query's name of the user, and who somebody is that gives none (empty: nobody by name).
  std::string_view user_parameter;
  std::string_view nobody;
  // The message for a client whose token is refused; empty: why it is.
  std::string_view denied = {};
  // The answer to a posted body that cannot be read; empty: the native error.
  std::string_view bad_body = {};
  bool needs_token = false;     // who brings none is refused, whatever is configured
  bool shows_names = false;     // an author is shown by the name that its token gives, not by its id
  bool shows_binary = false;    // binary frames are part of it
  bool leaves_at_once = false;  // presence has no grace for its connections
  bool announces = false;       // its connections say `join` and `leave` themselves
  bool any_origin = false;      // where every origin is listed, answers say so to everybody
};

const DialectTable& table_of(Dialect dialect);
// By its name in configuration; kDialects when there is none of that name.
size_t find_dialect(std::string_view name);

// --- for the dialects' own files ---

// What a publisher gave, bare: a string as its text, anything else as JSON. False for events without a payload.
bool append_bare_payload(std::string& out, const NativeEvent& event);

// The payload of a message as a client wrote it: `content` when it is a string, else `data`.
void take_payload(codec::Action& action, std::string_view json);

extern const DialectTable kNative, kOrderStatus, kTokenHub, kFeed, kBroker, kGateway, kChatRoom, kChatHub,
    kNotifications, kRoomChat, kSocketIo;

}  // namespace ringcast::session
