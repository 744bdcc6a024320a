// SPDX-License-Identifier: Apache-2.0
// Results: what a run found, judged (does it count?) and looked up by name. A value; main thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "measures.h"
#include "network_watch.h"
#include "options.h"
#include "series.h"

namespace ringcast::ringload {

struct Results {
  Measures measures;  // of all workers
  std::string engine;
  std::string started;                     // "2026-11-28T19:20:00Z"
  std::string server_version = "unknown";  // as it says itself
  bool interrupted = false;

  // At the end of the ramp.
  uint64_t connected = 0;
  double connect_seconds = 0;
  double connects_per_second = 0;
  uint64_t server_pss_before = 0;
  uint64_t server_pss_held = 0;
  uint64_t tcp_memory_before = 0;
  uint64_t tcp_memory_held = 0;
  int64_t server_connect_cpu_ns = 0;

  uint64_t published_in_all = 0;  // warm-up included, as are the counts of exactness

  // Of the measured part.
  double seconds = 0;
  uint64_t published = 0;
  uint64_t deliveries = 0;
  uint64_t bytes_in = 0;
  uint64_t bytes_out = 0;
  uint64_t requests = 0;
  LoopbackCounts loopback;     // everybody's
  int64_t server_cpu_ns = -1;  // -1: not watched
  double server_cores = 0;
  std::vector<double> worker_load;  // part of a core that each worker used
  std::vector<double> worker_wait;  // part of the time in which it wanted one and had none

  std::array<uint64_t, kErrorKinds> errors{};
  uint64_t ended_connections = 0;  // lost by the end of the measurement, and not on their way back

  std::vector<uint32_t> role_members;  // how many connections each role has
  std::vector<Sample> series;          // the run in the course of time
  struct PhaseStart {
    std::string_view name;  // a literal: connect, settle, warmup, ramp_up, hold, ramp_down, drain
    double at_s;            // as in the series
  };
  std::vector<PhaseStart> phases;

  std::vector<std::string> invalid;  // reasons why the figures do not count

  uint64_t error_count() const;
  double deliveries_per_second() const { return seconds > 0 ? static_cast<double>(deliveries) / seconds : 0; }
  std::optional<double> server_load() const;  // part of its cores' time
  std::optional<double> cpu_us_per_delivery() const;
  std::optional<double> memory_per_connection() const;
  std::optional<double> tcp_memory_per_connection() const;  // both ends
};

// The generator watches itself: fills `invalid`.
void judge(Results& results, const Options& options);

// The figure that a threshold names.
std::optional<double> figure(const Results& results, std::string_view name);

// What became of each threshold. Without a figure it is crossed: nobody has shown that it holds.
struct Verdict {
  std::string text;
  std::string name;             // of the figure
  std::optional<double> value;  // times in ms
  bool crossed = false;
};
std::vector<Verdict> verdicts(const Results& results, const Options& options);

// For people, and for programs.
std::string summary(const Results& results, const Options& options);
std::string to_json(const Results& results, const Options& options);

}  // namespace ringcast::ringload
