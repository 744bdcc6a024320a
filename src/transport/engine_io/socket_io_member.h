// SPDX-License-Identifier: Apache-2.0
// A client of a session that has connected to a namespace; hangs off its Client. That core only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "access/identity.h"
#include "client/client.h"
#include "client/engine_io_mail.h"
#include "client/hooks.h"
#include "transport/engine_io/socket_io_journal.h"

namespace ringcast::session {

// What a client that comes back is given: a copy of what the core keeps where it went.
struct SocketIoReturn final : Extra {
  struct Room {
    std::string key;
    bool granted = false;  // joined whatever the rules say
    uint64_t position = 0;
  };
  EngineIoSid pid;
  hub::Address kept_at;
  std::string name;
  std::vector<Room> rooms;
  std::vector<SocketIoEvent> events;
  uint64_t count = 0;  // of the events that have come while it was away
  uint64_t move = 0;   // its last one (client/name_aliases.h)
};

// Of a member that comes back, until it has got what it missed.
struct SocketIoReturning {
  std::unique_ptr<SocketIoReturn> from;
  access::Identity identity;  // with which it begins anew when that fails
  uint64_t messages = 0;      // that it has missed
  bool failed = false;
};

// Of a member, where recovery is on.
struct SocketIoRecovery {
  // Core, index and generation are the connection whose name it has: its first one.
  EngineIoSid pid;
  SocketIoJournal::Trace trace;
  uint64_t move = 0;                 // client/name_aliases.h
  std::vector<std::string> granted;  // rooms that it was let into whatever the rules say
  bool stays = false;                // its session is gone, and it is kept
  std::unique_ptr<SocketIoReturning> returning;
};

struct SocketIoMember final : Extra {
  // An event that came before it was open.
  struct Early {
    SocketIoEvent event;
    uint32_t channel = kNoIndex;
    uint64_t id = 0;
  };
  struct OwedAck {
    uint64_t correlation;  // of the publish
    uint64_t id;           // of the acknowledgement
  };

  EngineIoSid session;
  uint8_t nsp = 0;           // index into the configured ones
  bool metered = false;      // the event in hand has passed the limits
  bool farewell = false;     // others have been notified of its end
  uint32_t outstanding = 0;  // joins that its opening waits for
  std::string name;          // by which it has joined; empty: it has not
  std::string auth;          // what came with its connect
  std::vector<Early> early;
  size_t early_bytes = 0;
  std::unique_ptr<SocketIoRecovery> recovery;  // null: it is off
  SocketIoReturning* returning() const { return recovery == nullptr ? nullptr : recovery->returning.get(); }

  std::vector<OwedAck> owed;
  uint64_t ticket = 0;  // of the question about the event in hand
  std::optional<HookDecision> decision;
  std::optional<bool> found;  // the answer to the event in hand
  bool asking = false;        // that answer is outstanding

  // Of the list of those who are there.
  uint16_t cores_to_answer = 0;
  std::vector<std::pair<std::string, std::string>> rows;
};

}  // namespace ringcast::session
