// SPDX-License-Identifier: Apache-2.0
// Redis Sentinel: which server is the master now. ask_sentinels() asks, and waits for an answer; MasterWatch does so
// again and again on a thread of its own, for those that cannot wait.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "base/error.h"
#include "cluster/settings.h"
#include "io/socket_address.h"

namespace ringcast::cluster {

// The address of the master, by the first Sentinel that knows one; each has `patience` for its answer. The error has
// what the last one said. Any thread.
[[nodiscard]] Result<io::SocketAddress> ask_sentinels(
    const BrokerAddress& address, std::chrono::milliseconds patience = std::chrono::milliseconds(500));

// What Sentinels said last. Its thread begins with the first call of master() and ends with the object. Any thread.
class MasterWatch {
 public:
  explicit MasterWatch(BrokerAddress address) : address_(std::move(address)) {}
  ~MasterWatch();
  MasterWatch(const MasterWatch&) = delete;
  MasterWatch& operator=(const MasterWatch&) = delete;

  // At first, and when no Sentinel answers, an error. Asked for again within a second from now on: who calls has no
  // connection. Otherwise every five seconds.
  [[nodiscard]] Result<io::SocketAddress> master();
  // Whether it is known that another server is the master.
  bool moved_from(const io::SocketAddress& address);

 private:
  void run();

  const BrokerAddress address_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false, wanted_ = false;
  Result<io::SocketAddress> last_ = fail("no_master", "no Sentinel has been asked yet");
  std::thread thread_;
};

}  // namespace ringcast::cluster
