// SPDX-License-Identifier: Apache-2.0
// SequenceChecker: what one subscriber has seen of one stream; tells loss, duplicates and reordering apart.
// One per (subscriber, publisher of its room), owned by the worker of the subscriber; 24 bytes.
#pragma once

#include <cstdint>

namespace ringcast::ringload {

struct SequenceCounts {
  uint64_t received = 0;    // each message once
  uint64_t duplicates = 0;  // seen before, or so old that it cannot be told (more than 64 behind)
  uint64_t reordered = 0;   // came after one that was sent later
  uint64_t lost = 0;        // known only at the end: what never came

  void add(const SequenceCounts& other) {
    received += other.received;
    duplicates += other.duplicates;
    reordered += other.reordered;
    lost += other.lost;
  }
  friend bool operator==(const SequenceCounts&, const SequenceCounts&) = default;
};

class SequenceChecker {
 public:
  enum class Verdict : uint8_t { in_order, after_gap, late, duplicate };

  // The subscriber expects everything from `sequence` on; what is older counts as a duplicate.
  void expect_from(uint64_t sequence) {
    next_ = sequence;
    window_ = ~uint64_t{0};
    missing_ = 0;
  }

  // … whatever comes first begins the stream: a subscriber that joined while it was running.
  void expect_any() { next_ = kAny; }

  Verdict take(uint64_t sequence, SequenceCounts& counts) {
    if (next_ == kAny) expect_from(sequence);
    if (sequence == next_) {
      ++next_;
      window_ = window_ << 1 | 1;
      ++counts.received;
      return Verdict::in_order;
    }
    if (sequence > next_) {
      const uint64_t skipped = sequence - next_;
      missing_ += skipped;
      window_ = skipped >= 63 ? 1 : window_ << (skipped + 1) | 1;
      next_ = sequence + 1;
      ++counts.received;
      return Verdict::after_gap;
    }
    const uint64_t behind = next_ - 1 - sequence;
    if (behind >= 64 || (window_ >> behind & 1) != 0) {
      ++counts.duplicates;
      return Verdict::duplicate;
    }
    window_ |= uint64_t{1} << behind;
    --missing_;
    ++counts.received;
    ++counts.reordered;
    return Verdict::late;
  }

  // The stream ended before `end`: what is missing is lost.
  void finish(uint64_t end, SequenceCounts& counts) const {
    if (next_ != kAny) counts.lost += missing_ + (end > next_ ? end - next_ : 0);
  }

  uint64_t next() const { return next_; }
  uint64_t missing() const { return missing_; }

 private:
  static constexpr uint64_t kAny = UINT64_MAX;
  uint64_t next_ = kAny;
  uint64_t window_ = ~uint64_t{0};  // bit i: next_ - 1 - i was seen (or was before the beginning)
  uint64_t missing_ = 0;            // below next_ and not seen
};
static_assert(sizeof(SequenceChecker) == 24);

}  // namespace ringcast::ringload
