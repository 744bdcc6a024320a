// SPDX-License-Identifier: Apache-2.0
#include "io/reserve_descriptor.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>

namespace ringcast::io {

ReserveDescriptor::ReserveDescriptor(int original, std::string answer)
    : original_(original), answer_(std::move(answer)) {
  restore();
}

bool ReserveDescriptor::restore() {
  if (!reserve_) reserve_.reset(::fcntl(original_, F_DUPFD_CLOEXEC, 0));
  return static_cast<bool>(reserve_);
}

ReserveDescriptor::Outcome ReserveDescriptor::refuse_one(int listener) {
  reserve_.reset();
  UniqueFd client(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  const int error = client ? 0 : errno;
  if (client) {
    if (!answer_.empty()) ::send(client.get(), answer_.data(), answer_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    ::shutdown(client.get(), SHUT_WR);
    // RFC 2525 section 2.17: closing over unread bytes sends RST, which would take the answer with it.
    char unread[4096];
    for (int reads = 0; reads < 4 && ::recv(client.get(), unread, sizeof unread, MSG_DONTWAIT) > 0; ++reads) {
    }
    client.reset();
  }
  const bool restored = restore();
  if (error == EAGAIN) return Outcome::nobody_waiting;
  const bool no_descriptor = error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
  return restored && !no_descriptor ? Outcome::refused : Outcome::failed;
}

}  // namespace ringcast::io
