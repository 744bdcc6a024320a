// SPDX-License-Identifier: Apache-2.0
// From the cores to the sender's thread: a ring for each core, and one word with which the sender sleeps without
// missing anything. offer() belongs to the core's thread, everything else to the sender's.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/spsc_ring.h"
#include "webhook/event.h"
#include "webhook/statistics.h"

namespace ringcast::webhook {

class Inlet {
 public:
  // `ring_slots`: a power of two. The descriptor that wakes is made here, before cores have tables of their own.
  static Result<std::unique_ptr<Inlet>> create(uint16_t cores, uint32_t ring_slots);
  ~Inlet();
  Inlet(const Inlet&) = delete;
  Inlet& operator=(const Inlet&) = delete;

  // A core's. False when the ring is full: the call stays with the caller. Never waits.
  bool offer(uint16_t core, std::unique_ptr<Call>& call) noexcept;
  // Any thread.
  void wake() noexcept;
  uint64_t refused(uint16_t core) const { return ports_[core]->refused.get(); }
  int descriptor() const { return wake_fd_; }

  // The sender's: calls take(std::unique_ptr<Call>) for what has been offered.
  template <class Take>
  void drain(Take&& take) {
    state_.exchange(kAwake, std::memory_order_acq_rel);
    for (const auto& port : ports_) {
      port->ring.drain([&](Call* call) { take(std::unique_ptr<Call>(call)); });
    }
  }
  // False: something was offered since drain(), there must be no sleep. After true, wake-ups come by the descriptor.
  bool prepare_sleep() noexcept;
  void finish_sleep() noexcept;  // empties the descriptor

 private:
  struct Port {
    explicit Port(uint32_t slots) : ring(slots) {}
    SpscRing<Call*> ring;
    Count refused;
  };
  // One word with a total order of its changes: who offers publishes its ring first and sets kWork then; who sleeps
  // goes from kAwake to kAsleep, which fails once kWork is there, and otherwise is seen by whoever sets it.
  static constexpr uint32_t kAwake = 0, kAsleep = 1, kWork = 2;

  Inlet(uint16_t cores, uint32_t ring_slots, int wake_fd);

  std::vector<std::unique_ptr<Port>> ports_;
  alignas(kCacheLine) std::atomic<uint32_t> state_{kAwake};
  const int wake_fd_;
};

}  // namespace ringcast::webhook
