// SPDX-License-Identifier: Apache-2.0
// What goes to one endpoint: notifications in order and in batches, one batch at a time, and decisions beside each
// other. Everything that waits is bounded. Owned by the Sender; its thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "base/log.h"
#include "hooks/endpoints.h"
#include "hooks/event.h"
#include "hooks/retry.h"
#include "hooks/statistics.h"
#include "hooks/transfer.h"

namespace ringcast::hooks {

using SteadyTime = std::chrono::steady_clock::time_point;

// Unique for each event and call, also over restarts.
class CallIds {
 public:
  CallIds();
  std::string next() { return prefix_ + std::to_string(++last_); }

 private:
  std::string prefix_;
  uint64_t last_ = 0;
};

class EndpointQueue {
 public:
  using Decided = std::function<void(std::unique_ptr<Call>, Decision)>;
  // `payload_max` bounds a changed message.
  EndpointQueue(CURLM* multi, const EndpointOptions& options, CallIds& ids, uint32_t payload_max, Decided decided);
  ~EndpointQueue();

  void notify(const std::string& event_json);
  // Notifications for this endpoint that did not come as far as notify().
  void drop(uint64_t events);
  void ask(std::unique_ptr<Call> call, SteadyTime now);
  // Starts what may start, gives up what is too late.
  void advance(SteadyTime now);
  // Belongs to whatever Transfer::owner_of() said.
  struct Exchange;
  static void finish(Exchange& exchange, CURLcode code, SteadyTime now);

  // When advance() has something to do by itself; SteadyTime::max(): never.
  SteadyTime due() const;
  bool idle() const { return notifications_.empty() && asked_.empty() && exchanges_.empty(); }
  // At the end of the sender: says how many notifications are lost.
  size_t abandon();
  const EndpointStats& stats() const { return stats_; }

 private:
  struct Asked {
    std::unique_ptr<Call> call;
    SteadyTime deadline;
  };
  void start_batch();
  void start_decision(Asked asked);
  void run(Exchange& exchange, SteadyTime now);
  void ended(Exchange& exchange, const TransferEnd& end, SteadyTime now);
  bool may_retry(const Exchange& exchange, SteadyTime due) const;
  void give_up(Exchange& exchange, const TransferEnd& end);
  void undecided(std::unique_ptr<Call> call, std::string_view why);
  void decide(std::unique_ptr<Call> call, Decision decision);
  void remove(const Exchange& exchange);
  void complain(std::string_view event, std::string_view why, uint64_t events);
  void count_waiting();

  CURLM* const multi_;
  const EndpointOptions& options_;
  CallIds& ids_;
  const uint32_t payload_max_;
  const Decided decided_;
  const std::string shown_;  // the URL, for logs

  std::deque<std::string> notifications_;
  uint64_t lost_ = 0;  // since the last batch
  std::deque<Asked> asked_;
  std::vector<std::unique_ptr<Exchange>> exchanges_;
  bool batch_under_way_ = false;
  size_t decisions_under_way_ = 0;
  std::minstd_rand random_{std::random_device{}()};
  LogSampler sampler_;
  EndpointStats stats_;
};

}  // namespace ringcast::hooks
