// SPDX-License-Identifier: Apache-2.0
// A foreign thread's way into the mesh: outbound rings and credit, no mailbox of its own. Used by the embedding API.
// One thread at a time; it owns a slot of the mesh until it is destroyed, after which the slot waits for its rings to
// be empty and serves the next thread. Must not outlive the mesh.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "reactor/mesh.h"

namespace ringcast::reactor {

// What a thread has in flight to a core, as running totals: in flight is taken minus returned, modulo 2^32.
struct ProducerCredit {
  uint32_t publishes = 0;
  uint32_t bytes = 0;
  uint64_t pack() const { return uint64_t{publishes} << 32 | bytes; }
  static ProducerCredit unpack(uint64_t word) {
    return {static_cast<uint32_t>(word >> 32), static_cast<uint32_t>(word)};
  }
};

enum class SendResult : uint8_t {
  sent,
  would_block,  // no credit, or no room in the ring
  timed_out,
  stopped,  // the mesh takes nothing more
};

class Producer {
 public:
  Producer(Producer&& other) noexcept;
  Producer& operator=(Producer&& other) noexcept;
  ~Producer();

  MemberId id() const { return id_; }

  // Takes credit for one publish of `bytes` and hands the mail to the core at once. Does not wait.
  SendResult try_send(MemberId to, const Mail& mail, uint32_t bytes);
  // The same, but waits for credit and room; without a timeout for as long as it takes.
  SendResult send(MemberId to, const Mail& mail, uint32_t bytes,
                  std::optional<std::chrono::nanoseconds> timeout = std::nullopt);

  // Not yet given back by that core, what an earlier thread left behind in this slot included.
  ProducerCredit in_flight(MemberId to) const;
  uint64_t wakeups() const { return wakeups_; }

 private:
  friend class Mesh;
  struct SleepOps;
  Producer(Mesh& mesh, MemberId id) : mesh_(&mesh), id_(id) {}
  bool has_credit(MemberId to, uint32_t bytes) const;
  bool stopped() const { return mesh_->producers_stopped_.load(std::memory_order_acquire); }
  // Waits until the core may have given something back; false at the deadline.
  bool wait(MemberId to, uint32_t bytes, std::optional<std::chrono::steady_clock::time_point> deadline);

  Mesh* mesh_;
  MemberId id_;
  uint64_t wakeups_ = 0;
};

}  // namespace ringcast::reactor
