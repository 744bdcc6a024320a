// SPDX-License-Identifier: Apache-2.0
// Keys that publishers gave so that a repetition is recognised: bounded in number and age, oldest go first.
// One core's (the channel's home).
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
    uint64_t id = 0;
    uint32_t receivers = 0;
  };
  IdempotencyKeys(uint32_t max, uint64_t window_us, const HashKey& key);
  // Null when it is new. Scoped to channel and publisher.
  const Outcome* find(std::string_view channel, std::string_view user, std::string_view key, uint64_t now_us);
  void insert(std::string_view channel, std::string_view user, std::string_view key, Outcome outcome, uint64_t now_us);
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
  Digest digest(std::string_view channel, std::string_view user, std::string_view key);
  void expire(uint64_t now_us);

  uint32_t max_;
  uint64_t window_us_;
  KeyedHash low_;
  KeyedHash high_;
  tsl::robin_map<Digest, Outcome, DigestHash> outcomes_;
  std::deque<std::pair<uint64_t, Digest>> order_;  // (expires, digest)
  std::string scratch_;
  uint64_t evicted_ = 0;
};

}  // namespace ringcast::hub
