// SPDX-License-Identifier: Apache-2.0
// What both engines do alike about clients that come: those taken out of the backlog of a listener that closes, and
// errors that time alone heals. Owned by a backend; reactor thread only.
#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

#include "io/backend.h"

namespace ringcast::io {

inline constexpr Nanoseconds kAcceptRetryAfter = std::chrono::milliseconds(50);
inline constexpr int kRefusalsPerTurn = 64;

inline Nanoseconds steady_now() {
  return std::chrono::steady_clock::now().time_since_epoch();
}

// Clients that were in the backlog when their listener closed: accepted, not delivered yet.
class LateClients {
 public:
  LateClients() = default;
  LateClients(const LateClients&) = delete;
  LateClients& operator=(const LateClients&) = delete;
  ~LateClients();

  // Empties the backlog of a non-blocking listener. Returns the system calls made.
  uint64_t take(int listener_fd, uint16_t listener, int accept_flags);

  // deliver(fd, listener) for each while has_room() says so.
  template <class HasRoom, class Deliver>
  void deliver(HasRoom&& has_room, Deliver&& deliver) {
    for (; first_ < clients_.size() && has_room(); ++first_) deliver(clients_[first_].fd, clients_[first_].listener);
    if (first_ < clients_.size()) return;
    clients_.clear();
    first_ = 0;
  }

 private:
  struct Client {
    int fd;
    uint16_t listener;
  };
  std::vector<Client> clients_;
  size_t first_ = 0;
};

// Of listeners with a `retry_at` (zero: none): resume(index) for each whose time has come. True when others wait still.
template <class Listeners, class Resume>
bool resume_due(Listeners& listeners, Resume&& resume) {
  const Nanoseconds now = steady_now();
  bool pending = false;
  for (size_t i = 0; i < listeners.size(); ++i) {
    Nanoseconds& retry_at = listeners[i].retry_at;
    if (retry_at == Nanoseconds::zero()) continue;
    if (retry_at > now) {
      pending = true;
      continue;
    }
    retry_at = Nanoseconds::zero();
    resume(i);
  }
  return pending;
}

// How long until the first of them is due, at least a millisecond.
template <class Listeners>
Nanoseconds until_due(const Listeners& listeners) {
  Nanoseconds earliest = Nanoseconds::max();
  for (const auto& listener : listeners) {
    if (listener.retry_at != Nanoseconds::zero()) earliest = std::min(earliest, listener.retry_at);
  }
  return std::max<Nanoseconds>(earliest - steady_now(), std::chrono::milliseconds(1));
}

}  // namespace ringcast::io
