// SPDX-License-Identifier: Apache-2.0
#include "io/uring_probe.h"

#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

#include "io/backend.h"
#include "io/buffer_ring.h"
#include "io/unique_fd.h"

namespace ringcast::io {
namespace {

constexpr __kernel_timespec kSelfTestPatience{.tv_sec = 2, .tv_nsec = 0};

struct Ring {
  io_uring ring{};
  bool open = false;
  ~Ring() {
    if (open) io_uring_queue_exit(&ring);
  }
};

// "Operation not permitted" alone helps nobody: the sysctl, or else a container's seccomp profile, is the reason.
std::string explain_setup_error(int error) {
  std::string text = "io_uring_setup: ";
  char buffer[128];
  text += strerror_r(error, buffer, sizeof buffer);
  if (error == EPERM || error == EACCES) {
    int disabled = 0;
    if (FILE* file = std::fopen("/proc/sys/kernel/io_uring_disabled", "re")) {
      if (std::fscanf(file, "%d", &disabled) != 1) disabled = 0;
      std::fclose(file);
    }
    text += disabled != 0 ? " (sysctl kernel.io_uring_disabled = " + std::to_string(disabled) + ")"
                          : " (refused by a seccomp filter or security module, as containers often do)";
  } else if (error == ENOSYS) {
    text += " (this kernel has no io_uring)";
  } else if (error == ENOMEM) {
    text += " (RLIMIT_MEMLOCK or memory)";
  }
  return text;
}

// Two ends of a TCP connection over loopback; a unix pair where the network namespace has no loopback.
bool make_pair(UniqueFd (&ends)[2]) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ends[0].reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (listener && ends[0] && ::bind(listener.get(), generic, size) == 0 && ::listen(listener.get(), 1) == 0 &&
      ::getsockname(listener.get(), generic, &size) == 0 && ::connect(ends[0].get(), generic, size) == 0) {
    ends[1].reset(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (ends[1]) return true;
  }
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return false;
  ends[0].reset(pair[0]);
  ends[1].reset(pair[1]);
  return true;
}

// One completion, copied out; false when none comes.
bool next_completion(io_uring& ring, io_uring_cqe& out) {
  io_uring_cqe* cqe = nullptr;
  __kernel_timespec patience = kSelfTestPatience;
  if (io_uring_submit_and_wait_timeout(&ring, &cqe, 1, &patience, nullptr) < 0) return false;
  if (io_uring_peek_cqe(&ring, &cqe) != 0 || cqe == nullptr) return false;
  out = *cqe;
  io_uring_cqe_seen(&ring, cqe);
  return true;
}

// Two messages must arrive from one request, each in a provided buffer, and the end of the stream must end it.
bool multishot_receive_works(io_uring& ring) {
  UniqueFd ends[2];
  if (!make_pair(ends)) return false;
  auto buffers = BufferRing::create(ring, 4, 256);
  if (!buffers) return false;
  io_uring_sqe* sqe = io_uring_get_sqe(&ring);
  io_uring_prep_recv_multishot(sqe, ends[1].get(), nullptr, 0, 0);
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = BufferRing::kGroup;
  sqe->user_data = 1;
  io_uring_submit(&ring);
  bool works = true;
  for (int round = 0; round < 2 && works; ++round) {
    io_uring_cqe cqe{};
    works = ::send(ends[0].get(), "ping", 4, MSG_NOSIGNAL) == 4 && next_completion(ring, cqe) && cqe.res == 4 &&
            (cqe.flags & IORING_CQE_F_BUFFER) != 0 && (cqe.flags & IORING_CQE_F_MORE) != 0 &&
            std::memcmp(buffers->data(static_cast<uint16_t>(cqe.flags >> IORING_CQE_BUFFER_SHIFT)), "ping", 4) == 0;
  }
  ::shutdown(ends[0].get(), SHUT_WR);
  io_uring_cqe cqe{};
  return next_completion(ring, cqe) && works && cqe.res == 0 && (cqe.flags & IORING_CQE_F_MORE) == 0;
}

// Sends without completions until the socket is full: the short one must say how much it took, and what it and the
// silent ones took must be what arrives.
bool silent_sends_are_exact(io_uring& ring) {
  UniqueFd ends[2];
  if (!make_pair(ends)) return false;
  const int small = 16 * 1024;
  ::setsockopt(ends[0].get(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  std::vector<char> piece(256 * 1024, 'x');
  size_t taken = 0;
  bool full = false;
  for (int sends = 0; sends < 1024 && !full; ++sends) {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring);
    io_uring_prep_send(sqe, ends[0].get(), piece.data(), piece.size(), MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = 2;
    if (io_uring_submit(&ring) != 1) return false;
    io_uring_cqe* cqe = nullptr;
    if (io_uring_cq_ready(&ring) == 0) {
      taken += piece.size();
    } else if (io_uring_peek_cqe(&ring, &cqe) == 0) {
      if (cqe->res < 0 && cqe->res != -EAGAIN) return false;
      if (cqe->res > 0) taken += static_cast<size_t>(cqe->res);
      full = true;
      io_uring_cqe_seen(&ring, cqe);
    }
  }
  ::shutdown(ends[0].get(), SHUT_WR);
  size_t arrived = 0;
  for (ssize_t got = 1; got > 0; arrived += static_cast<size_t>(got > 0 ? got : 0)) {
    got = ::recv(ends[1].get(), piece.data(), piece.size(), 0);
  }
  return full && arrived == taken;
}

}  // namespace

std::string UringFeatures::to_string() const {
  std::string text = "multishot_accept,multishot_recv,buffer_ring";
  const auto add = [&text](bool present, const char* name) {
    if (present) text.append(",").append(name);
  };
  add((setup_flags & IORING_SETUP_SINGLE_ISSUER) != 0, "single_issuer");
  add((setup_flags & IORING_SETUP_DEFER_TASKRUN) != 0, "defer_taskrun");
  add((setup_flags & IORING_SETUP_COOP_TASKRUN) != 0, "coop_taskrun");
  add((setup_flags & IORING_SETUP_SUBMIT_ALL) != 0, "submit_all");
  add(registered_ring, "registered_ring");
  add(inline_sends, "inline_sends");
  add((kernel_bits & kFeatRegisterThroughRegisteredRing) != 0, "reg_reg_ring");
  add((kernel_bits & kFeatSendReceiveBundle) != 0, "bundle");
  add((kernel_bits & kFeatMinimumTimeout) != 0, "min_timeout");
  return text;
}

int setup_ring(io_uring& ring, uint32_t sq_entries, uint32_t cq_entries, uint32_t& flags) {
  // Newest first (6.1, 6.0, 5.19, 5.18); DEFER_TASKRUN is refused without SINGLE_ISSUER.
  constexpr uint32_t kGivenUp[] = {0, IORING_SETUP_DEFER_TASKRUN, IORING_SETUP_SINGLE_ISSUER, IORING_SETUP_COOP_TASKRUN,
                                   IORING_SETUP_SUBMIT_ALL};
  int error = 0;
  for (const uint32_t flag : kGivenUp) {
    if (flag != 0 && (flags & flag) == 0) continue;
    flags &= ~flag;
    io_uring_params params{};
    params.flags = flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
    params.cq_entries = std::max(cq_entries, sq_entries);
    error = -io_uring_queue_init_params(sq_entries, &ring, &params);
    if (error != EINVAL) return error;
  }
  return error;
}

Result<UringFeatures> find_uring_features() {
  UringFeatures features;
  features.setup_flags =
      IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL;
  Ring ring;
  if (const int error = setup_ring(ring.ring, 8, 64, features.setup_flags); error != 0) {
    return fail("uring_unusable", explain_setup_error(error));
  }
  ring.open = true;
  features.kernel_bits = ring.ring.features;

  constexpr uint32_t kNeeded =
      IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_FAST_POLL | IORING_FEAT_EXT_ARG;
  if ((features.kernel_bits & kNeeded) != kNeeded) {
    return fail("uring_unusable", "io_uring: this kernel lacks a basic feature (6.1 or newer is needed)");
  }
  const std::unique_ptr<io_uring_probe, decltype(&io_uring_free_probe)> ops(io_uring_get_probe_ring(&ring.ring),
                                                                            &io_uring_free_probe);
  for (const int op : {IORING_OP_POLL_ADD, IORING_OP_ACCEPT, IORING_OP_ASYNC_CANCEL, IORING_OP_CONNECT, IORING_OP_CLOSE,
                       IORING_OP_SEND, IORING_OP_SENDMSG, IORING_OP_RECV}) {
    if (ops == nullptr || !io_uring_opcode_supported(ops.get(), op)) {
      return fail("uring_unusable", "io_uring: operation " + std::to_string(op) + " is not supported or not allowed");
    }
  }
  features.registered_ring = io_uring_register_ring_fd(&ring.ring) == 1;
  if (!multishot_receive_works(ring.ring)) {
    return fail("uring_unusable", "io_uring: multishot receive does not work (kernel 6.0 or newer is needed)");
  }
  features.inline_sends = (features.kernel_bits & IORING_FEAT_CQE_SKIP) != 0 && silent_sends_are_exact(ring.ring);
  return features;
}

Probe probe_uring() {
  const auto features = find_uring_features();
  if (!features) return {.uring_usable = false, .why_not = features.error().message, .features = {}};
  return {.uring_usable = true, .why_not = {}, .features = features->to_string()};
}

}  // namespace ringcast::io
