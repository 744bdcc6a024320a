// SPDX-License-Identifier: Apache-2.0
#include "io/backend.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "io/epoll_backend.h"
#include "io/uring_backend.h"
#include "io/uring_probe.h"

namespace ringcast::io {

std::string_view to_string(CloseReason reason) {
  switch (reason) {
    case CloseReason::none: return "none";
    case CloseReason::peer_closed: return "peer_closed";
    case CloseReason::peer_reset: return "peer_reset";
    case CloseReason::peer_timeout: return "peer_timeout";
    case CloseReason::connect_failed: return "connect_failed";
    case CloseReason::io_error: return "io_error";
    case CloseReason::tls_failed: return "tls_failed";
  }
  return "unknown";
}

Result<WakeTarget> WakeTarget::create() {
  const int fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (fd < 0) return fail_errno("eventfd", errno);
  return WakeTarget(fd);
}

WakeTarget::WakeTarget(WakeTarget&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

WakeTarget& WakeTarget::operator=(WakeTarget&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

WakeTarget::~WakeTarget() {
  if (fd_ >= 0) ::close(fd_);
}

void WakeTarget::wake() const noexcept {
  const int saved = errno;  // a signal handler must leave it alone
  const uint64_t one = 1;
  // Fails only when the counter is at its end, 2^64 wake-ups from now.
  [[maybe_unused]] const ssize_t written = ::write(fd_, &one, sizeof one);
  errno = saved;
}

Result<std::unique_ptr<Backend>> make_backend(Engine engine, const BackendOptions& options, const WakeTarget& wake,
                                              std::string* why_not) {
  if (engine != Engine::epoll) {
    // Found once: the reactors of a process are alike.
    static const Result<UringFeatures> features = find_uring_features();
    if (features) {
      auto backend = UringBackend::create(options, *features, wake);
      if (backend || engine == Engine::uring) return backend;
      if (why_not != nullptr) *why_not = backend.error().message;
    } else if (engine == Engine::uring) {
      return tl::unexpected<Error>(features.error());
    } else if (why_not != nullptr) {
      *why_not = features.error().message;
    }
  }
  return EpollBackend::create(options, wake);
}

}  // namespace ringcast::io
