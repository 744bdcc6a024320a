// SPDX-License-Identifier: Apache-2.0
// Series: how a run went in the course of time, one sample a second, for the JSON and CSV output and the report.
// Values, taken by the Sampler on the main thread while the workers run.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "run.h"

namespace ringcast::ringload {

// Sums over all workers at one moment.
struct Totals {
  int64_t at_ns = 0;
  uint64_t started = 0, ready = 0, down = 0, published = 0, deliveries = 0, duplicates = 0, slow_reads = 0,
           bytes_in = 0, bytes_out = 0, requests = 0, errors = 0, load_ended = 0, probes = 0;
  std::vector<int64_t> cpu_ns;     // of each worker
  std::vector<int64_t> waited_ns;  // … for a core
  int64_t server_cpu_ns = 0;
  uint64_t server_rss_bytes = 0;
  uint64_t tcp_memory_bytes = 0;
};

// What the report draws of an interval's latencies.
struct IntervalLatency {
  uint64_t count = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  double max_ms = 0;
};

// An interval that ended `at_s` after the run's beginning.
struct Sample {
  double at_s = 0;
  double span_s = 0;
  std::string_view phase;
  uint64_t connections = 0;  // ready at its end
  double connects_per_s = 0;
  double published_per_s = 0;
  double deliveries_per_s = 0;
  double bytes_in_per_s = 0;
  double bytes_out_per_s = 0;
  uint64_t errors = 0;                 // in the interval
  IntervalLatency latency;             // corrected, of what arrived in it
  IntervalLatency ready;               // of the connections that became ready in it
  double generator_load = 0;           // part of a core, of the busiest worker
  std::optional<double> server_cores;  // cores' worth of time that the server used
  std::optional<uint64_t> server_rss_bytes;
  uint64_t tcp_memory_bytes = 0;
};

class Sampler {
 public:
  // At most `samples_max` for a run of this length: the interval is a second, or longer in whole seconds.
  Sampler(const Run& run, int64_t expected_ns);

  bool due(int64_t now_ns) const { return now_ns - last_.at_ns >= interval_ns_; }
  void begin(Totals totals) { last_ = std::move(totals); }
  // What happened since begin() or the last call.
  const Sample& take(Totals totals, std::string_view phase);

  const std::vector<Sample>& samples() const { return samples_; }
  std::vector<Sample> release() { return std::move(samples_); }

  static constexpr int64_t kSamplesMax = 3600;

 private:
  // One histogram of all workers, as it was read last.
  struct Reading {
    std::vector<uint64_t> buckets = std::vector<uint64_t>(SharedHistogram::kBuckets);
    IntervalLatency advance(const Run& run, const SharedHistogram Progress::*which);
  };

  const Run& run_;
  int64_t interval_ns_;
  Totals last_;
  Reading latency_;
  Reading ready_;
  std::vector<Sample> samples_;
};

std::string series_csv(const std::vector<Sample>& samples);
// The samples as a JSON array.
std::string series_json(const std::vector<Sample>& samples);

}  // namespace ringcast::ringload
