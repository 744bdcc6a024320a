// SPDX-License-Identifier: Apache-2.0
// The contract between the gate of a core and what its connections speak.
//
// A connection speaks one Protocol at a time. It begins with HTTP; a request may hand it over to a Transport
// (WebSocket, event stream, long poll), which delivers what the hub has for it. One object of each per core, used by
// its reactor's thread only. What a connection needs for long lies in its Client; the gate calls only for clients whose
// kind it is.
//
// Rules for all calls below:
// - After anything that may close the connection (Gate::close_now, close_gently, an answer that refuses) look at
//   Gate::alive(). The Client itself stays until on_closed().
// - The hub calls on_joined, on_replay, on_left, on_published, on_answer, on_kicked, send_canonical and deliver. Within
//   them it may not be called for anything but what hub/sink.h says. To go on reading there use Gate::proceed(); what
//   needs the hub waits for on_tick().
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "client/client.h"
#include "client/session_stats.h"
#include "client/who.h"
#include "hub/sink.h"
#include "reactor/connection.h"

namespace ringcast::session {

struct Request;

class Protocol {
 public:
  using Connection = reactor::Connection;

  Protocol() = default;
  virtual ~Protocol() = default;
  Protocol(const Protocol&) = delete;
  Protocol& operator=(const Protocol&) = delete;

  // At least one byte. Returns how many were taken: less than all only after it paused reading, waits for an answer of
  // the hub, closed the connection or gave it another kind. The gate keeps the rest and brings it again when all
  // reasons for a pause are gone.
  virtual size_t on_bytes(Client& client, Connection& connection, std::span<uint8_t> bytes) = 0;
  // The peer has ended its side, and all that came before has been taken. Closes once every answer that is owed has
  // left; Gate::read_on() has it called again. Gate::can_answer() says whether anybody is there to read answers.
  virtual void on_peer_gone(Client& client, Connection& connection) = 0;
  // Whether on_peer_gone() comes at once, also while input is waiting: an answer may be a long time away.
  virtual bool ends_with_peer() const { return false; }
  // The outbox is empty, and Reactor::want_drained() had been called.
  virtual void on_drained(Client& client, Connection& connection) = 0;
  // The outbox is full, or the peer took nothing for too long; the reactor leaves the end to this call. Closes, or
  // makes room.
  virtual void on_slow(Client& client, Connection& connection, reactor::CloseCause cause) = 0;
  virtual void on_timer(Client& client, Connection& connection) = 0;
  // There is credit again for the channel that Gate::stall() named; may stall again, and keeps its place then.
  virtual void on_credit(Client&, Connection&) {}
  // Of a Hub::publish or Hub::query that named this connection.
  virtual void on_published(Client&, Connection&, const hub::Published&) {}
  virtual void on_answer(Client&, Connection&, const hub::Answer&) {}
  // The server is about to stop: says so as the protocol can, then closes.
  virtual void drain(Client& client, Connection& connection) = 0;
  // The connection is gone. The gate leaves the hub for it afterwards.
  virtual void on_closed(Client& client, reactor::CloseCause cause) = 0;
  // In every turn of a tick, before the flush.
  virtual void on_tick() = 0;
};

class Transport : public Protocol {
 public:
  // Whether the client goes back to HTTP when it is answered, so that its request is kept.
  virtual bool goes_back(const Client&) const { return false; }
  // For counters, the log and hooks.
  virtual TransportKind kind() const = 0;
  // HttpSession routed a request here. Sets client.kind, or answers with HttpSession::respond or refuse.
  virtual void open(Client& client, Connection& connection, const Request& request) = 0;

  virtual void on_joined(Client& client, Connection& connection, const hub::Joined& joined) = 0;
  // Messages that the client missed, in order, beginning with `first_id`; a gap before them where `gap_oldest` is not
  // 0.
  virtual void on_replay(Client& client, Connection& connection, std::string_view key, std::span<const Slice> canonical,
                         uint64_t first_id, uint32_t count, uint64_t gap_oldest) = 0;
  virtual void on_left(Client& client, Connection& connection, std::string_view key, hub::LeftReason reason) = 0;
  // An administrator closes it; not within this call, in which the hub is still at work.
  virtual void on_kicked(Client& client, Connection& connection) = 0;
  // A message for this connection alone; false: it cannot be delivered.
  virtual bool send_canonical(Client& client, Connection& connection, std::string_view canonical) = 0;
  // A run for members whose form has entries (hub/encoder.h). Other forms never get here: the gate puts their frames
  // into the outboxes.
  virtual void deliver(std::string_view, const hub::Delivery&) {}
  // The client's token is about to end, or has ended.
  virtual void tell_expiring(Client&, Connection&, uint64_t /*left_ms*/) {}
  virtual void end_token(Client& client, Connection& connection, TokenEnd how) = 0;
};

}  // namespace ringcast::session
