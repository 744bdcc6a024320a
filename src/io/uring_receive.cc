// SPDX-License-Identifier: Apache-2.0
// The way in: one multishot receive per socket, its pauses, and what happens when buffers run out.
#include <cerrno>
#include <utility>

#include "base/assert.h"
#include "io/socket_calls.h"
#include "io/uring_backend.h"

namespace ringcast::io {
namespace {

// Buffers of one socket, one after another, after which a batch takes no more: its session may have to keep the bytes.
// As many as the kernel fills at a time.
constexpr uint32_t kRunMax = 32;

}  // namespace

void UringBackend::start_receive(Socket socket, Owner owner) {
  Descriptor& descriptor = open_descriptor(socket);
  RINGCAST_ASSERT((descriptor.flags & (kStarted | kConnecting)) == 0);
  descriptor.owner = owner;
  descriptor.flags |= kStarted;
  if ((descriptor.flags & (kPaused | kEnded)) == 0) arm_receive(descriptor, socket.value);
}

void UringBackend::arm_receive(Descriptor& descriptor, int fd) {
  RINGCAST_ASSERT((descriptor.flags & (kReceiving | kEnded)) == 0);
  descriptor.flags |= kReceiving;
  io_uring_sqe* sqe = ring_.next_sqe();
  if ((descriptor.flags & kWary) != 0) {
    io_uring_prep_recv(sqe, fd, nullptr, options_.receive_buffer_size, 0);
  } else {
    io_uring_prep_recv_multishot(sqe, fd, nullptr, 0, 0);
  }
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = BufferRing::kGroup;
  sqe->user_data = UserData::pack(UringOp::receive, static_cast<uint32_t>(fd), descriptor.generation);
}

// By user_data, which the kernel finds by hash; by descriptor it would look at every armed request.
void UringBackend::cancel_receive(Descriptor& descriptor, int fd) {
  descriptor.flags |= kCancelling;
  io_uring_sqe* sqe = ring_.next_sqe();
  io_uring_prep_cancel64(sqe, UserData::pack(UringOp::receive, static_cast<uint32_t>(fd), descriptor.generation), 0);
  sqe->user_data = UserData::pack(UringOp::cancel, static_cast<uint32_t>(fd), descriptor.generation);
}

void UringBackend::pause_receive(Socket socket) {
  Descriptor& descriptor = open_descriptor(socket);
  if ((descriptor.flags & kPaused) != 0) return;
  descriptor.flags |= kPaused;
  if ((descriptor.flags & (kReceiving | kCancelling)) == kReceiving) cancel_receive(descriptor, socket.value);
}

// What is resumed may be paused again before the next wait(), with most of its input unread (a publisher that gets a
// little credit): it is received from when that comes, and then one buffer at a time until it is not paused on it.
void UringBackend::resume_receive(Socket socket) {
  Descriptor& descriptor = open_descriptor(socket);
  if ((descriptor.flags & kPaused) == 0) return;
  descriptor.flags &= static_cast<uint16_t>(~kPaused);
  descriptor.flags |= kWary;
  note_resumed(descriptor, socket.value);
}

void UringBackend::note_resumed(Descriptor& descriptor, int fd) {
  if ((descriptor.flags & kListed) != 0) return;
  descriptor.flags |= kListed;
  resumed_.push_back({fd, descriptor.generation});
}

void UringBackend::on_receive(const io_uring_cqe& cqe, UserData data) {
  const auto buffer = static_cast<uint16_t>(cqe.flags >> IORING_CQE_BUFFER_SHIFT);
  const bool has_buffer = (cqe.flags & IORING_CQE_F_BUFFER) != 0;
  if (has_buffer) buffers_->take();
  Descriptor* descriptor = find(data);
  const bool ended = descriptor != nullptr && (descriptor->flags & kEnded) != 0;  // after a loss of completions
  const bool useful = descriptor != nullptr && cqe.res > 0 && !ended;
  if (has_buffer && !useful) buffers_->give_back(buffer);
  if (descriptor == nullptr) return;

  const auto fd = static_cast<int>(data.value);
  const bool armed_still = (cqe.flags & IORING_CQE_F_MORE) != 0;
  if (!armed_still) descriptor->flags &= static_cast<uint16_t>(~kReceiving);
  if (ended) return;
  if (cqe.res <= 0) {
    on_receive_end(*descriptor, fd, cqe.res);
    return;
  }
  on_bytes(*descriptor, fd, buffer, static_cast<uint32_t>(cqe.res));
  if ((descriptor->flags & kPaused) != 0) {
    // The cancel found the receive at work and missed it.
    if (armed_still && (descriptor->flags & kCancelling) == 0) cancel_receive(*descriptor, fd);
  } else if (!armed_still) {
    if ((descriptor->flags & kWary) == 0) ++stats_.multishot_rearmed;
    descriptor->flags &= static_cast<uint16_t>(~kWary);
    note_resumed(*descriptor, fd);
  }
}

void UringBackend::on_bytes(Descriptor& descriptor, int fd, uint16_t buffer, uint32_t length) {
  const std::span<uint8_t> bytes(buffers_->data(buffer), length);
  if ((descriptor.flags & kPaused) != 0 || descriptor.held != HeldBytes::kNone) {
    held_.append_bytes(descriptor.held, bytes);
    buffers_->give_back(buffer);
    return;
  }
  ++stats_.receives;
  run_length_ = fd == std::exchange(run_fd_, fd) ? run_length_ + 1 : 1;
  flooded_ = flooded_ || run_length_ >= kRunMax;
  lent_buffers_.push_back(buffer);
  push({.kind = EventKind::bytes, .bytes = bytes}, descriptor, fd);
}

void UringBackend::on_receive_end(Descriptor& descriptor, int fd, int result) {
  const bool paused = (descriptor.flags & kPaused) != 0;
  switch (-result) {
    case ENOBUFS:
      ++stats_.buffers_exhausted;
      if (!paused) starved_.push_back({fd, descriptor.generation});
      return;
    case ECANCELED:
    case EINTR:
    case EAGAIN:
      if (!paused && (descriptor.flags & kReceiving) == 0) note_resumed(descriptor, fd);
      return;
    default: break;
  }
  descriptor.flags |= kEnded;
  const CloseReason reason = result == 0 ? CloseReason::peer_closed : close_reason_of(-result);
  if (paused || descriptor.held != HeldBytes::kNone) {
    held_.append_end(descriptor.held, reason, -result);
  } else {
    push_closed(descriptor, fd, reason, -result);
  }
}

// As many as there are buffers, oldest first: arming more would only fail again.
void UringBackend::rearm_starved() {
  for (uint32_t buffers = buffers_->free(); buffers > 0 && starved_first_ < starved_.size(); ++starved_first_) {
    const Reference reference = starved_[starved_first_];
    Descriptor* descriptor = find({UringOp::receive, reference.generation, static_cast<uint32_t>(reference.fd)});
    if (descriptor == nullptr || descriptor->held != HeldBytes::kNone) continue;
    if ((descriptor->flags & (kReceiving | kPaused | kEnded)) != 0) continue;
    arm_receive(*descriptor, reference.fd);
    --buffers;
  }
  if (starved_first_ == starved_.size()) {
    starved_.clear();
    starved_first_ = 0;
  } else if (starved_first_ > 1024 && starved_first_ > starved_.size() / 2) {
    starved_.erase(starved_.begin(), starved_.begin() + static_cast<ptrdiff_t>(starved_first_));
    starved_first_ = 0;
  }
}

// Before any new completion is looked at, so that order holds. What was held is digested before more is received.
void UringBackend::take_resumed() {
  size_t kept = 0;
  for (const Reference reference : resumed_) {
    Descriptor* descriptor = find({UringOp::receive, reference.generation, static_cast<uint32_t>(reference.fd)});
    if (descriptor == nullptr) continue;
    if ((descriptor->flags & kPaused) == 0 && descriptor->held != HeldBytes::kNone) {
      while (descriptor->held != HeldBytes::kNone && !batch_.full()) {
        const Event event = held_.take_first(descriptor->held);
        if (event.kind == EventKind::bytes) ++stats_.receives;
        push(event, *descriptor, reference.fd);
      }
      resumed_[kept++] = reference;
      continue;
    }
    descriptor->flags &= static_cast<uint16_t>(~kListed);
    if ((descriptor->flags & (kStarted | kPaused | kReceiving | kEnded)) == kStarted) {
      arm_receive(*descriptor, reference.fd);
    }
  }
  resumed_.resize(kept);
}

}  // namespace ringcast::io
