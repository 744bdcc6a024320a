// SPDX-License-Identifier: Apache-2.0
// Listeners of the epoll engine: level-triggered (what a batch leaves is reported again), accepted in batches.
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "io/epoll_backend.h"
#include "io/socket_calls.h"

namespace ringcast::io {
namespace {

constexpr int kAcceptsPerTurn = 128;
constexpr uint64_t kListenerKind = uint64_t{1} << 56;

}  // namespace

Result<void> EpollBackend::add_listener(int fd, uint16_t listener) {
  if (listeners_.size() >= UINT16_MAX) return fail("too_many", "a backend takes at most 65535 listeners");
  set_nonblocking(fd, true);
  epoll_event event{.events = accepting_paused_ ? 0u : EPOLLIN, .data = {.u64 = kListenerKind | listeners_.size()}};
  stats_.syscalls += 3;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return fail_errno("epoll_ctl of a listener", errno);
  listeners_.push_back({.fd = fd, .id = listener, .polled = !accepting_paused_});
  return {};
}

void EpollBackend::poll_listener(size_t index, bool polled) {
  Listener& listener = listeners_[index];
  if (listener.fd < 0 || listener.polled == polled) return;
  listener.polled = polled;
  epoll_event event{.events = polled ? EPOLLIN : 0u, .data = {.u64 = kListenerKind | index}};
  ++stats_.syscalls;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, listener.fd, &event);
}

void EpollBackend::pause_accepting(bool paused) {
  accepting_paused_ = paused;
  for (size_t i = 0; i < listeners_.size(); ++i) {
    poll_listener(i, !paused && listeners_[i].retry_at == Nanoseconds::zero());
  }
}

void EpollBackend::accept_batch(size_t index) {
  Listener& listener = listeners_[index];
  if (listener.fd < 0 || accepting_paused_) return;
  for (int i = 0; i < kAcceptsPerTurn && !batch_.full(); ++i) {
    ++stats_.syscalls;
    const int fd = ::accept4(listener.fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      push({.kind = EventKind::accepted, .listener = listener.id}, register_descriptor(fd), fd);
      continue;
    }
    switch (errno) {
      case EAGAIN: return;
      case EMFILE:
      case ENFILE: return refuse_clients(index);
      case ENOMEM:
      case ENOBUFS: return retry_later(index);
      default: break;  // accept(2): an error of that one connection
    }
  }
}

void EpollBackend::refuse_clients(size_t index) {
  for (int i = 0; i < kRefusalsPerTurn; ++i) {
    stats_.syscalls += 7;
    const auto outcome = reserve_.refuse_one(listeners_[index].fd);
    if (outcome == ReserveDescriptor::Outcome::failed) return retry_later(index);
    if (outcome == ReserveDescriptor::Outcome::nobody_waiting) return;
    ++stats_.accept_emfile;
  }
}

// Level-triggered polling of a listener that cannot be accepted from would spin.
void EpollBackend::retry_later(size_t index) {
  listeners_[index].retry_at = steady_now() + kAcceptRetryAfter;
  retry_pending_ = true;
  poll_listener(index, false);
}

void EpollBackend::retry_accepting() {
  retry_pending_ = resume_due(listeners_, [this](size_t i) { poll_listener(i, !accepting_paused_); });
}

void EpollBackend::close_listeners(uint16_t kept) {
  for (Listener& listener : listeners_) {
    if (listener.fd < 0 || listener.id == kept) continue;
    stats_.syscalls += late_clients_.take(listener.fd, listener.id, SOCK_CLOEXEC | SOCK_NONBLOCK);
    ++stats_.syscalls;
    ::close(listener.fd);
    listener.fd = -1;
    listener.retry_at = Nanoseconds::zero();
  }
}

void EpollBackend::deliver_late_clients() {
  late_clients_.deliver([this] { return !batch_.full(); },
                        [this](int fd, uint16_t listener) {
                          push({.kind = EventKind::accepted, .listener = listener}, register_descriptor(fd), fd);
                        });
}

}  // namespace ringcast::io
