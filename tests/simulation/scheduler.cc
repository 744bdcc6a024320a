#include "scheduler.h"

#include <algorithm>

#include "admin_client.h"
#include "base/block.h"
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
      if (random.percent(30)) {
        clients_.push_back(std::make_unique<SseClient>(world, "sse" + std::to_string(i), tenant, user));
      } else {
        clients_.push_back(std::make_unique<WebSocketClient>(world, "ws" + std::to_string(i), tenant, user));
      }
    }
    if (random.percent(60)) clients_.push_back(std::make_unique<AdminClient>(world, "admin"));
  }

  void run() {
    for (uint32_t step = 0; step < steps_; ++step) {
      take_step();
      if (world_.random.below(200) == 0) rest();
    }
    rest();
    part();
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
    come_to_rest();
    for (int second = 0; second < 40; ++second) {
      world_.advance(second < 10 ? 150 * kMillisecond : kSecond);
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
