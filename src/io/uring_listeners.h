// SPDX-License-Identifier: Apache-2.0
// The listeners of a backend on io_uring: a multishot accept each, and what happens when descriptors run out or a
// listener is closed. Owned by a backend; reactor thread only.
#pragma once

#include <cstdint>
#include <vector>

#include "io/accepting.h"
#include "io/backend.h"
#include "io/reserve_descriptor.h"
#include "io/uring_ring.h"

namespace ringcast::io {

class UringListeners {
 public:
  // Gets the clients.
  class Acceptor {
   public:
    virtual void on_client(int fd, uint16_t listener) = 0;
    virtual bool has_room() const = 0;  // for one more now

   protected:
    ~Acceptor() = default;
  };

  UringListeners(UringRing& ring, BackendStats& stats, Acceptor& acceptor, const BackendOptions& options, int wake_fd);
  UringListeners(const UringListeners&) = delete;
  UringListeners& operator=(const UringListeners&) = delete;
  ~UringListeners();

  [[nodiscard]] Result<void> add(int fd, uint16_t listener);
  // All but those with the id `kept`. Clients in their backlogs are delivered later.
  void close(uint16_t kept);
  void pause(bool paused);
  // Completions have been lost: all are armed anew, which does no harm where they still were.
  void arm_again();

  // Before a wait: clients of listeners that were closed, and errors whose time has come.
  void deliver();
  // `timeout`, or less where an error is tried again before. Negative: for ever.
  Nanoseconds limit(Nanoseconds timeout) const;

  // Completions of UringOp::accept and accept_poll; `index` is their value.
  void on_accept(const io_uring_cqe& cqe, size_t index);
  void on_poll(size_t index);

 private:
  struct Listener {
    int fd = -1;
    uint16_t id = 0;
    bool armed = false;       // a multishot accept, or a poll for the next client, is in the kernel
    bool polling = false;     // … it is the poll: descriptors ran out
    Nanoseconds retry_at{0};  // after an error that time alone heals; 0: none
  };

  void arm(size_t index);
  void arm_poll(size_t index);
  void cancel(size_t index);
  void refuse_clients(size_t index);

  UringRing& ring_;
  BackendStats& stats_;
  Acceptor& acceptor_;
  std::vector<Listener> listeners_;
  bool paused_ = false;
  bool retry_pending_ = false;
  ReserveDescriptor reserve_;
  LateClients late_clients_;
};

}  // namespace ringcast::io
