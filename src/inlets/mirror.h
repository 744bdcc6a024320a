// SPDX-License-Identifier: Apache-2.0
// Copies of messages for those who subscribe to channels of Redis: taken from the cores and the bridge through rings,
// and published by one thread. At most once: what was sent when the connection was lost is not sent again. The queue is
// bounded by bytes, the copies that Redis has not confirmed included; what is beyond it is dropped and counted.
// Made, started and stopped by the main thread.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/core_rings.h"
#include "base/error.h"
#include "client/session_stats.h"
#include "client/shared.h"
#include "cluster/settings.h"
#include "hub/mirror.h"
#include "inlets/redis_connection.h"

namespace ringcast::inlets {

struct MirrorPlan {
  cluster::BrokerAddress address;
  uint64_t queue_bytes_max = 8 << 20;
  uint16_t members = 1;  // who calls: numbers below it
};

// The channel of a room: `to` with its name for {} and its tenant's for {tenant}.
void append_mirror_channel(std::string& out, std::string_view to, std::string_view tenant, std::string_view room);
// The channels that rooms of such a name may have, as a pattern with *; `match` is a pattern of rooms.
std::string mirror_pattern(std::string_view to, std::string_view match);
// What is wrong with it; empty: nothing.
std::string mirror_mistake(std::string_view to);

class Mirror final : public hub::Mirror, public session::MoreMetrics {
 public:
  // Before the reactors start; wake_descriptor() must stay open in their tables.
  [[nodiscard]] static Result<std::unique_ptr<Mirror>> create(MirrorPlan plan);
  ~Mirror() override;

  int wake_descriptor() const { return copies_->descriptor(); }
  void start();
  // When nobody calls any more. What is queued is still published, as far as that takes no longer than a moment.
  void stop();

  void copy(uint16_t from, std::string_view to, std::string_view key, std::string_view json) override;
  void missed(uint16_t from) override;
  void append_metrics(std::string& out) const override;
  void append_statistics(codec::JsonWriter& json, bool names) const override;

 private:
  using Counter = session::Counter;
  struct Copy {
    std::string channel, json;
    size_t bytes() const { return sizeof(Copy) + channel.size() + json.size(); }
  };
  // Written by the member; on a cache line of its own.
  struct alignas(kCacheLine) Member {
    Counter full, missed;
  };
  Mirror(MirrorPlan plan, std::unique_ptr<CoreRings<Copy*>> copies);
  void run();
  void take();
  void work(Time now);
  void answered(codec::RespValue reply);
  void lost(std::string_view why);
  void forget_first();
  void report(Time now);
  void sleep(Time now);
  uint64_t full() const;
  uint64_t missed_in_all() const;
  uint64_t dropped() const;

  const MirrorPlan plan_;
  const std::unique_ptr<CoreRings<Copy*>> copies_;
  std::vector<std::unique_ptr<Member>> members_;
  std::atomic<uint64_t> queued_bytes_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;

  // The thread's own.
  RedisConnection connection_;
  std::deque<std::unique_ptr<Copy>> queue_;
  size_t sent_ = 0;  // of it, from the front: without an answer
  std::string refusal_;
  uint64_t reported_ = 0;  // of dropped()
  Time reported_at_{0};
  std::string unreachable_;
  Counter up_, connects_, disconnects_, published_, unanswered_, refused_;
};

}  // namespace ringcast::inlets
