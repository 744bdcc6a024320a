// SPDX-License-Identifier: Apache-2.0
// Alone, because linux/tcp.h, which has what netinet/tcp.h lacks, cannot be included beside it.
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <cstddef>

#include "io/socket_calls.h"

namespace ringcast::io {

Delivery delivery_of(int fd) {
  int queued = 0;
  if (::ioctl(fd, SIOCOUTQ, &queued) != 0 || queued < 0) queued = 0;
  Delivery delivery{.unacknowledged = static_cast<uint64_t>(queued)};
  tcp_info info{};
  socklen_t size = sizeof info;
  const bool tcp = ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
                   size >= offsetof(tcp_info, tcpi_bytes_acked) + sizeof info.tcpi_bytes_acked;
  if (tcp) {
    delivery.acknowledged = info.tcpi_bytes_acked;
    delivery.since_acknowledgement = std::chrono::milliseconds(info.tcpi_last_ack_recv);
  } else {
    delivery.acknowledged = UINT64_MAX - delivery.unacknowledged;  // a unix socket: changes when its peer reads
  }
  return delivery;
}

}  // namespace ringcast::io
