// SPDX-License-Identifier: Apache-2.0
#include "io/uring_backend.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "base/assert.h"
#include "io/socket_calls.h"

namespace ringcast::io {
namespace {

constexpr size_t kConnectsPerSubmit = 64;
// With DEFER_TASKRUN one enter that waits for one completion runs about 20 pieces of deferred work. As long as it comes
// back with that many there is more, and a tick that takes all of it coalesces more sends.
constexpr size_t kMoreIsLikely = 16;
// Between attempts to submit that the kernel has no memory for; the first is followed by another one at once.
constexpr std::chrono::microseconds kFirstSubmitPause{500};
constexpr std::chrono::microseconds kLongestSubmitPause{20'000};

}  // namespace

Result<std::unique_ptr<UringBackend>> UringBackend::create(const BackendOptions& options, const UringFeatures& features,
                                                           const WakeTarget& wake) {
  std::unique_ptr<UringBackend> backend(new UringBackend(options, features, wake));
  if (auto opened = backend->open(); !opened) return tl::unexpected<Error>(opened.error());
  return backend;
}

UringBackend::UringBackend(const BackendOptions& options, const UringFeatures& features, const WakeTarget& wake)
    : options_(options),
      features_(features),
      wake_fd_(wake.fd()),
      batch_(options.events_max),
      held_(options.receive_buffer_size),
      messages_(std::max(1u, options.sends_per_submit)),
      connect_addresses_(kConnectsPerSubmit),
      reserve_(wake.fd(), options.descriptors_exhausted_answer) {
  lent_buffers_.reserve(options.events_max);
  options_.sends_per_submit = std::max(1u, options_.sends_per_submit);
}

Result<void> UringBackend::open() {
  const int error = setup_ring(ring_, options_.sq_entries, options_.cq_entries, features_.setup_flags);
  if (error != 0) return fail_errno("io_uring_setup", error);
  ring_open_ = true;
  if (features_.registered_ring) io_uring_register_ring_fd(&ring_);
  auto buffers = BufferRing::create(ring_, options_.receive_buffer_count, options_.receive_buffer_size);
  if (!buffers) return tl::unexpected<Error>(buffers.error());
  buffers_ = std::make_unique<BufferRing>(std::move(*buffers));
  arm_wake();
  return {};
}

UringBackend::~UringBackend() {
  descriptors_.for_each([](int fd, const Descriptor& descriptor) {
    if ((descriptor.flags & kOpen) != 0) ::close(fd);
  });
  for (const Listener& listener : listeners_) {
    if (listener.fd >= 0) ::close(listener.fd);
  }
  buffers_.reset();
  if (ring_open_) io_uring_queue_exit(&ring_);
}

io_uring_sqe* UringBackend::next_sqe() {
  io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
  while (sqe == nullptr) {
    ++stats_.sq_full;
    submit();
    sqe = io_uring_get_sqe(&ring_);
  }
  return sqe;
}

// The kernel may take only a part (no memory for requests) or nothing (completions that it could not post come first);
// both pass when deferred work gets its turn. Memory may take longer: then it is asked for less and less often.
void UringBackend::submit() {
  std::chrono::microseconds pause = kFirstSubmitPause;
  while (io_uring_sq_ready(&ring_) > 0) {
    ++stats_.syscalls;
    if (looked_at(io_uring_submit(&ring_)) > 0) {
      pause = kFirstSubmitPause;
      continue;
    }
    run_deferred_work();
    if (pause > kFirstSubmitPause) std::this_thread::sleep_for(pause);
    pause = std::min(2 * pause, kLongestSubmitPause);
  }
  connects_queued_ = 0;
}

void UringBackend::run_deferred_work() {
  ++stats_.syscalls;
  looked_at(io_uring_get_events(&ring_));
}

// What an enter returned. EBADR: completions are lost for good, since there was no memory to keep them beyond the ring.
// They may have been anybody's bytes, so that no connection can be trusted any more.
int UringBackend::looked_at(int result) {
  switch (-result) {
    case EBADR:
      losses_from_ = 0;
      ++stats_.cq_overflows;
      break;
    case ETIME:  // the time of a wait is over
    case EINTR:
    case EAGAIN:
    case EBUSY:
    case ENOMEM: break;
    default: RINGCAST_ASSERT(result >= 0);  // a call that the kernel does not know: its features were probed
  }
  return result;
}

// Every connection ends, as many as the batch takes; listeners and the wake-up are armed anew, which does no harm where
// they still were.
void UringBackend::deliver_losses() {
  if (losses_from_ < 0) return;
  if (losses_from_ == 0) {
    arm_wake();
    for (size_t i = 0; i < listeners_.size(); ++i) {
      if (listeners_[i].fd < 0 || accepting_paused_) continue;
      cancel_accept(i);
      listeners_[i].armed = false;
      arm_accept(i);
    }
  }
  int next = -1;
  descriptors_.for_each([&](int fd, Descriptor& descriptor) {
    const bool ends = (descriptor.flags & (kStarted | kConnecting)) != 0 && (descriptor.flags & kEnded) == 0;
    const bool waits = (descriptor.flags & kBlocked) != 0;
    if (fd < losses_from_ || next >= 0 || (descriptor.flags & kOpen) == 0 || (!ends && !waits)) return;
    if (batch_.full()) {
      next = fd;
    } else if (ends) {
      descriptor.flags |= kEnded;
      held_.drop(descriptor.held);
      push_closed(descriptor, fd, CloseReason::io_error, EBADR);
    } else {  // the end was reported before: what is still to be sent may go on
      descriptor.flags &= static_cast<uint16_t>(~kBlocked);
      push({.kind = EventKind::writable}, descriptor, fd);
    }
  });
  losses_from_ = next;
}

// Submits and, unless something is there already, waits. A zero timeout enters all the same: deferred work runs only
// when somebody asks for events.
void UringBackend::enter(Nanoseconds timeout) {
  ++stats_.syscalls;
  if (timeout == Nanoseconds::zero()) {
    looked_at(io_uring_submit_and_get_events(&ring_));
  } else {
    io_uring_cqe* cqe = nullptr;
    __kernel_timespec limit{.tv_sec = timeout.count() / 1'000'000'000, .tv_nsec = timeout.count() % 1'000'000'000};
    looked_at(
        io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, timeout > Nanoseconds::zero() ? &limit : nullptr, nullptr));
  }
  if (io_uring_sq_ready(&ring_) > 0) submit();
  connects_queued_ = 0;
  if (io_uring_cq_has_overflow(&ring_)) ++stats_.cq_overflows;
}

// Completions that flush() has dealt with must not end a wait: they are dropped from the head first.
bool UringBackend::completions_waiting() {
  if (deferred_first_ < deferred_.size()) return true;
  unsigned ready = io_uring_cq_ready(&ring_);
  unsigned dropped = 0;
  for (; dropped < ready; ++dropped) {
    if (ring_.cq.cqes[(*ring_.cq.khead + dropped) & (ring_.cq.ring_entries - 1)].user_data != 0) break;
  }
  io_uring_cq_advance(&ring_, dropped);
  return dropped < ready || io_uring_cq_has_overflow(&ring_);
}

void UringBackend::begin_batch() {
  for (const uint16_t buffer : lent_buffers_) buffers_->give_back(buffer);
  lent_buffers_.clear();
  buffers_->publish();
  held_.reclaim();
  batch_.clear();
  run_fd_ = -1;
  flooded_ = false;
}

std::span<const Event> UringBackend::wait(Nanoseconds timeout) {
  ++stats_.waits;
  begin_batch();
  rearm_starved();
  if (retry_pending_) retry_accepting();
  deliver_losses();
  deliver_late_clients();
  take_resumed();
  if (!batch_.empty() || completions_waiting()) {
    timeout = Nanoseconds::zero();
  } else if (retry_pending_ && (timeout < Nanoseconds::zero() || timeout > until_due(listeners_))) {
    timeout = until_due(listeners_);
  }
  enter(timeout);
  reap();
  while (reaped_ >= kMoreIsLikely && !batch_.full() && !flooded_) {
    enter(Nanoseconds::zero());
    reap();
  }
  buffers_->publish();
  return batch_.events();
}

void UringBackend::reap() {
  reaped_ = 0;
  while (deferred_first_ < deferred_.size() && !batch_.full()) {
    complete(deferred_[deferred_first_++]);
    ++reaped_;
  }
  if (deferred_first_ == deferred_.size()) {
    deferred_.clear();
    deferred_first_ = 0;
  }
  while (!batch_.full()) {
    const unsigned head = *ring_.cq.khead;
    if (head == cq_tail()) break;
    // Copied and freed before it is handled: handling may submit, and the kernel wants room then.
    const io_uring_cqe cqe = ring_.cq.cqes[head & (ring_.cq.ring_entries - 1)];
    io_uring_cq_advance(&ring_, 1);
    complete(cqe);
    ++reaped_;
  }
}

void UringBackend::complete(const io_uring_cqe& cqe) {
  const UserData data = UserData::unpack(cqe.user_data);
  const auto fd = static_cast<int>(data.value);
  switch (data.op) {
    case UringOp::ignored: break;
    case UringOp::accept: on_accept(cqe, data.value); break;
    case UringOp::accept_poll: on_accept_poll(data.value); break;
    case UringOp::receive: on_receive(cqe, data); break;
    case UringOp::cancel:
      if (Descriptor* descriptor = find(data)) descriptor->flags &= static_cast<uint16_t>(~kCancelling);
      break;
    case UringOp::writable:
      if (Descriptor* descriptor = find(data); descriptor != nullptr && (descriptor->flags & kBlocked) != 0) {
        descriptor->flags &= static_cast<uint16_t>(~kBlocked);
        push({.kind = EventKind::writable}, *descriptor, fd);
      }
      break;
    case UringOp::connect:
      if (Descriptor* descriptor = find(data)) on_connected(*descriptor, fd, cqe.res);
      break;
    case UringOp::wake:
      ++stats_.wakeups;
      if ((cqe.flags & IORING_CQE_F_MORE) == 0) {
        ++stats_.multishot_rearmed;
        arm_wake();
      }
      break;
    case UringOp::send: RINGCAST_ASSERT(false); break;  // flush() takes all of its own
  }
}

// The eventfd is never read: a multishot poll reports every write to it, and one that was made before the poll was
// armed is seen when it is armed.
void UringBackend::arm_wake() {
  io_uring_sqe* sqe = next_sqe();
  io_uring_prep_poll_multishot(sqe, wake_fd_, POLLIN);
  sqe->user_data = UserData::pack(UringOp::wake, 0);
}

UringBackend::Descriptor* UringBackend::find(UserData data) {
  const auto fd = static_cast<int>(data.value);
  if (!descriptors_.contains(fd)) return nullptr;
  Descriptor& descriptor = descriptors_[fd];
  return descriptor.generation == data.generation && (descriptor.flags & kOpen) != 0 ? &descriptor : nullptr;
}

UringBackend::Descriptor& UringBackend::open_descriptor(Socket socket) {
  Descriptor& descriptor = descriptors_[socket.value];
  RINGCAST_ASSERT((descriptor.flags & kOpen) != 0);
  return descriptor;
}

UringBackend::Descriptor& UringBackend::register_descriptor(int fd) {
  Descriptor& descriptor = descriptors_.add(fd);
  RINGCAST_ASSERT((descriptor.flags & kOpen) == 0);
  descriptor.flags = kOpen;
  descriptor.owner = kNoOwner;
  return descriptor;
}

void UringBackend::push(Event event, Descriptor& descriptor, int fd) {
  event.socket = {fd};
  event.owner = descriptor.owner;
  batch_.push(event, descriptor.marks);
}

void UringBackend::push_closed(Descriptor& descriptor, int fd, CloseReason reason, int error) {
  push({.kind = EventKind::closed, .reason = reason, .error = error}, descriptor, fd);
}

Result<Socket> UringBackend::connect(const SocketAddress& remote, const SocketAddress* local, Owner owner) {
  auto made = make_client_socket(remote, local, 0);
  if (!made) return tl::unexpected<Error>(made.error());
  stats_.syscalls += 3;
  if (connects_queued_ == kConnectsPerSubmit) submit();
  const int fd = made->release();
  Descriptor& descriptor = register_descriptor(fd);
  descriptor.owner = owner;
  descriptor.flags |= kConnecting;
  io_uring_sqe* sqe = next_sqe();
  SocketAddress& address = connect_addresses_[connects_queued_++];
  address = remote;
  io_uring_prep_connect(sqe, fd, address.data(), address.size());
  sqe->user_data = UserData::pack(UringOp::connect, static_cast<uint32_t>(fd), descriptor.generation);
  return Socket{fd};
}

void UringBackend::on_connected(Descriptor& descriptor, int fd, int result) {
  descriptor.flags &= static_cast<uint16_t>(~kConnecting);
  if (result == 0) {
    push({.kind = EventKind::connected}, descriptor, fd);
    return;
  }
  descriptor.flags |= kEnded;
  push_closed(descriptor, fd, CloseReason::connect_failed, -result);
}

void UringBackend::shutdown_write(Socket socket) {
  open_descriptor(socket);
  ++stats_.syscalls;
  ::shutdown(socket.value, SHUT_WR);
}

// A request that is armed holds the file, so that closing the number alone would leave the connection open. Cancelling
// by descriptor walks every armed request of the ring (100,000 of them, for each close); ending the connection first
// wakes those of this socket only, and they complete by themselves. The close itself goes through the ring, behind
// whatever is queued for this descriptor: executed at once it could free the number while a queued entry still names
// it.
void UringBackend::close(Socket socket, CloseMode mode) {
  Descriptor& descriptor = open_descriptor(socket);
  const int fd = socket.value;
  batch_.withdraw(socket, descriptor.marks);
  held_.drop(descriptor.held);
  if (mode == CloseMode::reset) {
    ++stats_.syscalls;
    reset_connection(fd);
  } else if ((descriptor.flags & (kReceiving | kBlocked | kConnecting)) != 0) {
    ++stats_.syscalls;
    ::shutdown(fd, SHUT_RDWR);
  }
  descriptor.flags = 0;
  ++descriptor.generation;
  io_uring_sqe* sqe = next_sqe();
  io_uring_prep_close(sqe, fd);
  if ((features_.kernel_bits & IORING_FEAT_CQE_SKIP) != 0) sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
  sqe->user_data = UserData::pack(UringOp::ignored, 0);
}

Delivery UringBackend::delivery(Socket socket) {
  stats_.syscalls += 2;
  return delivery_of(socket.value);
}

void UringBackend::tune(Socket socket, const SocketTuning& tuning) {
  ++stats_.syscalls;
  tune_socket(socket.value, tuning);
}

SocketAddress UringBackend::peer_address(Socket socket) {
  ++stats_.syscalls;
  return peer_address_of(socket.value);
}

}  // namespace ringcast::io
