// SPDX-License-Identifier: Apache-2.0
// Fresh keys of every algorithm, as an operator would have them in files. For the tests of this folder.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <string>

#include "access/token_key.h"

namespace ringcast::access {

struct KeyTexts {
  std::string secret_or_private;
  std::string secret_or_public;
};

inline std::string pem_of(EVP_PKEY* key, bool with_private) {
  BIO* const bio = BIO_new(BIO_s_mem());
  if (with_private) {
    PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  } else {
    PEM_write_bio_PUBKEY(bio, key);
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<size_t>(size));
  BIO_free(bio);
  return text;
}

inline EVP_PKEY* generate(Algorithm algorithm, const char* curve = nullptr) {
  switch (algorithm) {
    case Algorithm::rs256:
    case Algorithm::rs384:
    case Algorithm::rs512: return EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", size_t{2048});
    case Algorithm::es256: return EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
    case Algorithm::es384: return EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-384");
    case Algorithm::es512: return EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-521");
    default: return EVP_PKEY_Q_keygen(nullptr, nullptr, curve == nullptr ? "ED25519" : curve);
  }
}

inline KeyTexts fresh_key(Algorithm algorithm, const char* curve = nullptr) {
  if (algorithm <= Algorithm::hs512) return {std::string(64, 's'), std::string(64, 's')};
  EVP_PKEY* const key = generate(algorithm, curve);
  KeyTexts texts{pem_of(key, true), pem_of(key, false)};
  EVP_PKEY_free(key);
  return texts;
}

}  // namespace ringcast::access
