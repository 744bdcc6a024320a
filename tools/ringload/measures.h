// SPDX-License-Identifier: Apache-2.0
// Measures: what one worker counts. The histograms and counts are its own until it has ended; Progress is written by
// the worker and read by the main thread while it runs.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/histogram.h"
#include "sequence_checker.h"
#include "shared_histogram.h"

namespace ringcast::ringload {

enum class ErrorKind : uint8_t {
  no_socket,         // socket(), bind(): descriptors or ports ran out
  connect_failed,    // refused, unreachable
  connect_timeout,   // not ready within --connect-timeout
  refused,           // an HTTP status other than the one wanted
  bad_answer,        // HTTP, WebSocket or SSE that breaks the protocol
  closed_by_server,  // an end that nobody asked for
  reset_by_server,
  answer_timeout,  // an echo, an answer or the last member of a publish did not come in time
  server_error,    // an `error` event
  count_
};
inline constexpr size_t kErrorKinds = static_cast<size_t>(ErrorKind::count_);
std::string_view to_string(ErrorKind kind);

// One writer, readers with relaxed loads: the numbers of a progress line.
class Counter {
 public:
  void add(uint64_t count = 1) { value_.store(get() + count, std::memory_order_relaxed); }
  void subtract(uint64_t count = 1) { value_.store(get() - count, std::memory_order_relaxed); }
  uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

struct alignas(64) Progress {
  std::atomic<int> thread{0};  // its id in the kernel, once it runs
  Counter started;             // connects begun
  Counter ready;               // connections that are ready now
  Counter down;                // connections that ended or never were, and are not tried again
  Counter published;           // in the measured part, like the rest
  Counter deliveries;          // payloads that arrived at members
  Counter duplicates;          // … and had been there before
  Counter slow_reads;          // payloads that arrived at slow members, each once
  Counter bytes_in;
  Counter bytes_out;
  Counter requests;    // HTTP requests that are no upgrades: polls, streams, plain ones
  Counter load_ended;  // 1: publishes no more
  Counter probes;      // pings behind the last messages that have no pong yet
  Counter idle_waits;  // waits that found nothing
  std::array<Counter, kErrorKinds> errors;
  SharedHistogram latency;        // corrected, warm-up and ramps included
  SharedHistogram ready_latency;  // connect() until joined
};

struct Measures {
  static constexpr uint64_t kHighestNs = 120'000'000'000;

  Histogram latency{kHighestNs};      // from the intended send: what an open loop's users see
  Histogram uncorrected{kHighestNs};  // from the actual send
  Histogram connect{kHighestNs};      // connect() until the upgrade or the answer's head
  Histogram ready{kHighestNs};        // connect() until joined
  Histogram lag{kHighestNs};          // the actual send behind the intended one
  Histogram end_to_end{kHighestNs};   // saturating: publish until the last member has it
  SequenceCounts sequence;
  SequenceCounts slow;                            // of slow readers: what they have lost is missed, not lost
  std::vector<Histogram> of_role;                 // mixed: latency of each role's members
  uint64_t renewed = 0;                           // connections that churn has closed and opened again
  uint64_t resumed = 0;                           // cut connections that came back with their cursor
  uint64_t slow_closed = 0;                       // slow readers that the server gave up
  uint64_t gaps = 0;                              // a server said that history is missing
  std::array<std::string, kErrorKinds> examples;  // the first text of each kind

  void merge(const Measures& other);
};

}  // namespace ringcast::ringload
