// SPDX-License-Identifier: Apache-2.0
// The server's figures of the last five minutes, a sample a second, for /stats/history: the sums of all cores in a ring
// of fixed size. One thread takes the samples. The answer, some 100 kB for 300 samples, is written when it is asked
// for, once for each sample at most: a reactor that asks works or waits for as long as that takes, and all others
// copy what is there. answer() is for any thread.
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

  // What the counters say now; the oldest sample goes when there are kSamples. Writes and allocates nothing.
  void take(uint64_t wall_us);
  // JSON with a list for each figure, the oldest sample first; never null.
  std::shared_ptr<const std::string> answer() const;
  // How often an answer was written.
  uint64_t written() const;

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
  Sample taken_;                 // by take(), before it enters the ring
  mutable std::mutex changing_;  // held while a sample enters, or the answer is written; all below is read under it
  std::vector<Sample> ring_;
  size_t next_ = 0;  // where the next sample goes
  size_t count_ = 0;
  mutable std::shared_ptr<const std::string> answer_;  // null: not written since the last sample
  mutable size_t size_ = 0;                            // of the last answer
  mutable uint64_t written_ = 0;
};

}  // namespace ringcast::session
