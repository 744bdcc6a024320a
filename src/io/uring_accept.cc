// SPDX-License-Identifier: Apache-2.0
// Listeners: a multishot accept each, and what happens when descriptors run out or a listener is closed.
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "base/assert.h"
#include "io/socket_calls.h"
#include "io/uring_backend.h"

namespace ringcast::io {

Result<void> UringBackend::add_listener(int fd, uint16_t listener) {
  if (listeners_.size() >= UINT16_MAX) return fail("too_many", "a backend takes at most 65535 listeners");
  // A request on a non-blocking file fails with EAGAIN instead of waiting.
  set_nonblocking(fd, false);
  stats_.syscalls += 2;
  listeners_.push_back({.fd = fd, .id = listener});
  if (!accepting_paused_) arm_accept(listeners_.size() - 1);
  return {};
}

void UringBackend::arm_accept(size_t index) {
  Listener& listener = listeners_[index];
  RINGCAST_ASSERT(!listener.armed && listener.fd >= 0);
  listener.armed = true;
  listener.polling = false;
  io_uring_sqe* sqe = next_sqe();
  io_uring_prep_multishot_accept(sqe, listener.fd, nullptr, nullptr, SOCK_CLOEXEC);
  sqe->user_data = UserData::pack(UringOp::accept, static_cast<uint32_t>(index));
}

void UringBackend::arm_accept_poll(size_t index) {
  Listener& listener = listeners_[index];
  listener.armed = true;
  listener.polling = true;
  io_uring_sqe* sqe = next_sqe();
  io_uring_prep_poll_add(sqe, listener.fd, POLLIN);
  sqe->user_data = UserData::pack(UringOp::accept_poll, static_cast<uint32_t>(index));
}

void UringBackend::cancel_accept(size_t index) {
  const Listener& listener = listeners_[index];
  if (!listener.armed) return;
  const UringOp op = listener.polling ? UringOp::accept_poll : UringOp::accept;
  io_uring_sqe* sqe = next_sqe();
  io_uring_prep_cancel64(sqe, UserData::pack(op, static_cast<uint32_t>(index)), 0);
  sqe->user_data = UserData::pack(UringOp::ignored, 0);
}

void UringBackend::pause_accepting(bool paused) {
  if (accepting_paused_ == paused) return;
  accepting_paused_ = paused;
  for (size_t i = 0; i < listeners_.size(); ++i) {
    if (listeners_[i].fd < 0) continue;
    if (paused) {
      cancel_accept(i);
    } else if (!listeners_[i].armed) {
      arm_accept(i);
    }
  }
}

void UringBackend::on_accept(const io_uring_cqe& cqe, size_t index) {
  const bool armed_still = (cqe.flags & IORING_CQE_F_MORE) != 0;
  if (!armed_still) listeners_[index].armed = false;
  if (cqe.res >= 0) {
    const int fd = cqe.res;
    Descriptor& descriptor = register_descriptor(fd);
    push({.kind = EventKind::accepted, .listener = listeners_[index].id}, descriptor, fd);
  }
  if (armed_still || listeners_[index].fd < 0 || accepting_paused_) return;
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
      arm_accept(index);
      break;
    default:
      listeners_[index].retry_at = steady_now() + kAcceptRetryAfter;
      retry_pending_ = true;
      break;
  }
}

// Arming an accept takes a descriptor before it looks for a client, so with none left it would fail again and again
// with nobody waiting. A poll tells when the next client is there.
void UringBackend::refuse_clients(size_t index) {
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
    arm_accept_poll(index);
  }
}

void UringBackend::on_accept_poll(size_t index) {
  Listener& listener = listeners_[index];
  listener.armed = listener.polling = false;
  if (listener.fd >= 0 && !accepting_paused_) arm_accept(index);
}

void UringBackend::retry_accepting() {
  retry_pending_ = resume_due(listeners_, [this](size_t i) {
    if (listeners_[i].fd >= 0 && !listeners_[i].armed && !accepting_paused_) arm_accept(i);
  });
}

void UringBackend::close_listeners(uint16_t kept) {
  for (size_t i = 0; i < listeners_.size(); ++i) {
    if (listeners_[i].fd >= 0 && listeners_[i].id != kept) cancel_accept(i);
  }
  // The cancelled requests must end before the listeners close: they hold the files, and a client accepted by one of
  // them comes before those still in the backlog.
  submit();
  run_deferred_work();
  for (Listener& listener : listeners_) {
    if (listener.fd < 0 || listener.id == kept) continue;
    set_nonblocking(listener.fd, true);
    stats_.syscalls += late_clients_.take(listener.fd, listener.id, SOCK_CLOEXEC);
    ::close(listener.fd);
    listener.fd = -1;
    listener.retry_at = Nanoseconds::zero();
  }
}

void UringBackend::deliver_late_clients() {
  late_clients_.deliver([this] { return !batch_.full(); },
                        [this](int fd, uint16_t listener) {
                          push({.kind = EventKind::accepted, .listener = listener}, register_descriptor(fd), fd);
                        });
}

}  // namespace ringcast::io
