// SPDX-License-Identifier: Apache-2.0
// Tally: what has arrived: sequences of each member and stream, latencies, and, where so many messages may be under
// way, which of them all members of this worker have. Worker's thread only.
#pragma once

#include <utility>
#include <vector>

#include "../payload.h"
#include "../sequence_checker.h"
#include "connections.h"
#include "load.h"

namespace ringcast::ringload {

class Tally {
 public:
  Tally(Connections& all, Load& load) : all_(all), load_(load) {}

  // After all connections are there.
  void plan();
  void deliver(Connection& connection, const Payload& payload);
  // The answer of a plain request.
  void answer(Connection& connection);
  // A member's first message is the next one of each stream; echo: what it sends next.
  void expect_next(const Connection& connection);
  // It is closed and opened anew: what is missing until now is lost, and the next may be any.
  void write_off(const Connection& connection);
  // What never came is lost.
  void finish();

 private:
  using State = Connection::State;

  SequenceChecker* checkers_of(const Connection& connection) {
    return checkers_.data() + size_t{all_.index_of(connection)} * checkers_per_member_;
  }
  void record_latency(const Connection& connection, const Payload& payload);
  void count_member_share(const Connection& connection, const Payload& payload);

  Connections& all_;
  Load& load_;
  std::vector<SequenceChecker> checkers_;
  uint32_t checkers_per_member_ = 0;
  std::vector<std::pair<uint64_t, uint32_t>> shares_;  // saturating: per stream and slot, sequence and members
  uint32_t share_window_ = 0;
};

}  // namespace ringcast::ringload
