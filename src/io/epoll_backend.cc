// SPDX-License-Identifier: Apache-2.0
#include "io/epoll_backend.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/assert.h"
#include "io/socket_calls.h"

namespace ringcast::io {
namespace {

constexpr size_t kReadPerTurn = 64 * 1024;  // of one socket in one wait(): the others are waiting
constexpr size_t kReadAtLeast = 512;        // an arena with less room than this is full

// epoll's user data: who, and in which life of the descriptor.
enum class Kind : uint8_t { socket, listener, wake };
uint64_t pack(Kind kind, uint32_t value, uint16_t generation) {
  return static_cast<uint64_t>(kind) << 56 | static_cast<uint64_t>(generation) << 32 | value;
}

}  // namespace

Result<std::unique_ptr<EpollBackend>> EpollBackend::create(const BackendOptions& options, const WakeTarget& wake) {
  std::unique_ptr<EpollBackend> backend(new EpollBackend(options, wake));
  if (auto opened = backend->open(wake); !opened) return tl::unexpected<Error>(opened.error());
  return backend;
}

EpollBackend::EpollBackend(const BackendOptions& options, const WakeTarget& wake)
    : options_(options),
      batch_(options.events_max),
      polled_(options.events_max),
      reserve_(wake.fd(), options.descriptors_exhausted_answer) {}

Result<void> EpollBackend::open(const WakeTarget& wake) {
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return fail_errno("epoll_create1", errno);
  arena_size_ =
      std::max(kReadAtLeast, static_cast<size_t>(options_.receive_buffer_size) * options_.receive_buffer_count);
  arena_ = std::make_unique_for_overwrite<uint8_t[]>(arena_size_);
  // What a sandbox refuses is an error here and not a loop later: without it, these say that -1 is no descriptor.
  if (::accept4(-1, nullptr, nullptr, 0) < 0 && errno != EBADF) return fail_errno("accept4", errno);
  if (::recv(-1, nullptr, 0, 0) < 0 && errno != EBADF) return fail_errno("recvfrom", errno);
  const iovec nothing{};
  if (send_now(-1, &nothing, 1) != -EBADF) return fail_errno("sendto", errno);
  if (send_now(-1, &nothing, 0) != -EBADF) return fail_errno("sendmsg", errno);
  constexpr timespec kNow{};
  if (wait_for_edges(&kNow) < 0 && errno != EINTR) return fail_errno("epoll_wait", errno);
  // Last, because that wait would have taken its edge. Never read: every write to the eventfd is an edge of its own.
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = pack(Kind::wake, 0, 0)}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake.fd(), &event) != 0)
    return fail_errno("epoll_ctl of eventfd", errno);
  return {};
}

EpollBackend::~EpollBackend() {
  descriptors_.for_each([](int fd, const Descriptor& descriptor) {
    if ((descriptor.flags & kOpen) != 0) ::close(fd);
  });
  for (const Listener& listener : listeners_) {
    if (listener.fd >= 0) ::close(listener.fd);
  }
}

EpollBackend::Descriptor& EpollBackend::open_descriptor(Socket socket) {
  Descriptor& descriptor = descriptors_[socket.value];
  RINGCAST_ASSERT((descriptor.flags & kOpen) != 0);
  return descriptor;
}

EpollBackend::Descriptor& EpollBackend::register_descriptor(int fd) {
  Descriptor& descriptor = descriptors_.add(fd);
  RINGCAST_ASSERT((descriptor.flags & kOpen) == 0);
  descriptor.flags = kOpen;
  descriptor.owner = kNoOwner;
  return descriptor;
}

void EpollBackend::push(Event event, Descriptor& descriptor, int fd) {
  event.socket = {fd};
  event.owner = descriptor.owner;
  batch_.push(event, descriptor.marks);
}

// In and out from the start: TCP reports room only after a send found none, so the second costs nothing until it is
// needed and no change of the registration is ever made.
void EpollBackend::poll_socket(Descriptor& descriptor, int fd) {
  ++stats_.syscalls;
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                    .data = {.u64 = pack(Kind::socket, static_cast<uint32_t>(fd), descriptor.generation)}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) {
    descriptor.flags |= kPolled;
    return;
  }
  // No memory, or fs.epoll.max_user_watches: the socket is useless, which its owner learns like any other failure.
  descriptor.flags |= kHangup | kReadable;
  list_ready(descriptor, fd);
}

void EpollBackend::list_ready(Descriptor& descriptor, int fd) {
  if ((descriptor.flags & kListed) != 0) return;
  descriptor.flags |= kListed;
  ready_.push_back({fd, descriptor.generation});
}

Result<Socket> EpollBackend::connect(const SocketAddress& remote, const SocketAddress* local, Owner owner) {
  auto made = make_client_socket(remote, local, SOCK_NONBLOCK);
  if (!made) return tl::unexpected<Error>(made.error());
  stats_.syscalls += 4;
  const int result = ::connect(made->get(), remote.data(), remote.size());
  const int error = result == 0 ? 0 : errno;
  const int fd = made->release();
  Descriptor& descriptor = register_descriptor(fd);
  descriptor.owner = owner;
  descriptor.flags |= kConnecting;
  if (error != 0 && error != EINPROGRESS) {
    // Reported by an event, as a failure that takes longer is. SO_ERROR has nothing to say then.
    descriptor.flags = static_cast<uint16_t>((descriptor.flags & ~kConnecting) | kEnded);
    connect_failures_.push_back({fd, descriptor.generation, error});
    return Socket{fd};
  }
  poll_socket(descriptor, fd);
  return Socket{fd};
}

void EpollBackend::finish_connect(Descriptor& descriptor, int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  ++stats_.syscalls;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  descriptor.flags &= static_cast<uint16_t>(~kConnecting);
  if (error == 0) {
    push({.kind = EventKind::connected}, descriptor, fd);
    return;
  }
  descriptor.flags |= kEnded;
  push({.kind = EventKind::closed, .reason = CloseReason::connect_failed, .error = error}, descriptor, fd);
}

void EpollBackend::start_receive(Socket socket, Owner owner) {
  Descriptor& descriptor = open_descriptor(socket);
  RINGCAST_ASSERT((descriptor.flags & (kStarted | kConnecting)) == 0);
  descriptor.owner = owner;
  descriptor.flags |= kStarted;
  if ((descriptor.flags & kPolled) == 0) {
    poll_socket(descriptor, socket.value);
  } else if ((descriptor.flags & kReadable) != 0) {
    list_ready(descriptor, socket.value);
  }
}

void EpollBackend::pause_receive(Socket socket) {
  open_descriptor(socket).flags |= kPaused;
}

void EpollBackend::resume_receive(Socket socket) {
  Descriptor& descriptor = open_descriptor(socket);
  descriptor.flags &= static_cast<uint16_t>(~kPaused);
  if ((descriptor.flags & kReadable) != 0) list_ready(descriptor, socket.value);
}

void EpollBackend::flush(std::span<SendOp> ops) {
  stats_.sends += ops.size();
  stats_.syscalls += ops.size();
  for (SendOp& op : ops) {
    Descriptor& descriptor = open_descriptor(op.socket);
    RINGCAST_ASSERT(op.iov_count >= 1 && op.iov_count <= kIovMax);
    RINGCAST_ASSERT((descriptor.flags & (kBlocked | kConnecting)) == 0);
    op.result = send_now(op.socket.value, op.iov, op.iov_count);
    if (op.result >= 0 && op.result != static_cast<int64_t>(length_of(op))) {
      ++stats_.short_sends;
      descriptor.flags |= kBlocked;
      if ((descriptor.flags & kPolled) == 0) poll_socket(descriptor, op.socket.value);
    }
  }
}

void EpollBackend::shutdown_write(Socket socket) {
  open_descriptor(socket);
  ++stats_.syscalls;
  ::shutdown(socket.value, SHUT_WR);
}

void EpollBackend::close(Socket socket, CloseMode mode) {
  Descriptor& descriptor = open_descriptor(socket);
  batch_.withdraw(socket, descriptor.marks);
  if (mode == CloseMode::reset) {
    ++stats_.syscalls;
    reset_connection(socket.value);
  }
  descriptor.flags = 0;
  ++descriptor.generation;
  ++stats_.syscalls;
  ::close(socket.value);  // the only reference: epoll forgets it too
}

Delivery EpollBackend::delivery(Socket socket) {
  stats_.syscalls += 2;
  return delivery_of(socket.value);
}

void EpollBackend::tune(Socket socket, const SocketTuning& tuning) {
  ++stats_.syscalls;
  tune_socket(socket.value, tuning);
}

SocketAddress EpollBackend::peer_address(Socket socket) {
  ++stats_.syscalls;
  return peer_address_of(socket.value);
}

std::span<const Event> EpollBackend::wait(Nanoseconds timeout) {
  ++stats_.waits;
  ++stats_.syscalls;
  batch_.clear();
  arena_used_ = 0;
  if (retry_pending_) retry_accepting();
  deliver_late_clients();
  deliver_connect_failures();
  if (!batch_.empty() || !ready_.empty()) {
    timeout = Nanoseconds::zero();
  } else if (retry_pending_ && (timeout < Nanoseconds::zero() || timeout > until_due(listeners_))) {
    timeout = until_due(listeners_);
  }
  const timespec limit{.tv_sec = timeout.count() / 1'000'000'000, .tv_nsec = timeout.count() % 1'000'000'000};
  const int count = wait_for_edges(timeout < Nanoseconds::zero() ? nullptr : &limit);
  listeners_ready_.clear();
  for (int i = 0; i < count; ++i) take_edges(polled_[static_cast<size_t>(i)]);
  serve_ready();
  for (const size_t index : listeners_ready_) accept_batch(index);
  return batch_.events();
}

int EpollBackend::wait_for_edges(const timespec* limit) {
  const auto room = static_cast<int>(polled_.size());
  if (has_pwait2_) {
    const int count = ::epoll_pwait2(epoll_.get(), polled_.data(), room, limit, nullptr);
    if (count >= 0 || errno == EINTR) return count;
    // Before kernel 5.11 (ENOSYS), or refused by a sandbox, with whatever it answers: milliseconds have to do, rounded
    // up so as not to spin.
    has_pwait2_ = false;
  }
  const int64_t ms = limit == nullptr ? -1 : limit->tv_sec * 1000 + (limit->tv_nsec + 999'999) / 1'000'000;
  return ::epoll_wait(epoll_.get(), polled_.data(), room, static_cast<int>(std::min<int64_t>(ms, INT32_MAX)));
}

// Only notes what happened; serve() turns it into events as far as there is room for them.
void EpollBackend::take_edges(const epoll_event& event) {
  const auto kind = static_cast<Kind>(event.data.u64 >> 56);
  const auto value = static_cast<uint32_t>(event.data.u64);
  if (kind == Kind::wake) {
    ++stats_.wakeups;
    return;
  }
  if (kind == Kind::listener) {
    listeners_ready_.push_back(value);
    return;
  }
  const auto fd = static_cast<int>(value);
  Descriptor& descriptor = descriptors_[fd];
  if (descriptor.generation != static_cast<uint16_t>(event.data.u64 >> 32)) return;
  if ((event.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) descriptor.flags |= kReadable;
  if ((event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) descriptor.flags |= kHangup;
  const bool room_came = (event.events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0;
  if (room_came && (descriptor.flags & (kBlocked | kConnecting)) != 0) descriptor.flags |= kWritable;
  const bool reads = (descriptor.flags & (kStarted | kPaused | kEnded | kReadable)) == (kStarted | kReadable);
  if (reads || (descriptor.flags & kWritable) != 0) list_ready(descriptor, fd);
}

// Each in turn; what finds no room stays, first in line for the next wait().
void EpollBackend::serve_ready() {
  std::swap(ready_, serving_);
  for (const Reference reference : serving_) {
    Descriptor& descriptor = descriptors_[reference.fd];
    if (descriptor.generation != reference.generation) continue;
    descriptor.flags &= static_cast<uint16_t>(~kListed);
    serve(descriptor, reference.fd);
  }
  serving_.clear();
}

void EpollBackend::serve(Descriptor& descriptor, int fd) {
  if ((descriptor.flags & kWritable) != 0) {
    if (batch_.full()) return list_ready(descriptor, fd);
    descriptor.flags &= static_cast<uint16_t>(~kWritable);
    if ((descriptor.flags & kConnecting) != 0) {
      finish_connect(descriptor, fd);
    } else if ((descriptor.flags & kBlocked) != 0) {
      descriptor.flags &= static_cast<uint16_t>(~kBlocked);
      push({.kind = EventKind::writable}, descriptor, fd);
    }
  }
  if ((descriptor.flags & (kStarted | kPaused | kEnded | kReadable)) == (kStarted | kReadable)) {
    read_socket(descriptor, fd);
  }
}

// A read that comes back short has emptied the socket: the next byte is a new edge, unless the end of the stream is
// known to be there already (epoll(7), "Possible pitfalls").
void EpollBackend::read_socket(Descriptor& descriptor, int fd) {
  for (size_t taken = 0;;) {
    const size_t room = std::min(arena_size_ - arena_used_, kReadPerTurn - taken);
    if (batch_.full() || room < kReadAtLeast) return list_ready(descriptor, fd);
    uint8_t* into = arena_.get() + arena_used_;
    ++stats_.syscalls;
    const ssize_t got = ::recv(fd, into, room, MSG_DONTWAIT);
    if (got > 0) {
      const auto length = static_cast<size_t>(got);
      arena_used_ += length;
      taken += length;
      ++stats_.receives;
      push({.kind = EventKind::bytes, .bytes = {into, length}}, descriptor, fd);
      if (length < room && (descriptor.flags & kHangup) == 0) break;
    } else if (got == 0) {
      return end_receive(descriptor, fd, CloseReason::peer_closed, 0);
    } else if (errno == EAGAIN) {
      if ((descriptor.flags & kPolled) == 0) return end_receive(descriptor, fd, CloseReason::io_error, ENOSPC);
      descriptor.flags &= static_cast<uint16_t>(~kHangup);
      break;
    } else if (errno != EINTR) {
      return end_receive(descriptor, fd, close_reason_of(errno), errno);
    }
  }
  descriptor.flags &= static_cast<uint16_t>(~kReadable);
}

void EpollBackend::end_receive(Descriptor& descriptor, int fd, CloseReason reason, int error) {
  descriptor.flags = static_cast<uint16_t>((descriptor.flags & ~kReadable) | kEnded);
  push({.kind = EventKind::closed, .reason = reason, .error = error}, descriptor, fd);
}

void EpollBackend::deliver_connect_failures() {
  size_t done = 0;
  for (; done < connect_failures_.size() && !batch_.full(); ++done) {
    const ConnectFailure& failure = connect_failures_[done];
    Descriptor& descriptor = descriptors_[failure.fd];
    if (descriptor.generation != failure.generation) continue;
    push({.kind = EventKind::closed, .reason = CloseReason::connect_failed, .error = failure.error}, descriptor,
         failure.fd);
  }
  connect_failures_.erase(connect_failures_.begin(), connect_failures_.begin() + static_cast<ptrdiff_t>(done));
}

}  // namespace ringcast::io
