// SPDX-License-Identifier: Apache-2.0
#include "io/accepting.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace ringcast::io {

LateClients::~LateClients() {
  for (size_t i = first_; i < clients_.size(); ++i) ::close(clients_[i].fd);
}

uint64_t LateClients::take(int listener_fd, uint16_t listener, int accept_flags) {
  for (uint64_t calls = 1;; ++calls) {
    const int fd = ::accept4(listener_fd, nullptr, nullptr, accept_flags);
    if (fd >= 0) {
      clients_.push_back({fd, listener});
    } else if (errno != ECONNABORTED && errno != EINTR) {
      return calls;
    }
  }
}

}  // namespace ringcast::io
