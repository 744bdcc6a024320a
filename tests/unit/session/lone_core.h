// SPDX-License-Identifier: Apache-2.0
// One core without a kernel: reactor, gate, encoder and hub as the server assembles them, over a backend whose sockets
// are strings. For tests and benchmarks of sessions; one thread. Time stands still until it is advanced.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/foreign_requests.h"
#include "base/clock.h"
#include "client/routes.h"
#include "hub/hub.h"
#include "io/backend.h"
#include "reactor/mesh.h"
#include "reactor/reactor.h"
#include "transport/encoder.h"
#include "transport/gate.h"

namespace ringcast::session {

// Takes as much as each socket's `room` says and keeps it, or only counts it.
class MemoryBackend final : public io::Backend {
 public:
  struct Peer {
    std::string sent;  // what the server sent, unless only counted
    uint64_t sent_bytes = 0;
    size_t room = SIZE_MAX;  // bytes that the socket still takes
    io::Owner owner = io::kNoOwner;
    bool paused = false;
    bool wants_room = false;  // a flush was short
    bool fin = false;         // the server has shut its direction down
    bool closed = false;
    bool reset = false;
  };
  std::vector<std::unique_ptr<Peer>> peers;
  bool keep = true;

  int32_t accept() {
    peers.push_back(std::make_unique<Peer>());
    const auto socket = static_cast<int32_t>(peers.size() - 1);
    accept(socket);
    return socket;
  }
  void accept(int32_t socket) { events_.push_back({.kind = io::EventKind::accepted, .socket = {socket}}); }
  // `bytes` stay the caller's and may be changed until the tick is over.
  void arrive(int32_t socket, std::span<uint8_t> bytes) {
    events_.push_back({.kind = io::EventKind::bytes,
                       .socket = {socket},
                       .owner = peers[static_cast<size_t>(socket)]->owner,
                       .bytes = bytes});
  }
  void event(int32_t socket, io::EventKind kind, io::CloseReason reason = io::CloseReason::none) {
    events_.push_back(
        {.kind = kind, .reason = reason, .socket = {socket}, .owner = peers[static_cast<size_t>(socket)]->owner});
  }

  std::string_view name() const override { return "memory"; }
  std::string features() const override { return {}; }
  Result<void> add_listener(int, uint16_t) override { return {}; }
  void close_listeners(uint16_t) override {}
  void pause_accepting(bool) override {}
  Result<io::Socket> connect(const io::SocketAddress&, const io::SocketAddress*, io::Owner) override {
    return fail("unsupported", "a memory backend connects to nobody");
  }
  void start_receive(io::Socket socket, io::Owner owner) override { at(socket).owner = owner; }
  void pause_receive(io::Socket socket) override { at(socket).paused = true; }
  void resume_receive(io::Socket socket) override { at(socket).paused = false; }
  void flush(std::span<io::SendOp> ops) override {
    for (io::SendOp& op : ops) {
      Peer& peer = at(op.socket);
      for (uint16_t i = 0; i < op.iov_count; ++i) {
        const size_t taken = std::min(peer.room, op.iov[i].iov_len);
        if (keep) peer.sent.append(static_cast<const char*>(op.iov[i].iov_base), taken);
        peer.sent_bytes += taken;
        peer.room -= peer.room == SIZE_MAX ? 0 : taken;
        op.result += static_cast<int64_t>(taken);
        if (taken < op.iov[i].iov_len) {
          peer.wants_room = true;
          break;
        }
      }
    }
  }
  void shutdown_write(io::Socket socket) override { at(socket).fin = true; }
  void close(io::Socket socket, io::CloseMode mode) override {
    at(socket).closed = true;
    at(socket).reset = mode == io::CloseMode::reset;
  }
  io::SocketAddress peer_address(io::Socket) override { return {}; }
  std::span<const io::Event> wait(io::Nanoseconds) override {
    batch_.clear();
    std::swap(batch_, events_);
    return batch_;
  }
  const io::BackendStats& stats() const override { return stats_; }

 private:
  Peer& at(io::Socket socket) { return *peers[static_cast<size_t>(socket.value)]; }

  std::vector<io::Event> events_;
  std::vector<io::Event> batch_;
  io::BackendStats stats_;
};

class LoneCore {
 public:
  struct Setup {
    SessionOptions sessions;
    hub::HubOptions hub;
    hub::RoomPolicy room;
    EncoderOptions encoder;
    Hooks* hooks = nullptr;
    uint32_t connections_max = 64;
    bool echo = true;
    std::string socketio_path = {};  // empty: Socket.IO is not spoken
    bool checks_frames = true;       // of all that is queued
  };

  LoneCore() : LoneCore(Setup()) {}
  explicit LoneCore(const Setup& setup)
      : setup_(setup),
        routes_(Routes::Options{.echo = setup.echo, .socketio_path = setup.socketio_path}),
        mesh_(make_mesh()),
        mailboxes_(*mesh_, 0),
        post_(mailboxes_),
        encoder_(setup.encoder) {
    policies_.set_default(setup.room);
    shared_.routes = &routes_;
    shared_.cores.resize(1);
    shared_.hooks = setup.hooks;
    auto backend = std::make_unique<MemoryBackend>();
    backend_ = backend.get();
    reactor::ReactorOptions options;
    options.connections_max = setup.connections_max;
    options.detached_max = setup.connections_max;
    options.outbox_bytes_max = setup.sessions.outbox_bytes_max;
    options.outbox_messages_max = setup.sessions.outbox_messages_max;
    options.checks_frames = setup.checks_frames;
    reactor_ = std::make_unique<reactor::Reactor>(options, std::move(backend), mailboxes_, clock_);
    gate_ = std::make_unique<Gate>(*reactor_, encoder_, setup_.sessions, shared_);
    hub::HubOptions hub_options = setup.hub;
    hub_options.policies = &policies_;
    hub_options.clock = &clock_;
    hub_ = std::make_unique<hub::Hub>(hub_options, post_, encoder_, *gate_);
    gate_->attach(*hub_);
    reactor_->set_handler(gate_.get());
    shared_.cores[0] = {&gate_->stats(), &hub_->stats(), &reactor_->stats()};
  }
  ~LoneCore() {
    mailboxes_.abandon(session::discard_mail);
    mesh_->discard(session::discard_mail);
  }

  MemoryBackend& backend() { return *backend_; }
  Gate& gate() { return *gate_; }
  hub::Hub& hub() { return *hub_; }
  reactor::Reactor& reactor() { return *reactor_; }
  SessionStats& stats() { return gate_->stats(); }

  void tick() { reactor_->tick(io::Nanoseconds(0)); }
  // In steps of a timer's tick, so that everything happens at its time.
  void advance(io::Nanoseconds time) {
    for (io::Nanoseconds passed{0}; passed < time; passed += reactor::kTimerTick) {
      clock_.advance_ns(std::min(reactor::kTimerTick, time - passed).count());
      tick();
    }
  }

 private:
  class MailPost final : public hub::Post {
   public:
    explicit MailPost(reactor::Mailboxes& mailboxes) : mailboxes_(mailboxes) {}
    void send(uint16_t to, const reactor::Mail& mail) override { mailboxes_.send(to, mail); }
    uint64_t enqueued(uint16_t to) const override { return mailboxes_.enqueued_total(to); }
    uint64_t past_overflow(uint16_t to) const override { return mailboxes_.past_overflow_total(to); }

   private:
    reactor::Mailboxes& mailboxes_;
  };

  static std::unique_ptr<reactor::Mesh> make_mesh() {
    reactor::MeshOptions options;
    options.wake_hook = {[](void*, reactor::MemberId) noexcept {}, nullptr};
    return std::move(reactor::Mesh::create(options).value());
  }

  const Setup setup_;
  Routes routes_;
  Shared shared_;
  hub::RoomPolicies policies_;
  VirtualClock clock_;
  std::unique_ptr<reactor::Mesh> mesh_;
  reactor::Mailboxes mailboxes_;
  MailPost post_;
  Encoder encoder_;
  MemoryBackend* backend_ = nullptr;
  std::unique_ptr<reactor::Reactor> reactor_;
  std::unique_ptr<Gate> gate_;
  std::unique_ptr<hub::Hub> hub_;
};

// A client of a LoneCore: what it has been sent so far, taken apart as its transport does.
class Peer {
 public:
  explicit Peer(LoneCore& core) : core_(core), socket_(core.backend().accept()) { core_.tick(); }

  MemoryBackend::Peer& socket() { return *core_.backend().peers[static_cast<size_t>(socket_)]; }
  // Sends bytes and lets the core do what they ask for.
  void send(std::string bytes) {
    core_.backend().arrive(socket_, {reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()});
    core_.tick();
    core_.tick();
  }
  void hang_up() {
    core_.backend().event(socket_, io::EventKind::closed, io::CloseReason::peer_closed);
    core_.tick();
  }
  // The socket takes `bytes` more; what waited for it leaves.
  void make_room(size_t bytes) {
    socket().room = bytes;
    if (std::exchange(socket().wants_room, false)) core_.backend().event(socket_, io::EventKind::writable);
    core_.tick();
  }
  std::string take() { return std::exchange(socket().sent, {}); }

 private:
  LoneCore& core_;
  int32_t socket_;
};

}  // namespace ringcast::session
