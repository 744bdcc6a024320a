// SPDX-License-Identifier: Apache-2.0
// SharedHistogram: latencies of a run so far that another thread may read at any time, to 1 %; it sees the last
// interval as the difference of two readings. Written by one worker with plain stores, read by the main thread.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <vector>

namespace ringcast::ringload {

class SharedHistogram {
 public:
  static constexpr int kBits = 8;  // below 2^8 each value has a bucket; above, each octave has 2^7
  static constexpr uint64_t kHighest = (uint64_t{1} << 37) - 1;  // two minutes in nanoseconds
  static constexpr uint32_t kBuckets = ((37 - kBits) << (kBits - 1)) + (1u << kBits);

  void record(uint64_t value) noexcept {
    std::atomic<uint64_t>& bucket = buckets_[index_of(value < kHighest ? value : kHighest)];
    bucket.store(bucket.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  uint64_t bucket(uint32_t index) const noexcept { return buckets_[index].load(std::memory_order_relaxed); }

  static constexpr uint32_t index_of(uint64_t value) noexcept {
    const int octave = 64 - std::countl_zero(value | ((uint64_t{1} << kBits) - 1)) - kBits;
    return (static_cast<uint32_t>(octave) << (kBits - 1)) + static_cast<uint32_t>(value >> octave);
  }
  static constexpr uint64_t highest_of(uint32_t index) noexcept {
    const int octave = index < (1u << kBits) ? 0 : static_cast<int>(index >> (kBits - 1)) - 1;
    const uint64_t lowest = uint64_t{index - (static_cast<uint32_t>(octave) << (kBits - 1))} << octave;
    return lowest + ((uint64_t{1} << octave) - 1);
  }

 private:
  std::array<std::atomic<uint64_t>, kBuckets> buckets_{};
};
static_assert(SharedHistogram::index_of(SharedHistogram::kHighest) + 1 == SharedHistogram::kBuckets);

}  // namespace ringcast::ringload
