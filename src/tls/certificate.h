// SPDX-License-Identifier: Apache-2.0
// A certificate with its chain and its private key, read from PEM files and checked. Read-only afterwards: all cores
// share it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "tls/openssl_types.h"

namespace ringcast::tls {

struct Certificate {
  std::string file;
  std::vector<X509Ptr> chain;  // the certificate itself first
  KeyPtr key;
  std::vector<std::string> names;  // DNS names, in lower case: "example.org", "*.example.org"
  std::string subject;             // for people: the first name, or the common name
  int64_t not_before = 0;          // seconds since 1970
  int64_t not_after = 0;           // the chain's earliest end
  bool self_signed = false;

  int key_type() const;  // EVP_PKEY_…
  bool matches(std::string_view host) const;
};

// The error names file and fix: what is missing in it, a key that belongs to another certificate, a chain in the wrong
// order, dates that `now` (seconds since 1970) is outside of.
[[nodiscard]] Result<std::shared_ptr<const Certificate>> load_certificate(const std::string& certificate_file,
                                                                          const std::string& key_file, int64_t now);

// From here on people are warned that a certificate will be out of date; who renews them by a program does so a month
// before.
inline constexpr int64_t kExpiresSoonSeconds = int64_t{14} * 86400;

// "2026-11-29 17:55 UTC"
std::string format_date(int64_t seconds);

// Whether `host` (lower case) is what `name` stands for: itself, or one label for a "*." in front (RFC 6125).
bool name_matches(std::string_view name, std::string_view host);

}  // namespace ringcast::tls
