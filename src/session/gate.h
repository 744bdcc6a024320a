// SPDX-License-Identifier: Apache-2.0
// The sessions of one core: what the reactor tells about connections and what the hub tells about channels both end
// here, and go on to what the connection speaks. One per reactor, its thread only.
// What a session has to be is said in session/transport.h.
#pragma once

#include <tsl/robin_map.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/keyed_hash.h"
#include "base/slab.h"
#include "hub/hub.h"
#include "hub/sink.h"
#include "runtime/reactor.h"
#include "session/client.h"
#include "session/connection_name.h"
#include "session/routes.h"
#include "session/session_options.h"
#include "session/session_stats.h"

namespace ringcast::session {

class Admission;
class Announcer;
class ClientAddresses;
class ConnectionLog;
class Decisions;
class Guard;
class ForeignRequests;
class Hooks;
class HttpSession;
struct Judgement;
class Meters;
class Occupancy;
class Protocol;
class SseSession;
class StaticFiles;
class Transport;
class WebSocketSession;

// One core's counters, for /stats and /metrics, which are answered by any core.
struct CoreView {
  const SessionStats* sessions = nullptr;
  const hub::HubStats* hub = nullptr;
  const runtime::ReactorStats* reactor = nullptr;
};

// The engine that a core runs on, and why it is not io_uring where that was left to the server; empty: nothing to say.
struct EngineView {
  std::string name;
  std::string fallback;
  std::string features = {};  // comma-separated
};

// Listener number of the admin port, whose requests need no API key. Where there is one, server calls are answered
// there only (SessionOptions::admin_apart).
inline constexpr uint16_t kAdminListener = UINT16_MAX - 1;
// From this number on: listeners whose connections begin with a PROXY header.
inline constexpr uint16_t kProxyListeners = 0x8000;
constexpr bool is_proxy_listener(uint16_t listener) {
  return listener >= kProxyListeners && listener < kAdminListener;
}

// What all gates of a process share: made before the reactors start; only the atomics change afterwards.
struct Shared {
  HashKey name_key;  // of connection names
  const Routes* routes = nullptr;
  Hooks* hooks = nullptr;              // nullptr: nobody takes part
  const StaticFiles* files = nullptr;  // nullptr: no page
  std::string version = "unset";       // the program sets it
  std::string engine;
  uint64_t started_wall_us = 0;
  std::vector<CoreView> cores;
  std::vector<EngineView> engines;  // by core
  // Processor time of the calling thread and memory of the process; none where runs have to be alike (simulation).
  uint64_t (*cpu_ns)() = nullptr;
  uint64_t (*resident_bytes)() = nullptr;
  std::atomic<uint32_t> connections{0};
  std::array<std::atomic<uint32_t>, kRoutesMax> by_route{};  // of routes that set a limit
};

// SIGTERM's way, see ARCHITECTURE.md "Drain". Each phase includes those before it.
enum class DrainPhase : uint8_t {
  running,
  unready,     // /ready answers 503, everything else goes on
  refusing,    // what is queued is accepted, listeners close, publishes are refused
  delivering,  // what was published before the last core refused is on its way into the outboxes
  telling,     // connections are told in pace and end
  finishing,   // what is left is closed
  admin,       // and at last the admin port, where the drain could be watched
};

class Gate final : public runtime::Handler, public hub::Sink {
 public:
  Gate(runtime::Reactor& reactor, hub::Encoder& encoder, const SessionOptions& options, Shared& shared);
  ~Gate() override;
  // The hub is made after its sink; before the first tick.
  void attach(hub::Hub& hub) { hub_ = &hub; }
  // A reload; `options` outlives the gate or the next call.
  void set_options(const SessionOptions& options) {
    options_ = &options;
    ++options_epoch_;
  }
  uint32_t options_epoch() const { return options_epoch_; }
  void drain(DrainPhase phase);
  DrainPhase drain_phase() const { return drain_phase_; }
  bool draining() const { return drain_phase_ >= DrainPhase::refusing; }
  // Whether connections like this one are to end: those of the admin port go last.
  bool ending(const runtime::Connection& connection) const {
    return connection.listener == kAdminListener ? drain_phase_ == DrainPhase::admin : draining();
  }
  uint32_t admin_connections() const { return admin_connections_; }
  // The server is about to stop: the client is sent away before this tick's flush, or when it has been let in and a
  // replay that has begun is finished.
  void tell_soon(Client& client) {
    client.told = true;
    let_go(client);
  }
  // What a client may wait for before it goes, if it was told, is over.
  void let_go(const Client& client) {
    if (client.told) let_go_.push_back(client.id);
  }

  // --- services for sessions ---
  runtime::Reactor& reactor() { return reactor_; }
  hub::Hub& hub() { return *hub_; }
  hub::Encoder& encoder() { return encoder_; }
  const SessionOptions& options() const { return *options_; }
  const Shared& shared() const { return shared_; }
  SessionStats& stats() { return stats_; }
  const SessionStats& stats() const { return stats_; }
  HttpSession& http() { return *http_; }
  WebSocketSession& websocket() { return *websocket_; }
  SseSession& sse() { return *sse_; }
  // What connections of a kind speak from now on; for a transport that is not built in. Before the first connection.
  void set_transport(Kind kind, std::unique_ptr<Transport> transport);
  Transport& transport(Kind kind) { return *transports_[static_cast<size_t>(kind)]; }
  // Null while it speaks HTTP.
  Transport* transport_of(const Client& client) const { return transports_[static_cast<size_t>(client.kind)].get(); }
  Hooks* hooks() const { return shared_.hooks; }
  Decisions& decisions() { return *decisions_; }
  Admission& admission() { return *admission_; }
  Meters& meters() { return *meters_; }
  ClientAddresses& addresses() { return *addresses_; }
  Guard& guard() { return *guard_; }
  ConnectionLog& log() { return *log_; }
  uint16_t core() const { return reactor_.core(); }
  // No connection has had a slot at or above.
  uint32_t slots_end() const { return slots_end_; }

  // Null when the connection is gone or about to.
  Client* find(ConnectionId id);
  bool alive(const Client& client) { return reactor_.find(client.id) != nullptr; }
  Client& at(uint32_t slot) { return clients_[slot]; }
  runtime::Connection& connection(const Client& client) { return reactor_.at(client.id.slot); }
  hub::Address address_of(const Client& client) const { return {core(), client.id}; }

  // Public names of connections; parse_name says nothing for names that this process did not give.
  void append_name(std::string& out, const Client& client) const { names_.append(out, address_of(client)); }
  std::optional<hub::Address> parse_name(std::string_view text) const { return names_.parse(text); }
  const ConnectionNames& names() const { return names_; }

  // Opens the client at the hub with its form; closed by itself when the connection ends.
  void open_at_hub(Client& client, hub::FormId form);
  // Leaves everything, e.g. when a poll has been answered. `grace` as in Hub::close.
  void close_at_hub(Client& client, bool grace);

  // Leaves one channel; false when it was not a member.
  bool leave(Client& client, std::string_view key);

  // The hub had no credit for `key`: stops reading; the session's on_credit is called when it may try again (it calls
  // stall again when refused again, and keeps its place).
  void stall(Client& client, std::string_view key);
  // It does not wait any more.
  void unstall(Client& client);
  size_t stall_entries() const { return stalled_places_.size(); }  // for tests
  // An answer of the hub is outstanding: what arrives is not looked at until proceed(), and from its first byte on
  // reading pauses. Returns the correlation to ask with.
  uint32_t await(Client& client);
  // The answer has come (or nothing is waited for any more): reading goes on with the buffered input, before this
  // tick's flush.
  void proceed(Client& client);
  // Whether a peer that has ended its side (FIN) may still be reading; else its socket has failed.
  static bool can_answer(const runtime::Connection& connection) {
    return connection.close_cause == runtime::CloseCause::peer_closed;
  }
  // Has read_buffered_input() run for the client before this tick's flush, e.g. when it went back to HTTP, or when an
  // answer is no longer owed to a peer that has ended its side.
  void read_on(Client& client);

  // What is queued leaves, FIN, then for at most close_timeout the peer's FIN is awaited. Nothing is sent after it.
  void close_gently(Client& client, runtime::CloseCause cause);
  void close_now(Client& client, runtime::CloseCause cause, io::CloseMode mode = io::CloseMode::graceful);

  // What is set for a connection: by its route, else for all.
  const Route& route_of(const Client& client) const { return (*shared_.routes)[client.route]; }
  milliseconds heartbeat_interval(const Client& client) const {
    return either(route_of(client).settings.heartbeat_interval, options_->heartbeat_interval);
  }
  milliseconds heartbeat_timeout(const Client& client) const {
    return either(route_of(client).settings.heartbeat_timeout, options_->heartbeat_timeout);
  }
  milliseconds retry(const Client& client) const { return either(route_of(client).settings.retry, options_->retry); }
  uint32_t message_max(const Client& client) const {
    return either(route_of(client).settings.message_max, options_->message_max);
  }
  // A WebSocket, a stream or a poll of this client, from its first step to its last.
  void opened(const Client& client, TransportKind transport);
  void ended(Client& client, TransportKind transport);
  // Its place among the connections of its route; false when none is left.
  bool take_place(Client& client);
  void give_place(Client& client);
  // Limits and socket options of a connection that becomes a stream.
  void limit_output(const Client& client, runtime::Connection& connection, runtime::FrameLength frame_length);

  // Milliseconds in [base - percent %, base + percent %], the same for a connection each time, spread over all.
  milliseconds jittered(const Client& client, milliseconds base, uint32_t percent) const;
  // Tenths of a second since the gate was made.
  uint32_t decisecond() const { return decisecond_; }
  // "Sat, 21 Nov 2026 02:36:00 GMT", made once per second.
  std::string_view http_date();
  // For building what is copied at once; cleared by the caller.
  std::string& scratch() { return scratch_; }
  std::string& second_scratch() { return second_scratch_; }

  // The PROXY header of a connection has been read: what follows is the client's.
  void header_read(Client& client, runtime::Connection& connection);
  // What Admission found: a new connection may be read from now, if only to be told that there are too many; a request
  // that waited goes on.
  void judged(ConnectionId id, const Judgement& judgement);

  // --- runtime::Handler ---
  void on_accepted(ConnectionId id, uint16_t listener) override;
  void on_bytes(ConnectionId id, std::span<uint8_t> bytes) override;
  void on_peer_gone(ConnectionId id, io::CloseReason reason) override;
  void on_drained(ConnectionId id) override;
  void on_slow(ConnectionId id, runtime::CloseCause cause) override;
  void on_timer(ConnectionId id) override;
  void on_mail(const runtime::Mail& mail) override;
  void on_tick() override;
  void on_flushed() override {
    start_turns();
    if (hub_->measures()) hub_->on_flushed(reactor_.read_clock().count());
    hub_->go_on();
  }
  void on_interval() override;
  void on_closed(ConnectionId id, runtime::CloseCause cause) override;

  // --- hub::Sink ---
  void deliver(const hub::Delivery& delivery) override;
  void joined(ConnectionId connection, const hub::Joined& joined) override;
  void replay(ConnectionId connection, std::string_view key, std::span<const Slice> canonical, uint64_t first_id,
              uint32_t count, uint64_t gap_oldest, bool more) override;
  void parted(uint32_t slot, uint32_t channel) override;
  void left(ConnectionId connection, std::string_view key, hub::LeftReason reason) override;
  void published(ConnectionId connection, const hub::Published& published) override;
  void credit_available() override { credit_came_ = true; }
  void answered(ConnectionId connection, const hub::Answer& answer) override;
  std::string_view user_of(uint32_t slot) const override;
  bool is_of_tenant(ConnectionId connection, std::string_view tenant) override;
  void occupancy(std::string_view key, bool occupied) override;
  void kicked(ConnectionId connection) override;
  bool send_canonical(ConnectionId connection, std::string_view canonical) override;

 private:
  template <class T>
  static T either(T of_route, T of_all) {
    return of_route != T{} ? of_route : of_all;
  }
  // Null before the connection has begun.
  Protocol* protocol_of(const Client& client) const;
  void begin(Client& client);
  bool ask_for_address(Client& client);
  size_t feed(Client& client, runtime::Connection& connection, std::span<uint8_t> bytes);
  // Bytes received while reading is paused.
  void buffer_input(Client& client, std::string bytes);
  std::string take_buffered_input(Client& client);
  size_t read_buffered_input(Client& client);  // how much of it was taken
  void end_input(Client& client);
  void serve_stalled();
  void work_off();
  void start_turns();
  void tell_some();
  void tell(Client& client);
  void take_leave(Client& client);
  void take_leave_of_some();
  void finish(Client& client);
  // Pieces of several channels are asked for one at a time, and the one that was may have gone with its channel.
  void go_on_replaying(const Client& client);

  runtime::Reactor& reactor_;
  hub::Encoder& encoder_;
  const SessionOptions* options_;
  uint32_t options_epoch_ = 0;
  Shared& shared_;
  hub::Hub* hub_ = nullptr;
  ConnectionNames names_;
  SessionStats stats_;

  struct Clients {
    std::vector<std::unique_ptr<Client[]>> chunks;
    Client& operator[](uint32_t slot) const { return chunks[slot / kChunk][slot % kChunk]; }
    void need(uint32_t slot) {
      while (chunks.size() * kChunk <= slot) chunks.push_back(std::make_unique<Client[]>(kChunk));
    }
    static constexpr uint32_t kChunk = 1024;
  } clients_;

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
  std::array<std::unique_ptr<Transport>, kKinds> transports_;  // by kind; none for HTTP
  WebSocketSession* websocket_ = nullptr;
  SseSession* sse_ = nullptr;

  using StalledLine = std::list<ConnectionId>;
  struct StalledPlace {
    uint16_t home;
    StalledLine::iterator at;
  };
  std::vector<StalledLine> stalled_;                       // by home core, first come first served
  tsl::robin_map<uint32_t, StalledPlace> stalled_places_;  // by slot
  int serving_home_ = -1;  // whose line is being served: a client stalled again goes to its head
  std::vector<ConnectionId> ready_;
  std::deque<ConnectionId> in_line_;                       // ready, with input that has to wait for later ticks
  size_t read_in_tick_ = 0;                                // of such input
  tsl::robin_map<uint32_t, std::string> buffered_inputs_;  // by slot
  bool credit_came_ = false;
  uint32_t last_correlation_ = 0;

  DrainPhase drain_phase_ = DrainPhase::running;
  io::Nanoseconds telling_since_{0};
  uint32_t told_slots_ = 0;           // those below have been told
  std::vector<ConnectionId> let_go_;  // of those told, who may go now
  uint32_t slots_end_ = 0;            // no connection has had a slot at or above
  uint32_t admin_connections_ = 0;

  io::Nanoseconds started_{0};
  uint32_t decisecond_ = 0;
  uint64_t date_second_ = 0;
  std::string date_;
  std::string scratch_;
  std::string second_scratch_;
};

}  // namespace ringcast::session
