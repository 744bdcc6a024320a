// SPDX-License-Identifier: Apache-2.0
#include "hub/idempotency.h"

#include "hub/protocol.h"

namespace ringcast::hub {

IdempotencyKeys::IdempotencyKeys(uint32_t max, uint64_t window_us, const HashKey& key)
    : max_(max), window_us_(window_us), low_(key), high_(HashKey{~key.low, key.high}) {}

IdempotencyKeys::Digest IdempotencyKeys::digest(std::string_view channel, std::string_view user, std::string_view key) {
  RecordWriter(scratch_).text(channel).text(user).text(key);
  return {low_(scratch_), high_(scratch_)};
}

void IdempotencyKeys::expire(uint64_t now_us) {
  while (!order_.empty() && order_.front().first <= now_us) {
    outcomes_.erase(order_.front().second);
    order_.pop_front();
  }
}

const IdempotencyKeys::Outcome* IdempotencyKeys::find(std::string_view channel, std::string_view user,
                                                      std::string_view key, uint64_t now_us) {
  expire(now_us);
  const auto found = outcomes_.find(digest(channel, user, key));
  return found == outcomes_.end() ? nullptr : &found->second;
}

void IdempotencyKeys::insert(std::string_view channel, std::string_view user, std::string_view key, Outcome outcome,
                             uint64_t now_us) {
  if (max_ == 0) return;
  if (order_.size() >= max_) {
    outcomes_.erase(order_.front().second);
    order_.pop_front();
    ++evicted_;
  }
  const Digest entry = digest(channel, user, key);
  if (outcomes_.emplace(entry, outcome).second) order_.emplace_back(now_us + window_us_, entry);
}

}  // namespace ringcast::hub
