// SPDX-License-Identifier: Apache-2.0
// Which rooms have members, for hooks: reported when a room gets its first member, and when it has had none for a
// while, so that a reconnect, or the time between two polls, does not count. One per gate, for the rooms whose owner
// its core is; its thread only.
#pragma once

#include <tsl/robin_map.h>

#include <chrono>
#include <deque>
#include <string>
#include <string_view>

#include "client/clients.h"

namespace ringcast::session {

class Occupancy {
 public:
  explicit Occupancy(Clients& clients) : clients_(clients) {}

  void changed(std::string_view key, bool occupied);
  void on_interval();

 private:
  struct Room {
    std::chrono::nanoseconds due;  // reported as vacated
    bool empty;
  };
  void notify(std::string_view key, bool occupied);

  Clients& clients_;
  tsl::robin_map<std::string, Room> lately_empty_;                    // no more than the grace time's
  std::deque<std::pair<std::chrono::nanoseconds, std::string>> due_;  // one entry for each of those
};

}  // namespace ringcast::session
