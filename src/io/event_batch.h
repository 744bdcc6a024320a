// SPDX-License-Identifier: Apache-2.0
// The events of one wait(): a fixed array, filled by the engine and lent to the reactor until the next wait().
// Owned by a backend; reactor thread only.
#pragma once

#include <span>
#include <vector>

#include "base/assert.h"
#include "io/backend.h"

namespace ringcast::io {

// Where a socket's events lie in the current batch; part of the engine's state of each descriptor. It needs no reset
// between batches: a mark counts only when the event that it points to is of this socket.
struct BatchMarks {
  uint16_t first = 0;
  uint16_t last = 0;
};

class EventBatch {
 public:
  explicit EventBatch(uint32_t events_max) : events_(events_max) {
    RINGCAST_ASSERT(events_max > 0 && events_max <= UINT16_MAX);
  }

  void clear() { count_ = 0; }
  bool empty() const { return count_ == 0; }
  bool full() const { return count_ == events_.size(); }
  size_t room() const { return events_.size() - count_; }
  size_t size() const { return count_; }
  std::span<const Event> events() const { return {events_.data(), count_}; }

  void push(const Event& event, BatchMarks& marks) {
    RINGCAST_ASSERT(!full());
    const auto index = static_cast<uint16_t>(count_);
    if (!holds(marks.first, event.socket)) marks.first = index;
    marks.last = index;
    events_[count_++] = event;
  }

  // The socket is closed while the reactor is still busy with the batch: what it has not looked at yet must not reach
  // the owner, whose slot may belong to another connection by then.
  void withdraw(Socket socket, BatchMarks marks) {
    if (!holds(marks.first, socket)) return;
    for (size_t i = marks.first; i <= marks.last && i < count_; ++i) {
      if (events_[i].socket == socket) events_[i] = Event{.kind = EventKind::bytes};
    }
  }

 private:
  bool holds(uint16_t index, Socket socket) const { return index < count_ && events_[index].socket == socket; }

  std::vector<Event> events_;
  size_t count_ = 0;
};

}  // namespace ringcast::io
