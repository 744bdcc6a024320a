// SPDX-License-Identifier: Apache-2.0
// The events of one wait(), as many as there are: io/event_batch.h has a fixed number, which is what another backend
// has made these from. One core's, its thread only.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "io/backend.h"

namespace ringcast::tls {

// Where a socket's events lie; counts only when the event that it points to is of this socket.
struct EventMarks {
  uint32_t first = 0;
  uint32_t last = 0;
};

class EventList {
 public:
  void clear() {
    if (events_.capacity() > kKept) std::vector<io::Event>().swap(events_);
    events_.clear();
  }
  bool empty() const { return events_.empty(); }
  std::span<const io::Event> events() const { return events_; }

  void push(const io::Event& event, EventMarks& marks) {
    const auto index = static_cast<uint32_t>(events_.size());
    if (!holds(marks.first, event.socket)) marks.first = index;
    marks.last = index;
    events_.push_back(event);
  }
  // As Backend::close() says.
  void withdraw(io::Socket socket, EventMarks marks) {
    if (!holds(marks.first, socket)) return;
    for (size_t i = marks.first; i <= marks.last && i < events_.size(); ++i) {
      if (events_[i].socket == socket) events_[i] = io::Event{.kind = io::EventKind::bytes};
    }
  }

 private:
  static constexpr size_t kKept = 4096;
  bool holds(uint32_t index, io::Socket socket) const {
    return index < events_.size() && events_[index].socket == socket;
  }
  std::vector<io::Event> events_;
};

}  // namespace ringcast::tls
