// SPDX-License-Identifier: Apache-2.0
// Connection state recovery: clients whose session is gone, kept for a while on the core where they were, and the way
// of those who come back, which may be on another core. A client shows the pid that its first connect was answered
// with; where it is kept is found by that, through the names that connections go by (client/name_aliases.h), since a
// client that comes back keeps its name. The asking core gets a copy, and those who kept it forget it when the client
// has been given what it missed (`renamed`), so that a client that is cut off once more meanwhile loses nothing.
// Part of the SocketIoTransport of a core; its reactor's thread only.
#pragma once

#include <tsl/robin_map.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "transport/engine_io/engine_io_sessions.h"
#include "transport/engine_io/socket_io_events.h"
#include "transport/engine_io/socket_io_journal.h"
#include "transport/engine_io/socket_io_member.h"

namespace ringcast::session {

class Gate;

class SocketIoReturnListener {
 public:
  virtual ~SocketIoReturnListener() = default;
  // The answer to ask(); null: the client begins anew.
  virtual void on_answer(const EngineIoSid& session, std::unique_ptr<SocketIoReturn> from) = 0;
  // Another connection has its name now; it leaves, and nobody is notified.
  virtual void on_replaced(Client& client) = 0;
  // An event that was kept for it elsewhere.
  virtual void on_late(Client& client, SocketIoEvent event) = 0;
};

class SocketIoReturns {
 public:
  SocketIoReturns(Gate& gate, EngineIoSessions& sessions, SocketIoEvents& events, SocketIoJournal& journal,
                  SocketIoReturnListener& listener);
  ~SocketIoReturns();

  bool on() const { return on_; }
  // Of a member that is being opened; `from`: it comes back.
  std::unique_ptr<SocketIoRecovery> begin(const Client& client, const access::Identity& identity,
                                          std::unique_ptr<SocketIoReturn> from);
  // Whether and with what a client may come back that shows this pid; on_answer() follows, unless the session is gone.
  // False: the pid is none of ours.
  bool ask(const EngineIoSession& session, uint8_t nsp, const access::Identity& identity, std::string_view pid,
           std::string_view offset);
  // False when the mail is somebody else's.
  bool take(EngineIoMail& mail);

  // The member leaves now, and may come back. Outside calls of the hub, before it has left there.
  void keep(const Client& client, SocketIoMember& member);
  // The member that came back has been given what it missed.
  void settle(const Client& client, const SocketIoRecovery& recovery);
  // It begins anew instead.
  void give_up(const SocketIoReturn& from);
  // The member has ended for good.
  void end(const Client& client, const SocketIoRecovery& recovery);

  // Whether the client of this connection is kept, or has come back by another one.
  bool knows(ConnectionId id) const;
  // hub::Sink, of connections that are gone.
  bool may_return(ConnectionId id, std::string_view tenant) const;
  bool send_canonical(ConnectionId id, std::string_view canonical);
  bool send_late(ConnectionId id, SocketIoEvent event);
  void kick(ConnectionId id);

  void on_tick();
  // A new tick may do its share; whether something waits for it.
  bool start_turn();
  void on_interval();

 private:
  struct Away;
  struct Question;
  struct Late;
  struct Renamed;
  struct Due {
    uint32_t decisecond;
    ConnectionId id;
  };

  static uint64_t key_of(ConnectionId id) { return uint64_t{id.slot} << 32 | id.generation; }
  static hub::Address named(const EngineIoSid& pid) { return {pid.core, {pid.index, pid.generation}}; }
  Away* find(ConnectionId id) const;
  Client* find_live(const EngineIoSid& pid, ConnectionId id);
  void take_question(EngineIoMail& mail);
  void answer(EngineIoMail& mail);
  std::unique_ptr<SocketIoReturn> look_up(const Question& question);
  // Its client does not come back, or has.
  void drop(ConnectionId id, bool farewell);
  // Where the client is now, for all cores and for this one; not valid: it has ended.
  void announce(const EngineIoSid& pid, const hub::Address& now, uint64_t move, std::string_view tenant,
                uint64_t count);
  void rename(const EngineIoSid& pid, const hub::Address& now, uint64_t move, std::string_view tenant, uint64_t count);
  void post_late(const hub::Address& to, SocketIoEvent event);
  bool add(Away& away, ConnectionId id, SocketIoEvent event);
  void take_late(EngineIoMail& mail);
  uint64_t memory_max() const;

  Gate& gate_;
  EngineIoSessions& sessions_;
  SocketIoEvents& events_;
  SocketIoJournal& journal_;
  SocketIoReturnListener& listener_;
  const bool on_;
  tsl::robin_map<uint64_t, std::unique_ptr<Away>> away_;  // by the connection that is gone
  std::deque<Due> due_;                                   // in the order of going
  std::deque<std::unique_ptr<EngineIoMail>> questions_;   // to be answered outside calls of the hub
  uint64_t bytes_ = 0;
  uint32_t budget_ = 0;  // of this tick
};

}  // namespace ringcast::session
