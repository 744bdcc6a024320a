// SPDX-License-Identifier: Apache-2.0
// One or two cores with real reactors, hubs and gates on one thread, over a backend whose sockets are strings, and a
// clock that stands still: what a client sends is given, what it gets is looked at. For the tests of this folder.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/static_files.h"
#include "base/clock.h"
#include "client/hooks.h"
#include "client/routes.h"
#include "hub/hub.h"
#include "hub/policy.h"
#include "io/backend.h"
#include "reactor/mesh.h"
#include "reactor/reactor.h"
#include "transport/encoder.h"
#include "transport/gate.h"

namespace ringcast::session {

class ScriptedBackend final : public io::Backend {
 public:
  struct Peer {
    std::string received;  // by the client
    std::string unread;    // sent by the client while the server does not read
    io::Owner owner = io::kNoOwner;
    io::SocketAddress address;
    size_t window = SIZE_MAX;  // bytes that flush() still takes
    bool started = false, paused = false, blocked = false;
    bool broken = false;                            // a send fails
    io::Delivery delivery;                          // of what was taken
    io::CloseReason ended = io::CloseReason::none;  // by the client while the server did not read
    bool fin_sent = false, closed = false, reset = false;
  };

  // The client's side.
  io::Socket arrive(std::string_view address, uint16_t listener);
  void send(io::Socket socket, std::string_view bytes);
  void end(io::Socket socket, io::CloseReason reason);
  void open_window(io::Socket socket, size_t bytes);
  Peer& peer(io::Socket socket) { return peers_.at(socket.value); }
  bool listening() const { return listening_; }
  bool admin_listening() const { return admin_listening_; }

  std::string_view name() const override { return "scripted"; }
  std::string features() const override { return {}; }
  Result<void> add_listener(int, uint16_t) override { return {}; }
  void close_listeners(uint16_t kept) override {
    listening_ = false;
    admin_listening_ = kept == kAdminListener;
  }
  void pause_accepting(bool) override {}
  Result<io::Socket> connect(const io::SocketAddress&, const io::SocketAddress*, io::Owner) override;
  void start_receive(io::Socket socket, io::Owner owner) override;
  void pause_receive(io::Socket socket) override { peer(socket).paused = true; }
  void resume_receive(io::Socket socket) override;
  void flush(std::span<io::SendOp> ops) override;
  void shutdown_write(io::Socket socket) override { peer(socket).fin_sent = true; }
  void close(io::Socket socket, io::CloseMode mode) override;
  io::SocketAddress peer_address(io::Socket socket) override { return peer(socket).address; }
  io::Delivery delivery(io::Socket socket) override { return peer(socket).delivery; }
  std::span<const io::Event> wait(io::Nanoseconds timeout) override;
  io::Nanoseconds waited() const { return waited_; }  // what the last wait() might have taken
  const io::BackendStats& stats() const override { return stats_; }

 private:
  void deliver(io::Socket socket);

  std::map<int32_t, Peer> peers_;
  std::vector<io::Event> next_;
  std::vector<io::Event> current_;
  std::vector<std::unique_ptr<std::string>> buffers_;
  std::vector<std::unique_ptr<std::string>> next_buffers_;
  int32_t last_socket_ = 0;
  io::Nanoseconds waited_{0};
  bool listening_ = true, admin_listening_ = true;
  io::BackendStats stats_;
};

struct WorldOptions {
  uint16_t cores = 1;
  uint32_t credit_publishes = 1024;
  SessionOptions sessions;
};

class World {
 public:
  explicit World(WorldOptions options = {});
  ~World();

  // What a client holds: its socket and the core that has it.
  struct Wire {
    uint16_t core = 0;
    io::Socket socket;
  };
  Wire connect(uint16_t core = 0, std::string_view address = "127.0.0.1:1", uint16_t listener = 0);
  void send(Wire wire, std::string_view bytes);  // and lets the cores work until nothing is left to do
  void send_unworked(Wire wire, std::string_view bytes);
  void end(Wire wire, io::CloseReason reason = io::CloseReason::peer_closed);
  // What has come since the last call.
  std::string take(Wire wire);
  std::string ask(Wire wire, std::string_view bytes);  // send(), then take()
  bool closed(Wire wire) { return peer(wire).closed || peer(wire).fin_sent; }
  ScriptedBackend::Peer& peer(Wire wire) { return backend(wire.core).peer(wire.socket); }
  void pass(std::chrono::milliseconds time);
  // Time passes while the other cores do nothing.
  void pass_alone(uint16_t core, std::chrono::milliseconds time);
  void work();
  // A thread of its own, as it were, allows what is asked with the ticket.
  void decide(Ticket ticket);

  Gate& gate(uint16_t core = 0);
  ScriptedBackend& backend(uint16_t core = 0);
  reactor::Reactor& reactor(uint16_t core = 0);
  Shared& shared() { return shared_; }
  StaticFiles& files() { return files_; }
  SessionOptions& options() { return options_.sessions; }

 private:
  class MailPost;
  struct Core;
  WorldOptions options_;
  std::unique_ptr<reactor::Mesh> mesh_;
  hub::RoomPolicies policies_;
  Routes routes_{{.echo = true}};
  StaticFiles files_;
  Shared shared_;
  VirtualClock time_;
  std::vector<std::unique_ptr<Core>> cores_;
};

// "GET /path HTTP/1.1" with Host and `fields` ("Name: value\r\n…").
std::string get(std::string_view target, std::string_view fields = {});
std::string post(std::string_view target, std::string_view json, std::string_view fields = {});
// Of the first answer in `bytes`.
size_t count(std::string_view text, std::string_view part);  // how often it is in there
int status_of(std::string_view bytes);
std::string header_of(std::string_view bytes, std::string_view name);  // empty when absent
std::string body_of(std::string_view bytes);
// Takes the first answer off `bytes`, by its Content-Length.
std::string take_answer(std::string& bytes);

}  // namespace ringcast::session
