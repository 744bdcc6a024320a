// SPDX-License-Identifier: Apache-2.0
// The way out: a flush is a few submissions of many sends each. A send executes inline at submit and, with
// IOSQE_CQE_SKIP_SUCCESS and MSG_WAITALL, posts a completion only when it was short or failed; so after
// io_uring_enter() returns, a send without a completion has been taken whole and its memory is free.
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/assert.h"
#include "io/socket_calls.h"
#include "io/uring_backend.h"

namespace ringcast::io {
namespace {

// MSG_DONTWAIT makes a full socket fail at once instead of arming a poll. Without MSG_WAITALL a short send would count
// as a success and be skipped silently.
constexpr int kSendFlags = MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL;

}  // namespace

void UringBackend::flush(std::span<SendOp> ops) {
  stats_.sends += ops.size();
  if (!features_.inline_sends) {
    for (SendOp& op : ops) {
      open_descriptor(op.socket);
      ++stats_.syscalls;
      op.result = send_now(op.socket.value, op.iov, op.iov_count);
      finish_send(op, length_of(op));
    }
    return;
  }
  for (size_t first = 0; first < ops.size(); first += options_.sends_per_submit) {
    const size_t end = std::min(ops.size(), first + options_.sends_per_submit);
    unsigned from = cq_tail();
    for (size_t i = first; i < end; ++i) {
      // A full submission queue submits in between; `from` stays before all of this batch's completions.
      queue_send(ops[i], i, messages_[i - first]);
    }
    submit();
    collect_sends(ops, from);
  }
}

void UringBackend::queue_send(SendOp& op, size_t index, msghdr& message) {
  const Descriptor& descriptor = open_descriptor(op.socket);
  RINGCAST_ASSERT(op.iov_count >= 1 && op.iov_count <= kIovMax);
  RINGCAST_ASSERT((descriptor.flags & (kBlocked | kConnecting)) == 0);
  io_uring_sqe* sqe = next_sqe();
  if (op.iov_count == 1) {
    io_uring_prep_send(sqe, op.socket.value, op.iov->iov_base, op.iov->iov_len, kSendFlags);
  } else {
    message = msghdr{};
    message.msg_iov = const_cast<iovec*>(op.iov);
    message.msg_iovlen = op.iov_count;
    io_uring_prep_sendmsg(sqe, op.socket.value, &message, static_cast<unsigned>(kSendFlags));
  }
  sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
  sqe->user_data = UserData::pack(UringOp::send, static_cast<uint32_t>(index));
  op.result = static_cast<int64_t>(length_of(op));
}

// Completions that did not fit wait in the kernel until there is room and somebody asks for events; asking may bring
// others too. Each turn empties the ring, so it ends when the kernel has nothing left to say.
void UringBackend::collect_sends(std::span<SendOp> ops, unsigned from) {
  take_send_results(ops, from);
  while (io_uring_cq_has_overflow(&ring_)) {
    ++stats_.cq_overflows;
    defer_completions();
    from = cq_tail();
    run_deferred_work();
    take_send_results(ops, from);
  }
}

// Results are taken out of the middle of the ring; what else is there belongs to the next wait(). The ring is ours to
// write: the kernel never reads a completion back.
void UringBackend::take_send_results(std::span<SendOp> ops, unsigned from) {
  const unsigned tail = cq_tail();
  for (; from != tail; ++from) {
    io_uring_cqe& cqe = ring_.cq.cqes[from & (ring_.cq.ring_entries - 1)];
    const UserData data = UserData::unpack(cqe.user_data);
    if (data.op != UringOp::send) continue;
    cqe.user_data = UserData::pack(UringOp::ignored, 0);
    SendOp& op = ops[data.value];
    const auto wanted = static_cast<size_t>(op.result);
    op.result = cqe.res == -EAGAIN || cqe.res == -EINTR ? 0 : cqe.res;
    finish_send(op, wanted);
  }
}

void UringBackend::defer_completions() {
  const unsigned ready = io_uring_cq_ready(&ring_);
  for (unsigned i = 0; i < ready; ++i) {
    const io_uring_cqe& cqe = ring_.cq.cqes[(*ring_.cq.khead + i) & (ring_.cq.ring_entries - 1)];
    if (cqe.user_data != 0) deferred_.push_back(cqe);
  }
  io_uring_cq_advance(&ring_, ready);
}

void UringBackend::finish_send(SendOp& op, size_t wanted) {
  if (op.result < 0 || op.result == static_cast<int64_t>(wanted)) return;
  Descriptor& descriptor = open_descriptor(op.socket);
  ++stats_.short_sends;
  descriptor.flags |= kBlocked;
  io_uring_sqe* sqe = next_sqe();
  io_uring_prep_poll_add(sqe, op.socket.value, POLLOUT);
  sqe->user_data = UserData::pack(UringOp::writable, static_cast<uint32_t>(op.socket.value), descriptor.generation);
}

}  // namespace ringcast::io
