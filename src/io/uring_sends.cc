// SPDX-License-Identifier: Apache-2.0
#include "io/uring_sends.h"

#include <algorithm>
#include <cerrno>

#include "base/assert.h"
#include "io/socket_calls.h"
#include "io/uring_probe.h"

namespace ringcast::io {
namespace {

// MSG_DONTWAIT makes a full socket fail at once instead of arming a poll. Without MSG_WAITALL a short send would count
// as a success and be skipped silently.
constexpr int kSendFlags = MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL;

}  // namespace

UringSends::UringSends(UringRing& ring, BackendStats& stats, const BackendOptions& options)
    : ring_(ring), stats_(stats), per_submit_(std::max(1u, options.sends_per_submit)), messages_(per_submit_) {}

std::span<const uint32_t> UringSends::send(std::span<SendOp> ops) {
  short_.clear();
  for (size_t first = 0; first < ops.size(); first += per_submit_) {
    const size_t end = std::min(ops.size(), first + per_submit_);
    const unsigned from = ring_.tail();
    for (size_t i = first; i < end; ++i) {
      // A full submission queue submits in between; `from` stays before all of this batch's completions.
      queue(ops[i], i, messages_[i - first]);
    }
    ring_.submit();
    collect(ops, from);
  }
  return short_;
}

void UringSends::queue(SendOp& op, size_t index, msghdr& message) {
  RINGCAST_ASSERT(op.iov_count >= 1 && op.iov_count <= kIovMax);
  io_uring_sqe* sqe = ring_.next_sqe();
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
void UringSends::collect(std::span<SendOp> ops, unsigned from) {
  take_results(ops, from);
  while (ring_.overflowed()) {
    ++stats_.cq_overflows;
    ring_.defer_completions();
    from = ring_.tail();
    ring_.run_deferred_work();
    take_results(ops, from);
  }
}

// Results are taken out of the middle of the ring; what else is there belongs to the next wait().
void UringSends::take_results(std::span<SendOp> ops, unsigned from) {
  const unsigned tail = ring_.tail();
  for (; from != tail; ++from) {
    io_uring_cqe& cqe = ring_.at(from);
    const UserData data = UserData::unpack(cqe.user_data);
    if (data.op != UringOp::send) continue;
    cqe.user_data = UserData::pack(UringOp::ignored, 0);
    SendOp& op = ops[data.value];
    const int64_t wanted = op.result;
    op.result = cqe.res == -EAGAIN || cqe.res == -EINTR ? 0 : cqe.res;
    if (op.result >= 0 && op.result < wanted) short_.push_back(data.value);
  }
}

}  // namespace ringcast::io
