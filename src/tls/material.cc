// SPDX-License-Identifier: Apache-2.0
#include "tls/material.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstdio>

#include "base/assert.h"
#include "tls/server_context.h"

namespace ringcast::tls {
namespace {

// The setting that names the file, in front.
tl::unexpected<Error> of(const std::string& setting, const Error& error) {
  return fail(error.code, setting + ": " + error.message);
}

Result<std::vector<X509Ptr>> load_authorities(const std::string& file) {
  std::FILE* const opened = std::fopen(file.c_str(), "re");
  if (opened == nullptr) return fail_errno(file, errno);
  const BioPtr bio(BIO_new_fp(opened, BIO_CLOSE));
  std::vector<X509Ptr> found;
  while (X509* const read = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    X509Ptr certificate(read);
    if (X509_check_ca(read) == 0)
      return fail("bad_certificate", file + ": certificate " + std::to_string(found.size() + 1) +
                                         " in it is not one of an authority (CA:TRUE)");
    found.push_back(std::move(certificate));
  }
  ERR_clear_error();
  if (found.empty())
    return fail("bad_certificate", file + ": there is no certificate in it (PEM, \"-----BEGIN CERTIFICATE-----\")");
  return found;
}

}  // namespace

Result<std::shared_ptr<const Material>> load_material(const MaterialFiles& files, int min_version,
                                                      std::vector<std::string> protocols, int64_t now) {
  RINGCAST_ASSERT(!files.certificates.empty() && files.certificates.size() == files.keys.size());
  auto material = std::make_shared<Material>();
  material->min_version = min_version;
  material->protocols = std::move(protocols);
  for (size_t i = 0; i < files.certificates.size(); ++i) {
    auto certificate = load_certificate(files.certificates[i], files.keys[i], now);
    if (!certificate) return of("tls_certificate, tls_key", certificate.error());
    material->certificates.push_back(*std::move(certificate));
  }
  if (!files.client_ca.empty()) {
    auto authorities = load_authorities(files.client_ca);
    if (!authorities) return of("tls_client_ca", authorities.error());
    material->client_authorities = *std::move(authorities);
  }
  if (!files.ticket_keys.empty()) {
    auto keys = load_ticket_keys(files.ticket_keys);
    if (!keys) return of("tls_ticket_key_file", keys.error());
    material->ticket_keys = *std::move(keys);
  }
  RotatingTicketKeys unused = RotatingTicketKeys::random(now);
  if (auto tried = ServerContext::create(material, unused); !tried)
    return of("tls_certificate, tls_key", tried.error());
  return material;
}

}  // namespace ringcast::tls
