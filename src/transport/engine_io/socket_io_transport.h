// SPDX-License-Identifier: Apache-2.0
// Socket.IO over sessions of Engine.IO. A client that has connected to a namespace is a member: a connection without a
// socket, so that the hub, hooks and permissions know it like any other, and its public name is its socket id. One per
// core, its reactor's thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "client/hooks.h"
#include "codec/engine_io/socket_io_packet.h"
#include "transport/engine_io/engine_io_sessions.h"
#include "transport/engine_io/socket_io_asks.h"
#include "transport/engine_io/socket_io_events.h"
#include "transport/engine_io/socket_io_journal.h"
#include "transport/engine_io/socket_io_member.h"
#include "transport/engine_io/socket_io_returns.h"
#include "transport/engine_io/socket_io_spelling.h"
#include "transport/subscription.h"
#include "transport/transport.h"

namespace ringcast::session {

class EngineIoTransport;
class Gate;

class SocketIoTransport final : public Transport, public EngineIoListener, public SocketIoReturnListener {
 public:
  explicit SocketIoTransport(Gate& gate);
  ~SocketIoTransport() override;

  EngineIoSessions& sessions() { return sessions_; }
  // False when the mail is somebody else's.
  bool on_mail(const reactor::Mail& mail, EngineIoTransport& connections);
  void on_interval() {
    sessions_.on_interval();
    asks_.on_interval();
    returns_.on_interval();
  }
  // A new tick may do its share; whether something waits for it.
  bool start_turn() {
    const bool heartbeats = sessions_.start_turn(), names = events_.start_turn();
    return returns_.start_turn() || heartbeats || names;
  }
  SocketIoReturns& returns() { return returns_; }
  // What waited for a lease, or for a decision, may go on.
  void go_on(Client& client);
  void on_decided(ConnectionId id, uint64_t ticket, HookDecision decision);
  // Of a session: Admission has answered.
  void on_judged(ConnectionId id, const Judgement& judgement);

  // hub::Sink::send_and_ask(), of an open member.
  bool send_and_ask(Client& client, std::string_view canonical, std::chrono::milliseconds time,
                    const hub::Asker& asker);

  // --- EngineIoListener ---
  bool on_message(EngineIoSession& session, bool binary, std::string_view data) override;
  void on_closed(EngineIoSession& session, reactor::CloseCause cause) override;

  // --- SocketIoReturnListener ---
  void on_answer(const EngineIoSid& session, std::unique_ptr<SocketIoReturn> from) override;
  void on_replaced(Client& client) override;
  void on_late(Client& client, SocketIoEvent event) override;

  // --- Transport, of members ---
  TransportKind kind() const override { return TransportKind::socketio; }
  void open(Client&, Connection&, const Request&) override {}  // never: namespaces are connected to, not requested
  size_t on_bytes(Client&, Connection&, std::span<uint8_t> bytes) override { return bytes.size(); }
  void on_peer_gone(Client&, Connection&) override {}
  void on_drained(Client&, Connection&) override {}
  void on_slow(Client&, Connection&, reactor::CloseCause) override {}
  void on_timer(Client&, Connection&) override {}
  void on_credit(Client& client, Connection&) override { go_on(client); }
  void on_published(Client& client, Connection&, const hub::Published& published) override;
  void on_answer(Client& client, Connection&, const hub::Answer& answer) override;
  void drain(Client& client, Connection&) override;
  void on_closed(Client& client, reactor::CloseCause cause) override;
  void on_tick() override;
  void on_joined(Client& client, Connection&, const hub::Joined& joined) override;
  void on_replay(Client& client, Connection&, std::string_view key, std::span<const Slice> canonical, uint64_t first_id,
                 uint32_t count, uint64_t gap_oldest) override;
  void on_left(Client&, Connection&, std::string_view, hub::LeftReason) override {}
  void on_kicked(Client& client, Connection&) override;
  bool send_canonical(Client& client, Connection&, std::string_view canonical) override;
  void deliver(std::string_view key, const hub::Delivery& delivery) override;
  void end_token(Client& client, Connection&, TokenEnd how) override;

 private:
  struct Session;

  bool take_packet(EngineIoSession& session, const codec::SocketIoPacket& packet,
                   std::span<const std::string> attachments);
  // False: whether its user may have another connection is asked.
  bool connect(EngineIoSession& session, const codec::SocketIoPacket& packet);
  bool count(EngineIoSession& session, const access::Identity& identity);
  [[nodiscard]] Result<access::Identity> identity_of(const EngineIoSession& session, std::string_view auth);
  void open_member(EngineIoSession& session, uint8_t nsp, const access::Identity& identity, std::string auth,
                   std::unique_ptr<SocketIoReturn> from);
  bool ask_back(EngineIoSession& session, uint8_t nsp, const access::Identity& identity, std::string_view auth);
  std::vector<Subscribed> channels_of(const Client& client, const EngineIoSession& session,
                                      const SocketIoMember& member) const;
  void open_if_joined(Client& client, SocketIoMember& member);
  void finish_opening(Client& client, SocketIoMember& member);
  // An event for a member that is closing; false: its client will not come back.
  bool keep_late(const Client& client, SocketIoMember& member, SocketIoEvent event);
  // It cannot be given all that it missed: it begins anew.
  void begin_anew(Client& client, SocketIoMember& member);
  // An event for this member alone, now or when it is open; of a room's message where there is a channel.
  struct Alone {
    std::string& json;
    std::span<const std::string_view> attachments;
    std::string_view at;
    uint32_t channel = kNoIndex;
    uint64_t id = 0;
  };
  bool send_alone(Client& client, SocketIoMember& member, const Alone& event);
  bool send_early(Client& client, SocketIoMember& member, const Alone& event);
  // What spelled_ has.
  bool send_spelled(Client& client, SocketIoMember& member, std::string_view canonical, uint32_t channel, uint64_t id);
  void refuse_connect(EngineIoSession& session, std::string_view nsp, std::string_view why);
  void fail(EngineIoSession& session, std::string_view why);
  // Notifies the client that the server has disconnected it from the namespace.
  void disconnect(Client& client, reactor::CloseCause cause);
  void leave(Client& client, reactor::CloseCause cause);
  Client* member_of(EngineIoSession& session, std::string_view nsp);
  std::string_view name_of(uint8_t nsp) const;
  codec::JsonLimits json_limits() const;
  const EngineIoShared* shared_for(uint8_t nsp, std::string_view key, std::span<const hub::RunEntry> entries,
                                   SocketIoOffset offset);

  Gate& gate_;
  EngineIoSessions sessions_;
  SocketIoJournal journal_;
  SocketIoEvents events_;
  SocketIoAsks asks_;
  SocketIoReturns returns_;
  struct Leaving {
    ConnectionId id;
    reactor::CloseCause cause;
  };
  std::vector<Leaving> leaving_;  // outside calls of the hub
  struct Anew {
    EngineIoSid session;
    uint8_t nsp;
    access::Identity identity;
    std::string auth;
  };
  std::vector<Anew> anew_;               // likewise
  std::vector<ConnectionId> replaying_;  // whose next pieces of history are to be asked for; likewise
  struct Prepared {
    bool made = false;
    EngineIoShared shared;
  };
  std::vector<Prepared> prepared_;  // of the run being delivered, by namespace
  SocketIoSpelled spelled_;
  codec::SocketIoArguments arguments_;
  std::string text_, frames_;
  LogSampler mistakes_{200};  // debugging wants many of them
};

}  // namespace ringcast::session
