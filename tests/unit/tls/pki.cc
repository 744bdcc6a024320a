// SPDX-License-Identifier: Apache-2.0
#include "pki.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/assert.h"

namespace ringcast::tls {
namespace {

void extend(X509* certificate, X509* issuer, int what, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str());
  RINGCAST_ASSERT(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

}  // namespace

MadeCertificate make_certificate(const CertificateWish& wish) {
  MadeCertificate made{X509Ptr(X509_new()), KeyPtr(wish.rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"))};
  X509* const certificate = made.certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  static long serial = 1;
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), wish.begins_in);
  X509_gmtime_adj(X509_getm_notAfter(certificate), wish.ends_in);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME* const name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(wish.common_name.c_str()), -1, -1, 0);
  X509* const issuer = wish.issuer != nullptr ? wish.issuer->certificate.get() : certificate;
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
  extend(certificate, issuer, NID_basic_constraints, wish.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  extend(certificate, issuer, NID_subject_key_identifier, "hash");
  std::string names;
  for (const std::string& each : wish.names) names += (names.empty() ? "DNS:" : ",DNS:") + each;
  if (!names.empty()) extend(certificate, issuer, NID_subject_alt_name, names);
  X509_sign(certificate, wish.issuer != nullptr ? wish.issuer->key.get() : made.key.get(), EVP_sha256());
  return made;
}

std::string pem_of(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate);
  return text_of(bio.get());
}

std::string pem_of(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return text_of(bio.get());
}

Pki::Pki() : authority_(make_certificate({.common_name = "Test Authority", .authority = true})) {
  std::string pattern = (std::filesystem::temp_directory_path() / "ringcast-tls-XXXXXX").string();
  RINGCAST_ASSERT(mkdtemp(pattern.data()) != nullptr);
  directory_ = pattern;
  save("ca", authority_);
}

Pki::~Pki() {
  std::error_code error;
  std::filesystem::remove_all(directory_, error);
}

std::string Pki::write(const std::string& name, const std::string& text) const {
  std::ofstream(path(name), std::ios::binary) << text;
  return path(name);
}

void Pki::save(const std::string& name, const MadeCertificate& made) const {
  write(name + ".pem", pem_of(made.certificate.get()));
  write(name + ".key", pem_of(made.key.get()));
}

void Pki::issue(const std::string& name, CertificateWish wish) {
  wish.issuer = &authority_;
  const MadeCertificate made = make_certificate(wish);
  save(name, made);
  write(name + ".pem", pem_of(made.certificate.get()) + pem_of(authority_.certificate.get()));
}

}  // namespace ringcast::tls
