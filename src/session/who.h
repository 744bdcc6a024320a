// Whose a connection is, for as long as it lives: user, tenant and what the token grants, in one allocation behind one
// pointer, since every idle connection has one. Owned by its Client; that core's thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "auth/identity.h"
#include "hub/types.h"

namespace ringcast::session {

// How a token comes to its end while a connection is open.
enum class TokenEnd : uint8_t { expired, revoked };

class Who {
 public:
  Who() = default;
  explicit Who(const auth::Identity& identity);
  Who(Who&& other) noexcept : bytes_(std::exchange(other.bytes_, nullptr)) {}
  Who& operator=(Who&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Who();

  // "tenant\n@user": the inbox's key, user and tenant in one; "tenant\n" of who is anonymous.
  std::string_view inbox_key() const;
  std::string_view tenant() const { return hub::tenant_of(inbox_key()); }
  std::string_view user() const {
    const std::string_view name = hub::name_of(inbox_key());
    return name.empty() ? name : name.substr(1);
  }
  auth::Method method() const;
  // Of the token, or of an API key that rules limit; none otherwise.
  const auth::Grant* grant() const;
  // A new token for the same user and tenant.
  void set_grant(std::shared_ptr<const auth::Grant> grant);

 private:
  using Held = std::shared_ptr<const auth::Grant>;
  struct Head {
    uint16_t size;
    auth::Method method;
    bool has_grant;
  };
  Held* held() const;

  // [Held, with a grant only] Head, text
  char* bytes_ = nullptr;
};

}  // namespace ringcast::session
