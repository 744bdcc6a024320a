// SPDX-License-Identifier: Apache-2.0
#include "io/socket_calls.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

namespace ringcast::io {

CloseReason close_reason_of(int error) {
  switch (error) {
    case ECONNRESET:
    case EPIPE: return CloseReason::peer_reset;
    case ETIMEDOUT: return CloseReason::peer_timeout;
    default: return CloseReason::io_error;
  }
}

Result<UniqueFd> make_client_socket(const SocketAddress& remote, const SocketAddress* local, int type_flags) {
  UniqueFd fd(::socket(remote.family(), SOCK_STREAM | SOCK_CLOEXEC | type_flags, 0));
  if (!fd) return fail_errno("socket for " + remote.to_string(), errno);
  const int on = 1;
  if (remote.family() != AF_UNIX) ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (local != nullptr && local->family() != AF_UNSPEC) {
    if (local->family() != AF_UNIX && local->port() == 0) {
      ::setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    }
    if (::bind(fd.get(), local->data(), local->size()) != 0) return fail_errno("bind " + local->to_string(), errno);
  }
  return fd;
}

int64_t send_now(int fd, const iovec* iov, size_t iov_count) {
  constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
  ssize_t sent = 0;
  do {
    if (iov_count == 1) {
      sent = ::send(fd, iov->iov_base, iov->iov_len, kFlags);
    } else {
      msghdr message{};
      message.msg_iov = const_cast<iovec*>(iov);
      message.msg_iovlen = iov_count;
      sent = ::sendmsg(fd, &message, kFlags);
    }
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return sent;
  return errno == EAGAIN ? 0 : -errno;
}

size_t length_of(const SendOp& op) {
  size_t total = 0;
  for (size_t i = 0; i < op.iov_count; ++i) total += op.iov[i].iov_len;
  return total;
}

void reset_connection(int fd) {
  // Connecting to "nothing" aborts a TCP connection there and then and wakes everything that waits on it. SO_LINGER 0
  // would act only when the last reference to the file goes, and an armed receive holds one.
  const sockaddr nothing{.sa_family = AF_UNSPEC, .sa_data = {}};
  if (::connect(fd, &nothing, sizeof nothing) == 0) return;
  const linger abort_at_close{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_at_close, sizeof abort_at_close);
  ::shutdown(fd, SHUT_RDWR);
}

SocketAddress peer_address_of(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  return SocketAddress::from(reinterpret_cast<const sockaddr*>(&storage), size);
}

void tune_socket(int fd, const SocketTuning& tuning) {
  if (tuning.send_buffer_bytes != 0) {
    const int half = static_cast<int>(tuning.send_buffer_bytes / 2);  // socket(7): the kernel doubles it
    ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &half, sizeof half);
  }
  if (tuning.user_timeout.count() != 0) {
    const int timeout = static_cast<int>(tuning.user_timeout.count());
    ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);
  }
}

void set_nonblocking(int fd, bool nonblocking) {
  const int flags = ::fcntl(fd, F_GETFL);
  ::fcntl(fd, F_SETFL, nonblocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

}  // namespace ringcast::io
