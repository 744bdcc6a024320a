// SPDX-License-Identifier: Apache-2.0
// How a connection goes on: what it waits for, whether its input is read meanwhile, and how it ends. What answers
// requests and what speaks to connections needs this much of the gate. One per core, its reactor's thread only.
#pragma once

#include <cstdint>
#include <string_view>

#include "client/client.h"
#include "client/shared.h"
#include "reactor/connection.h"

namespace ringcast::session {

class Flow {
 public:
  virtual ~Flow() = default;

  // An answer of the hub is outstanding: what arrives is not looked at until proceed(), and from its first byte on
  // reading pauses. Returns the correlation to ask with.
  virtual uint32_t await(Client& client) = 0;
  // The answer has come (or nothing is waited for any more): reading goes on with the buffered input, before this
  // tick's flush.
  virtual void proceed(Client& client) = 0;
  // Has the buffered input read before this tick's flush, e.g. when the client went back to HTTP, or when an answer is
  // no longer owed to a peer that has ended its side.
  virtual void read_on(Client& client) = 0;
  // The hub had no credit for `key`: stops reading; the protocol's on_credit is called when it may try again (it calls
  // stall again when refused again, and keeps its place).
  virtual void stall(Client& client, std::string_view key) = 0;

  // What is queued leaves, FIN, then for at most close_timeout the peer's FIN is awaited. Nothing is sent after it.
  virtual void close_gently(Client& client, reactor::CloseCause cause) = 0;
  virtual void close_now(Client& client, reactor::CloseCause cause, io::CloseMode mode = io::CloseMode::graceful) = 0;

  virtual DrainPhase drain_phase() const = 0;
  bool draining() const { return drain_phase() >= DrainPhase::refusing; }
};

}  // namespace ringcast::session
