// SPDX-License-Identifier: Apache-2.0
// Load: what the schedule wants sent now, or as much as may be under way. Worker's thread only.
#pragma once

#include <cstdint>
#include <vector>

#include "../schedule.h"
#include "connections.h"
#include "requests.h"

namespace ringcast::ringload {

class Load {
 public:
  Load(Connections& all, Requests& requests) : all_(all), requests_(requests) {}

  // After all connections are there.
  void plan();
  bool asks() const { return !askers_.empty(); }  // some members echo or ask
  bool running() const { return running_; }
  void start();
  // What was due until the end is sent.
  bool all_sent();
  void end();
  // At `latest`, or before it.
  int64_t next_due(int64_t now, int64_t latest) const;
  void due();
  // A turn has ended, in which something happened or not.
  void on_turn(bool idle) { askers_busy_ = askers_busy_ && idle; }
  // Closed loop: the connection may send its next.
  void answered(const Connection& connection);

 private:
  using State = Connection::State;
  using Speaks = Connection::Speaks;

  // An open loop: what is due, and whose turn it is.
  struct Pace {
    Schedule schedule;
    uint64_t done = 0;
    uint32_t next = 0;
  };

  void publish_due();
  void ask_due();
  void fill_pipes();
  void echo_due();
  void request(Connection& connection, int64_t intended_ns);

  Connections& all_;
  Requests& requests_;
  bool running_ = false;
  bool askers_busy_ = false;   // until something happens
  int64_t give_up_at_ = 0;     // what is still to be sent after the end; 0: the end has not come
  int64_t look_again_at_ = 0;  // at pipes that no completion was reported for
  Pace publishing_;
  Pace asking_;
  std::vector<uint32_t> askers_;      // members that echo or ask
  std::vector<uint32_t> echo_again_;  // closed loop: may send their next
};

}  // namespace ringcast::ringload
