// SPDX-License-Identifier: Apache-2.0
// The bridge with all that belongs to it, on a thread of its own: descriptor table, backend, mailboxes, reactor. Made,
// started and stopped by the main thread; everything inside lives and dies on its thread.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "base/error.h"
#include "cluster/bridge.h"
#include "io/backend.h"
#include "reactor/mesh.h"
#include "tls/client_context.h"

namespace ringcast::cluster {

struct ThreadPlan {
  BridgeOptions bridge;
  reactor::Mesh* mesh = nullptr;
  uint16_t member = 0;  // of the mesh
  io::Engine engine = io::Engine::automatic;
  io::BackendOptions backend;
  std::optional<tls::ClientOptions> tls;  // Redis is spoken to over TLS
  bool own_table = true;                  // has a descriptor table of its own
  std::vector<int> keep_descriptors;      // in it
};

class Thread {
 public:
  explicit Thread(ThreadPlan plan) : plan_(std::move(plan)) {}
  ~Thread();

  // Returns when it runs; Redis need not be there.
  [[nodiscard]] Result<void> start();
  void stop();
  const hub::BrokerStats& stats() const { return stats_; }
  uint64_t node() const { return plan_.bridge.node; }
  uint16_t member() const { return plan_.member; }

 private:
  void run(const std::function<void(Result<void>)>& started);

  ThreadPlan plan_;
  hub::BrokerStats stats_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace ringcast::cluster
