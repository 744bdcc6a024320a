// SPDX-License-Identifier: Apache-2.0
// Histogram: counts in log-linear buckets (the HDR idea): the relative error is bounded, recording is a few
// instructions. Owned and written by one thread; hand out copies, merge() them. Units are the caller's.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include "base/assert.h"

namespace ringcast {

class Histogram {
 public:
  // Values 0..highest with `digits` (1..5) significant decimal digits. Larger ones count as `highest` and are reported
  // by clamped().
  explicit Histogram(uint64_t highest, int digits = 3);

  void record(uint64_t value, uint64_t times = 1) noexcept {
    if (value > highest_) {
      clamped_ += times;
      value = highest_;
    }
    buckets_[index_of(value)] += times;
    count_ += times;
    if (value > max_) max_ = value;
    if (value < min_) min_ = value;
  }

  void merge(const Histogram& other);  // of the same shape
  void reset();

  uint64_t count() const { return count_; }
  uint64_t clamped() const { return clamped_; }
  uint64_t min() const { return count_ == 0 ? 0 : min_; }
  uint64_t max() const { return max_; }
  double mean() const;  // from the middles of the buckets
  double standard_deviation() const;
  // The value that `percentile` (0..100) per cent do not exceed; the upper end of its bucket, at most max(). 0 if
  // empty.
  uint64_t value_at_percentile(double percentile) const;
  // How many are in buckets that lie wholly at or below `value`.
  uint64_t count_at_or_below(uint64_t value) const;

  // Calls fn(lowest, highest, count) for buckets that are not empty, upwards.
  template <class Fn>
  void for_each_bucket(Fn&& fn) const {
    for (uint32_t index = 0; index < buckets_.size(); ++index) {
      if (buckets_[index] != 0) fn(lowest_of(index), highest_of(index), buckets_[index]);
    }
  }

  // The percentile distribution as HdrHistogram's plotting tools read it (.hgrm). Values are divided by `scale`.
  void write_hgrm(std::string& out, double scale = 1.0, uint32_t ticks_per_half_distance = 5) const;

  int digits() const { return digits_; }
  size_t memory_bytes() const { return buckets_.size() * sizeof(uint64_t); }

  // Half the buckets' width at this value, or less: what two results may differ by and still be the same.
  uint64_t lowest_equivalent(uint64_t value) const { return lowest_of(index_of(value)); }
  uint64_t highest_equivalent(uint64_t value) const { return highest_of(index_of(value)); }

 private:
  // Below 2^bits_ each value has a bucket; above, each octave has 2^(bits_-1) of equal width.
  uint32_t index_of(uint64_t value) const noexcept {
    const int octave = 64 - std::countl_zero(value | ((uint64_t{1} << bits_) - 1)) - bits_;
    return (static_cast<uint32_t>(octave) << (bits_ - 1)) + static_cast<uint32_t>(value >> octave);
  }
  int octave_of(uint32_t index) const noexcept {
    return index < (1u << bits_) ? 0 : static_cast<int>(index >> (bits_ - 1)) - 1;
  }
  uint64_t lowest_of(uint32_t index) const noexcept {
    const int octave = octave_of(index);
    return uint64_t{index - (static_cast<uint32_t>(octave) << (bits_ - 1))} << octave;
  }
  uint64_t highest_of(uint32_t index) const noexcept {
    return lowest_of(index) + ((uint64_t{1} << octave_of(index)) - 1);
  }

  uint64_t highest_;
  int digits_;
  int bits_;
  uint64_t count_ = 0;
  uint64_t clamped_ = 0;
  uint64_t min_ = UINT64_MAX;
  uint64_t max_ = 0;
  std::vector<uint64_t> buckets_;
};

}  // namespace ringcast
