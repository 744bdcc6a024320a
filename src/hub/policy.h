// SPDX-License-Identifier: Apache-2.0
// What an operator sets about rooms, by pattern; the first match wins. Immutable once the server runs; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/glob.h"

namespace ringcast::hub {

enum class SlowPolicy : uint8_t { disconnect, drop_oldest, drop_newest };

// A message whose `data` has one of these texts in this member is the last one of its room, as if published as final.
struct FinalWhen {
  std::string member;
  std::vector<std::string> texts;
  friend bool operator==(const FinalWhen&, const FinalWhen&) = default;
};

struct RoomPolicy {
  uint32_t history_messages = 1000;  // 0: none
  uint64_t history_bytes = 1 << 20;
  std::chrono::seconds history_ttl{24 * 3600};
  std::chrono::seconds empty_ttl{60};  // an empty room without history is kept for
  uint64_t first_id = 0;               // 0: from the clock; else the first id of a new channel
  SlowPolicy slow = SlowPolicy::disconnect;
  bool last_value = false;  // who joins without a cursor gets the newest message first
  std::vector<FinalWhen> final_when;
  bool presence = true;
  std::string mirror;                                // where copies of messages go (mirror.h); empty: nowhere
  bool shared = true;                                // by all nodes, where there is a broker
  uint32_t presence_events_max = 1000;               // members above which joined/left events stop; on again below 80 %
  std::chrono::milliseconds presence_interval{100};  // presence leaves at most so often, then together; 0: each at once
  std::chrono::milliseconds leave_grace{6000};
  std::chrono::milliseconds poll_leave_grace{10000};
};

// Over the channel's name, which never contains a star: "*" matches every one without a slash; the broadcast channel
// has its own policy.
using ringcast::glob_match;

class RoomPolicies {
 public:
  RoomPolicies();
  void add(std::string pattern, RoomPolicy policy);
  void set_default(RoomPolicy policy) { policies_[0].policy = std::move(policy); }
  void set_inbox(RoomPolicy policy) { policies_[1].policy = std::move(policy); }
  // Index into policies, stable for the process's life.
  uint8_t match(std::string_view name) const;
  const RoomPolicy& operator[](uint8_t index) const { return policies_[index].policy; }

 private:
  struct Entry {
    std::string pattern;
    RoomPolicy policy;
  };
  std::vector<Entry> policies_;  // 0: default, 1: inboxes, then as added (at most 250)
};

}  // namespace ringcast::hub
