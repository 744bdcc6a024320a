// SPDX-License-Identifier: Apache-2.0
// What a Publisher holds: its thread's producer of the mesh, and what it shares with the server that made it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "codec/native/action.h"
#include "embed/task.h"
#include "reactor/mesh_producer.h"
#include "ringcast/publisher.h"

namespace ringcast {

namespace embed {
// One per server, shared by its publishers; only the atomic changes after the start.
struct Life {
  std::atomic<bool> stopping{false};
  uint16_t cores = 1;
  codec::JsonLimits limits;
  bool topics = true;
};
}  // namespace embed

struct Publisher::State {
  std::shared_ptr<embed::Life> life;
  reactor::Producer producer;

  // The same core for the same channel, so that a thread's messages to it keep their order.
  uint16_t core_of(std::string_view key) const;
  PublishResult send(embed::TaskPtr task, std::optional<std::chrono::nanoseconds> timeout, bool wait);
};

}  // namespace ringcast
