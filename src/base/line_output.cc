// SPDX-License-Identifier: Apache-2.0
#include "base/line_output.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

namespace ringcast {

LineOutput::LineOutput(int fd) noexcept : fd_(fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return;
  is_socket_ = S_ISSOCK(status.st_mode);
  if (!S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode)) return;
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  const int own = ::open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (own < 0) {
    waits_ = true;  // no /proc, or another user's terminal
    return;
  }
  fd_ = own;
  owned_ = true;
}

// Not blocking, so that a FIFO without a reader is an error instead of a wait.
Result<LineOutput> LineOutput::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
  if (fd < 0) return fail_errno(path, errno);
  LineOutput output;
  output.fd_ = fd;
  output.owned_ = true;
  return output;
}

LineOutput::LineOutput(LineOutput&& other) noexcept
    : fd_(other.fd_), owned_(std::exchange(other.owned_, false)), is_socket_(other.is_socket_), waits_(other.waits_) {}

LineOutput& LineOutput::operator=(LineOutput&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(owned_, other.owned_);
  std::swap(is_socket_, other.is_socket_);
  std::swap(waits_, other.waits_);
  return *this;
}

LineOutput::~LineOutput() {
  if (owned_) ::close(fd_);
}

ssize_t LineOutput::write_some(std::string_view text) noexcept {
  for (;;) {
    ssize_t done = 0;
    if (is_socket_) {
      done = ::send(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    } else {
      // What poll() calls writable takes this much without waiting (pipe(7)), unless another process writes too.
      pollfd room{.fd = fd_, .events = POLLOUT, .revents = 0};
      if (waits_ && ::poll(&room, 1, 0) == 0) return -EAGAIN;
      done = ::write(fd_, text.data(), waits_ ? std::min<size_t>(text.size(), PIPE_BUF) : text.size());
    }
    if (done >= 0) return done;
    if (errno != EINTR) return -errno;
  }
}

void LineOutput::wait_for_room(std::chrono::milliseconds timeout) noexcept {
  pollfd room{.fd = fd_, .events = POLLOUT, .revents = 0};
  ::poll(&room, 1, static_cast<int>(timeout.count()));
}

bool LineOutput::write_within(std::string_view text, std::chrono::milliseconds patience) noexcept {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point end = Clock::now() + patience;
  while (!text.empty()) {
    const ssize_t done = write_some(text);
    if (done >= 0) {
      text.remove_prefix(static_cast<size_t>(done));
      continue;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    if (done != -EAGAIN || left.count() <= 0) return false;
    wait_for_room(left);
  }
  return true;
}

}  // namespace ringcast
