// SPDX-License-Identifier: Apache-2.0
// Readers that do not keep up: not read from at all while the load is on, or so many bytes per second.
#include "worker.h"

namespace ringcast::ringload {

void Worker::hold_slow_readers() {
  for (Connection& connection : connections_) {
    if (!connection.slow || connection.state != State::ready) continue;
    connection.since_ns = now_;
    if (options_.slow_rate > 0) continue;
    backend_->pause_receive(connection.socket);
    connection.held = true;
  }
}

void Worker::release_slow_readers() {
  releases_ = {};
  for (Connection& connection : connections_) {
    if (!connection.held) continue;
    connection.held = false;
    backend_->resume_receive(connection.socket);
  }
}

// What was read takes its time at the reader's rate; until that has passed nothing more is read. The kernel hands over
// as much as lies in its buffer, so the rate is one of many reads.
void Worker::count_slow_read(Connection& connection, size_t bytes) {
  if (options_.slow_rate == 0) return;
  const double seconds = static_cast<double>(bytes) / static_cast<double>(options_.slow_rate);
  connection.since_ns = std::max(connection.since_ns, now_) + static_cast<int64_t>(seconds * 1e9);
  if (connection.held || connection.state != State::ready) return;
  backend_->pause_receive(connection.socket);
  connection.held = true;
  releases_.push({connection.since_ns, index_of(connection)});
}

void Worker::slow_readers_due() {
  while (!releases_.empty() && releases_.top().first <= now_) {
    const uint32_t index = releases_.top().second;
    releases_.pop();
    Connection& connection = connections_[index];
    if (!connection.held) continue;
    // More of it was already in the batch.
    if (connection.since_ns > now_) {
      releases_.push({connection.since_ns, index});
      continue;
    }
    connection.held = false;
    backend_->resume_receive(connection.socket);
  }
}

}  // namespace ringcast::ringload
