// SPDX-License-Identifier: Apache-2.0
#include "access/authority.h"

namespace ringcast::access {

Authority::Authority(size_t revocations_max)
    : key_(HashKey::random()), revoked_(key_, revocations_max), policy_(std::make_shared<Policy>()) {}

std::shared_ptr<const Policy> Authority::policy() const {
  const std::lock_guard lock(changing_);
  return policy_;
}

std::shared_ptr<Revocations> Authority::make_list(size_t entries_max) const {
  return std::make_shared<Revocations>(key_, entries_max);
}

void Authority::set_policy(Policy policy) {
  const std::lock_guard lock(changing_);
  configured_ = std::move(policy);
  publish();
}

void Authority::set_fetched(Keys keys) {
  const std::lock_guard lock(changing_);
  fetched_ = std::move(keys);
  publish();
  succeeded_ = begun_;
}

void Authority::fetch_begins() {
  const std::lock_guard lock(changing_);
  ++begun_;
}

bool Authority::may_come(const std::string& key_id) {
  if (!fetch_) return false;
  fetch_();
  const std::lock_guard lock(changing_);
  if (unknown_.size() >= kUnknownMax) std::erase_if(unknown_, [&](const auto& at) { return at.second <= succeeded_; });
  if (unknown_.size() >= kUnknownMax) unknown_.clear();
  return unknown_.try_emplace(key_id, begun_ + 1).first->second > succeeded_;
}

void Authority::publish() {
  auto next = std::make_shared<Policy>(configured_);
  for (const auto& key : fetched_) {
    if (next->keys.size() < kTokenKeysMax) next->keys.push_back(key);
  }
  policy_ = std::move(next);
  generation_.fetch_add(1, std::memory_order_release);
}

bool Authority::revoke_user(std::string_view tenant, std::string_view user, uint64_t now_s) {
  const bool added = revoked_.add(revoked_.hash_of_user(tenant, user), now_s);
  if (added) generation_.fetch_add(1, std::memory_order_release);
  return added;
}

bool Authority::revoke_id(std::string_view id) {
  const bool added = revoked_.add(revoked_.hash_of_id(id), Revocations::kForGood);
  if (added) generation_.fetch_add(1, std::memory_order_release);
  return added;
}

}  // namespace ringcast::access
