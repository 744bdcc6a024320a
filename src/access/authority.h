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
#include <unordered_map>
#include <vector>

#include "access/policy.h"

namespace ringcast::access {

class Authority {
 public:
  explicit Authority(size_t revocations_max);

  // Rises with every new policy and with every revocation.
  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  std::shared_ptr<const Policy> policy() const;
  const Revocations& revoked() const { return revoked_; }
  // Whether what other servers have revoked is known. Before the reactors start: it is to be waited for.
  bool complete() const { return complete_.load(std::memory_order_acquire); }
  void set_complete(bool complete) { complete_.store(complete, std::memory_order_release); }
  // The same hashes as revoked(), for a file's entries.
  std::shared_ptr<Revocations> make_list(size_t entries_max) const;

  // The settings, at start and at a reload; keys that were fetched stay.
  void set_policy(Policy policy);
  // The keys that a JWKS holds now.
  void set_fetched(Keys keys);

  // A user's tokens issued until now, or one token for good. False: the table is full.
  bool revoke_user(std::string_view tenant, std::string_view user, uint64_t now_s);
  bool revoke_id(std::string_view id);

  // Where keys are fetched: `fetch` asks for that, from any thread and without waiting. Before the reactors start.
  void set_fetching(std::function<void()> fetch) { fetch_ = std::move(fetch); }
  void fetch_begins();
  // Whether a key that is not here may still come: it may have been added since the keys were fetched, so no is said
  // only when a fetch that began after this key was first asked for has succeeded. Asks for one.
  bool may_come(const std::string& key_id);

 private:
  void publish();

  HashKey key_;
  Revocations revoked_;
  mutable std::mutex changing_;
  Policy configured_;
  Keys fetched_;
  // Key names come from clients: what is remembered of them is bounded, and forgotten once it is decided and room is
  // needed.
  static constexpr size_t kUnknownMax = 1024;
  std::function<void()> fetch_;
  uint64_t begun_ = 0;                                 // fetches
  uint64_t succeeded_ = 0;                             // the latest that has
  std::unordered_map<std::string, uint64_t> unknown_;  // names, with the fetch that decides
  std::shared_ptr<const Policy> policy_;
  std::atomic<uint64_t> generation_{1};
  std::atomic<bool> complete_{true};
};

}  // namespace ringcast::access
