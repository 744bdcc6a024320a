// SPDX-License-Identifier: Apache-2.0
// Whose a connection is, for as long as it lives: user, tenant and what the token grants, in one word and a text that
// the hub's inbox shares, since every idle connection has one. Owned by its Client; that core's thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "access/identity.h"
#include "hub/name.h"
#include "hub/types.h"

namespace ringcast::session {

// How a token comes to its end while a connection is open.
enum class TokenEnd : uint8_t { expired, revoked };

class Who {
 public:
  Who() = default;
  explicit Who(const access::Identity& identity);
  Who(Who&& other) noexcept : word_(std::exchange(other.word_, 0)) {}
  Who& operator=(Who&& other) noexcept {
    std::swap(word_, other.word_);
    return *this;
  }
  ~Who();

  // "tenant\n@user": the inbox's key, user and tenant in one; "tenant\n" of who is anonymous.
  std::string_view inbox_key() const;
  hub::Name inbox_name() const;  // the same, shared
  std::string_view tenant() const { return hub::tenant_of(inbox_key()); }
  std::string_view user() const {
    const std::string_view name = hub::name_of(inbox_key());
    return name.empty() ? name : name.substr(1);
  }
  access::Method method() const { return static_cast<access::Method>(word_ & kMethod); }
  // Of the token, or of an API key that rules limit; none otherwise.
  const access::Grant* grant() const;
  // A new token for the same user and tenant.
  void set_grant(std::shared_ptr<const access::Grant> grant);

 private:
  struct Granted;
  // Low bits of the word, which are zero in any pointer.
  static constexpr uintptr_t kMethod = 3;
  static constexpr uintptr_t kGranted = 4;
  static constexpr uintptr_t kBits = kMethod | kGranted;

  template <class T>
  T* pointer() const {
    return reinterpret_cast<T*>(word_ & ~kBits);
  }
  // The word, or the Granted, counts as one use of it.
  hub::Name::Text* text() const;

  uintptr_t word_ = 0;  // a name's text, or, where a token grants something, a Granted; and the method
};

}  // namespace ringcast::session
