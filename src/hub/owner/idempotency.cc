// SPDX-License-Identifier: Apache-2.0
#include "hub/owner/idempotency.h"

#include "base/erase_at.h"
#include "hub/protocol.h"

namespace ringcast::hub {

IdempotencyKeys::IdempotencyKeys(uint32_t max, uint64_t window_us, const HashKey& key)
    : max_(max), window_us_(window_us), low_(key), high_(HashKey{~key.low, key.high}) {}

IdempotencyKeys::Digest IdempotencyKeys::digest(std::string_view channel, std::string_view user, std::string_view key) {
  RecordWriter(scratch_).text(channel).text(user).text(key);
  return {low_(scratch_), high_(scratch_)};
}

void IdempotencyKeys::pop_oldest() {
  const auto& [expires_us, digest] = order_.front();
  const auto found = outcomes_.find(digest);
  if (found != outcomes_.end() && found->second.expires_us == expires_us) erase_at(outcomes_, found);
  order_.pop_front();
}

void IdempotencyKeys::expire(uint64_t now_us, uint32_t max) {
  for (; max != 0 && !order_.empty() && order_.front().first <= now_us; --max) pop_oldest();
}

const IdempotencyKeys::Outcome* IdempotencyKeys::find(std::string_view channel, std::string_view user,
                                                      std::string_view key, uint64_t now_us) {
  expire(now_us, kExpiredPerFind);
  const auto found = outcomes_.find(digest(channel, user, key));
  return found == outcomes_.end() || found->second.expires_us <= now_us ? nullptr : &found->second.outcome;
}

void IdempotencyKeys::insert(std::string_view channel, std::string_view user, std::string_view key, Outcome outcome,
                             uint64_t now_us) {
  if (max_ == 0) return;
  if (order_.size() >= max_) {
    if (order_.front().first > now_us) ++evicted_;
    pop_oldest();
  }
  const Digest entry = digest(channel, user, key);
  const uint64_t expires_us = now_us + window_us_;
  outcomes_[entry] = {outcome, expires_us};
  order_.emplace_back(expires_us, entry);
}

}  // namespace ringcast::hub
