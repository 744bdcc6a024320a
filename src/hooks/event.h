// SPDX-License-Identifier: Apache-2.0
// What an operator's server is notified of or asked: the events by name, and one call of them. A Call is made on a
// reactor, handed over to the sender's thread and ends there; it is nobody else's in between.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringcast::hooks {

enum class Event : uint8_t {
  connect = 1,  // a decision: may refuse, rename, and join rooms
  disconnect = 2,
  join = 4,
  leave = 8,
  occupied = 16,  // the room has its first member
  vacated = 32,   // the room has lost its last one
  publish = 64,   // a decision: may refuse or change
  event = 128,    // a decision about what a Socket.IO client emits: may refuse, acknowledge, join and leave rooms
};
using Events = uint8_t;
inline constexpr std::string_view kEventNames = "connect, disconnect, join, leave, occupied, vacated, publish, event";
std::string_view to_string(Event event);
std::optional<Event> event_from(std::string_view name);

constexpr bool is_decision(Event event) {
  return event == Event::connect || event == Event::publish || event == Event::event;
}
// Whether the event is about a room, so that patterns of rooms say something.
constexpr bool is_about_room(Event event) {
  return event != Event::connect && event != Event::disconnect && event != Event::event;
}

struct Message {
  enum class Kind : uint8_t { none, content, data, binary };
  std::string event;  // empty: "message"
  Kind kind = Kind::none;
  std::string payload;  // content: a JSON string literal; data: JSON on one line; binary: bytes
};

// What a client of Socket.IO has emitted.
struct Emitted {
  std::string nsp, name;
  std::string arguments;                 // a JSON array
  std::vector<std::string> attachments;  // bytes
  std::vector<std::string> rooms;        // that the client is in
  bool acknowledge = false;
};

struct Call {
  Event event = Event::connect;
  uint64_t time_us = 0;  // since 1970
  // Empty where it does not apply.
  std::string connection, user, tenant, transport, address, room, reason;
  Message message;                   // publish
  std::unique_ptr<Emitted> emitted;  // event
  // Of decisions: whom the answer is for; theirs to interpret.
  uint16_t core = 0;
  uint64_t ticket = 0;
  // Set by the Sender: bits of the endpoints that get it.
  uint32_t endpoints = 0;
};

// What became of a decision.
struct Decision {
  bool allow = true;
  bool answered = false;     // by the endpoint; else what its `on_failure` says
  std::string code, reason;  // of a refusal; empty: the caller's words
  // connect: in place of what was asked about
  std::optional<std::string> user, tenant;
  std::vector<std::string> rooms;  // connect, event: to join besides
  std::vector<std::string> leave;  // event
  // publish: in place of the message's own
  std::optional<std::string> event;
  std::optional<Message> payload;  // content or data
  // event: a JSON array, the arguments of the acknowledgement
  std::optional<std::string> acknowledgement;
};

}  // namespace ringcast::hooks
