// SPDX-License-Identifier: Apache-2.0
// The server's figures of the last five minutes, a sample a second, for /stats/history: the sums of all cores in a ring
// of fixed size. One thread takes the samples and writes the answer after each of them, so that a reactor only copies
// what is there; answer() is for any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api/metrics.h"

namespace ringcast::session {

struct Shared;

class StatisticsHistory {
 public:
  static constexpr size_t kSamples = 300;
  static constexpr uint64_t kPeriodMs = 1000;

  // `shared` outlives this; its cores are there from the first take() to the last.
  explicit StatisticsHistory(const Shared& shared);

  // What the counters say now; the oldest sample goes when there are kSamples.
  void take(uint64_t wall_us);
  // JSON with a list for each figure, the oldest sample first; never null.
  std::shared_ptr<const std::string> answer() const;

 private:
  struct Sample {
    uint64_t timestamp_ms = 0;
    uint64_t resident_bytes = 0;
    Totals totals;
    std::vector<uint64_t> cpu_us;  // by core
  };
  template <class Get>
  void append(std::string& out, Get get) const;
  std::string write() const;

  const Shared& shared_;
  std::vector<Sample> ring_;
  size_t next_ = 0;  // where the next sample goes
  size_t count_ = 0;
  mutable std::mutex changing_;  // held for as long as a pointer is copied
  std::shared_ptr<const std::string> answer_;
};

}  // namespace ringcast::session
