// SPDX-License-Identifier: Apache-2.0
// Calls the operator's HTTP servers, on one thread of its own with libcurl: reactors hand events over and never wait.
// Made, started and stopped by the main thread; offer() belongs to the thread of the core that it names; answers of
// decisions are given on the sender's thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/core_rings.h"
#include "base/error.h"
#include "hooks/endpoint_queue.h"
#include "hooks/endpoints.h"
#include "hooks/event.h"
#include "http_client/http_request.h"

namespace ringcast::hooks {

struct SenderOptions {
  std::vector<EndpointOptions> endpoints;
  uint16_t cores = 1;
  uint32_t ring_slots = 1024;       // of each core; a power of two
  uint32_t payload_max = 64 << 10;  // of a changed message
  milliseconds farewell{5'000};     // at stop(), for what still waits
};

class Sender {
 public:
  // False: not now; it is asked again soon, with the same values.
  using Answer = std::function<bool(Call&, Decision&)>;

  // Before reactors have descriptor tables of their own, in which wake_descriptor() must stay open.
  [[nodiscard]] static Result<std::unique_ptr<Sender>> create(SenderOptions options, Answer answer);
  ~Sender();
  int wake_descriptor() const { return calls_->descriptor(); }

  void start();
  // When no core offers anything any more. Delivers what it can within `farewell`; answers go nowhere.
  void stop();

  const Endpoints& endpoints() const { return endpoints_; }
  // Fills in which endpoints get it; the caller has found by wanted() that there are any. False: too much waits, the
  // call stays with the caller, who decides a decision for itself. Never waits.
  bool offer(uint16_t core, std::unique_ptr<Call>& call) noexcept;

  // Any thread.
  const EndpointStats& stats(size_t endpoint) const { return queues_[endpoint]->stats(); }
  uint64_t refused(uint16_t core) const { return calls_->refused(core); }

 private:
  using Calls = CoreRings<Call*>;  // owned by who takes them out
  Sender(SenderOptions options, Answer answer, std::unique_ptr<Calls> calls, CURLM* multi);
  void run();
  void take(std::unique_ptr<Call> call, SteadyTime now);
  void take_overflow();
  void perform(SteadyTime now);
  void hand_over();
  void sleep(SteadyTime now);
  bool idle() const;

  const SenderOptions options_;
  const Endpoints endpoints_;
  const Answer answer_;
  const std::unique_ptr<Calls> calls_;
  // Notifications that a core's ring had no room for, by core and endpoint: written by the core, and how much of it the
  // queues know.
  const std::unique_ptr<Count[]> overflow_;
  std::vector<uint64_t> overflow_taken_;
  CURLM* const multi_;
  CallIds ids_;
  std::vector<std::unique_ptr<EndpointQueue>> queues_;
  std::deque<std::pair<std::unique_ptr<Call>, Decision>> decided_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace ringcast::hooks
