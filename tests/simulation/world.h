// SPDX-License-Identifier: Apache-2.0
// The cores of a simulated server: real mesh, reactors, gates, encoders and hubs, assembled as the server does, over
// simulated backends and one virtual time. What varies from seed to seed is drawn when it is made. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "client/routes.h"
#include "hub/hub.h"
#include "ledger.h"
#include "pipe.h"
#include "random.h"
#include "reactor/mesh.h"
#include "reactor/reactor.h"
#include "sim_backend.h"
#include "trace.h"
#include "transport/encoder.h"
#include "transport/gate.h"

namespace ringcast::simulation {

class World {
 public:
  World(uint64_t seed, bool verbose);
  ~World();

  Random random;
  Trace trace;
  Ledger ledger;
  Faults faults;
  uint32_t tenants = 1;
  uint32_t rooms = 2;  // of each tenant
  uint32_t users = 3;
  size_t window = 4096;                         // of a connection
  uint32_t content_max = 40;                    // bytes of padding
  uint64_t publishers = 0;                      // numbers given
  std::map<std::string, std::string> statuses;  // at rest, by "tenant:user": the same in all rooms
  bool deflate = false;
  bool keeps_rooms = false;            // some outlast a long silence
  bool echo = false;                   // clients of the echo endpoint come too
  bool http2 = false;                  // … and some that speak HTTP/2
  std::chrono::nanoseconds passed{0};  // since the beginning, by advance()
  static constexpr std::chrono::milliseconds kCloseTimeout{500};

  // A client connects to any of the cores; null when none listens.
  std::shared_ptr<Pipe> connect();

  uint16_t cores() const { return static_cast<uint16_t>(cores_.size()); }
  // Whether a real reactor would be running now.
  bool runnable(uint16_t core) const;
  // One tick, or as much of one as there is before it goes to sleep.
  void tick(uint16_t core);
  void lag(uint16_t core, bool lagging) { cores_[core]->lagging = lagging; }
  bool lagging(uint16_t core) const { return cores_[core]->lagging; }
  // The server's way down, as its main thread goes it: each core takes a phase over after a tick.
  void enter(session::DrainPhase phase);
  bool settled() const;  // every core has gone through a tick in this phase, and has no mail left to send
  bool draining() const { return phase_ >= session::DrainPhase::refusing; }
  bool telling() const { return phase_ >= session::DrainPhase::notifying; }
  // By the name of a room.
  bool has_presence(std::string_view room) const;
  bool tells_presence(std::string_view room) const;  // however many they are
  void advance(int64_t ns);
  void step_wall(int64_t us);

  // Invariants of any moment.
  void check() const;
  // Invariants of rest: nobody has anything to do before time passes.
  void check_at_rest() const;
  // Nothing is open and everything has expired.
  void check_empty() const;
  std::string describe() const;

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
  struct Core {
    Core(reactor::Mesh& mesh, uint16_t index, const session::EncoderOptions& options)
        : mailboxes(mesh, index), post(mailboxes), encoder(options) {}
    VirtualClock clock;
    reactor::Mailboxes mailboxes;
    MailPost post;
    session::Encoder encoder;
    SimBackend* backend = nullptr;
    std::unique_ptr<reactor::Reactor> reactor;
    std::unique_ptr<session::Gate> gate;
    std::unique_ptr<hub::Hub> hub;
    bool asleep = false;
    bool lagging = false;
    bool notified = false;  // of a phase: what it sleeps in returns
    session::DrainPhase settled = session::DrainPhase::running;
    int64_t sleeps_until_ns = 0;
  };

  hub::RoomPolicy draw_policy();
  void assemble(uint16_t count);

  session::DrainPhase phase_ = session::DrainPhase::running;
  hub::RoomPolicies policies_;
  session::SessionOptions sessions_;
  session::Routes routes_{session::Routes::Options{.echo = true}};
  session::Shared shared_;
  hub::HubOptions hub_options_;
  reactor::ReactorOptions reactor_options_;
  reactor::MeshOptions mesh_options_;
  std::unique_ptr<reactor::Mesh> mesh_;
  std::vector<std::unique_ptr<Core>> cores_;
};

}  // namespace ringcast::simulation
