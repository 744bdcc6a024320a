// SPDX-License-Identifier: Apache-2.0
// A JSON Web Key Set (RFC 7517): the keys as they stand there, their numbers decoded; what they are good for is judged
// by who uses them. Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace ringcast::access {

struct Jwk {
  std::string type;       // kty: RSA, EC, OKP, oct
  std::string id;         // kid
  std::string algorithm;  // alg; empty where absent
  std::string use;        // sig, enc; empty where absent
  std::string curve;      // crv
  // Decoded from base64url; empty where absent.
  std::string n, e, x, y, k;
  std::string fault;  // why it cannot be used; empty: nothing is wrong with its form
};

// A set, or one key alone. Members that nobody knows are ignored, a key's private ones too. A faulty key of a set has a
// `fault`, and the others are as good as without it (RFC 7517 section 5). Code bad_jwks.
[[nodiscard]] Result<std::vector<Jwk>> parse_jwks(std::string_view text, size_t keys_max);

}  // namespace ringcast::access
