// SPDX-License-Identifier: Apache-2.0
#include "hooks/signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/assert.h"

namespace ringcast::hooks {

std::string signature(std::string_view secret, uint64_t unix_seconds, std::string_view body) {
  std::string signed_text = std::to_string(unix_seconds);
  std::string out = "t=" + signed_text + ",v1=";
  signed_text += '.';
  signed_text += body;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  const unsigned char* made =
      HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
           reinterpret_cast<const unsigned char*>(signed_text.data()), signed_text.size(), digest, &size);
  RINGCAST_ASSERT(made != nullptr && size == 32);
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (unsigned int i = 0; i < size; ++i) {
    out += kDigits[digest[i] >> 4];
    out += kDigits[digest[i] & 15];
  }
  return out;
}

}  // namespace ringcast::hooks
