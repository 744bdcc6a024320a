// SPDX-License-Identifier: Apache-2.0
// Keys that publishers gave so that a repetition is recognised: bounded in number and age, oldest go first.
// One core's (the channel's owner).
#pragma once

#include <tsl/robin_map.h>

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "base/keyed_hash.h"

namespace ringcast::hub {

class IdempotencyKeys {
 public:
  struct Outcome {
    uint64_t id;
    uint32_t receivers;
  };
  IdempotencyKeys(uint32_t max, uint64_t window_us, const HashKey& key);
  // Null when it is new. Scoped to channel and publisher.
  const Outcome* find(std::string_view channel, std::string_view user, std::string_view key, uint64_t now_us);
  void insert(std::string_view channel, std::string_view user, std::string_view key, Outcome outcome, uint64_t now_us);
  // Takes out some of those whose window has ended; now and then, so that they go without further publishes too.
  void sweep(uint64_t now_us) { expire(now_us, kSweptPerCall); }
  size_t size() const { return outcomes_.size(); }
  uint64_t evicted() const { return evicted_; }  // gone before their window ended

 private:
  struct Digest {  // 128 bits of keyed hash stand for the three strings
    uint64_t low, high;
    friend bool operator==(const Digest&, const Digest&) = default;
  };
  struct DigestHash {
    size_t operator()(const Digest& digest) const { return static_cast<size_t>(digest.low); }
  };
  struct Kept {
    Outcome outcome;
    uint64_t expires_us;
  };
  // More than one, so that those whose window has ended become fewer with each publish.
  static constexpr uint32_t kExpiredPerFind = 8;
  static constexpr uint32_t kSweptPerCall = 2048;
  Digest digest(std::string_view channel, std::string_view user, std::string_view key);
  void expire(uint64_t now_us, uint32_t max);
  void pop_oldest();

  uint32_t max_;
  uint64_t window_us_;
  KeyedHash low_;
  KeyedHash high_;
  tsl::robin_map<Digest, Kept, DigestHash> outcomes_;
  // (expires, digest); a key that was given again after its window is in it twice for a while.
  std::deque<std::pair<uint64_t, Digest>> order_;
  std::string scratch_;
  uint64_t evicted_ = 0;
};

}  // namespace ringcast::hub
