// SPDX-License-Identifier: Apache-2.0
// What the hub reports to the sessions of its own core. Implemented in session; called on the reactor's thread, always
// from Hub::on_mail, Hub::on_tick, Hub::go_on or Hub::sweep, never from within a call that a session makes.
#pragma once

#include "hub/types.h"

namespace ringcast::hub {

class Sink {
 public:
  virtual ~Sink() = default;
  // The hot path: a run of frames for many members. Bytes go to the outboxes and leave with this tick's flush.
  virtual void deliver(const Delivery& delivery) = 0;

  // The answer to Hub::join. If it carries a replay, replay() calls follow; live messages come after the last of them.
  virtual void joined(ConnectionId connection, const Joined& joined) = 0;
  // The next piece of a replay: `count` messages in canonical form, ids contiguous from `first_id`. When the outbox has
  // taken it all and `more` is set, the session calls Hub::replay_next. `gap_oldest` != 0: the ring overtook the
  // replay; `gap` comes first.
  virtual void replay(ConnectionId connection, std::string_view key, std::span<const Slice> canonical,
                      uint64_t first_id, uint32_t count, uint64_t gap_oldest, bool more) = 0;
  virtual void left(ConnectionId connection, std::string_view key, LeftReason reason) = 0;
  // A connection that stays open is no member of this local channel any more, whose number may come to mean another.
  // Called from within Hub::leave too.
  virtual void parted(uint32_t /*slot*/, uint32_t /*channel*/) {}
  virtual void published(ConnectionId connection, const Published& published) = 0;
  // Credit towards some owner core is there again: those that were refused may try again.
  virtual void credit_available() = 0;
  virtual void answered(ConnectionId connection, const Answer& answer) = 0;
  // Whose connection it is: the user of its joins, as long as it is open at the hub; empty: anonymous.
  virtual std::string_view user_of(uint32_t slot) const = 0;
  // A connection that is gone, of that tenant, whose client may come back: it may be written to and disconnected.
  virtual bool may_return(ConnectionId /*connection*/, std::string_view /*tenant*/) { return false; }
  // Whether the connection is a visitor of that tenant: others may not list it, write to it or close it.
  virtual bool is_of_tenant(ConnectionId connection, std::string_view tenant) = 0;
  // A room of this owner core has got its first member, or lost its last; with HubOptions::tells_occupancy.
  virtual void occupancy(std::string_view /*key*/, bool /*occupied*/) {}
  // A member of a room of this owner core has left, wherever its connection is or was; `members` are left.
  virtual void counted_out(const Address& /*who*/, std::string_view /*key*/, std::string_view /*user*/,
                           LeftReason /*reason*/, uint32_t /*members*/) {}
  virtual void kicked(ConnectionId connection) = 0;                                      // disconnect, disconnect_user
  virtual bool send_canonical(ConnectionId connection, std::string_view canonical) = 0;  // send_to_connection
  // The same where an acknowledgement is asked for. True: sent, and Hub::reply() follows, once, in `milliseconds` at
  // most. False: this connection acknowledges nothing.
  virtual bool send_and_ask(ConnectionId /*connection*/, std::string_view /*canonical*/, uint64_t /*milliseconds*/,
                            const Asker& /*asker*/) {
    return false;
  }
};

}  // namespace ringcast::hub
