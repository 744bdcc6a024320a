// SPDX-License-Identifier: Apache-2.0
// ringcast::Publisher: a thread's own way into the server: one lock-free ring to each core. At most 62 exist at a time,
// 61 where webhooks are set.
// Used by one thread at a time; must be gone before its Server.
#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <optional>

#include "ringcast/message.h"

namespace ringcast {

class Publisher {
 public:
  Publisher(Publisher&&) noexcept;
  Publisher& operator=(Publisher&&) noexcept;
  ~Publisher();

  // Does not wait.
  PublishResult try_publish(const Message& message);
  // Waits while too much is under way; without a timeout for as long as it takes.
  PublishResult publish(const Message& message, std::optional<std::chrono::nanoseconds> timeout = std::nullopt);
  // Waits likewise; the future has the receipt once the id is given. It throws std::runtime_error when the message is
  // invalid, or refused (draining, too many channels), and std::future_error when the server stops before that.
  std::future<Receipt> publish_with_receipt(const Message& message);

 private:
  friend class Server;
  struct State;
  explicit Publisher(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace ringcast
