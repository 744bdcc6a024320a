// SPDX-License-Identifier: Apache-2.0
// From the cores to one thread that is none of them: a ring for each core, and one word with which that thread sleeps
// without missing anything. offer() belongs to the core's thread, wake() to any, everything else to the one that takes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/spsc_ring.h"

namespace ringcast {

// Whether a thread sleeps, in one word with a total order of its changes: who has work for it publishes that first and
// sets kWork then; who sleeps goes from kAwake to kAsleep, which fails once kWork is there, and otherwise is seen by
// the thread that sets it.
class SleepWord {
 public:
  [[nodiscard]] static Result<std::unique_ptr<SleepWord>> create();
  ~SleepWord();
  SleepWord(const SleepWord&) = delete;
  SleepWord& operator=(const SleepWord&) = delete;

  // Any thread.
  void wake() noexcept;
  // The sleeper's: before it looks for work.
  void awake() noexcept { state_.exchange(kAwake, std::memory_order_acq_rel); }
  // False: there has been a wake() since awake(), there must be no sleep. After true, wake-ups come by the descriptor.
  bool prepare_sleep() noexcept;
  void finish_sleep() noexcept;  // empties the descriptor
  int descriptor() const { return fd_; }

 private:
  static constexpr uint32_t kAwake = 0, kAsleep = 1, kWork = 2;
  explicit SleepWord(int fd) : fd_(fd) {}

  alignas(kCacheLine) std::atomic<uint32_t> state_{kAwake};
  const int fd_;
};

// T is trivially copyable; what is left in the rings is dropped with them.
template <class T>
class CoreRings {
 public:
  // `slots` of each core: a power of two. The descriptor that wakes is made here, before cores have tables of their
  // own.
  [[nodiscard]] static Result<std::unique_ptr<CoreRings>> create(uint16_t cores, uint32_t slots) {
    auto sleep = SleepWord::create();
    if (!sleep) return tl::unexpected<Error>(std::move(sleep.error()));
    return std::unique_ptr<CoreRings>(new CoreRings(cores, slots, *std::move(sleep)));
  }

  // A core's. False when its ring is full. Never waits.
  bool offer(uint16_t core, const T& value) noexcept {
    Port& port = *ports_[core];
    if (!port.ring.try_push(value)) {
      port.refused.store(port.refused.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      return false;
    }
    port.ring.publish();
    sleep_->wake();
    return true;
  }
  void wake() noexcept { sleep_->wake(); }
  uint64_t refused(uint16_t core) const { return ports_[core]->refused.load(std::memory_order_relaxed); }
  int descriptor() const { return sleep_->descriptor(); }

  // Calls take(T) for what has been offered.
  template <class Take>
  void drain(Take&& take) {
    sleep_->awake();
    for (const auto& port : ports_) port->ring.drain(take);
  }
  bool prepare_sleep() noexcept { return sleep_->prepare_sleep(); }
  void finish_sleep() noexcept { sleep_->finish_sleep(); }

 private:
  struct Port {
    explicit Port(uint32_t slots) : ring(slots) {}
    SpscRing<T> ring;
    std::atomic<uint64_t> refused{0};
  };
  CoreRings(uint16_t cores, uint32_t slots, std::unique_ptr<SleepWord> sleep) : sleep_(std::move(sleep)) {
    for (uint16_t core = 0; core < cores; ++core) ports_.push_back(std::make_unique<Port>(slots));
  }

  std::vector<std::unique_ptr<Port>> ports_;
  const std::unique_ptr<SleepWord> sleep_;
};

}  // namespace ringcast
