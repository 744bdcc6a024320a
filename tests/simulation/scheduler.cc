// SPDX-License-Identifier: Apache-2.0
#include "scheduler.h"

#include <algorithm>

#include "admin_client.h"
#include "base/block.h"
#include "echo_client.h"
#include "http2_client.h"
#include "poll_client.h"
#include "sse_client.h"
#include "websocket_client.h"

namespace ringcast::simulation {

namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kSecond = 1000 * kMillisecond;
// Far more than anything here needs to come to rest: reaching it means that it never would.
constexpr uint32_t kTurnsToRest = 20'000;

class Scheduler {
 public:
  Scheduler(World& world, uint32_t steps) : world_(world) {
    Random& random = world.random;
    steps_ = steps != 0 ? steps : static_cast<uint32_t>(random.between(100, 400));
    const uint64_t clients = random.between(2, 7);
    for (uint64_t i = 0; i < clients; ++i) {
      const std::string tenant = 't' + std::to_string(random.below(world.tenants));
      const std::string user = 'u' + std::to_string(random.below(world.users));
      const uint64_t kind = random.below(100);
      if (kind < 15) {
        clients_.push_back(std::make_unique<PollClient>(world, "poll" + std::to_string(i), tenant, user));
      } else if (kind < 40) {
        clients_.push_back(std::make_unique<SseClient>(world, "sse" + std::to_string(i), tenant, user));
      } else {
        auto client = std::make_unique<WebSocketClient>(world, "ws" + std::to_string(i), tenant, user);
        watchers_.push_back(client.get());
        clients_.push_back(std::move(client));
      }
    }
    if (random.percent(60)) clients_.push_back(std::make_unique<AdminClient>(world, "admin"));
    for (int i = 0; world.echo && i < 2; ++i) {
      clients_.push_back(std::make_unique<EchoClient>(world, "echo" + std::to_string(i)));
    }
    for (int i = 0; world.http2 && i < 2; ++i) {
      clients_.push_back(std::make_unique<Http2Client>(world, "h2-" + std::to_string(i),
                                                       't' + std::to_string(random.below(world.tenants))));
    }
  }

  void run() {
    for (uint32_t step = 0; step < steps_; ++step) {
      take_step();
      if (world_.random.below(200) == 0) rest();
    }
    rest();
    if (world_.random.percent(50)) count_members();
    if (world_.random.percent(30)) {
      drain();
    } else {
      part();
    }
    empty();
  }

 private:
  SimClient& some_client() { return *clients_[world_.random.below(clients_.size())]; }

  void take_step() {
    Random& random = world_.random;
    const uint64_t choice = random.below(100);
    if (choice < 48) {
      const auto core = static_cast<uint16_t>(random.below(world_.cores()));
      if (world_.lagging(core) || !world_.runnable(core)) return;
      world_.tick(core);
      if (random.percent(5)) world_.check();
    } else if (choice < 68) {
      some_client().read();
    } else if (choice < 92) {
      some_client().act();
    } else if (choice < 95) {
      world_.advance(static_cast<int64_t>(random.percent(20) ? random.below(2000) : random.below(120)) * kMillisecond);
    } else if (choice < 96) {
      if (random.percent(30)) world_.step_wall(static_cast<int64_t>(random.below(4'000'000)) - 2'000'000);
    } else {
      const auto core = static_cast<uint16_t>(random.below(world_.cores()));
      world_.lag(core, random.percent(35));
    }
  }

  // Everybody reads, every core runs, nothing new is begun and no time passes, until nobody has anything to do.
  void come_to_rest() {
    for (uint16_t core = 0; core < world_.cores(); ++core) world_.lag(core, false);
    for (uint32_t turn = 0; turn < kTurnsToRest; ++turn) {
      bool busy = false;
      for (uint16_t core = 0; core < world_.cores(); ++core) {
        if (!world_.runnable(core)) continue;
        busy = true;
        world_.tick(core);
      }
      for (const auto& client : clients_) {
        client->set_reading(true);
        if (!client->has_unread()) continue;
        busy = true;
        client->read();
      }
      if (!busy) return;
    }
    violated("rest", "there is always something more to do");
  }

  void rest() {
    world_.trace.note("-- rest");
    come_to_rest();
    world_.check_at_rest();
    for (const auto& client : clients_) client->check_at_rest();
  }

  // What a time of grace still shows has gone, and everybody is asked who is there.
  void count_members() {
    world_.trace.note("-- members");
    for (int i = 0; i < 12; ++i) {
      world_.advance(150 * kMillisecond);
      come_to_rest();
    }
    world_.statuses.clear();
    Presences present;
    for (const auto& client : clients_) client->count_in(present);
    for (WebSocketClient* watcher : watchers_) {
      for (uint32_t i = 0; i < world_.rooms; ++i) {
        if (watcher->ask_members('r' + std::to_string(i), present)) come_to_rest();
      }
    }
    for (const auto& client : clients_) client->check_at_rest();
  }

  void steps(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) take_step();
  }
  // As Server::drain() waits for its cores, with a bound here and there.
  void settle(session::DrainPhase phase) {
    world_.enter(phase);
    for (uint32_t turn = 0; !world_.settled(); ++turn) {
      // While publishes are taken, clients that never rest may keep a core from having sent all its mail.
      if (turn == kTurnsToRest && phase < session::DrainPhase::refusing) return;
      if (turn == kTurnsToRest) violated("drain", "a core does not take over phase " + std::to_string(int(phase)));
      take_step();
    }
  }

  void drain() {
    Random& random = world_.random;
    using session::DrainPhase;
    settle(DrainPhase::unready);
    steps(random.below(40));
    settle(DrainPhase::refusing);
    settle(DrainPhase::delivering);
    const bool rested = random.percent(50);
    if (rested) rest();
    world_.enter(DrainPhase::notifying);
    // The whole period and what closing takes; everybody reads.
    for (int i = 0; i < 30; ++i) {
      steps(random.below(20));
      for (const auto& client : clients_) client->retire();
      world_.advance(100 * kMillisecond);
      come_to_rest();
    }
    if (!world_.settled()) violated("drain", "a core does not take leave");
    for (const auto& client : clients_) {
      if (client->connected()) violated("drain", client->name() + " was not asked to go");
      client->check_drained(rested);
    }
    settle(DrainPhase::finishing);
    settle(DrainPhase::admin);
  }

  void part() {
    Random& random = world_.random;
    world_.trace.note("-- parting");
    for (const auto& client : clients_) {
      client->retire();
      if (random.percent(50)) {
        client->say_goodbye();
      } else {
        client->cut(random.percent(50));
      }
    }
  }

  void empty() {
    come_to_rest();
    for (int second = 0; second < 40; ++second) {
      world_.advance(second < 10 ? 150 * kMillisecond : kSecond);
      come_to_rest();
    }
    for (int i = 0; world_.keeps_rooms && i < 20; ++i) {
      world_.advance(20 * kSecond);
      come_to_rest();
    }
    for (const auto& client : clients_) {
      if (client->connected()) violated("stuck", "a connection that nobody closes");
    }
    world_.check_at_rest();
    world_.check_empty();
  }

  World& world_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  std::vector<WebSocketClient*> watchers_;
  uint32_t steps_;
};

}  // namespace

Outcome run_seed(uint64_t seed, bool verbose, uint32_t steps) {
  Outcome outcome;
  const int64_t blocks_before = Block::live_blocks();
  {
    World world(seed, verbose);
    outcome.world = world.describe();
    world.trace.note(outcome.world);
    try {
      Scheduler(world, steps).run();
    } catch (const Violation& violation) {
      outcome.failed = true;
      outcome.invariant = violation.invariant;
      outcome.text = violation.text;
      outcome.last_lines.assign(world.trace.lines().begin(), world.trace.lines().end());
    }
    outcome.hash = world.trace.hash();
    outcome.messages = world.ledger.messages();
  }
  if (!outcome.failed && Block::live_blocks() != blocks_before) {
    outcome.failed = true;
    outcome.invariant = "leak";
    outcome.text = std::to_string(Block::live_blocks() - blocks_before) + " blocks outlive the cores";
  }
  return outcome;
}

}  // namespace ringcast::simulation
