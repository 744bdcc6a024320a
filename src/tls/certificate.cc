// SPDX-License-Identifier: Apache-2.0
#include "tls/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace ringcast::tls {
namespace {

tl::unexpected<Error> bad(const std::string& file, const std::string& what) {
  return fail("bad_certificate", file + ": " + what);
}

Result<BioPtr> open_file(const std::string& file) {
  std::FILE* const opened = std::fopen(file.c_str(), "re");
  if (opened == nullptr) return fail_errno(file, errno);
  return BioPtr(BIO_new_fp(opened, BIO_CLOSE));
}

// A key that is encrypted cannot be read: nobody is there to enter its passphrase.
int no_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Result<KeyPtr> read_key(const std::string& file) {
  auto bio = open_file(file);
  if (!bio) return tl::unexpected<Error>(std::move(bio.error()));
  bool encrypted = false;
  KeyPtr key(PEM_read_bio_PrivateKey(bio->get(), nullptr, no_passphrase, &encrypted));
  if (key != nullptr) return key;
  ERR_clear_error();
  if (encrypted)
    return bad(file, "the private key is encrypted; write it without a passphrase: openssl pkey -in " + file +
                         " -out key.pem, readable for the server's user alone");
  return bad(file, "there is no private key in it (PEM, \"-----BEGIN PRIVATE KEY-----\")");
}

Result<std::vector<X509Ptr>> read_chain(const std::string& file) {
  auto bio = open_file(file);
  if (!bio) return tl::unexpected<Error>(std::move(bio.error()));
  std::vector<X509Ptr> chain;
  while (X509* const read = PEM_read_bio_X509(bio->get(), nullptr, nullptr, nullptr)) chain.emplace_back(read);
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  // The end of the file is an error of its own; any other means a damaged certificate.
  if (ERR_GET_LIB(error) != ERR_LIB_PEM || ERR_GET_REASON(error) != PEM_R_NO_START_LINE)
    return bad(file, "certificate " + std::to_string(chain.size() + 1) + " in it is damaged");
  if (chain.empty()) return bad(file, "there is no certificate in it (PEM, \"-----BEGIN CERTIFICATE-----\")");
  return chain;
}

int64_t seconds_of(const ASN1_TIME* time) {
  std::tm broken{};
  return ASN1_TIME_to_tm(time, &broken) == 1 ? timegm(&broken) : 0;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

std::vector<std::string> dns_names(X509* certificate) {
  std::vector<std::string> names;
  auto* const found =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(found); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(found, i);
    if (name->type != GEN_DNS) continue;
    const auto* const text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
    names.push_back(lower({text, static_cast<size_t>(ASN1_STRING_length(name->d.dNSName))}));
  }
  GENERAL_NAMES_free(found);
  return names;
}

std::string common_name(X509* certificate) {
  char text[256] = "";
  const int length = X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text, sizeof text);
  return length > 0 ? std::string(text, static_cast<size_t>(length)) : "(no name)";
}

Result<void> check_dates(const Certificate& certificate, int64_t now) {
  if (now < certificate.not_before)
    return bad(certificate.file, "the certificate of " + certificate.subject + " is valid from " +
                                     format_date(certificate.not_before) + " on; check the clock of this machine");
  if (now > certificate.not_after)
    return bad(certificate.file, "the certificate of " + certificate.subject + " has expired on " +
                                     format_date(certificate.not_after) + "; renew it");
  return {};
}

Result<void> check_order(const Certificate& certificate) {
  for (size_t i = 0; i + 1 < certificate.chain.size(); ++i) {
    if (X509_check_issued(certificate.chain[i + 1].get(), certificate.chain[i].get()) == X509_V_OK) continue;
    return bad(certificate.file, "certificate " + std::to_string(i + 2) + " in it is not the issuer of certificate " +
                                     std::to_string(i + 1) +
                                     "; the order is the server's own one, then each its issuer");
  }
  return {};
}

}  // namespace

std::string format_date(int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm broken{};
  gmtime_r(&time, &broken);
  char text[64];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &broken)};
}

bool name_matches(std::string_view name, std::string_view host) {
  if (name == host) return true;
  if (!name.starts_with("*.")) return false;
  const size_t dot = host.find('.');
  return dot != 0 && dot != std::string_view::npos && host.substr(dot) == name.substr(1);
}

int Certificate::key_type() const {
  return EVP_PKEY_get_base_id(key.get());
}

bool Certificate::matches(std::string_view host) const {
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return name_matches(name, host); });
}

Result<std::shared_ptr<const Certificate>> load_certificate(const std::string& certificate_file,
                                                            const std::string& key_file, int64_t now) {
  auto chain = read_chain(certificate_file);
  if (!chain) return tl::unexpected<Error>(std::move(chain.error()));
  auto key = read_key(key_file);
  if (!key) return tl::unexpected<Error>(std::move(key.error()));

  auto certificate = std::make_shared<Certificate>();
  certificate->file = certificate_file;
  certificate->chain = *std::move(chain);
  certificate->key = *std::move(key);
  X509* const own = certificate->chain.front().get();
  certificate->names = dns_names(own);
  certificate->subject = certificate->names.empty() ? common_name(own) : certificate->names.front();
  certificate->self_signed = X509_check_issued(own, own) == X509_V_OK;
  certificate->not_after = INT64_MAX;
  for (const X509Ptr& each : certificate->chain) {
    certificate->not_before = std::max(certificate->not_before, seconds_of(X509_get0_notBefore(each.get())));
    certificate->not_after = std::min(certificate->not_after, seconds_of(X509_get0_notAfter(each.get())));
  }
  if (X509_check_private_key(own, certificate->key.get()) != 1) {
    ERR_clear_error();
    return bad(key_file, "this key does not belong to the first certificate of " + certificate_file);
  }
  if (auto checked = check_order(*certificate); !checked) return tl::unexpected<Error>(std::move(checked.error()));
  if (auto checked = check_dates(*certificate, now); !checked) return tl::unexpected<Error>(std::move(checked.error()));
  return certificate;
}

}  // namespace ringcast::tls
