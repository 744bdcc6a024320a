// SPDX-License-Identifier: Apache-2.0
// What WebSockets publish while somebody else decides about it (hooks.h): the messages of a connection to a channel, in
// order, of which the first is asked about. They outlive their connection: what was sent before it went is published.
// Part of the WebSocketSession of a core. Bounded per connection by SessionOptions::undecided_messages_max.
#pragma once

#include <tsl/robin_map.h>

#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/hooks.h"
#include "hub/types.h"
#include "transport/websocket/websocket_asides.h"

namespace ringcast::session {

struct HeldMessage {
  // `note`: what its ack says; none without one.
  HeldMessage(const hub::Publish& publish, AckNote* note);
  // Views of this, for Hub::publish.
  hub::Publish to_publish(std::string_view key) const;
  void change(HookDecision& decision);

  std::string user, connection, event, payload, idempotency_key;
  hub::PayloadKind kind;
  hub::Address exclude;
  bool ephemeral;
  std::optional<AckNote> note;
};

struct HeldLine {
  enum class State : uint8_t {
    asking,   // the answer to `ticket` is outstanding
    allowed,  // the first message waits for credit
  };
  hub::ConnectionId id;
  std::string key;
  uint16_t owner;  // of the channel
  State state = State::asking;
  uint64_t ticket = 0;
  std::deque<HeldMessage> messages;  // never empty between calls
};

class HeldMessages {
 public:
  using Lines = std::list<HeldLine>;

  // Of this connection and channel, or null.
  HeldLine* find(hub::ConnectionId id, std::string_view key);
  HeldLine* find(hub::ConnectionId id, uint64_t ticket);
  uint32_t count(hub::ConnectionId id) const;
  HeldLine& add(hub::ConnectionId id, std::string_view key, uint16_t owner);
  void set_state(HeldLine& line, HeldLine::State state);
  void note_added(hub::ConnectionId id) { ++by_connection_[pack(id)].messages; }
  void note_taken(hub::ConnectionId id);
  void remove(HeldLine& line);
  // Owner cores whose credit has been waited for lie below.
  size_t owners_end() const { return allowed_.size(); }
  // Who waits for credit of this one the longest; null: nobody does.
  HeldLine* first_allowed(size_t owner) { return allowed_[owner].empty() ? nullptr : &allowed_[owner].front(); }

 private:
  struct Held {
    uint32_t messages = 0;
    std::vector<Lines::iterator> lines;
  };
  static uint64_t pack(hub::ConnectionId id) { return uint64_t{id.generation} << 32 | id.slot; }
  Lines& lines_of(const HeldLine& line) {
    return line.state == HeldLine::State::asking ? asking_ : allowed_[line.owner];
  }
  Lines::iterator place_of(const HeldLine& line);

  Lines asking_;
  std::vector<Lines> allowed_;  // by owner core, first come first served
  tsl::robin_map<uint64_t, Held> by_connection_;
};

}  // namespace ringcast::session
