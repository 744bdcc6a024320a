// SPDX-License-Identifier: Apache-2.0
// Where others take part in what this server does: the host program (embedding API), webhooks. Implemented above;
// called on each core's reactor thread, so nothing here may wait. What takes its time to decide is answered later, from
// any thread that has a Producer (decisions.h). Where nobody takes part (Shared::hooks is null) each place costs a
// test.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "codec/http1/http_message.h"
#include "hub/types.h"

namespace ringcast::session {

enum class HookEvent : uint8_t {
  connect,     // a decision
  disconnect,  // of a WebSocket or stream that had opened
  join,
  leave,
  occupied,  // a room has got its first member
  vacated,   // and has had none for a while
  publish,   // a decision
  event,     // a decision: an event of a Socket.IO client that the server does not know
};

// What is not known or does not apply is empty.
struct HookClient {
  std::string_view connection;  // the public name
  std::string_view user;
  std::string_view tenant;
  std::string_view transport;  // "websocket", "sse", "poll", "socketio", "http"
  std::string_view address;
};

// The request by which a connection is to open; for who checks it in an own way.
struct HookRequest {
  std::string_view target;  // as sent
  const codec::HttpHeaders& headers;
};

struct HookNotice {
  HookEvent event = HookEvent::join;
  uint16_t core = 0;
  uint64_t time_us = 0;
  HookClient client;
  std::string_view room;    // the channel's name
  std::string_view reason;  // of leaving and disconnecting
};

struct HookMessage {
  std::string_view room;   // the channel's name: "general", "@alice", "*"
  std::string_view event;  // empty: "message"
  hub::PayloadKind kind = hub::PayloadKind::none;
  std::string_view payload;
};

// What a Socket.IO client has emitted.
struct HookEmitted {
  std::string_view nsp;  // "/", "/admin"
  std::string_view name;
  std::string_view arguments;                // a JSON array; {"_placeholder":true,"num":0} stands for an attachment
  std::span<const std::string> attachments;  // bytes
  std::span<const std::string_view> rooms;   // names of the rooms that it is in, inboxes and "*" left out
  bool acknowledge = false;                  // it waits for an acknowledgement
};

// Names a question; its answer goes to that core.
struct Ticket {
  uint16_t core = 0;
  uint64_t number = 0;
};

struct HookDecision {
  bool allow = true;
  bool passing = false;  // a refusal that may not be one at the next try, because nobody has decided
  std::string code, reason;
  // connect: in place of what was asked about
  std::optional<std::string> user, tenant;
  // connect, event: rooms to join besides, whatever the rules say; event: rooms to leave
  std::vector<std::string> rooms, leave;
  // publish: in place of the message's own; the kind is content or data. event: `payload` is the JSON array of the
  // acknowledgement's arguments
  std::optional<std::string> event;
  std::optional<std::string> payload;
  hub::PayloadKind kind = hub::PayloadKind::content;
};

class Hooks {
 public:
  virtual ~Hooks() = default;

  // A WebSocket's action that the server does not know; true: taken.
  virtual bool on_action(const HookClient&, std::string_view) { return false; }

  // Whether the others are to be called about it. `room` is empty for connect, disconnect and event, and where any
  // room is meant. Asked often: cheap, and always the same.
  virtual bool wants(HookEvent, std::string_view /*room*/) const { return false; }
  virtual void notify(const HookNotice&) {}

  // Decided at once, or nothing: then an answer to the ticket follows, or its time runs out. The views are gone when
  // this returns.
  virtual std::optional<HookDecision> decide_connect(const HookClient&, const HookRequest&, uint64_t /*time_us*/,
                                                     Ticket) {
    return HookDecision{};
  }
  virtual std::optional<HookDecision> decide_publish(const HookClient&, const HookMessage&, uint64_t /*time_us*/,
                                                     Ticket) {
    return HookDecision{};
  }

  // Decided one at a time for each connection: its next event waits for the answer.
  virtual std::optional<HookDecision> decide_event(const HookClient&, const HookEmitted&, uint64_t /*time_us*/,
                                                   Ticket) {
    return HookDecision{};
  }

  // Prometheus families of one's own.
  virtual void append_metrics(std::string&) const {}
};

}  // namespace ringcast::session
