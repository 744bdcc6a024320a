// SPDX-License-Identifier: Apache-2.0
#include "base/histogram.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace ringcast {
namespace {

int bits_for(int digits) {
  uint64_t resolution = 2;
  for (int i = 0; i < digits; ++i) resolution *= 10;
  return std::bit_width(resolution - 1);
}

}  // namespace

Histogram::Histogram(uint64_t highest, int digits) : highest_(highest), digits_(digits), bits_(bits_for(digits)) {
  RINGCAST_ASSERT(digits >= 1 && digits <= 5 && highest > 0);
  buckets_.resize(size_t{index_of(highest)} + 1);
}

void Histogram::merge(const Histogram& other) {
  RINGCAST_ASSERT(bits_ == other.bits_ && highest_ == other.highest_);
  for (size_t index = 0; index < buckets_.size(); ++index) buckets_[index] += other.buckets_[index];
  count_ += other.count_;
  clamped_ += other.clamped_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

void Histogram::reset() {
  std::fill(buckets_.begin(), buckets_.end(), 0);
  count_ = clamped_ = max_ = 0;
  min_ = UINT64_MAX;
}

double Histogram::mean() const {
  if (count_ == 0) return 0;
  double sum = 0;
  for_each_bucket([&](uint64_t lowest, uint64_t highest, uint64_t count) {
    sum += (static_cast<double>(lowest) + static_cast<double>(highest)) / 2 * static_cast<double>(count);
  });
  return sum / static_cast<double>(count_);
}

double Histogram::standard_deviation() const {
  if (count_ == 0) return 0;
  const double mean = this->mean();
  double sum = 0;
  for_each_bucket([&](uint64_t lowest, uint64_t highest, uint64_t count) {
    const double deviation = (static_cast<double>(lowest) + static_cast<double>(highest)) / 2 - mean;
    sum += deviation * deviation * static_cast<double>(count);
  });
  return std::sqrt(sum / static_cast<double>(count_));
}

uint64_t Histogram::value_at_percentile(double percentile) const {
  if (count_ == 0) return 0;
  const double share = std::clamp(percentile, 0.0, 100.0) / 100;
  // Less a little: 99.9 % of 1,000 is the 999th, although the product comes out above 999.
  const double rank = std::ceil(share * static_cast<double>(count_) - 1e-6);
  const uint64_t wanted = std::clamp<uint64_t>(static_cast<uint64_t>(std::max(rank, 1.0)), 1, count_);
  uint64_t seen = 0;
  for (uint32_t index = 0; index < buckets_.size(); ++index) {
    seen += buckets_[index];
    if (seen >= wanted) return std::min(highest_of(index), max_);
  }
  return max_;
}

uint64_t Histogram::count_at_or_below(uint64_t value) const {
  uint64_t count = 0;
  for (uint32_t index = 0; index < buckets_.size() && highest_of(index) <= value; ++index) count += buckets_[index];
  return count;
}

void Histogram::write_hgrm(std::string& out, double scale, uint32_t ticks_per_half_distance) const {
  char line[160];
  const auto add = [&](int length) { out.append(line, static_cast<size_t>(std::min<int>(length, sizeof line - 1))); };
  add(std::snprintf(line, sizeof line, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
                    "1/(1-Percentile)"));
  uint64_t seen = 0;
  double level = 0;  // the next percentile to report
  for (uint32_t index = 0; index < buckets_.size() && seen < count_; ++index) {
    if (buckets_[index] == 0) continue;
    seen += buckets_[index];
    const double value = static_cast<double>(std::min(highest_of(index), max_)) / scale;
    const double reached = 100.0 * static_cast<double>(seen) / static_cast<double>(count_);
    while (seen < count_ && level <= reached) {
      add(std::snprintf(line, sizeof line, "%12.*f %14.12f %10llu %14.2f\n", digits_, value, level / 100,
                        static_cast<unsigned long long>(seen), 1 / (1 - level / 100)));
      // Steps halve with the distance to 100 %: each half of what is left gets as many lines.
      const double halvings = std::floor(std::log2(100 / (100 - level))) + 1;
      level += 100 / (std::exp2(halvings) * ticks_per_half_distance);
    }
    if (seen == count_) {
      add(std::snprintf(line, sizeof line, "%12.*f %14.12f %10llu\n", digits_, value, 1.0,
                        static_cast<unsigned long long>(seen)));
    }
  }
  add(std::snprintf(line, sizeof line, "#[Mean    = %12.*f, StdDeviation   = %12.*f]\n", digits_, mean() / scale,
                    digits_, standard_deviation() / scale));
  add(std::snprintf(line, sizeof line, "#[Max     = %12.*f, Total count    = %12llu]\n", digits_,
                    static_cast<double>(max_) / scale, static_cast<unsigned long long>(count_)));
  add(std::snprintf(line, sizeof line, "#[Buckets = %12d, SubBuckets     = %12u]\n",
                    octave_of(static_cast<uint32_t>(buckets_.size() - 1)) + 1, 1u << bits_));
}

}  // namespace ringcast
