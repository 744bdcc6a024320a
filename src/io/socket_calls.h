// SPDX-License-Identifier: Apache-2.0
// Single system calls on sockets that both engines make alike. No state; the thread that owns the descriptor.
#pragma once

#include "io/backend.h"
#include "io/unique_fd.h"

namespace ringcast::io {

// The close reason that an errno of receive or poll stands for.
CloseReason close_reason_of(int error);

// A socket that is ready to connect: TCP_NODELAY set, bound to `local` when given (without taking a port where its
// port is 0, so that one address carries 64k connections per destination instead of in all).
[[nodiscard]] Result<UniqueFd> make_client_socket(const SocketAddress& remote, const SocketAddress* local,
                                                  int type_flags);

// One sendmsg() that never blocks: bytes taken, 0 when the socket is full, or -errno.
int64_t send_now(int fd, const iovec* iov, size_t iov_count);
size_t length_of(const SendOp& op);

// Ends a connection with RST at once, whatever else still refers to the file.
void reset_connection(int fd);

SocketAddress peer_address_of(int fd);

Delivery delivery_of(int fd);

void tune_socket(int fd, const SocketTuning& tuning);

void set_nonblocking(int fd, bool nonblocking);

}  // namespace ringcast::io
