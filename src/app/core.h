// SPDX-License-Identifier: Apache-2.0
// One reactor with everything that belongs to it, on a thread of its own: descriptor table, listeners, backend,
// mailboxes, hub, sessions. Made by the main thread; everything inside lives and dies on the core's thread. The main
// thread only sets the atomics and wakes it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/settings.h"
#include "base/error.h"
#include "cluster/thread.h"
#include "io/listener.h"
#include "io/socket_address.h"
#include "reactor/mesh.h"
#include "tls/tls_backend.h"
#include "transport/gate.h"

namespace ringcast::app {

struct CorePlan {
  uint16_t index = 0;
  const config::Options* options = nullptr;
  Machine machine;
  reactor::Mesh* mesh = nullptr;
  session::Shared* shared = nullptr;
  const session::SessionOptions* sessions = nullptr;
  const hub::RoomPolicies* policies = nullptr;
  const cluster::Thread* bridge = nullptr;  // nullptr: there is no broker
  hub::Mirror* mirror = nullptr;            // nullptr: no room has one
  uint64_t hub_key[2] = {0, 0};
  std::vector<io::SocketAddress> addresses;        // to listen on
  bool addresses_optional = false;                 // defaults: those that this machine has
  std::vector<io::SocketAddress> proxy_addresses;  // likewise, with a PROXY header first
  std::vector<io::SocketAddress> tls_addresses;    // likewise, with TLS
  io::SocketAddress admin;                         // unset: none
  std::shared_ptr<const tls::Material> tls;        // none: nothing speaks TLS
  std::optional<tls::RotatingTicketKeys> ticket_keys;
  std::vector<int> keep_descriptors;  // in the core's own table
  io::Engine engine = io::Engine::automatic;
  bool listens = true;  // false: the addresses are only checked
};

// What sessions read, as of one reload.
struct Settings {
  uint64_t generation = 0;  // 0: from the start
  session::SessionOptions sessions;
  std::shared_ptr<const tls::Material> tls;  // none: nothing speaks TLS
  tls::HandshakeLimits handshakes;
};

class Core {
 public:
  explicit Core(CorePlan plan) : plan_(std::move(plan)) {}
  ~Core() { join(); }

  // Starts the thread and returns when it listens, or why it cannot. Clients wait in the backlog until serve(): what is
  // shared may be filled in until then.
  [[nodiscard]] Result<void> start();
  void serve();
  // Any thread.
  void drain(session::DrainPhase phase);
  void reload(const Settings& settings);
  // Of the settings that it reads; it does not go back to those before.
  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  void stop();
  void join();

  // After start(): what it really listens on (port 0 resolved), the engine's name and features.
  const std::vector<io::SocketAddress>& bound() const { return bound_; }
  const std::vector<io::SocketAddress>& proxy_bound() const { return proxy_bound_; }
  const std::vector<io::SocketAddress>& tls_bound() const { return tls_bound_; }
  const io::SocketAddress& admin_bound() const { return admin_bound_; }  // unset: none
  const std::string& engine() const { return engine_; }
  const std::string& fallback() const {
    return fallback_;
  }  // why it is not io_uring; empty: it is, or was not asked for
  const std::string& features() const { return features_; }
  // Those of the admin port apart: the drain waits for them last.
  uint32_t connections() const { return connections_.load(std::memory_order_relaxed); }
  uint32_t admin_connections() const { return admin_connections_.load(std::memory_order_relaxed); }
  // The phase that this core has entered and gone a tick in: the numbers above show its first consequences, and all
  // mail that was made before lies where its receivers will find it.
  session::DrainPhase settled() const {
    return static_cast<session::DrainPhase>(settled_.load(std::memory_order_acquire));
  }

 private:
  struct Parts;
  void run(std::function<void(Result<void>)> started);
  [[nodiscard]] Result<void> assemble(Parts& parts);
  [[nodiscard]] Result<void> listen(io::Backend& backend, tls::TlsBackend* secure);
  [[nodiscard]] Result<void> listen_with_tls(tls::TlsBackend& backend, const io::ListenerOptions& options);
  [[nodiscard]] Result<std::unique_ptr<io::Backend>> add_tls(std::unique_ptr<io::Backend> backend, Parts& parts);
  [[nodiscard]] Result<io::UniqueFd> open(const io::SocketAddress& address, const io::ListenerOptions& options);
  [[nodiscard]] Result<void> check_addresses() const;

  CorePlan plan_;
  std::thread thread_;
  std::vector<io::SocketAddress> bound_;
  std::vector<io::SocketAddress> proxy_bound_;
  std::vector<io::SocketAddress> tls_bound_;
  io::SocketAddress admin_bound_;
  std::vector<io::SocketFile> socket_files_;
  std::string engine_;
  std::string fallback_;
  std::string features_;
  std::atomic<int> phase_{0};
  std::atomic<const Settings*> settings_{nullptr};  // to be taken over
  std::atomic<uint64_t> generation_{0};
  std::atomic<bool> serving_{false};
  std::atomic<bool> stop_{false};
  std::atomic<uint32_t> connections_{0};
  std::atomic<uint32_t> admin_connections_{0};
  std::atomic<int> settled_{0};
};

}  // namespace ringcast::app
