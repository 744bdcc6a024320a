// SPDX-License-Identifier: Apache-2.0
// Connections that something is to be done for, as many in a tick as turns() gives a turn. Reactor thread only.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

#include "reactor/reactor.h"

namespace ringcast::reactor {

class TurnQueue {
 public:
  void push(ConnectionId id) { queue_.push_back(id); }
  size_t size() const { return queue_.size(); }

  // To be called in each tick, once or more: `serve` gets the ids, in order; those that it pushes wait for the next
  // call. Ticks follow each other until nobody waits.
  template <class Serve>
  void take_turns(Reactor& reactor, Serve&& serve) {
    if (queue_.empty()) return;
    const uint64_t tick = reactor.stats().ticks.load(std::memory_order_relaxed);
    if (std::exchange(tick_, tick) != tick) left_ = turns(queue_.size());
    for (size_t count = std::min(left_, queue_.size()); count != 0; --count, --left_) {
      const ConnectionId id = queue_.front();
      queue_.pop_front();
      serve(id);
    }
    if (!queue_.empty()) reactor.tick_again();
  }

 private:
  std::deque<ConnectionId> queue_;
  uint64_t tick_ = UINT64_MAX;
  size_t left_ = 0;  // turns of this tick
};

}  // namespace ringcast::reactor
