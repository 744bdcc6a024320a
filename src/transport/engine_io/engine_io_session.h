// SPDX-License-Identifier: Apache-2.0
// A session of Engine.IO: what a client has from its handshake to its end, whatever connections carry it meanwhile:
// polling requests on any core, later perhaps a WebSocket. Lives on the core of its handshake and never moves; owned by
// EngineIoSessions.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "access/identity.h"
#include "base/error.h"
#include "base/ip_address.h"
#include "client/client.h"
#include "client/engine_io_mail.h"
#include "hub/types.h"

namespace ringcast::session {

struct EngineIoSession {
  // Where its WebSocket is. Until it is open, polling carries the session.
  enum class Socket : uint8_t { none, attached, probed, open };
  struct Input {
    bool binary = false;
    std::string data;
  };

  EngineIoSession() noexcept {}

  EngineIoSid sid;
  uint8_t route = 0;
  bool bare = false;  // Engine.IO alone: messages are echoed
  // Of the handshake's request.
  access::Identity identity;
  std::optional<Error> denial;
  IpAddress address;
  std::vector<std::string> rooms;
  std::string counted_user;  // tenant and user for whom it counts; empty: nobody
  std::string over_limit;    // the user in hand may have no more connections

  hub::Address poll;    // the request that waits
  hub::Address post;    // the one that is being taken
  hub::Address socket;  // with `socket_state`
  Socket socket_state = Socket::none;
  bool closed = false;       // gone at the end of the tick
  bool connected = false;    // a namespace has been connected to
  bool to_flush = false;     // noted for this tick
  bool asking = false;       // whether another connection of a user may be
  bool waiting = false;      // what it said last is not done; `input` is what came behind it
  bool frame_waits = false;  // the socket is to be notified when it is
  bool awaiting_pong = false;
  uint32_t heartbeat = 0;  // which one is next, so that those that are due late are known
  uint32_t pending_packets = 0;
  std::string pending;           // payload for the next poll
  std::list<Input> input;        // messages; bounded by what one payload holds and one frame
  std::unique_ptr<Extra> above;  // of what speaks over it
};

}  // namespace ringcast::session
