// SPDX-License-Identifier: Apache-2.0
// One key that tokens are verified with, or signed: its algorithm is pinned when it is made, so that a token cannot
// choose (RFC 8725 section 3.1). Immutable once made; any thread may verify at the same time.
#pragma once

#include <openssl/evp.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "access/jwks.h"
#include "base/error.h"

namespace ringcast::access {

enum class Algorithm : uint8_t { hs256, hs384, hs512, rs256, rs384, rs512, es256, es384, es512, eddsa };
std::string_view to_string(Algorithm algorithm);  // "HS256" (RFC 7518 section 3.1), "EdDSA" (RFC 8037)
std::optional<Algorithm> algorithm_from(std::string_view name);
inline constexpr std::string_view kAlgorithmNames =
    "HS256, HS384, HS512, RS256, RS384, RS512, ES256, ES384, ES512, EdDSA";

class TokenKey {
 public:
  // HMAC: the secret, of at least the size of the hash (RFC 7518 section 3.2).
  [[nodiscard]] static Result<TokenKey> from_secret(Algorithm algorithm, std::string id, std::string_view secret);
  // A public key (SubjectPublicKeyInfo), a certificate, or a private key, which can sign as well.
  [[nodiscard]] static Result<TokenKey> from_pem(Algorithm algorithm, std::string id, std::string_view pem);
  // By its algorithm: a secret (a line end after it does not count) or PEM.
  [[nodiscard]] static Result<TokenKey> from_text(Algorithm algorithm, std::string id, std::string_view text);
  // Nothing for a key that is not for verifying tokens, or of a kind that is not known here; an error for a broken one.
  [[nodiscard]] static Result<std::optional<TokenKey>> from_jwk(const Jwk& jwk);

  Algorithm algorithm() const { return algorithm_; }
  const std::string& id() const { return id_; }  // "kid"; empty: any
  bool verify(std::string_view signing_input, std::string_view signature) const;
  bool can_sign() const { return can_sign_; }
  [[nodiscard]] Result<std::string> sign(std::string_view signing_input) const;

 private:
  template <auto Free>
  struct Deleter {
    template <class T>
    void operator()(T* at) const {
      Free(at);
    }
  };
  using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
  using Digest = std::unique_ptr<EVP_MD, Deleter<EVP_MD_free>>;
  using Mac = std::unique_ptr<EVP_MAC_CTX, Deleter<EVP_MAC_CTX_free>>;

  TokenKey(Algorithm algorithm, std::string id) : algorithm_(algorithm), id_(std::move(id)) {}
  [[nodiscard]] static Result<TokenKey> from_key(Algorithm algorithm, std::string id, Key key, bool can_sign);
  bool hmac(std::string_view input, std::string& out) const;

  Algorithm algorithm_;
  std::string id_;
  bool can_sign_ = false;
  Digest digest_;  // fetched once; none for EdDSA, and for HMAC, whose context has it
  Key key_;
  Mac mac_;  // keyed; copied for each use
};

}  // namespace ringcast::access
