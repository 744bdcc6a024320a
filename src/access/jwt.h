// SPDX-License-Identifier: Apache-2.0
// A JSON Web Token in the compact form (RFC 7515 section 7.1, RFC 7519) taken apart: nothing here is proved. Who reads
// claims has verified the signature before, with a key and an algorithm that the token does not choose.
// A Jwt is reused from token to token; its views live until the next open() on the same thread. No I/O, no clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace ringcast::access {

inline constexpr size_t kJwtAudiencesMax = 16;
inline constexpr size_t kJwtPermissionsMax = 64;  // pairs of a pattern and an operation

// Whose value names the user and the tenant.
struct JwtClaimNames {
  std::string_view user = "sub";
  std::string_view tenant = "tenant";
  std::string_view name = "name";
};

struct JwtClaims {
  std::string_view issuer;  // empty where absent, as those below
  std::string_view user;
  std::string_view tenant;
  std::string_view name;  // to be shown; empty also where it is no text
  std::string_view id;    // jti
  std::vector<std::string_view> audiences;
  // Seconds since 1970; fractions are cut off.
  std::optional<uint64_t> expires_s, not_before_s, issued_s;
  // "permissions":[{"match":"chat/*","allow":["subscribe"]}], as (match, operation).
  std::vector<std::pair<std::string_view, std::string_view>> permissions;
  bool has_permissions = false;
};

class Jwt {
 public:
  // Splits at the dots, decodes, and reads the header. No message quotes the token. Code bad_token.
  [[nodiscard]] std::optional<Error> open(std::string_view token);

  std::string_view algorithm() const { return algorithm_; }
  std::string_view key_id() const { return key_id_; }  // empty: none
  std::string_view signing_input() const { return signing_input_; }
  std::string_view signature() const { return signature_; }  // decoded

  [[nodiscard]] std::optional<Error> read_claims(const JwtClaimNames& names, JwtClaims& claims);

 private:
  std::string_view signing_input_;
  std::string algorithm_;
  std::string key_id_;
  std::string header_;
  std::string payload_;
  std::string signature_;
};

// For making tokens: signing input and signature of `header` and `payload`, JSON both.
std::string jwt_signing_input(std::string_view header, std::string_view payload);
void append_jwt_signature(std::string& token, std::string_view signature);

}  // namespace ringcast::access
