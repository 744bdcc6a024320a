// SPDX-License-Identifier: Apache-2.0
// An inlet: takes what its source has while there is room, maps it, publishes it, and has it acknowledged when it has
// its id. What was refused for now is published again, in its order, and meanwhile nothing more is taken. Knows no
// threads and no clock: step() is called by who has them (inlets.h, or a test). One thread.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "access/policy.h"
#include "access/token_bucket.h"
#include "hub/types.h"
#include "inlets/mapping.h"
#include "inlets/options.h"
#include "inlets/source.h"
#include "inlets/statistics.h"

namespace ringcast::inlets {

struct InletLimits {
  access::Rate messages, bytes;  // as of an API key
  bool one_at_a_time = false;    // a channel's next message follows when the one before has its id
  bool local = false;            // Scope::local, with a broker
};

class Inlet final : private Source::Host {
 public:
  // Hands a task to a core. False: not now, the task stays. What becomes of it comes as settled(), later.
  using Publish = std::function<bool(std::unique_ptr<session::ForeignTask>& task, uint32_t place)>;
  // What the inlet may do now; null: everything.
  using Rights = std::function<std::shared_ptr<const access::Grant>()>;

  Inlet(const InletOptions& options, const InletLimits& limits, Mapping mapping, Source& source, Publish publish,
        Rights rights, InletStats& stats);

  // `reads`: whether it may take more; false: somebody else may, and what is not settled is theirs when `forgets`.
  void step(Time now, bool reads);
  void forget();
  void settled(uint32_t place, std::unique_ptr<session::ForeignTask> task, const hub::Published& published);

  // Nothing is under way, and the other side knows what was settled.
  bool idle() const { return in_flight_ == 0 && source_.flushed(); }
  // When step() is to be called at the latest.
  Time due() const;

 private:
  struct Entry {
    bool used = false;
    bool under_way = false;  // a core has the task
    bool forgotten = false;  // the source wants to hear nothing of it
    bool dead_letter = false;
    uint64_t token = 0;
    uint64_t order = 0;  // as they came
    uint64_t bytes = 0;
    std::unique_ptr<session::ForeignTask> task;  // while no core has it
    std::string channel;                         // with one_at_a_time
  };

  uint32_t room() const override;
  uint64_t room_bytes() const override;
  void take(const Received& received) override;
  void connected() override;
  void disconnected(std::string_view why) override;
  void missed(uint64_t count, std::string_view why) override;

  void unmapped(const Received& received, const Error& why);
  void enter(const Received& received, std::unique_ptr<session::ForeignTask> task, bool dead_letter);
  void enqueue(uint32_t place);
  void send_some();
  void release(uint32_t place);
  void next_of(const std::string& channel);
  void retry();
  void set_gauges();

  const InletOptions options_;
  const InletLimits limits_;
  Mapping mapping_;
  Source& source_;
  const Publish publish_;
  const Rights rights_;
  InletStats& stats_;
  std::vector<Entry> entries_;
  std::vector<uint32_t> free_;
  std::deque<uint32_t> to_send_;
  std::vector<uint32_t> failed_;                                  // to be published again at retry_at_
  std::unordered_map<std::string, std::deque<uint32_t>> queues_;  // the first one is under way
  std::deque<uint64_t> answered_;                                 // tokens that the source does not know of yet
  uint32_t in_flight_ = 0;
  uint64_t in_flight_bytes_ = 0;
  uint64_t last_order_ = 0;
  access::TokenBucket message_bucket_, byte_bucket_;
  Time now_{0}, retry_at_ = kNever, backoff_{0}, logged_at_{0}, missed_logged_at_{0};
  uint64_t unlogged_ = 0;
  std::string why_;  // it is not connected, as was logged
  bool reads_ = false, stuck_ = false, was_full_ = false;
};

}  // namespace ringcast::inlets
