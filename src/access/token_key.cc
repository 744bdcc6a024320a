// SPDX-License-Identifier: Apache-2.0
#include "access/token_key.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <iterator>

#include "base/assert.h"

namespace ringcast::access {

namespace {

struct Facts {
  std::string_view name;
  const char* digest;  // nullptr: the scheme has its own
  int key_type;        // EVP_PKEY_NONE: HMAC
  int curve;           // NID
  size_t part_bytes;   // ECDSA: of r and of s (RFC 7518 section 3.4); HMAC: of the hash
};

constexpr Facts kFacts[] = {
    {"HS256", "SHA256", EVP_PKEY_NONE, NID_undef, 32},
    {"HS384", "SHA384", EVP_PKEY_NONE, NID_undef, 48},
    {"HS512", "SHA512", EVP_PKEY_NONE, NID_undef, 64},
    {"RS256", "SHA256", EVP_PKEY_RSA, NID_undef, 0},
    {"RS384", "SHA384", EVP_PKEY_RSA, NID_undef, 0},
    {"RS512", "SHA512", EVP_PKEY_RSA, NID_undef, 0},
    {"ES256", "SHA256", EVP_PKEY_EC, NID_X9_62_prime256v1, 32},
    {"ES384", "SHA384", EVP_PKEY_EC, NID_secp384r1, 48},
    {"ES512", "SHA512", EVP_PKEY_EC, NID_secp521r1, 66},
    {"EdDSA", nullptr, EVP_PKEY_ED25519, NID_undef, 0},
};

const Facts& facts_of(Algorithm algorithm) {
  return kFacts[static_cast<size_t>(algorithm)];
}

constexpr int kRsaBitsMin = 2048;  // RFC 7518 section 3.3
// Beyond it a verification takes longer than a client may cost.
constexpr int kRsaBitsMax = 8192;

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

tl::unexpected<Error> bad_key(std::string_view id, std::string what) {
  ERR_clear_error();
  return fail("bad_key", "the key " + (id.empty() ? std::string() : "\"" + std::string(id) + "\" ") + std::move(what));
}

int curve_of(const EVP_PKEY* key) {
  char name[64];
  size_t size = 0;
  if (EVP_PKEY_get_group_name(key, name, sizeof name, &size) != 1) return NID_undef;
  const int nid = OBJ_sn2nid(name);
  return nid != NID_undef ? nid : EC_curve_nist2nid(name);
}

// A thread's own, so that a verification takes no memory for it.
EVP_MD_CTX* context() {
  struct Context {
    EVP_MD_CTX* at = EVP_MD_CTX_new();
    ~Context() { EVP_MD_CTX_free(at); }
  };
  thread_local Context context;
  RINGCAST_ASSERT(context.at != nullptr);
  EVP_MD_CTX_reset(context.at);
  return context.at;
}

// JOSE has r and s side by side, OpenSSL a DER sequence of both.
bool der_of(std::string_view signature, size_t part, std::string& der) {
  if (signature.size() != 2 * part) return false;
  ECDSA_SIG* const both = ECDSA_SIG_new();
  BIGNUM* const r = BN_bin2bn(bytes(signature), static_cast<int>(part), nullptr);
  BIGNUM* const s = BN_bin2bn(bytes(signature) + part, static_cast<int>(part), nullptr);
  RINGCAST_ASSERT(both != nullptr && r != nullptr && s != nullptr && ECDSA_SIG_set0(both, r, s) == 1);
  const int size = i2d_ECDSA_SIG(both, nullptr);
  if (size > 0) {
    der.resize(static_cast<size_t>(size));
    auto* at = reinterpret_cast<unsigned char*>(der.data());
    i2d_ECDSA_SIG(both, &at);
  }
  ECDSA_SIG_free(both);
  return size > 0;
}

std::string joined_of(std::string_view der, size_t part) {
  const unsigned char* at = bytes(der);
  ECDSA_SIG* const both = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
  RINGCAST_ASSERT(both != nullptr);
  std::string out(2 * part, '\0');
  auto* const to = reinterpret_cast<unsigned char*>(out.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(both), to, static_cast<int>(part));
  BN_bn2binpad(ECDSA_SIG_get0_s(both), to + part, static_cast<int>(part));
  ECDSA_SIG_free(both);
  return out;
}

struct Parameters {
  OSSL_PARAM_BLD* builder = OSSL_PARAM_BLD_new();
  BIGNUM* numbers[2] = {nullptr, nullptr};
  ~Parameters() {
    for (BIGNUM* number : numbers) BN_free(number);
    OSSL_PARAM_BLD_free(builder);
  }
  void number(int at, const char* name, std::string_view big_endian) {
    numbers[at] = BN_bin2bn(bytes(big_endian), static_cast<int>(big_endian.size()), nullptr);
    OSSL_PARAM_BLD_push_BN(builder, name, numbers[at]);
  }
  EVP_PKEY* make(const char* type) const {
    EVP_PKEY* key = nullptr;
    OSSL_PARAM* const params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX* const made = EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr);
    if (params != nullptr && made != nullptr && EVP_PKEY_fromdata_init(made) == 1) {
      EVP_PKEY_fromdata(made, &key, EVP_PKEY_PUBLIC_KEY, params);
    }
    EVP_PKEY_CTX_free(made);
    OSSL_PARAM_free(params);
    return key;
  }
};

struct Curve {
  std::string_view name;
  Algorithm algorithm;
};
constexpr Curve kCurves[] = {{"P-256", Algorithm::es256}, {"P-384", Algorithm::es384}, {"P-521", Algorithm::es512}};

EVP_PKEY* rsa_of(const Jwk& jwk) {
  if (jwk.n.empty() || jwk.e.empty()) return nullptr;
  Parameters parameters;
  parameters.number(0, OSSL_PKEY_PARAM_RSA_N, jwk.n);
  parameters.number(1, OSSL_PKEY_PARAM_RSA_E, jwk.e);
  return parameters.make("RSA");
}

EVP_PKEY* ec_of(const Jwk& jwk, size_t part) {
  if (jwk.x.size() != part || jwk.y.size() != part) return nullptr;
  const std::string point = '\4' + jwk.x + jwk.y;  // uncompressed (SEC 1 section 2.3.3)
  Parameters parameters;
  OSSL_PARAM_BLD_push_utf8_string(parameters.builder, OSSL_PKEY_PARAM_GROUP_NAME, jwk.curve.c_str(), 0);
  OSSL_PARAM_BLD_push_octet_string(parameters.builder, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  return parameters.make("EC");
}

}  // namespace

std::string_view to_string(Algorithm algorithm) {
  return facts_of(algorithm).name;
}

std::optional<Algorithm> algorithm_from(std::string_view name) {
  for (size_t i = 0; i < std::size(kFacts); ++i) {
    if (kFacts[i].name == name) return static_cast<Algorithm>(i);
  }
  return std::nullopt;
}

Result<TokenKey> TokenKey::from_secret(Algorithm algorithm, std::string id, std::string_view secret) {
  const Facts& facts = facts_of(algorithm);
  RINGCAST_ASSERT(facts.key_type == EVP_PKEY_NONE);
  if (secret.size() < facts.part_bytes) {
    return bad_key(id, "has " + std::to_string(secret.size()) + " bytes; a secret for " + std::string(facts.name) +
                           " needs at least " + std::to_string(facts.part_bytes));
  }
  TokenKey made(algorithm, std::move(id));
  EVP_MAC* const mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  made.mac_.reset(EVP_MAC_CTX_new(mac));
  EVP_MAC_free(mac);
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, const_cast<char*>(facts.digest), 0),
      OSSL_PARAM_construct_end()};
  RINGCAST_ASSERT(made.mac_ != nullptr && EVP_MAC_init(made.mac_.get(), bytes(secret), secret.size(), params) == 1);
  made.can_sign_ = true;
  return made;
}

Result<TokenKey> TokenKey::from_key(Algorithm algorithm, std::string id, Key key, bool can_sign) {
  const Facts& facts = facts_of(algorithm);
  const std::string name(facts.name);
  if (key == nullptr) return bad_key(id, "cannot be read");
  const int type = EVP_PKEY_get_base_id(key.get());
  const bool edwards = type == EVP_PKEY_ED25519 || type == EVP_PKEY_ED448;
  if (algorithm == Algorithm::eddsa ? !edwards : type != facts.key_type) {
    return bad_key(id, "is not of the kind that " + name + " takes");
  }
  if (facts.key_type == EVP_PKEY_RSA) {
    const int bits = EVP_PKEY_get_bits(key.get());
    if (bits < kRsaBitsMin || bits > kRsaBitsMax) {
      return bad_key(id, "has " + std::to_string(bits) + " bits; RSA keys have 2048 to 8192");
    }
  }
  if (facts.key_type == EVP_PKEY_EC && curve_of(key.get()) != facts.curve) {
    return bad_key(id, "is on another curve than that of " + name);
  }
  TokenKey made(algorithm, std::move(id));
  made.key_ = std::move(key);
  made.can_sign_ = can_sign;
  if (facts.digest != nullptr) {
    made.digest_.reset(EVP_MD_fetch(nullptr, facts.digest, nullptr));
    RINGCAST_ASSERT(made.digest_ != nullptr);
  }
  return made;
}

Result<TokenKey> TokenKey::from_pem(Algorithm algorithm, std::string id, std::string_view pem) {
  RINGCAST_ASSERT(facts_of(algorithm).key_type != EVP_PKEY_NONE);
  const auto read = [&](auto&& parse) {
    BIO* const bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    auto* const found = parse(bio);
    BIO_free(bio);
    return found;
  };
  // Nobody is asked for a passphrase: an encrypted key cannot be read.
  const auto no_passphrase = [](char*, int, int, void*) { return 0; };
  Key key(read([&](BIO* bio) { return PEM_read_bio_PrivateKey(bio, nullptr, no_passphrase, nullptr); }));
  const bool is_private = key != nullptr;
  if (!key) key.reset(read([&](BIO* bio) { return PEM_read_bio_PUBKEY(bio, nullptr, no_passphrase, nullptr); }));
  if (!key) {
    X509* const certificate = read([&](BIO* bio) { return PEM_read_bio_X509(bio, nullptr, no_passphrase, nullptr); });
    if (certificate != nullptr) key.reset(X509_get_pubkey(certificate));
    X509_free(certificate);
  }
  ERR_clear_error();
  if (!key) return bad_key(id, "is neither a public key, a certificate nor a private key in PEM");
  return from_key(algorithm, std::move(id), std::move(key), is_private);
}

Result<TokenKey> TokenKey::from_text(Algorithm algorithm, std::string id, std::string_view text) {
  if (facts_of(algorithm).key_type != EVP_PKEY_NONE) return from_pem(algorithm, std::move(id), text);
  // An RSA public key that is taken for a secret is known to everybody.
  if (text.find("-----BEGIN ") != std::string_view::npos) return bad_key(id, "is PEM, not a secret");
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  return from_secret(algorithm, std::move(id), text);
}

Result<std::optional<TokenKey>> TokenKey::from_jwk(const Jwk& jwk) {
  const std::optional<Algorithm> named = algorithm_from(jwk.algorithm);
  if ((!jwk.use.empty() && jwk.use != "sig") || (!jwk.algorithm.empty() && !named)) return std::nullopt;
  Algorithm algorithm = named.value_or(Algorithm::rs256);
  Key key;
  if (jwk.type == "RSA") {
    key.reset(rsa_of(jwk));
  } else if (jwk.type == "EC") {
    const Curve* curve = nullptr;
    for (const Curve& known : kCurves) {
      if (known.name == jwk.curve) curve = &known;
    }
    if (curve == nullptr) return std::nullopt;
    if (!named) algorithm = curve->algorithm;
    key.reset(ec_of(jwk, facts_of(curve->algorithm).part_bytes));
  } else if (jwk.type == "OKP") {
    if (jwk.curve != "Ed25519" && jwk.curve != "Ed448") return std::nullopt;
    if (!named) algorithm = Algorithm::eddsa;
    key.reset(EVP_PKEY_new_raw_public_key_ex(nullptr, jwk.curve == "Ed25519" ? "ED25519" : "ED448", nullptr,
                                             bytes(jwk.x), jwk.x.size()));
  } else if (jwk.type == "oct") {
    if (!named || facts_of(algorithm).key_type != EVP_PKEY_NONE) return std::nullopt;
    auto made = from_secret(algorithm, jwk.id, jwk.k);
    if (!made) return tl::unexpected<Error>(made.error());
    return std::optional<TokenKey>(*std::move(made));
  } else {
    return std::nullopt;
  }
  if (facts_of(algorithm).key_type == EVP_PKEY_NONE) return bad_key(jwk.id, "is not a secret, as its algorithm wants");
  auto made = from_key(algorithm, jwk.id, std::move(key), false);
  if (!made) return tl::unexpected<Error>(made.error());
  return std::optional<TokenKey>(*std::move(made));
}

bool TokenKey::hmac(std::string_view input, std::string& out) const {
  const Mac copy(EVP_MAC_CTX_dup(mac_.get()));
  out.resize(EVP_MAX_MD_SIZE);
  size_t size = 0;
  if (copy == nullptr || EVP_MAC_update(copy.get(), bytes(input), input.size()) != 1 ||
      EVP_MAC_final(copy.get(), reinterpret_cast<unsigned char*>(out.data()), &size, out.size()) != 1) {
    return false;
  }
  out.resize(size);
  return true;
}

bool TokenKey::verify(std::string_view signing_input, std::string_view signature) const {
  const Facts& facts = facts_of(algorithm_);
  if (mac_ != nullptr) {
    thread_local std::string expected;
    return hmac(signing_input, expected) && expected.size() == signature.size() &&
           CRYPTO_memcmp(expected.data(), signature.data(), expected.size()) == 0;
  }
  thread_local std::string der;
  if (facts.key_type == EVP_PKEY_EC) {
    if (!der_of(signature, facts.part_bytes, der)) return false;
    signature = der;
  }
  EVP_MD_CTX* const at = context();
  const bool good =
      EVP_DigestVerifyInit_ex(at, nullptr, digest_ ? EVP_MD_get0_name(digest_.get()) : nullptr, nullptr, nullptr,
                              key_.get(), nullptr) == 1 &&
      EVP_DigestVerify(at, bytes(signature), signature.size(), bytes(signing_input), signing_input.size()) == 1;
  if (!good) ERR_clear_error();
  return good;
}

Result<std::string> TokenKey::sign(std::string_view signing_input) const {
  if (!can_sign_) return bad_key(id_, "is a public one and cannot sign");
  std::string signature;
  if (mac_ != nullptr) {
    RINGCAST_ASSERT(hmac(signing_input, signature));
    return signature;
  }
  EVP_MD_CTX* const at = context();
  size_t size = 0;
  const bool begun = EVP_DigestSignInit_ex(at, nullptr, digest_ ? EVP_MD_get0_name(digest_.get()) : nullptr, nullptr,
                                           nullptr, key_.get(), nullptr) == 1 &&
                     EVP_DigestSign(at, nullptr, &size, bytes(signing_input), signing_input.size()) == 1;
  signature.resize(size);
  if (!begun || EVP_DigestSign(at, reinterpret_cast<unsigned char*>(signature.data()), &size, bytes(signing_input),
                               signing_input.size()) != 1) {
    return bad_key(id_, "could not sign");
  }
  signature.resize(size);
  if (facts_of(algorithm_).key_type == EVP_PKEY_EC) return joined_of(signature, facts_of(algorithm_).part_bytes);
  return signature;
}

}  // namespace ringcast::access
