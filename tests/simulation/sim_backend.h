// SPDX-License-Identifier: Apache-2.0
// io::Backend over in-memory pipes with seeded faults: bytes split and delayed, short writes, resets, batches in any
// order. It never sleeps: a wait that would is left by WouldSleep, with the reactor marked as sleeping in the mesh just
// as a real one would be. One per simulated core, one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "io/backend.h"
#include "pipe.h"
#include "random.h"

namespace ringcast::simulation {

struct WouldSleep {
  int64_t until_ns;  // of the monotonic clock
};

// How unkind the network is, in percent.
struct Faults {
  uint32_t delay = 20;        // a socket's bytes do not arrive in this wait
  uint32_t split = 30;        // they arrive in pieces
  uint32_t short_write = 20;  // a flush takes less than there is room for
};

class SimBackend final : public io::Backend {
 public:
  SimBackend(Random& random, const Faults& faults, const VirtualClock& clock)
      : random_(random), faults_(faults), clock_(clock) {}

  // A client connects. False: nobody listens any more.
  bool arrive(const std::shared_ptr<Pipe>& pipe);
  // Whether a wait would find something.
  bool ready() const;

  std::string_view name() const override { return "sim"; }
  std::string features() const override { return {}; }
  Result<void> add_listener(int, uint16_t) override { return {}; }
  void close_listeners(uint16_t) override { listening_ = false; }
  void pause_accepting(bool paused) override { accepting_ = !paused; }
  Result<io::Socket> connect(const io::SocketAddress&, const io::SocketAddress*, io::Owner) override;
  void start_receive(io::Socket socket, io::Owner owner) override;
  void pause_receive(io::Socket socket) override { at(socket).paused = true; }
  void resume_receive(io::Socket socket) override { at(socket).paused = false; }
  void flush(std::span<io::SendOp> ops) override;
  void shutdown_write(io::Socket socket) override;
  void close(io::Socket socket, io::CloseMode mode) override;
  io::SocketAddress peer_address(io::Socket) override;
  std::span<const io::Event> wait(io::Nanoseconds timeout) override;
  const io::BackendStats& stats() const override { return stats_; }

 private:
  Pipe& at(io::Socket socket);
  static bool has_news(const Pipe& pipe);
  void take(int32_t socket, Pipe& pipe);

  Random& random_;
  const Faults& faults_;
  const VirtualClock& clock_;
  bool listening_ = true;
  bool accepting_ = true;
  std::deque<std::shared_ptr<Pipe>> backlog_;
  std::vector<std::shared_ptr<Pipe>> sockets_;  // by handle; handles are used again, as the kernel does
  std::vector<int32_t> free_;
  std::vector<io::Event> events_;
  std::deque<std::vector<uint8_t>> buffers_;  // of the last batch
  io::BackendStats stats_;
};

}  // namespace ringcast::simulation
