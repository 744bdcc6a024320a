// SPDX-License-Identifier: Apache-2.0
// Opens a listening socket whose options every accepted connection inherits. Called by the reactor that will own it,
// after it has its own descriptor table. No state.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

#include "base/error.h"
#include "io/socket_address.h"
#include "io/unique_fd.h"

namespace ringcast::io {

struct ListenerOptions {
  int backlog = 4096;                              // clamped by net.core.somaxconn
  bool reuse_port = true;                          // one listener per reactor on the same address
  bool alone = false;                              // refuses what anybody listens on already, with SO_REUSEPORT too
  bool no_delay = true;                            // TCP_NODELAY: one send is one message already
  std::chrono::milliseconds user_timeout{35'000};  // TCP_USER_TIMEOUT (RFC 5482); 0: the kernel's
  bool keepalive = true;
  std::chrono::seconds keepalive_idle{60};
  std::chrono::seconds keepalive_interval{15};
  int keepalive_probes = 4;
  // What getsockopt() shows, which is twice what is passed (socket(7)); 0: autotuning, up to tcp_wmem's 4 MiB.
  int send_buffer_bytes = 256 * 1024;
  int not_sent_low_water_bytes = 0;  // TCP_NOTSENT_LOWAT; 0: none
  unsigned unix_mode = 0666;         // permissions of a unix socket's file
  // How long to wait for an address that is in use. An io_uring that ended by SIGKILL lets go of its listeners only
  // when the kernel has taken it apart, some time after its process is gone.
  std::chrono::milliseconds in_use_patience{0};
};

// Bound and listening. The error names the address and what helps. A unix socket file that nobody listens on any more
// is replaced.
[[nodiscard]] Result<UniqueFd> open_listener(const SocketAddress& address, const ListenerOptions& options);

// Whether open_listener() may work for this process, without listening: bad addresses, ports that it may not have and
// files that are in the way are refused with the same error; what another process holds just now is not looked at.
[[nodiscard]] Result<void> check_listener(const SocketAddress& address);

// The file of a unix socket, which is removed with this, unless it has become somebody else's.
class SocketFile {
 public:
  explicit SocketFile(const SocketAddress& address);  // of a listener that has just been opened
  SocketFile(SocketFile&& other) noexcept;
  SocketFile& operator=(SocketFile&&) = delete;
  ~SocketFile();

 private:
  std::string path_;  // empty: not a file
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// What it is bound to: the port that the kernel chose for port 0.
SocketAddress local_address(int fd);

// What getsockopt() shows of SO_SNDBUF, to report at start when net.core.wmem_max has clamped it.
int send_buffer_of(int fd);

}  // namespace ringcast::io
