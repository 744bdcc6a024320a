// SPDX-License-Identifier: Apache-2.0
#include "tls/openssl_types.h"

#include <openssl/err.h>

namespace ringcast::tls {

std::string take_openssl_error() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "unknown error";
  const char* const reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "OpenSSL error " + std::to_string(code);
}

}  // namespace ringcast::tls
