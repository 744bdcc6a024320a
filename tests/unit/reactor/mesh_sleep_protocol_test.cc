// SPDX-License-Identifier: Apache-2.0
// Runs the functions of reactor/sleep_protocol.h through every interleaving of their memory accesses, also with stores
// that become visible late (x86: TSO) or out of order (PSO, where only a release waits for all before it), and looks
// for states in which nobody can move although mail, or room for overflow, is there. Loads are not reordered.
#include "reactor/sleep_protocol.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace ringcast::reactor {
namespace {

enum class Memory { sequential, total_store_order, partial_store_order };

struct Pair {
  MemberId from;
  MemberId to;
  uint8_t mails;
};

// What is taken out of the protocol, to see that the search notices.
struct Defect {
  bool no_fence[3] = {};  // by SleepFence
  bool no_look_for_mail = false;
  bool no_look_for_room = false;
  bool flag_after_look = false;
  bool relaxed_waiting = false;    // the waiting flag may be seen before `sleeping`
  bool wake_without_flag = false;  // taking mail does not wake the producer
};

struct Scenario {
  std::vector<Pair> pairs;
  uint8_t members;
  uint8_t ring_slots;
  uint8_t timeouts;  // waits of each member that may end by themselves
};

enum class Phase : uint8_t { drain, publish, sleep, wait, awake, done };

struct Store {
  uint8_t location;
  uint8_t value;
  bool release;
};

struct Thread {
  Phase phase = Phase::drain;
  uint8_t timeouts = 0;
  std::vector<uint8_t> log;   // results of the phase's accesses so far: running it again with them leads to the next
  std::vector<Store> buffer;  // stores that only this thread sees yet
};

struct State {
  std::vector<uint8_t> memory;
  std::vector<uint8_t> wake_tokens;
  std::vector<uint8_t> sent;      // per pair, its producer's own knowledge
  std::vector<uint8_t> received;  // per pair, its consumer's
  std::vector<Thread> threads;

  std::string key() const {
    std::string key(memory.begin(), memory.end());
    key.append(wake_tokens.begin(), wake_tokens.end());
    key.append(sent.begin(), sent.end());
    key.append(received.begin(), received.end());
    for (const Thread& thread : threads) {
      key.push_back(static_cast<char>(thread.phase));
      key.push_back(static_cast<char>(thread.timeouts));
      key.push_back(static_cast<char>(thread.log.size()));
      key.append(thread.log.begin(), thread.log.end());
      key.push_back(static_cast<char>(thread.buffer.size()));
      for (const Store& store : thread.buffer) {
        key.push_back(static_cast<char>(store.location));
        key.push_back(static_cast<char>(store.value));
      }
    }
    return key;
  }
};

class Search {
 public:
  Search(const Scenario& scenario, Memory memory, const Defect& defect)
      : scenario_(scenario), memory_(memory), defect_(defect) {}

  // Visits everything reachable. True when no state is stuck.
  bool holds() {
    State start;
    start.memory.assign(scenario_.pairs.size() * 3 + scenario_.members, 0);
    start.wake_tokens.assign(scenario_.members, 0);
    start.sent.assign(scenario_.pairs.size(), 0);
    start.received.assign(scenario_.pairs.size(), 0);
    start.threads.resize(scenario_.members);
    for (Thread& thread : start.threads) thread.timeouts = scenario_.timeouts;
    visit(std::move(start));
    while (!open_.empty()) {
      const State state = std::move(open_.back());
      open_.pop_back();
      bool moved = false;
      bool all_done = true;
      for (MemberId member = 0; member < scenario_.members; ++member) {
        moved |= flush(state, member);
        moved |= step(state, member);
        all_done &= state.threads[member].phase == Phase::done;
      }
      if (all_done) ++finished_;
      if (!moved && !all_done) return false;  // asleep for good with mail in a ring, or overflow and room
    }
    return finished_ > 0;
  }

  size_t states() const { return seen_.size(); }
  bool slept() const { return slept_; }
  bool woken() const { return woken_; }

 private:
  // The accesses of one phase over modelled memory: those already made are answered from the log, the next one is made,
  // and whatever follows has no effect.
  struct Ops {
    Search& search;
    State& state;
    MemberId self;
    size_t position = 0;
    bool performed = false;
    bool dead = false;

    const std::vector<Pair>& pairs() const { return search.scenario_.pairs; }
    Thread& thread() { return state.threads[self]; }
    static uint8_t tail(size_t pair) { return static_cast<uint8_t>(pair * 3); }
    static uint8_t head(size_t pair) { return static_cast<uint8_t>(pair * 3 + 1); }
    static uint8_t waiting(size_t pair) { return static_cast<uint8_t>(pair * 3 + 2); }
    uint8_t sleeping(MemberId member) const { return static_cast<uint8_t>(pairs().size() * 3 + member); }
    size_t pair_from(MemberId member) const {
      for (size_t pair = 0; pair < pairs().size(); ++pair) {
        if (pairs()[pair].from == member && pairs()[pair].to == self) return pair;
      }
      abort();
    }

    template <class Access>
    uint8_t access(bool drains_buffer, Access&& make) {
      if (dead) return 0;
      if (position < thread().log.size()) return thread().log[position++];
      if (performed || (drains_buffer && !thread().buffer.empty())) {
        dead = true;
        return 0;
      }
      performed = true;
      const uint8_t result = make();
      thread().log.push_back(result);
      ++position;
      return result;
    }
    uint8_t load(uint8_t location) {
      return access(false, [&] {
        const auto& buffer = thread().buffer;
        const auto own = std::find_if(buffer.rbegin(), buffer.rend(),
                                      [&](const Store& store) { return store.location == location; });
        return own != buffer.rend() ? own->value : state.memory[location];
      });
    }
    void store(uint8_t location, uint8_t value, bool release) {
      access(false, [&] {
        if (search.memory_ == Memory::sequential) {
          state.memory[location] = value;
        } else {
          thread().buffer.push_back({location, value, release});
        }
        return uint8_t{0};
      });
    }
    uint8_t exchange(uint8_t location) {
      return access(true, [&] { return std::exchange(state.memory[location], uint8_t{0}); });
    }

    // What the protocol asks for.
    void store_sleeping(bool value) { store(sleeping(self), value, false); }
    void store_waiting() {
      for (size_t pair = 0; pair < pairs().size(); ++pair) {
        if (has_overflow(pair)) store(waiting(pair), 1, !search.defect_.relaxed_waiting);
      }
    }
    void fence(SleepFence which) {
      if (search.defect_.no_fence[static_cast<size_t>(which)]) return;
      access(true, [] { return uint8_t{0}; });
    }
    bool any_mail() {
      if (search.defect_.no_look_for_mail) return false;
      for (size_t pair = 0; pair < pairs().size(); ++pair) {
        if (pairs()[pair].to == self && load(tail(pair)) != state.received[pair]) return true;
      }
      return false;
    }
    bool any_room() {
      if (search.defect_.no_look_for_room) return false;
      for (size_t pair = 0; pair < pairs().size(); ++pair) {
        if (has_overflow(pair) && room(pair) > 0) return true;
      }
      return false;
    }
    bool load_sleeping(MemberId member) { return load(sleeping(member)) != 0; }
    bool exchange_sleeping(MemberId member) { return exchange(sleeping(member)) != 0; }
    bool load_waiting(MemberId member) {
      return !search.defect_.wake_without_flag && load(waiting(pair_from(member))) != 0;
    }
    bool exchange_waiting(MemberId member) { return exchange(waiting(pair_from(member))) != 0; }
    void wake(MemberId member) {
      access(false, [&] {  // a system call; that it may be a barrier too is not relied upon
        state.wake_tokens[member] = 1;
        search.woken_ = true;
        return uint8_t{0};
      });
    }

    bool has_overflow(size_t pair) const {
      return pairs()[pair].from == self && state.sent[pair] < pairs()[pair].mails;
    }
    int room(size_t pair) { return load(head(pair)) + search.scenario_.ring_slots - state.sent[pair]; }
  };

  void visit(State&& state) {
    if (seen_.insert(state.key()).second) open_.push_back(std::move(state));
  }

  // Every store of this member that may become visible next.
  bool flush(const State& state, MemberId member) {
    const auto& buffer = state.threads[member].buffer;
    bool moved = false;
    for (size_t i = 0; i < buffer.size(); ++i) {
      if (i > 0) {
        if (memory_ == Memory::total_store_order || buffer[i].release) continue;
        const auto same = [&](const Store& store) { return store.location == buffer[i].location; };
        if (std::any_of(buffer.begin(), buffer.begin() + static_cast<long>(i), same)) continue;
      }
      State next = state;
      next.memory[buffer[i].location] = buffer[i].value;
      next.threads[member].buffer.erase(next.threads[member].buffer.begin() + static_cast<long>(i));
      visit(std::move(next));
      moved = true;
    }
    return moved;
  }

  void enter(State& state, MemberId member, Phase phase) {
    state.threads[member].phase = phase;
    state.threads[member].log.clear();
  }

  bool all_moved(const State& state, MemberId member) const {
    for (size_t pair = 0; pair < scenario_.pairs.size(); ++pair) {
      if (scenario_.pairs[pair].from == member && state.sent[pair] != scenario_.pairs[pair].mails) return false;
      if (scenario_.pairs[pair].to == member && state.received[pair] != scenario_.pairs[pair].mails) return false;
    }
    return true;
  }

  // The member's next access, the way mesh.cc and the reactor's tick go: drain, publish, sleep.
  bool step(const State& state, MemberId member) {
    State next = state;
    Ops ops{*this, next, member};
    switch (next.threads[member].phase) {
      case Phase::drain: {
        std::vector<MemberId> drained;
        std::vector<uint8_t> received = next.received;
        for (size_t pair = 0; pair < scenario_.pairs.size(); ++pair) {
          if (scenario_.pairs[pair].to != member) continue;
          const uint8_t tail = ops.load(Ops::tail(pair));
          if (ops.dead || tail == received[pair]) continue;
          ops.store(Ops::head(pair), tail, true);
          received[pair] = tail;
          drained.push_back(scenario_.pairs[pair].from);
        }
        if (!drained.empty()) wake_producers(ops, drained);
        if (!ops.dead) {
          next.received = received;
          enter(next, member, Phase::publish);
        }
        break;
      }
      case Phase::publish: {
        std::vector<MemberId> published;
        std::vector<uint8_t> sent = next.sent;
        for (size_t pair = 0; pair < scenario_.pairs.size(); ++pair) {
          if (!ops.has_overflow(pair)) continue;
          const int room = std::min(ops.room(pair), scenario_.pairs[pair].mails - sent[pair]);
          if (ops.dead || room <= 0) continue;
          sent[pair] = static_cast<uint8_t>(sent[pair] + room);
          ops.store(Ops::tail(pair), sent[pair], true);
          published.push_back(scenario_.pairs[pair].to);
        }
        if (!published.empty()) wake_consumers(ops, published);
        if (!ops.dead) {
          next.sent = sent;
          enter(next, member, all_moved(next, member) ? Phase::done : Phase::sleep);
        }
        break;
      }
      case Phase::sleep: {
        bool wait;
        if (defect_.flag_after_look) {
          wait = !ops.any_mail() && !ops.any_room();
          if (wait) {
            ops.store_sleeping(true);
            ops.store_waiting();
            ops.fence(SleepFence::before_recheck);
          }
        } else {
          wait = prepare_sleep(ops);
        }
        if (!ops.dead) enter(next, member, wait ? Phase::wait : Phase::drain);
        break;
      }
      case Phase::wait:
        slept_ = true;
        if (next.wake_tokens[member] != 0) {
          next.wake_tokens[member] = 0;
        } else if (next.threads[member].timeouts != 0) {
          --next.threads[member].timeouts;
        } else {
          return false;
        }
        enter(next, member, Phase::awake);
        visit(std::move(next));
        return true;
      case Phase::awake:
        finish_sleep(ops);
        if (!ops.dead) enter(next, member, Phase::drain);
        break;
      case Phase::done: return false;
    }
    if (ops.dead && !ops.performed) return false;  // a fence or an exchange that waits for the store buffer
    visit(std::move(next));
    return true;
  }

  const Scenario& scenario_;
  const Memory memory_;
  const Defect defect_;
  std::unordered_set<std::string> seen_;
  std::vector<State> open_;
  size_t finished_ = 0;
  bool slept_ = false;
  bool woken_ = false;
};

const Scenario kOneWay{{{0, 1, 3}}, 2, 1, 0};
const Scenario kOneWayWithTimeouts{{{0, 1, 2}}, 2, 1, 1};
const Scenario kBothWays{{{0, 1, 2}, {1, 0, 2}}, 2, 1, 0};
const Scenario kTwoToOne{{{0, 2, 2}, {1, 2, 1}}, 3, 1, 0};
const Scenario kRelay{{{0, 1, 1}, {1, 2, 2}}, 3, 1, 0};

class SleepProtocol : public ::testing::TestWithParam<Memory> {};

TEST_P(SleepProtocol, NobodySleepsWithMailOrRoom) {
  for (const Scenario* scenario : {&kOneWay, &kOneWayWithTimeouts, &kBothWays, &kTwoToOne, &kRelay}) {
    Search search(*scenario, GetParam(), {});
    EXPECT_TRUE(search.holds());
    EXPECT_TRUE(search.slept() && search.woken());
    RecordProperty("states", static_cast<int>(search.states()));
  }
}

TEST_P(SleepProtocol, EachLookIsNeeded) {
  Defect defect;
  defect.no_look_for_mail = true;
  EXPECT_FALSE(Search(kOneWay, GetParam(), defect).holds());
  defect = {};
  defect.no_look_for_room = true;
  EXPECT_FALSE(Search(kOneWay, GetParam(), defect).holds());
  defect = {};
  defect.flag_after_look = true;
  EXPECT_FALSE(Search(kOneWay, GetParam(), defect).holds());
  defect = {};
  defect.wake_without_flag = true;
  EXPECT_FALSE(Search(kOneWay, GetParam(), defect).holds());
}

// In sequentially consistent memory a fence does nothing: that is why the other two are modelled.
TEST_P(SleepProtocol, EachFenceIsNeeded) {
  for (const SleepFence fence : {SleepFence::before_recheck, SleepFence::after_tails, SleepFence::after_heads}) {
    Defect defect;
    defect.no_fence[static_cast<size_t>(fence)] = true;
    EXPECT_EQ(Search(kOneWay, GetParam(), defect).holds(), GetParam() == Memory::sequential) << static_cast<int>(fence);
  }
}

// Not covered by the fences: a consumer that still looks at the flags because of an earlier head may take the new
// waiting flag, find its setter awake, and leave it to sleep with the flag gone.
TEST_P(SleepProtocol, TheReleaseOfTheWaitingFlagIsNeeded) {
  Defect defect;
  defect.relaxed_waiting = true;
  EXPECT_EQ(Search(kOneWay, GetParam(), defect).holds(), GetParam() != Memory::partial_store_order);
}

std::string memory_name(const ::testing::TestParamInfo<Memory>& info) {
  switch (info.param) {
    case Memory::sequential: return "Sequential";
    case Memory::total_store_order: return "TotalStoreOrder";
    case Memory::partial_store_order: return "PartialStoreOrder";
  }
  return {};
}

INSTANTIATE_TEST_SUITE_P(Memories, SleepProtocol,
                         ::testing::Values(Memory::sequential, Memory::total_store_order, Memory::partial_store_order),
                         memory_name);

}  // namespace
}  // namespace ringcast::reactor
