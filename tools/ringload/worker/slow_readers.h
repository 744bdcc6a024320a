// SPDX-License-Identifier: Apache-2.0
// SlowReaders: members that do not keep up: not read from at all while the load is on, or so many bytes per second.
// Worker's thread only.
#pragma once

#include <algorithm>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "connections.h"

namespace ringcast::ringload {

class SlowReaders {
 public:
  explicit SlowReaders(Connections& all) : all_(all) {}

  void hold();
  void release();
  // So many bytes were read.
  void count(Connection& connection, size_t bytes);
  void due();
  int64_t next_due(int64_t latest) const {
    return releases_.empty() ? latest : std::min(latest, releases_.top().first);
  }

 private:
  using State = Connection::State;
  using Release = std::pair<int64_t, uint32_t>;  // when, and which

  Connections& all_;
  std::priority_queue<Release, std::vector<Release>, std::greater<>> releases_;
};

}  // namespace ringcast::ringload
