// SPDX-License-Identifier: Apache-2.0
#include "io/uring_listeners.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/assert.h"
#include "io/socket_calls.h"
#include "io/uring_probe.h"

namespace ringcast::io {

UringListeners::UringListeners(UringRing& ring, BackendStats& stats, Acceptor& acceptor, const BackendOptions& options,
                               int wake_fd)
    : ring_(ring), stats_(stats), acceptor_(acceptor), reserve_(wake_fd, options.descriptors_exhausted_answer) {}

UringListeners::~UringListeners() {
  for (const Listener& listener : listeners_) {
    if (listener.fd >= 0) ::close(listener.fd);
  }
}

Result<void> UringListeners::add(int fd, uint16_t listener) {
  if (listeners_.size() >= UINT16_MAX) return fail("too_many", "a backend takes at most 65535 listeners");
  // A request on a non-blocking file fails with EAGAIN instead of waiting.
  set_nonblocking(fd, false);
  stats_.syscalls += 2;
  listeners_.push_back({.fd = fd, .id = listener});
  if (!paused_) arm(listeners_.size() - 1);
  return {};
}

void UringListeners::arm(size_t index) {
  Listener& listener = listeners_[index];
  RINGCAST_ASSERT(!listener.armed && listener.fd >= 0);
  listener.armed = true;
  listener.polling = false;
  io_uring_sqe* sqe = ring_.next_sqe();
  io_uring_prep_multishot_accept(sqe, listener.fd, nullptr, nullptr, SOCK_CLOEXEC);
  sqe->user_data = UserData::pack(UringOp::accept, static_cast<uint32_t>(index));
}

void UringListeners::arm_poll(size_t index) {
  Listener& listener = listeners_[index];
  listener.armed = true;
  listener.polling = true;
  io_uring_sqe* sqe = ring_.next_sqe();
  io_uring_prep_poll_add(sqe, listener.fd, POLLIN);
  sqe->user_data = UserData::pack(UringOp::accept_poll, static_cast<uint32_t>(index));
}

void UringListeners::cancel(size_t index) {
  const Listener& listener = listeners_[index];
  if (!listener.armed) return;
  const UringOp op = listener.polling ? UringOp::accept_poll : UringOp::accept;
  io_uring_sqe* sqe = ring_.next_sqe();
  io_uring_prep_cancel64(sqe, UserData::pack(op, static_cast<uint32_t>(index)), 0);
  sqe->user_data = UserData::pack(UringOp::ignored, 0);
}

void UringListeners::pause(bool paused) {
  if (paused_ == paused) return;
  paused_ = paused;
  for (size_t i = 0; i < listeners_.size(); ++i) {
    if (listeners_[i].fd < 0) continue;
    if (paused) {
      cancel(i);
    } else if (!listeners_[i].armed) {
      arm(i);
    }
  }
}

void UringListeners::on_accept(const io_uring_cqe& cqe, size_t index) {
  const bool armed_still = (cqe.flags & IORING_CQE_F_MORE) != 0;
  if (!armed_still) listeners_[index].armed = false;
  if (cqe.res >= 0) acceptor_.on_client(cqe.res, listeners_[index].id);
  if (armed_still || listeners_[index].fd < 0 || paused_) return;
  switch (cqe.res >= 0 ? 0 : -cqe.res) {
    case EMFILE:
    case ENFILE: refuse_clients(index); break;
    // accept(2): errors of the connection that was to be accepted, over with it. ECANCELED: paused, and resumed
    // already.
    case 0:
    case ECANCELED:
    case ECONNABORTED:
    case EINTR:
    case EAGAIN:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ETIMEDOUT:
      if (cqe.res != -ECANCELED) ++stats_.multishot_rearmed;
      arm(index);
      break;
    default:
      listeners_[index].retry_at = steady_now() + kAcceptRetryAfter;
      retry_pending_ = true;
      break;
  }
}

// Arming an accept takes a descriptor before it looks for a client, so with none left it would fail again and again
// with nobody waiting. A poll reports the next client.
void UringListeners::refuse_clients(size_t index) {
  Listener& listener = listeners_[index];
  set_nonblocking(listener.fd, true);
  auto outcome = ReserveDescriptor::Outcome::refused;
  for (int i = 0; i < kRefusalsPerTurn && outcome == ReserveDescriptor::Outcome::refused; ++i) {
    stats_.syscalls += 7;
    outcome = reserve_.refuse_one(listener.fd);
    if (outcome == ReserveDescriptor::Outcome::refused) ++stats_.accept_emfile;
  }
  set_nonblocking(listener.fd, false);
  if (outcome == ReserveDescriptor::Outcome::failed) {
    listener.retry_at = steady_now() + kAcceptRetryAfter;
    retry_pending_ = true;
  } else {
    arm_poll(index);
  }
}

void UringListeners::on_poll(size_t index) {
  Listener& listener = listeners_[index];
  listener.armed = listener.polling = false;
  if (listener.fd >= 0 && !paused_) arm(index);
}

void UringListeners::close(uint16_t kept) {
  for (size_t i = 0; i < listeners_.size(); ++i) {
    if (listeners_[i].fd >= 0 && listeners_[i].id != kept) cancel(i);
  }
  // The cancelled requests must end before the listeners close: they hold the files, and a client accepted by one of
  // them comes before those still in the backlog.
  ring_.submit();
  ring_.run_deferred_work();
  for (Listener& listener : listeners_) {
    if (listener.fd < 0 || listener.id == kept) continue;
    set_nonblocking(listener.fd, true);
    stats_.syscalls += late_clients_.take(listener.fd, listener.id, SOCK_CLOEXEC);
    ::close(listener.fd);
    listener.fd = -1;
    listener.retry_at = Nanoseconds::zero();
  }
}

void UringListeners::arm_again() {
  for (size_t i = 0; i < listeners_.size(); ++i) {
    if (listeners_[i].fd < 0 || paused_) continue;
    cancel(i);
    listeners_[i].armed = false;
    arm(i);
  }
}

void UringListeners::deliver() {
  if (retry_pending_) {
    retry_pending_ = resume_due(listeners_, [this](size_t i) {
      if (listeners_[i].fd >= 0 && !listeners_[i].armed && !paused_) arm(i);
    });
  }
  late_clients_.deliver([this] { return acceptor_.has_room(); },
                        [this](int fd, uint16_t listener) { acceptor_.on_client(fd, listener); });
}

Nanoseconds UringListeners::limit(Nanoseconds timeout) const {
  if (!retry_pending_) return timeout;
  const Nanoseconds until = until_due(listeners_);
  return timeout < Nanoseconds::zero() ? until : std::min(timeout, until);
}

}  // namespace ringcast::io
