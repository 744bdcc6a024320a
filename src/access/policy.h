// SPDX-License-Identifier: Apache-2.0
// One generation of what the operator has set about tokens and permissions: keys, what is asked of a token, rules,
// revocations that a file lists. Made by the main thread or the thread that fetches keys; immutable then, shared by all
// reactors, and gone when the last of them has taken the next one.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/identity.h"
#include "access/revocations.h"
#include "access/rules.h"
#include "access/token_key.h"
#include "base/error.h"

namespace ringcast::access {

using Keys = std::vector<std::shared_ptr<const TokenKey>>;
inline constexpr size_t kTokenKeysMax = 64;  // configured and fetched ones together

struct TokenRules {
  std::vector<std::string> issuers;    // one of these; empty: any
  std::vector<std::string> audiences;  // the token names one of these; empty: not looked at
  std::chrono::seconds leeway{30};     // that clocks may differ
  bool expiry_required = true;
  std::string user_claim = "sub";
  std::string tenant_claim = "tenant";
  std::string name_claim = "name";
  uint32_t size_max = 4096;

  friend bool operator==(const TokenRules&, const TokenRules&) = default;
};

// What a token says beside names.
struct Grant {
  uint64_t expires_s = 0;  // since 1970, the leeway included; 0: never
  uint64_t issued_s = 0;   // 0: not said
  uint64_t id_hash = 0;    // for Revocations; 0: it has none
  uint64_t user_hash = 0;
  std::string name;  // by which its user is shown where a dialect shows names; empty: by the id
  Rules rules;
};

struct Policy {
  bool tokens = false;  // people's clients prove who they are
  TokenRules token;
  Keys keys;
  Rules rules;
  std::shared_ptr<const Revocations> listed;  // none: no file
  // API keys that rules name, with what they may do; all others may do everything.
  std::vector<std::pair<std::string, std::shared_ptr<const Grant>>> limited_keys;

  // Rules decide what people's clients may do; else they may do as they like.
  bool restricts() const { return tokens || !rules.empty(); }
  bool allows(Operation operation, std::string_view name, const Subject& subject, const Grant* grant) const {
    return rules.allow(operation, name, subject) || (grant != nullptr && grant->rules.allow(operation, name, subject));
  }

  // None: the key is not limited.
  std::shared_ptr<const Grant> grant_of_key(std::string_view name) const;

  // Who a token speaks of. `unknown_key` is the name of its key when no key here has that name. Messages
  // never quote the token. Codes bad_token, token_expired, token_revoked.
  [[nodiscard]] Result<Identity> verify(std::string_view token, uint64_t now_s, const Revocations& revoked,
                                        std::optional<std::string>& unknown_key) const;
};

inline bool is_revoked(const Grant& grant, const Revocations& revoked) {
  return revoked.holds(grant.id_hash, 0) || revoked.holds(grant.user_hash, grant.issued_s);
}

}  // namespace ringcast::access
