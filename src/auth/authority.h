// SPDX-License-Identifier: Apache-2.0
// What all reactors ask about tokens: the present Policy, and what has been revoked since the start. One per process;
// any thread. A reactor keeps the Policy that it has and looks at one atomic to see whether there is a newer one.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "auth/policy.h"

namespace ringcast::auth {

class Authority {
 public:
  explicit Authority(size_t revocations_max);

  // Rises with every new policy and with every revocation.
  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  std::shared_ptr<const Policy> policy() const;
  const Revocations& revoked() const { return revoked_; }
  // The same hashes as revoked(), for a file's entries.
  std::shared_ptr<Revocations> make_list(size_t entries_max) const;

  // The settings, at start and at a reload; keys that were fetched stay.
  void set_policy(Policy policy);
  // The keys that a JWKS holds now.
  void set_fetched(Keys keys);

  // A user's tokens issued until now, or one token for good. False: the table is full.
  bool revoke_user(std::string_view tenant, std::string_view user, uint64_t now_s);
  bool revoke_id(std::string_view id);

  // Told when a token names a key that is not there: it may have been added since the keys were fetched.
  void set_on_unknown_key(std::function<void()> told) { on_unknown_key_ = std::move(told); }
  void unknown_key() const {
    if (on_unknown_key_) on_unknown_key_();
  }

 private:
  void publish();

  HashKey key_;
  Revocations revoked_;
  std::function<void()> on_unknown_key_;  // set before the reactors start
  mutable std::mutex changing_;
  Policy configured_;
  Keys fetched_;
  std::shared_ptr<const Policy> policy_;
  std::atomic<uint64_t> generation_{1};
};

}  // namespace ringcast::auth
