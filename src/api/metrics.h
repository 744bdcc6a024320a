// SPDX-License-Identifier: Apache-2.0
// Counters of all cores in the Prometheus text format, and their sums for /stats. Reads what the cores' reactors write,
// relaxed; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "client/session_stats.h"

namespace ringcast::session {

struct CoreView;
struct SessionOptions;
struct Shared;

struct Totals {
  uint64_t open[static_cast<size_t>(TransportKind::count_)] = {};
  uint64_t sockets = 0, online_users = 0, channels = 0, memberships = 0, history_messages = 0, history_bytes = 0;
  uint64_t published = 0, delivered = 0, bytes_in = 0, bytes_out = 0, resumed = 0, gaps = 0, slow_closed = 0;
  uint64_t errors = 0, queued_bytes = 0, ticks = 0;
  uint64_t http2_connections = 0, http2_streams = 0, http2_streams_ever = 0;

  void add(const CoreView& core);
  uint64_t clients() const;
};

// With SessionOptions::broker_metrics also under the names that users of the SSE broker have in their dashboards.
void append_metrics(std::string& out, const Shared& shared, const SessionOptions& options, uint64_t wall_us,
                    int drain_phase);

}  // namespace ringcast::session
