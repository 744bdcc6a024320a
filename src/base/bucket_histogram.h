// SPDX-License-Identifier: Apache-2.0
// BucketHistogram: counts by powers of two, for metrics. One writer, any reader: relaxed loads and stores, no
// read-modify-write. Recording is a shift and three stores; the buckets' bounds are fixed, so figures of cores add up.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace ringcast {

class BucketHistogram {
 public:
  // Bucket i holds values up to 2^i (and above 2^(i-1)), the last everything above.
  static constexpr size_t kBuckets = 33;

  void record(uint64_t value) noexcept {
    const size_t index = value <= 1 ? 0 : static_cast<size_t>(std::bit_width(value - 1));
    bump(buckets_[index < kBuckets - 1 ? index : kBuckets - 1], 1);
    bump(sum_, value);
  }
  uint64_t bucket(size_t index) const noexcept { return buckets_[index].load(std::memory_order_relaxed); }
  uint64_t sum() const noexcept { return sum_.load(std::memory_order_relaxed); }

 private:
  static void bump(std::atomic<uint64_t>& counter, uint64_t by) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  std::array<std::atomic<uint64_t>, kBuckets> buckets_{};
  std::atomic<uint64_t> sum_{0};
};

}  // namespace ringcast
