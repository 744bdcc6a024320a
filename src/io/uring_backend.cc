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
      ring_(stats_),
      sends_(ring_, stats_, options),
      listeners_(ring_, stats_, *this, options, wake.fd()),
      held_(options.receive_buffer_size),
      connect_addresses_(kConnectsPerSubmit) {
  lent_buffers_.reserve(options.events_max);
}

Result<void> UringBackend::open() {
  if (auto opened = ring_.open(options_, features_); !opened) return opened;
  auto buffers = BufferRing::create(ring_.raw(), options_.receive_buffer_count, options_.receive_buffer_size);
  if (!buffers) return tl::unexpected<Error>(buffers.error());
  buffers_ = std::make_unique<BufferRing>(std::move(*buffers));
  arm_wake();
  return {};
}

UringBackend::~UringBackend() {
  descriptors_.for_each([](int fd, const Descriptor& descriptor) {
    if ((descriptor.flags & kOpen) != 0) ::close(fd);
  });
}

// Completions have been lost, perhaps anybody's bytes, so that no connection can be trusted any more: every one ends,
// as many as the batch takes. Listeners and the wake-up are armed anew, which does no harm where they still were.
void UringBackend::deliver_losses() {
  if (ring_.take_loss()) {
    losses_from_ = 0;
    arm_wake();
    listeners_.arm_again();
  }
  if (losses_from_ < 0) return;
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
  deliver_losses();
  listeners_.deliver();
  take_resumed();
  const bool something = !batch_.empty() || ring_.completions_waiting();
  ring_.enter(something ? Nanoseconds::zero() : listeners_.limit(timeout));
  size_t taken = reap();
  while (taken >= kMoreIsLikely && !batch_.full() && !flooded_) {
    ring_.enter(Nanoseconds::zero());
    taken = reap();
  }
  buffers_->publish();
  return batch_.events();
}

size_t UringBackend::reap() {
  size_t taken = 0;
  for (io_uring_cqe cqe; !batch_.full() && ring_.next(cqe); ++taken) complete(cqe);
  return taken;
}

void UringBackend::complete(const io_uring_cqe& cqe) {
  const UserData data = UserData::unpack(cqe.user_data);
  const auto fd = static_cast<int>(data.value);
  switch (data.op) {
    case UringOp::ignored: break;
    case UringOp::accept: listeners_.on_accept(cqe, data.value); break;
    case UringOp::accept_poll: listeners_.on_poll(data.value); break;
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
  io_uring_sqe* sqe = ring_.next_sqe();
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
  if (connects_queued_ == kConnectsPerSubmit) ring_.submit();
  if (ring_.nothing_queued()) connects_queued_ = 0;
  const int fd = made->release();
  Descriptor& descriptor = register_descriptor(fd);
  descriptor.owner = owner;
  descriptor.flags |= kConnecting;
  io_uring_sqe* sqe = ring_.next_sqe();
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

void UringBackend::on_client(int fd, uint16_t listener) {
  push({.kind = EventKind::accepted, .listener = listener}, register_descriptor(fd), fd);
}

void UringBackend::flush(std::span<SendOp> ops) {
  stats_.sends += ops.size();
  for (const SendOp& op : ops) {
    RINGCAST_ASSERT((open_descriptor(op.socket).flags & (kBlocked | kConnecting)) == 0);
  }
  if (features_.inline_sends) {
    for (const uint32_t i : sends_.send(ops)) wait_for_room(ops[i].socket);
    return;
  }
  for (SendOp& op : ops) {
    ++stats_.syscalls;
    op.result = send_now(op.socket.value, op.iov, op.iov_count);
    if (op.result >= 0 && op.result < static_cast<int64_t>(length_of(op))) wait_for_room(op.socket);
  }
}

void UringBackend::wait_for_room(Socket socket) {
  Descriptor& descriptor = open_descriptor(socket);
  ++stats_.short_sends;
  descriptor.flags |= kBlocked;
  io_uring_sqe* sqe = ring_.next_sqe();
  io_uring_prep_poll_add(sqe, socket.value, POLLOUT);
  sqe->user_data = UserData::pack(UringOp::writable, static_cast<uint32_t>(socket.value), descriptor.generation);
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
  io_uring_sqe* sqe = ring_.next_sqe();
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
