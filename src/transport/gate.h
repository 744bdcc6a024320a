// SPDX-License-Identifier: Apache-2.0
// The sessions of one core: what the reactor reports of connections and what the hub reports of channels both end
// here, and go on to what the connection speaks. One per reactor, its thread only.
// What a session has to be is said in transport/transport.h.
#pragma once

#include <tsl/robin_map.h>

#include <array>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/admission.h"
#include "client/clients.h"
#include "client/decisions.h"
#include "client/flow.h"
#include "client/guard.h"
#include "client/meters.h"
#include "hub/hub.h"
#include "hub/sink.h"
#include "reactor/reactor.h"
#include "reactor/turn_queue.h"

namespace ringcast::session {

class Announcer;
class ClientAddresses;
class ConnectionLog;
class ForeignRequests;
class HttpSession;
class Http2Transport;
class Occupancy;
class Protocol;
class EngineIoTransport;
class SocketIoTransport;
class SseSession;
class Transport;
class WebSocketSession;

class Gate final : public Clients,
                   public reactor::Handler,
                   public hub::Sink,
                   public Flow,
                   public AdmissionListener,
                   public AllowanceListener,
                   public TokenListener,
                   public DecisionListener {
 public:
  Gate(reactor::Reactor& reactor, hub::Encoder& encoder, const SessionOptions& options, Shared& shared);
  ~Gate() override;
  void drain(DrainPhase phase);
  DrainPhase drain_phase() const override { return drain_phase_; }
  // Whether connections like this one are to end: those of the admin port go last.
  bool ending(const reactor::Connection& connection) const {
    return connection.listener == kAdminListener ? drain_phase_ == DrainPhase::admin : draining();
  }
  uint32_t admin_connections() const { return admin_connections_; }
  // The server is about to stop: the client is sent away before this tick's flush, or when it has been let in and a
  // replay that has begun is finished.
  void tell_soon(Client& client) {
    client.notified = true;
    let_go(client);
  }
  // What a client may wait for before it goes, if it was notified, is over.
  void let_go(const Client& client) {
    if (client.notified) let_go_.push(client.id);
  }

  // --- services for sessions ---
  hub::Encoder& encoder() { return encoder_; }
  HttpSession& http() { return *http_; }
  Http2Transport* http2() { return http2_.get(); }  // null: it is not spoken
  // A stream on the connection of `parent`, which speaks HTTP; null when there are as many as there may be.
  Client* open_carried(const Client& parent, const IpAddress& peer);
  SseSession& sse() { return *sse_; }
  // What connections of a kind speak from now on; for a transport that is not built in. Before the first connection.
  void set_transport(Kind kind, std::unique_ptr<Transport> transport);
  Transport& transport(Kind kind) { return *transports_[static_cast<size_t>(kind)]; }
  // Null while it speaks HTTP.
  Transport* transport_of(const Client& client) const { return transports_[static_cast<size_t>(client.kind)].get(); }
  Decisions& decisions() { return *decisions_; }
  Admission& admission() { return *admission_; }
  Meters& meters() { return *meters_; }
  ClientAddresses& addresses() { return *addresses_; }
  Guard& guard() { return *guard_; }
  ConnectionLog& log() { return *log_; }

  // Opens the client at the hub with its form; closed by itself when the connection ends.
  void open_at_hub(Client& client, hub::FormId form);
  // Leaves everything, e.g. when a poll has been answered. `grace` as in Hub::close.
  void close_at_hub(Client& client, bool grace);

  // Where hooks know of it: they are notified that the WebSocket or the stream has ended, and are so once.
  void announce_end(Client& client, reactor::CloseCause cause);

  // Leaves one channel; false when it was not a member.
  bool leave(Client& client, std::string_view key);

  void stall(Client& client, std::string_view key) override;
  // It does not wait any more.
  void unstall(Client& client);
  size_t stall_entries() const { return stalled_places_.size(); }  // for tests
  uint32_t await(Client& client) override;
  void proceed(Client& client) override;
  // Whether a peer that has ended its side (FIN) may still be reading; else its socket has failed.
  static bool can_answer(const reactor::Connection& connection) {
    return connection.close_cause == reactor::CloseCause::peer_closed;
  }
  void read_on(Client& client) override;

  void close_gently(Client& client, reactor::CloseCause cause) override;
  void close_now(Client& client, reactor::CloseCause cause, io::CloseMode mode = io::CloseMode::graceful) override;

  // A WebSocket, a stream or a poll of this client, from its first step to its last.
  void opened(const Client& client, TransportKind transport);
  void ended(Client& client, TransportKind transport);
  // For building what is copied at once; cleared by the caller.
  std::string& scratch() { return scratch_; }
  std::string& second_scratch() { return second_scratch_; }

  // --- AdmissionListener, AllowanceListener, TokenListener, DecisionListener ---
  // A new connection is read from now on, if only to be refused; a request that waited goes on.
  void judged(ConnectionId id, const Judgement& judgement) override;
  void leased(const access::LimitSubject& subject, const access::Lease& lease) override;
  void on_allowance(Client& client) override;
  bool holds_token(const Client& client) const override { return transport_of(client) != nullptr; }
  void tell_expiring(Client& client, uint64_t left_ms) override;
  void end_token(Client& client, TokenEnd how) override;
  void decided(Decisions::About about, ConnectionId id, uint64_t number, HookDecision decision) override;

  // --- reactor::Handler ---
  void on_accepted(ConnectionId id, uint16_t listener) override;
  void on_bytes(ConnectionId id, std::span<uint8_t> bytes) override;
  void on_peer_gone(ConnectionId id, io::CloseReason reason) override;
  void on_drained(ConnectionId id) override;
  void on_slow(ConnectionId id, reactor::CloseCause cause) override;
  void on_timer(ConnectionId id) override;
  void on_mail(const reactor::Mail& mail) override;
  void on_tick() override;
  void on_flushed() override {
    start_turns();
    if (hub().measures()) hub().on_flushed(reactor().read_clock().count());
    hub().go_on();
  }
  void on_interval() override;
  void on_closed(ConnectionId id, reactor::CloseCause cause) override;

  // --- hub::Sink ---
  void deliver(const hub::Delivery& delivery) override;
  void joined(ConnectionId connection, const hub::Joined& joined) override;
  void replay(ConnectionId connection, std::string_view key, std::span<const Slice> canonical, uint64_t first_id,
              uint32_t count, uint64_t gap_oldest, bool more) override;
  void parted(uint32_t slot, uint32_t channel) override;
  void left(ConnectionId connection, std::string_view key, hub::LeftReason reason) override;
  void counted_out(const hub::Address& who, std::string_view key, std::string_view user, hub::LeftReason reason,
                   uint32_t members) override;
  void published(ConnectionId connection, const hub::Published& published) override;
  void credit_available() override { credit_came_ = true; }
  void answered(ConnectionId connection, const hub::Answer& answer) override;
  std::string_view user_of(uint32_t slot) const override;
  bool is_of_tenant(ConnectionId connection, std::string_view tenant) override;
  bool may_return(ConnectionId connection, std::string_view tenant) override;
  void occupancy(std::string_view key, bool occupied) override;
  void kicked(ConnectionId connection) override;
  bool send_canonical(ConnectionId connection, std::string_view canonical) override;
  bool send_and_ask(ConnectionId connection, std::string_view canonical, uint64_t milliseconds,
                    const hub::Asker& asker) override;

 private:
  // Null before the connection has begun.
  Protocol* protocol_of(const Client& client) const;
  void begin(Client& client);
  bool ask_for_address(Client& client);
  size_t take_header(Client& client, std::span<const uint8_t> bytes);
  size_t feed(Client& client, reactor::Connection& connection, std::span<uint8_t> bytes);
  // Bytes received while reading is paused.
  void buffer_input(Client& client, std::string bytes);
  std::string take_buffered_input(Client& client);
  size_t read_buffered_input(Client& client);  // how much of it was taken
  void end_input(Client& client);
  void serve_stalled();
  void work_off();
  void start_turns();
  void notify_some();
  void notify(Client& client);
  void take_leave(Client& client);
  void take_leave_of_some();
  void finish(Client& client);
  // Pieces of several channels are asked for one at a time, and the one that was may have gone with its channel.
  void go_on_replaying(const Client& client);

  hub::Encoder& encoder_;

  std::unique_ptr<Admission> admission_;
  std::unique_ptr<Meters> meters_;
  std::unique_ptr<ClientAddresses> addresses_;
  std::unique_ptr<Guard> guard_;
  std::unique_ptr<ConnectionLog> log_;
  std::unique_ptr<ForeignRequests> foreign_;
  std::unique_ptr<Decisions> decisions_;
  std::unique_ptr<Announcer> announcer_;
  std::unique_ptr<Occupancy> occupancy_;
  std::unique_ptr<HttpSession> http_;
  std::unique_ptr<Http2Transport> http2_;
  std::array<std::unique_ptr<Transport>, kKinds> transports_;  // by kind; none for HTTP
  WebSocketSession* websocket_ = nullptr;
  SseSession* sse_ = nullptr;
  EngineIoTransport* engine_io_ = nullptr;
  SocketIoTransport* socket_io_ = nullptr;

  using StalledLine = std::list<ConnectionId>;
  struct StalledPlace {
    uint16_t owner;
    StalledLine::iterator at;
  };
  std::vector<StalledLine> stalled_;                       // by owner core, first come first served
  tsl::robin_map<uint32_t, StalledPlace> stalled_places_;  // by slot
  int serving_owner_ = -1;  // whose line is being served: a client stalled again goes to its head
  std::vector<ConnectionId> ready_;
  std::deque<ConnectionId> turn_queue_;                    // ready, with input that has to wait for later ticks
  size_t read_in_tick_ = 0;                                // of such input
  tsl::robin_map<uint32_t, std::string> buffered_inputs_;  // by slot
  bool credit_came_ = false;
  uint32_t last_correlation_ = 0;

  DrainPhase drain_phase_ = DrainPhase::running;
  io::Nanoseconds notifying_since_{0};
  uint32_t notified_slots_ = 0;  // those below have been notified
  reactor::TurnQueue let_go_;    // of those notified, who may go now
  uint32_t admin_connections_ = 0;

  std::string scratch_;
  std::string second_scratch_;
};

}  // namespace ringcast::session
