// SPDX-License-Identifier: Apache-2.0
// Certificates made for tests: an authority of its own, what it has signed, as PEM files in a directory that goes with
// this object.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tls/openssl_types.h"

namespace ringcast::tls {

struct CertificateWish {
  std::string common_name = "localhost";
  std::vector<std::string> names;              // DNS names
  bool rsa = false;                            // else P-256
  int64_t begins_in = -3600, ends_in = 86400;  // seconds from now
  bool authority = false;
  const struct MadeCertificate* issuer = nullptr;  // none: signed by itself
};

struct MadeCertificate {
  X509Ptr certificate;
  KeyPtr key;
};

MadeCertificate make_certificate(const CertificateWish& wish);

class Pki {
 public:
  Pki();
  Pki(const Pki&) = delete;
  Pki& operator=(const Pki&) = delete;
  ~Pki();

  const MadeCertificate& authority() const { return authority_; }
  std::string path(const std::string& name) const { return directory_ + "/" + name; }
  std::string write(const std::string& name, const std::string& text) const;  // returns the path
  // NAME.pem (with the chain) and NAME.key of a certificate that the authority has signed.
  void issue(const std::string& name, CertificateWish wish);
  void save(const std::string& name, const MadeCertificate& made) const;

 private:
  std::string directory_;
  MadeCertificate authority_;
};

std::string pem_of(X509* certificate);
std::string pem_of(EVP_PKEY* key);

}  // namespace ringcast::tls
