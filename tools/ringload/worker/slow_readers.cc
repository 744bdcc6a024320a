// SPDX-License-Identifier: Apache-2.0
#include "slow_readers.h"

#include <algorithm>

namespace ringcast::ringload {

void SlowReaders::hold() {
  for (Connection& connection : all_) {
    if (!connection.slow || connection.state != State::ready) continue;
    connection.since_ns = all_.now;
    if (all_.options.slow_rate > 0) continue;
    all_.hold(connection);
  }
}

void SlowReaders::release() {
  releases_ = {};
  for (Connection& connection : all_) {
    if (connection.held) all_.release(connection);
  }
}

// What was read takes its time at the reader's rate; until that has passed nothing more is read. The kernel hands over
// as much as lies in its buffer, so the rate is one of many reads.
void SlowReaders::count(Connection& connection, size_t bytes) {
  if (all_.options.slow_rate == 0) return;
  const double seconds = static_cast<double>(bytes) / static_cast<double>(all_.options.slow_rate);
  connection.since_ns = std::max(connection.since_ns, all_.now) + static_cast<int64_t>(seconds * 1e9);
  if (connection.held || connection.state != State::ready) return;
  all_.hold(connection);
  releases_.push({connection.since_ns, all_.index_of(connection)});
}

void SlowReaders::due() {
  while (!releases_.empty() && releases_.top().first <= all_.now) {
    const uint32_t index = releases_.top().second;
    releases_.pop();
    Connection& connection = all_[index];
    if (!connection.held) continue;
    // More of it was already in the batch.
    if (connection.since_ns > all_.now) {
      releases_.push({connection.since_ns, index});
      continue;
    }
    all_.release(connection);
  }
}

}  // namespace ringcast::ringload
